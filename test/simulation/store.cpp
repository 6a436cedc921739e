#include "test/simulation/store.hpp"

#include <utility>

#include "scheduler/core/wishes.hpp"

namespace simulation {

SavedRow::SavedRow(const core::InstanceRow& from)
    : row(from),
      guid(from.guid),
      trace_id(from.trace_id),
      attempt(from.attempt),
      agent_id(from.agent_id),
      executor_id(from.executor_id),
      reason(from.reason) {
  row.guid = row.trace_id = row.attempt = row.agent_id = row.executor_id = row.reason = {};
}

core::InstanceRow SavedRow::view() const {
  core::InstanceRow out = row;
  out.guid = guid;
  out.trace_id = trace_id;
  out.attempt = attempt;
  out.agent_id = agent_id;
  out.executor_id = executor_id;
  out.reason = reason;
  return out;
}

// Takes down what a write says; nothing is changed by it.
class SimStore::Recorder final : public core::Journal {
 public:
  explicit Recorder(SimStore& store) : store_(store) {}

  void text(std::string_view name, std::string_view value) override {
    changes.push_back({Change::Kind::text, std::string(name), std::string(value), {}, {}, 0});
  }
  void put(const core::InstanceRow& row, const core::Wish& wish) override {
    if (row.id == 0) store_.complain("a row with the id 0 was written");
    if (row.wish == 0) store_.complain("a row without a wish was written");
    changes.push_back({Change::Kind::put, {}, {}, SavedRow(row), core::wish_text(wish), row.id});
  }
  void erase(std::uint32_t row_id) override { changes.push_back({Change::Kind::erase, {}, {}, {}, {}, row_id}); }

  std::vector<Change> changes;

 private:
  SimStore& store_;
};

base::Status SimStore::commit(const Write& write) {
  Recorder recorder(*this);
  write(recorder);
  const Fate now = fate();
  if (now == Fate::fails) return base::Error{"state.db", "database or disk is full"};
  if (now == Fate::crash_before) throw Crash{"before a commit"};
  ++commits_;
  if (mutant_ == Mutant::ack_before_save) std::swap(pending_, recorder.changes);
  apply(std::move(recorder.changes));
  if (now == Fate::crash_after) throw Crash{"after a commit"};
  return base::ok();
}

void SimStore::apply(std::vector<Change> changes) {
  for (Change& change : changes) {
    switch (change.kind) {
      case Change::Kind::text:
        if (change.value.empty()) {
          durable_.texts.erase(change.name);
        } else {
          durable_.texts[change.name] = std::move(change.value);
        }
        break;
      case Change::Kind::put: {
        const std::uint64_t wish = change.row->row.wish;
        const auto [known, added] = durable_.wishes.try_emplace(wish, change.wish_text);
        if (!added && known->second != change.wish_text)
          complain("the wish " + std::to_string(wish) + " changed its content");
        durable_.rows.insert_or_assign(change.row_id, *std::move(change.row));
        break;
      }
      case Change::Kind::erase:
        durable_.rows.erase(change.row_id);
        break;
    }
  }
}

// As scheduler/store does: what no instance names is forgotten, and its number may be given again.
void SimStore::load(core::Recovery& recovery) {
  for (const auto& [name, value] : durable_.texts) recovery.text(name, value);
  std::set<std::uint64_t> used;
  for (const auto& [id, row] : durable_.rows) used.insert(row.row.wish);
  std::erase_if(durable_.wishes, [&used](const auto& wish) { return !used.contains(wish.first); });
  for (const auto& [id, text] : durable_.wishes) {
    if (const auto taken = recovery.wish(id, text); !taken)
      complain("a saved wish was not taken: " + taken.error().message());
  }
  for (const auto& [id, row] : durable_.rows) {
    if (const auto taken = recovery.instance(row.view()); !taken)
      complain("a saved instance was not taken: " + taken.error().message());
  }
}

}  // namespace simulation
