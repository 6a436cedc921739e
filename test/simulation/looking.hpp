// What several rules ask of a world.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "scheduler/core/ids.hpp"
#include "test/simulation/world.hpp"

namespace mesos::v1 {
class TaskInfo;
namespace scheduler {
class Call;
}
}  // namespace mesos::v1

namespace simulation {

inline std::string name_of(int scheduler) { return "scheduler-" + std::to_string(scheduler); }

// What a cell of that executor wrote last before it failed.
inline std::string words_of(const std::string& executor_id) { return "the last words of " + executor_id; }

// What an ACCEPT launches.
std::vector<const mesos::v1::TaskInfo*> launches_of(const mesos::v1::scheduler::Call& call);

// The attempt a task id names; nullopt for tasks without work (boot tasks, the fence).
std::optional<core::ParsedTaskId> attempt_of(std::string_view task_id);

// Whether nothing keeps the scheduler's process from doing what is due: it is subscribed, its store
// takes what it writes, and it runs.
bool is_well(const World& world, const SchedulerHost& host);

// How the store has a key; nullptr: not at all.
const SavedRow* row_of(const SimStore& store, const core::Key& key);

// A task that a living executor holds and has not ended.
struct Living {
  const AgentHost* agent = nullptr;
  const Cell* cell = nullptr;
  std::string attempt;
  const TaskHeld* held = nullptr;
};
std::map<core::Key, std::vector<Living>> living_attempts(const World& world);

// Reads a growing list to its end; `visit` gets each record once.
class Reader {
 public:
  template <class Record, class Visit>
  void read(const std::vector<Record>& list, Visit visit) {
    for (; next_ < list.size(); ++next_) visit(list[next_]);
  }

 private:
  std::size_t next_ = 0;
};

// True once per `gap` of virtual time.
class Every {
 public:
  explicit Every(Duration gap) : gap_(gap) {}
  bool due(Time now) {
    if (now < next_) return false;
    next_ = now + gap_;
    return true;
  }

 private:
  const Duration gap_;
  Time next_{};
};

}  // namespace simulation
