#include "scheduler/record/tape.hpp"

#include <deque>
#include <set>
#include <utility>

#include "scheduler/core/core.hpp"

namespace record {
namespace {

std::string hex(std::uint64_t value) {
  std::string text(16, '0');
  for (auto digit = text.rbegin(); digit != text.rend(); ++digit, value >>= 4U)
    *digit = "0123456789abcdef"[value & 15U];
  return text;
}

// Takes down what a store would hold.
class Rows final : public core::Journal {
 public:
  explicit Rows(Snapshot& snapshot) : snapshot_(snapshot) {}
  void text(std::string_view name, std::string_view value) override {
    if (name == core::kPolicyText) snapshot_.policy = value;
  }
  void put(const core::InstanceRow& row, const core::Wish& wish) override {
    snapshot_.rows.push_back(row);  // Its views are into the core.
    if (!known_.insert(row.wish).second) return;
    snapshot_.wishes.emplace_back(row.wish, texts_.emplace_back(core::wish_text(wish)));
  }
  void erase(std::uint32_t) override {}

 private:
  Snapshot& snapshot_;
  std::set<std::uint64_t> known_;
  std::deque<std::string> texts_;  // They stay where they are.
};

}  // namespace

Tape::Tape(TapeOptions options, Output& output, base::Random random)
    : options_(std::move(options)),
      output_(output),
      key_{random.next(), random.next()},
      cells_(*this),
      writer_([this](const std::string& info) { return stand_in_of(info); }) {}

const core::CellFactory& Tape::watch(const core::CellFactory& cells) {
  cells_.watched = &cells;
  return cells_;
}

std::string Tape::Cells::executor_info(const core::CellSpec& spec) const {
  std::string info = watched->executor_info(spec);
  if (!tape_.output_.over())
    tape_.opened_.push_back(
        {spec.executor_id, spec.cell_id, spec.agent_id, tape_.stand_in_of(info), core::sum(spec.pieces)});
  return info;
}

// Only what is not empty stands for something: whether there is any is what the core asks.
std::string Tape::stand_in_of(const std::string& executor_info) const {
  return executor_info.empty() ? std::string() : "info-" + hex(keyed_hash(key_, executor_info));
}

void Tape::begins(const core::Config& config, std::string_view fingerprint, std::uint64_t seed) {
  beginning_ = {{}, seed, std::string(fingerprint), config};
  begin_segment({});
}

void Tape::begin_segment(base::Time now) {
  const std::string preamble = write_preamble({options_.version, options_.life, segments_});
  output_.begin_segment(segments_++, preamble);
  bytes_ = preamble.size();
  beginning_.at = now;
  write(writer_.beginning(beginning_));
}

void Tape::write(std::string_view bytes) {
  bytes_ += bytes.size();
  output_.write(bytes);
}

void Tape::heard(const core::Event& event, base::Time now, const core::Actions& answer) {
  if (output_.over()) return;
  // Only what people see of instances hangs on it, and it would be most of what is written.
  if (std::holds_alternative<core::CellMeasured>(event) && answer.empty()) return;
  const auto opened = std::exchange(opened_, {});
  if (const auto* hello = std::get_if<core::CellSaidHello>(&event)) {
    core::CellSaidHello clean = *hello;
    clean.executor_info = stand_in_of(hello->executor_info);
    return write(writer_.heard(clean, now, opened, answer));
  }
  write(writer_.heard(event, now, opened, answer));
}

void Tape::stepped(const core::Step& step, base::Time now, const core::Actions& answer) {
  if (output_.over()) return;
  const auto opened = std::exchange(opened_, {});
  write(writer_.stepped(step, now, opened, answer));
}

void Tape::rests(const core::Core& core, base::Time now) {
  if (output_.over() || bytes_ < options_.segment_bytes) return;
  begin_segment(now);
  Snapshot snapshot;
  snapshot.framework_id = core.framework_id();
  snapshot.connected = core.connected();
  snapshot.complete = core.size() <= options_.snapshot_rows_max;
  Rows rows(snapshot);
  if (snapshot.complete) core.write_all(rows);
  std::string_view bytes = writer_.snapshot(snapshot);
  if (snapshot.complete && bytes.size() > options_.snapshot_bytes_max) {
    snapshot.complete = false;
    snapshot.rows.clear();
    snapshot.wishes.clear();
    bytes = writer_.snapshot(snapshot);
  }
  write(bytes);
  bytes_ = 0;  // It is what comes that fills the segment: else a large snapshot would be followed by the next.
}

}  // namespace record
