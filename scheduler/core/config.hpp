// What the core is told at its start: the policy it begins with, and how a cell is described to Mesos.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "diego/rep.hpp"
#include "scheduler/core/offer.hpp"
#include "scheduler/core/policy.hpp"

namespace core {

struct Config : Policy {
  bool tells_changes = false;               // Somebody takes them (Core::take_changes).
  std::size_t placements_per_pass = 2'000;  // Then others are heard before the next ones are decided or launched.
  int launch_attempts = 5;                  // Of one instance that never got to its rep.
  base::Duration unused_offer_refuse = std::chrono::minutes(10);
  base::Duration revive_interval_min = std::chrono::milliseconds(50);
  base::Duration revive_interval_max = std::chrono::seconds(1);
  base::Duration discovery =
      std::chrono::milliseconds(1500);  // After the first subscription: look at every agent's executors.
  // After the first subscription, and that of a new leader: how long the answers about tasks that we do not
  // know are waited for before anything is launched. Zero: not at all.
  base::Duration fence_max{0};
  base::Duration implicit_reconcile_interval = std::chrono::minutes(15);
  base::Duration agent_reregister_timeout = std::chrono::minutes(10);  // Mesos: --agent_reregister_timeout.
  base::Duration launch_silence = std::chrono::seconds(30);  // Then a launch without any status is asked about.
  base::Duration kill_retry = std::chrono::seconds(5);
  base::Duration shutdown_retry = std::chrono::seconds(10);
  base::Duration ended_keep = std::chrono::hours(1);
  std::size_t ended_max = 10'000;
  std::size_t tasks_per_accept_max = 200;  // Mesos: the master validates them synchronously.

  // With a BBS to ask and report to: it knows what is wanted, and restarts what has ended.
  bool with_bbs = false;
  base::Duration row_fresh = std::chrono::seconds(5);  // Work it spoke of longer ago has its row read before a launch.
  base::Duration queue_expiry = std::chrono::minutes(3);  // Work it spoke of longer ago: whether it is still wanted.

  base::Duration rep_silence_max = std::chrono::seconds(60);  // Then a cell without work is told to go.

  std::int64_t instance_mem_floor_mb = 64;  // Charged where Diego says 0, unlimited.
  std::int64_t instance_cpus_milli = 100;
  std::int64_t cpus_milli_per_gib = 0;  // If set, CPU follows memory instead.

  placement::Amounts cell_own{512, 1024, 250, 0};  // What the cell itself needs, charged once per cell.
  std::int64_t cell_max_mem_mb = 0;                // Ceilings of one cell; 0: none.
  std::int64_t cell_max_disk_mb = 0;
  std::int64_t cell_max_containers = 250;
  std::int64_t cell_proxy_mem_mb = 0;  // Until the rep says.
  std::string cell_zone;               // For agents that name none.
  diego::RootFsProviders cell_rootfs;
  std::set<std::string> cell_placement_tags, cell_optional_placement_tags, cell_volume_drivers;
};

// A cell about to be launched.
struct CellSpec {
  std::string executor_id, cell_id, agent_id, zone;
  std::vector<Piece> pieces;  // Its own resources.
};

// Describes cells to Mesos. Pure: the same spec gives the same bytes.
class CellFactory {
 public:
  virtual ~CellFactory() = default;

  // The ExecutorInfo, opaque to the core, which hands it back with every launch on the cell: Mesos
  // refuses a launch whose ExecutorInfo differs from the running one.
  virtual std::string executor_info(const CellSpec& spec) const = 0;

  // Of everything that is alike in all cells of this configuration; part of the executor id.
  virtual std::string fingerprint() const = 0;
};

}  // namespace core
