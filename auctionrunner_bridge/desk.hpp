// What the bridge asks of the scheduler behind it. The scheduler's edge implements it; tests fake it.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/result.hpp"
#include "platform/http_server.hpp"
#include "scheduler/core/explanation.hpp"
#include "scheduler/core/figures.hpp"
#include "scheduler/core/rebalance.hpp"
#include "scheduler/core/work.hpp"

namespace bridge {

// All calls come from server threads, several at a time, and must be quick: the BBS posts auctions
// synchronously while its own caller waits, so nothing here may wait for Mesos; a commit takes about 1 ms.
class Desk {
 public:
  virtual ~Desk() = default;

  // Takes the auctions of one request, in order; never part of them. ok() is a promise, durable when it
  // is given, to keep them until they run or are refused. An error names the bound or fault and becomes
  // a 503.
  virtual base::Status submit(std::vector<core::Auction> auctions) = 0;

  // Ordered by key, at most query.limit, behind query.after.
  virtual std::vector<core::InstanceView> instances(const core::InstanceQuery& query) = 0;

  // Cancels what is queued of it, kills what runs. The keys it concerns; none: nothing is known of it.
  // That they are to stop is durable then; an error as for submit().
  virtual base::Result<std::vector<core::Key>> stop(const core::KeyPattern& pattern) = 0;

  // Ordered by agent id.
  virtual std::vector<core::CellView> cells(const core::CellQuery& query) = 0;

  // By name.
  virtual std::vector<core::ZoneTotals> zones() = 0;

  // Wants the agent empty: its work moves, its cell ends; or wants so no longer. False: no such agent.
  virtual base::Result<bool> drain(const std::string& agent_id, bool wanted) = 0;

  // Where the auctions would go now, and why not elsewhere; nothing comes of it. Of cells that fit and of others
  // at most `cells_max` are told one by one. At most core::kExplainedMax auctions. An error: it is stopping.
  virtual base::Result<std::vector<core::ExplanationView>> explain(std::vector<core::Auction> auctions,
                                                                   std::size_t cells_max) = 0;
  // The same of an instance. nullopt: nothing is known of it.
  virtual std::optional<core::ExplanationView> explain(const core::Key& key, std::size_t cells_max) = 0;

  // Packs or spreads what runs, in moves of whole cells; `dry_run`: says which, and nothing comes of it.
  struct RebalanceRefused {
    bool unavailable = false;  // As submit() refuses. Else: one is under way.
    std::string text;
  };
  using Rebalanced = std::variant<core::RebalanceView, RebalanceRefused>;
  virtual Rebalanced rebalance(const core::RebalanceOrder& order, bool dry_run) = 0;
  // The one under way, or the last since this process leads.
  virtual std::optional<core::RebalanceView> rebalance() = 0;
  // Ends the one under way; what has not begun to move stays. nullopt: there is none.
  virtual std::optional<core::RebalanceView> cancel_rebalance() = 0;

  // {"policy":{...},"changed":{...}}: all of it, and what differs from the flags.
  virtual std::string policy() = 0;
  struct PolicyRefused {
    bool unavailable = false;  // Not for what was asked, but as submit() refuses.
    std::string text;
  };
  // With what the JSON object names (core::merged), durable once this returns; nullopt: done.
  virtual std::optional<PolicyRefused> change_policy(const std::string& json) = 0;

  virtual core::Health health() = 0;

  // The scheduler in numbers, and what is shown of it besides.
  struct Overview {
    core::Figures figures;
    core::Health health;
    std::string version, strategy, master, framework_id;
    base::Time started;
  };
  virtual Overview overview() = 0;
  // What is appended to the overview: the last hour, written.
  virtual std::string history() = 0;

  // Prometheus's text format.
  virtual std::string metrics() = 0;

  // A stream of events; an error names the parameter.
  virtual base::Result<platform::ServerResponse> events(const platform::ServerRequest& request) = 0;
};

}  // namespace bridge
