// A store in memory, for the tests of what is told to one: it can fail, and be read back.
#pragma once

#include <deque>
#include <map>
#include <string>

#include "scheduler/core/journal.hpp"

namespace core {

class MemoryStore final : public Store {
 public:
  struct Contents {
    std::map<std::string, std::string> texts;
    std::map<std::uint64_t, std::string> wishes;
    std::map<std::uint32_t, InstanceRow> rows;  // Their views point into what the store has ever been told.
    bool operator==(const Contents&) const = default;
  };

  base::Status commit(const Write& write) override {
    ++asked;
    Draft draft(*this);
    write(draft);
    if (!trouble.empty()) return base::Error{"disk", trouble};
    contents = draft.contents;
    ++commits;
    return base::ok();
  }

  void load(Recovery& recovery) const {
    for (const auto& [name, value] : contents.texts) recovery.text(name, value);
    for (const auto& [id, text] : contents.wishes) (void)recovery.wish(id, text);
    for (const auto& [id, row] : contents.rows) (void)recovery.instance(row);
  }

  const InstanceRow* row(const std::string& guid) const {
    for (const auto& [id, row] : contents.rows) {
      if (row.guid == guid) return &row;
    }
    return nullptr;
  }

  Contents contents;
  std::string trouble;  // While set, commits fail with it.
  int asked = 0, commits = 0;

 private:
  struct Draft final : Journal {
    explicit Draft(MemoryStore& store) : owner(store), contents(store.contents) {}
    void text(std::string_view name, std::string_view value) override {
      contents.texts[std::string(name)] = value;
      if (value.empty()) contents.texts.erase(std::string(name));
    }
    void put(const InstanceRow& row, const Wish& wish) override {
      contents.wishes[row.wish] = wish_text(wish);
      InstanceRow own = row;
      for (std::string_view* view :
           {&own.guid, &own.trace_id, &own.attempt, &own.agent_id, &own.executor_id, &own.reason})
        *view = owner.texts_.emplace_back(*view);
      contents.rows[row.id] = own;
    }
    void erase(std::uint32_t row_id) override { contents.rows.erase(row_id); }

    MemoryStore& owner;
    Contents contents;
  };
  std::deque<std::string> texts_;  // Never given back.
};

}  // namespace core
