// A rep as far as an auctioneer and an executor can see it: capacity, the life of containers,
// evacuation. No BBS stands behind it: an accepted LRP starts by itself, a Task ends by itself, and
// what runs on an evacuating cell stays until it is stopped. Pure: time is given to every call, what
// became due in between happens first.
//
// Guids steer it: a process or task guid with "FAILME" in it is refused by the executor below the
// rep, one with "CRASHME" is taken and crashes after it has started.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.hpp"
#include "base/time.hpp"
#include "diego/rep.hpp"

namespace local {

struct RepConfig {
  std::string cell_id = "cell-local";
  std::string rep_url;
  std::int64_t cell_index = 0;
  std::int64_t memory_mb = 4096;
  std::int64_t disk_mb = 16384;
  std::int64_t containers = 250;
  std::int64_t proxy_memory_mb = 0;  // Added to every LRP that has a memory limit.
  std::string zone = "z1";
  std::vector<std::string> stacks = {"cflinuxfs4"};  // "name" or "name:path".
  bool docker = true;                                // Takes docker:// root file systems.
  std::vector<std::string> volume_drivers, placement_tags, optional_placement_tags;
  base::Duration start_delay{0};                                // From accepted to RUNNING.
  base::Duration task_duration = std::chrono::seconds(2);       // From running to Completed.
  base::Duration crash_delay = std::chrono::milliseconds(200);  // From RUNNING to CRASHED, for CRASHME.
  base::Duration end_delay = std::chrono::milliseconds(200);    // How long what has ended is still shown.
  base::Duration evacuation_timeout = std::chrono::seconds(600);
};

class RepModel {
 public:
  RepModel(RepConfig config, base::Random random);

  // GET /state.
  diego::CellState state(base::Time now);

  // POST /work: the part that was refused, as the rep answers it. nullopt: the work is for another cell.
  std::optional<diego::Work> work(const diego::Work& work, base::Time now);

  // False: no such container.
  bool stop_lrp(std::string_view process_guid, std::string_view instance_guid, base::Time now);
  bool update_lrp(std::string_view process_guid, std::string_view instance_guid, base::Time now);

  // An unknown guid is no error.
  void cancel_task(std::string_view task_guid, base::Time now);

  // GET /container_metrics: every running container uses half its memory and a hundredth of a core.
  std::string container_metrics(base::Time now);

  // Irreversible. What has not started leaves at once; what runs stays; new work is bounced.
  void evacuate(base::Time now);

  // An evacuating rep ends once it is empty or its timeout has passed.
  bool finished(base::Time now);

  // When something next changes by itself.
  std::optional<base::Time> next_deadline() const;

 private:
  enum class Phase { starting, running, completed };
  struct Container {
    diego::Element element;  // An LRP with its instance guid and proxy memory; a Task as given.
    Phase phase = Phase::starting;
    bool failed = false;            // Of a completed one.
    std::optional<base::Time> due;  // When the phase ends by itself.
  };
  struct Room {
    std::int64_t memory_mb, disk_mb, containers;
    bool take(const diego::Resource& need);
  };

  void advance(base::Time now);
  void complete(Container& container, bool failed, base::Time at);
  void add(diego::Element element, base::Time now);
  Room room() const;
  bool knows_rootfs(std::string_view rootfs) const;
  Container* find_lrp(std::string_view process_guid, std::string_view instance_guid);
  diego::Resource with_proxy(diego::Resource resource) const;

  const RepConfig config_;
  diego::RootFsProviders providers_;
  base::Random random_;
  std::vector<Container> containers_;  // In the order in which they came.
  std::optional<base::Time> evacuated_at_;
};

}  // namespace local
