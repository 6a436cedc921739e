// A rep as far as an auctioneer, an executor and a BBS can see it: capacity, the life of containers,
// evacuation. Without a BBS behind it an accepted LRP starts by itself, and what runs on an evacuating
// cell stays until it is stopped; with one it asks the BBS first and tells it what becomes of containers,
// as calls that somebody else makes. A Task ends by itself. Pure: time is given to every call, what became
// due in between happens first.
//
// Guids steer it: a process or task guid with "FAILME" in it is refused by the executor below the
// rep, one with "CRASHME" is taken and crashes after it has started.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
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

  bool bbs = false;                                                // Whether a BBS is asked and told.
  base::Duration say_again = std::chrono::seconds(30);             // What a container's state is to the BBS.
  base::Duration say_again_evacuating = std::chrono::seconds(10);  // The same on an evacuating cell.
  base::Duration reserved_expiration = std::chrono::seconds(60);   // Of what the BBS gave no word about.
};

// A call to the BBS about one container: an instance guid or a task guid.
struct RepBbsCall {
  enum class Kind {
    claim,
    start,
    crash,
    remove,
    evacuate_claimed,
    evacuate_running,
    evacuate_stopped,
    evacuate_crashed,
    start_task,
    complete_task,
  };
  Kind kind = Kind::claim;
  std::string container;
  std::string process_guid, domain;  // Of an LRP, with its index.
  std::int32_t index = 0;
  bool failed = false;  // Of a completed Task.
  std::string reason;   // Why it crashed or failed.
  std::string trace_id;
  bool operator==(const RepBbsCall&) const = default;
};

struct RepBbsAnswer {
  enum class Outcome { done, cannot_be_claimed, cannot_be_started, invalid_state_transition, not_found, other_error };
  RepBbsCall::Kind kind = RepBbsCall::Kind::claim;
  std::string container;
  Outcome outcome = Outcome::done;
  bool keep_container = true;  // Of evacuate_running.
  bool operator==(const RepBbsAnswer&) const = default;
};

class RepModel {
 public:
  RepModel(RepConfig config, base::Random random);

  // GET /state.
  diego::CellState state(base::Time now);

  // POST /work: the part that was refused, as the rep answers it. nullopt: the work is for another cell.
  std::optional<diego::Work> work(const diego::Work& work, base::Time now, const std::string& trace_id = {});

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

  // ---- With a BBS: the calls to make since the last time they were taken, in order for each container,
  // and what came of each. tick() is for what changes by itself, as the BBS is to hear of it.
  std::vector<RepBbsCall> take_calls() { return std::exchange(calls_, {}); }
  void bbs_answered(const RepBbsAnswer& answer, base::Time now);
  void tick(base::Time now) { advance(now); }

 private:
  enum class Phase { reserved, starting, running, completed };
  struct Container {
    diego::Element element;  // An LRP with its instance guid and proxy memory; a Task as given.
    Phase phase = Phase::starting;
    bool failed = false;                    // Of a completed one.
    std::optional<base::Time> due;          // When the phase ends by itself.
    std::optional<base::Time> say_at = {};  // When the BBS next hears of it.
    std::string trace_id = {};
  };
  struct Room {
    std::int64_t memory_mb, disk_mb, containers;
    bool take(const diego::Resource& need);
  };

  using Containers = std::vector<Container>;

  void advance(base::Time now);
  void say(Container& container, base::Time now);
  RepBbsCall call_about(const Container& container) const;
  Containers::iterator find(std::string_view guid);
  void complete(Container& container, bool failed, base::Time at);
  void add(diego::Element element, const std::string& trace_id, base::Time now);
  Room room() const;
  bool knows_rootfs(std::string_view rootfs) const;
  Container* find_lrp(std::string_view process_guid, std::string_view instance_guid);
  diego::Resource with_proxy(diego::Resource resource) const;

  const RepConfig config_;
  diego::RootFsProviders providers_;
  base::Random random_;
  Containers containers_;  // In the order in which they came.
  std::optional<base::Time> evacuated_at_;
  std::vector<RepBbsCall> calls_;
};

}  // namespace local
