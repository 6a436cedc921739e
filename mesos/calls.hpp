// Builds the calls we send. Each has its type and its body set, also an empty one (Mesos refuses a
// call whose body is absent), and no call can have the type UNKNOWN, which aborts a master.
// Ids are the plain strings inside Mesos's id messages.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"

namespace mesos::v1 {
class ExecutorInfo;
class FrameworkInfo;
class TaskInfo;
class TaskStatus;
}  // namespace mesos::v1
namespace mesos::v1::scheduler {
class Call;
class OfferConstraints;
}  // namespace mesos::v1::scheduler
namespace mesos::v1::executor {
class Call;
}

namespace mesos_client {

// ---- Scheduler

// `info.id`, if set, is also put where the call wants it. The suppressed roles replace the master's:
// an earlier SUPPRESS is forgotten unless repeated here.
mesos::v1::scheduler::Call subscribe_call(const mesos::v1::FrameworkInfo& info,
                                          const std::vector<std::string>& suppressed_roles);

// The same without a new subscription, and with offer constraints. All three replace what the master had (Mesos:
// UPDATE_FRAMEWORK); `info.id` and, where it authenticates, `info.principal` must be set.
mesos::v1::scheduler::Call update_framework_call(const mesos::v1::FrameworkInfo& info,
                                                 const std::vector<std::string>& suppressed_roles,
                                                 const mesos::v1::scheduler::OfferConstraints& constraints);

// One LAUNCH of `tasks` on the offers; without tasks it declines them. `refuse_for` is always sent:
// absent it would mean 5 s.
mesos::v1::scheduler::Call accept_call(const std::string& framework_id, const std::vector<std::string>& offer_ids,
                                       std::vector<mesos::v1::TaskInfo> tasks, base::Duration refuse_for);

mesos::v1::scheduler::Call decline_call(const std::string& framework_id, const std::vector<std::string>& offer_ids,
                                        base::Duration refuse_for);

// Roles must all be ours, or Mesos drops the whole call without a word. Empty means all of ours.
mesos::v1::scheduler::Call revive_call(const std::string& framework_id, const std::vector<std::string>& roles);
mesos::v1::scheduler::Call suppress_call(const std::string& framework_id, const std::vector<std::string>& roles);

// A wrong agent id makes Mesos ignore the call; an empty one is left out.
mesos::v1::scheduler::Call kill_call(const std::string& framework_id, const std::string& task_id,
                                     const std::string& agent_id,
                                     std::optional<base::Duration> grace_period = std::nullopt);

// Ends an executor with all its tasks.
mesos::v1::scheduler::Call shutdown_call(const std::string& framework_id, const std::string& executor_id,
                                         const std::string& agent_id);

// `uuid` is the 16 bytes of the status.
mesos::v1::scheduler::Call acknowledge_call(const std::string& framework_id, const std::string& agent_id,
                                            const std::string& task_id, const std::string& uuid);

struct ReconciledTask {
  std::string task_id;
  std::string agent_id;  // Empty if unknown. With it an unreachable task is answered as such.
  bool operator==(const ReconciledTask&) const = default;
};
// No tasks: implicit reconciliation, Mesos answers for all it knows.
mesos::v1::scheduler::Call reconcile_call(const std::string& framework_id, const std::vector<ReconciledTask>& tasks);

// To an executor; best effort.
mesos::v1::scheduler::Call message_call(const std::string& framework_id, const std::string& agent_id,
                                        const std::string& executor_id, const std::string& data);

// Ends the framework and all its tasks. On purpose only.
mesos::v1::scheduler::Call teardown_call(const std::string& framework_id);

mesos::v1::scheduler::Call accept_inverse_offers_call(const std::string& framework_id,
                                                      const std::vector<std::string>& inverse_offer_ids,
                                                      base::Duration refuse_for);
mesos::v1::scheduler::Call decline_inverse_offers_call(const std::string& framework_id,
                                                       const std::vector<std::string>& inverse_offer_ids,
                                                       base::Duration refuse_for);

mesos::v1::scheduler::Call acknowledge_operation_call(const std::string& framework_id, const std::string& agent_id,
                                                      const std::string& operation_id, const std::string& uuid);

// ---- Executor

// All tasks of which no update has been acknowledged, and all unacknowledged updates, oldest first,
// with their uuids unchanged.
mesos::v1::executor::Call executor_subscribe_call(const std::string& framework_id, const std::string& executor_id,
                                                  const std::vector<mesos::v1::TaskInfo>& unacknowledged_tasks,
                                                  const std::vector<mesos::v1::TaskStatus>& unacknowledged_updates);

// `status` needs a uuid of version 4; source and executor id, without which the agent refuses the
// update or the scheduler is not told, are filled in here.
mesos::v1::executor::Call executor_update_call(const std::string& framework_id, const std::string& executor_id,
                                               mesos::v1::TaskStatus status);

// To the scheduler; best effort.
mesos::v1::executor::Call executor_message_call(const std::string& framework_id, const std::string& executor_id,
                                                const std::string& data);

}  // namespace mesos_client
