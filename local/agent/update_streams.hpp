// The task status update manager of an agent: one first-in-first-out stream per task with a single
// update in flight, repeated until the scheduler acknowledges it (Mesos: task_status_update_manager).
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "local/model/messages.hpp"

namespace local {

bool is_terminal(mesos::v1::TaskState state);

class UpdateStreams {
 public:
  UpdateStreams(base::Duration retry_min, base::Duration retry_max) : retry_min_(retry_min), retry_max_(retry_max) {}

  // An update to be sent now; the caller adds the latest state.
  struct Send {
    TaskRef task;
    Shared<mesos::v1::TaskStatus> status;
  };
  using Sends = std::vector<Send>;

  // Without a registered master updates wait. Resuming sends the head of every stream.
  void pause();
  Sends resume(base::Time now);

  // Takes over an update; one already taken (same uuid) changes nothing. `checkpointed` streams
  // outlive forget_unsaved().
  Sends add(const TaskRef& task, Shared<mesos::v1::TaskStatus> status, bool checkpointed, base::Time now);

  struct Acknowledged {
    bool known = false;     // The uuid was that of the update in flight.
    bool terminal = false;  // It was the task's terminal update: the stream is gone.
    Sends next;
  };
  Acknowledged acknowledge(const TaskRef& task, const std::string& uuid, base::Time now);

  // The heads of a framework's streams again, as after its resubscription.
  Sends repeat(const std::string& framework_id, base::Time now);

  // What is due to be repeated.
  Sends due(base::Time now);
  std::optional<base::Time> next_deadline() const;

  bool has(const TaskRef& task) const { return streams_.contains(task); }
  bool has_framework(const std::string& framework_id) const;
  void drop_framework(const std::string& framework_id);
  void forget_unsaved();

 private:
  struct Stream {
    std::deque<Shared<mesos::v1::TaskStatus>> pending;  // The head is in flight.
    std::set<std::string> received;                     // uuids
    bool checkpointed = false;
    base::Duration interval{};
    std::optional<base::Time> repeat_at;
  };

  void send_head(const TaskRef& task, Stream& stream, base::Duration interval, base::Time now, Sends& sends);

  base::Duration retry_min_, retry_max_;
  bool paused_ = true;
  std::map<TaskRef, Stream> streams_;
};

}  // namespace local
