// Diego's BBS as an auctioneer, a rep and whoever desires work see it: tables of desired and actual LRPs,
// Tasks, cell presences and domains, and the convergence that repairs them. Pure: time is given to every
// call; what is to be done towards auctioneer and reps is collected as orders. Where it differs from
// Diego's, ../DIFFERENCES.md says so.
#pragma once

#include <compare>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "base/random.hpp"
#include "base/time.hpp"
#include "local/bbs/bbs_rows.hpp"

namespace local {

struct BbsConfig {
  base::Duration stale_unclaimed = std::chrono::seconds(30);       // Auctioned again when older.
  base::Duration crash_backoff = std::chrono::seconds(30);         // Of the third crash; doubles, up to 32 times this.
  base::Duration crash_reset = std::chrono::minutes(5);            // A crash after so long RUNNING counts as the first.
  base::Duration kick_task = std::chrono::seconds(30);             // A Task RESOLVING for longer is Completed again.
  base::Duration expire_pending_task = std::chrono::minutes(30);   // Fails then.
  base::Duration expire_completed_task = std::chrono::minutes(2);  // Is deleted then.
  std::int32_t max_task_retries = 3;                               // Rejections before the one that fails a Task.
};

class BbsModel {
 public:
  using Presence = ActualLrp::Presence;

  BbsModel(BbsConfig config, base::Random random);

  // What is to be done towards others since the last call, in order.
  BbsOrders take_orders() { return std::exchange(orders_, {}); }

  // ---- Desired LRPs (bbs_model.cpp). New instances are auctioned, surplus ones stopped or removed.
  Refusal desire_lrp(const DesiredLrp& desired, const std::string& trace_id, base::Time now);
  Refusal scale_lrp(const std::string& process_guid, std::int32_t instances, const std::string& trace_id,
                    base::Time now);
  Refusal remove_desired_lrp(const std::string& process_guid, const std::string& trace_id, base::Time now);
  const std::map<std::string, DesiredLrp>& desired_lrps() const { return desired_; }

  // ---- Cells and domains. A presence is there until `until`, a domain fresh until then.
  void set_presence(const CellPresence& presence, base::Time until);
  bool remove_presence(const std::string& cell_id);  // False: it was not there.
  std::vector<CellPresence> cells(base::Time now) const;
  void upsert_domain(const std::string& domain, base::Time until) { domains_[domain] = until; }
  std::vector<std::string> fresh_domains(base::Time now) const;

  // ---- Actual LRPs (bbs_lrps.cpp). Empty strings and no index match any.
  struct LrpFilter {
    std::string domain, cell_id, process_guid;
    std::optional<std::int32_t> index;
  };
  std::vector<ActualLrp> actual_lrps(const LrpFilter& filter) const;
  Refusal claim_lrp(const std::string& process_guid, std::int32_t index, const InstanceKey& instance, base::Time now);
  Refusal start_lrp(const LrpKey& key, const InstanceKey& instance, const std::string& net_info, base::Time now);
  Refusal crash_lrp(const LrpKey& key, const InstanceKey& instance, const std::string& reason,
                    const std::string& trace_id, base::Time now);
  Refusal fail_lrp(const LrpKey& key, const std::string& placement_error, base::Time now);
  // Without `instance` whichever holds the row.
  Refusal remove_lrp(const std::string& process_guid, std::int32_t index, const std::optional<InstanceKey>& instance);
  Refusal retire_lrp(const LrpKey& key, const std::string& trace_id, base::Time now);

  // ---- Evacuation (bbs_evacuation.cpp). `keep`: the rep is to keep the container.
  struct Evacuation {
    Refusal refusal;
    bool keep = false;
    bool operator==(const Evacuation&) const = default;
  };
  Evacuation evacuate_claimed(const LrpKey& key, const InstanceKey& instance, const std::string& trace_id,
                              base::Time now);
  Evacuation evacuate_running(const LrpKey& key, const InstanceKey& instance, const std::string& net_info,
                              const std::string& trace_id, base::Time now);
  Refusal evacuate_stopped(const LrpKey& key, const InstanceKey& instance);
  Refusal evacuate_crashed(const LrpKey& key, const InstanceKey& instance, const std::string& reason, base::Time now);
  Refusal remove_evacuating(const LrpKey& key, const InstanceKey& instance);

  // ---- Tasks (bbs_tasks.cpp).
  Refusal desire_task(const diego::TaskStart& wanted, const std::string& definition, const std::string& trace_id,
                      base::Time now);
  struct TaskStarted {
    Refusal refusal;
    bool should_start = false;  // False without a refusal: it runs on that cell already.
    bool operator==(const TaskStarted&) const = default;
  };
  TaskStarted start_task(const std::string& task_guid, const std::string& cell_id, base::Time now);
  Refusal complete_task(const std::string& task_guid, const std::string& cell_id, bool failed,
                        const std::string& failure_reason, const std::string& result, base::Time now);
  Refusal reject_task(const std::string& task_guid, const std::string& reason, base::Time now);
  Refusal cancel_task(const std::string& task_guid, const std::string& trace_id, base::Time now);
  Refusal resolve_task(const std::string& task_guid, base::Time now);
  Refusal delete_task(const std::string& task_guid);
  const std::map<std::string, TaskRow>& tasks() const { return tasks_; }

  // ---- Convergence (bbs_convergence.cpp): one pass over LRPs and Tasks. Whoever drives the model calls it.
  void converge(base::Time now);

 private:
  struct RowId {
    std::string process_guid;
    std::int32_t index = 0;
    Presence presence = Presence::ordinary;
    auto operator<=>(const RowId&) const = default;
  };
  struct Missing {  // An instance without a row, or whose cell has gone.
    const DesiredLrp* desired;
    std::int32_t index;
  };

  ActualLrp* row(const std::string& process_guid, std::int32_t index, Presence presence = Presence::ordinary);
  ActualLrp* row_of(const LrpKey& key, const InstanceKey& instance);  // Whatever its presence.
  void erase(const LrpKey& key, Presence presence) { actual_.erase({key.process_guid, key.index, presence}); }
  bool create_unclaimed(const LrpKey& key, base::Time now);  // False: there is an ordinary row.
  Refusal unclaim(const std::string& process_guid, std::int32_t index, base::Time now);
  struct Crash {
    Refusal refusal;
    bool restart = false;  // At once.
  };
  Crash crash_row(const LrpKey& key, const InstanceKey& instance, const std::string& reason, base::Time now);
  void start_instances(const DesiredLrp& desired, std::int32_t from, std::int32_t to, const std::string& trace_id,
                       base::Time now);
  void stop_instances(const std::string& process_guid, std::int32_t from, const std::string& trace_id, base::Time now);
  bool auction(const std::string& process_guid, std::int32_t index, const std::string& trace_id);
  bool restarts(std::int32_t crash_count, base::Time crashed, base::Time now) const;
  std::optional<Refusal> remove_moving(const LrpKey& key, const InstanceKey& instance);
  Refusal drop_evacuating(const LrpKey& key, const InstanceKey& instance);
  Refusal evacuate_row(const LrpKey& key, const InstanceKey& instance, const std::string& net_info, base::Time now);
  void touch(ActualLrp& lrp, base::Time now);

  const CellPresence* cell(const std::string& cell_id, base::Time now) const;
  TaskRow* task(const std::string& task_guid);
  void complete(TaskRow& task, bool failed, std::string reason, std::string result, base::Time now);

  void converge_lrps(base::Time now);
  void converge_tasks(base::Time now);
  std::set<std::string> live_cells(base::Time now) const;
  std::vector<RowId> unstarted(base::Time now) const;
  std::vector<RowId> lost_with_their_cell(const std::set<std::string>& cells) const;
  void count_instances(const std::set<std::string>& fresh, std::vector<Missing>& missing,
                       std::vector<LrpKey>& surplus) const;
  void settle_suspects(const std::set<std::string>& cells, const std::set<std::string>& fresh);

  const BbsConfig config_;
  base::Random random_;
  std::map<std::string, DesiredLrp> desired_;
  std::map<RowId, ActualLrp> actual_;
  std::map<std::string, TaskRow> tasks_;
  std::map<std::string, std::pair<CellPresence, base::Time>> cells_;  // With when the presence ends.
  std::map<std::string, base::Time> domains_;
  BbsOrders orders_;
};

// The element of an auction for these instances.
diego::LrpStart lrp_start(const DesiredLrp& desired, std::vector<std::int32_t> indices);

// What fits into a column of Diego's: longer texts end in "(truncated)".
std::string truncated(const std::string& text);

}  // namespace local
