// A durable store as the simulation has it: what is in `rows` survives everything.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "scheduler/core/journal.hpp"
#include "test/simulation/settings.hpp"

namespace simulation {

// Thrown where the simulated process dies; caught by SchedulerHost alone.
struct Crash {
  std::string where;
};

// An InstanceRow that owns its texts.
struct SavedRow {
  core::InstanceRow row;  // Its views point into the texts below; see view().
  std::string guid, trace_id, attempt, agent_id, executor_id, reason;

  explicit SavedRow(const core::InstanceRow& from);
  core::InstanceRow view() const;
};

class SimStore final : public core::Store {
 public:
  struct Contents {
    std::map<std::string, std::string> texts;
    std::map<std::uint64_t, std::string> wishes;
    std::map<std::uint32_t, SavedRow> rows;
  };

  explicit SimStore(Mutant mutant) : mutant_(mutant) {}

  // What a restart would find.
  const Contents& contents() const { return durable_; }
  std::uint64_t commits() const { return commits_; }

  base::Status commit(const Write& write) override;
  void load(core::Recovery& recovery);  // Before the first commit of a process.

  // What becomes of the next commit; asked once per commit.
  enum class Fate { well, fails, crash_before, crash_after };
  std::function<Fate()> fate = [] { return Fate::well; };
  // Something is wrong with what is written: a bug of the journal's user.
  std::function<void(const std::string&)> complain = [](const std::string&) {};

  // The process is gone; of an unfinished write nothing stays.
  void process_died() { pending_.clear(); }

 private:
  struct Change {
    enum class Kind { text, put, erase } kind;
    std::string name, value;      // Text.
    std::optional<SavedRow> row;  // Put.
    std::string wish_text;
    std::uint32_t row_id = 0;  // Erase.
  };
  class Recorder;
  void apply(std::vector<Change> changes);

  const Mutant mutant_;
  Contents durable_;
  std::vector<Change> pending_;  // Of a mutant only.
  std::uint64_t commits_ = 0;
};

}  // namespace simulation
