// What a seed decides once, and the ways in which a world can be broken on purpose.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mesos/codec.hpp"
#include "test/simulation/sim.hpp"

namespace simulation {

// Defects at the seams of the simulation, by which it is known to be able to fail.
enum class Mutant {
  none,
  ack_before_save,  // A commit says ok, and becomes durable only with the next one.
  resend_accept,    // The last ACCEPT without an answer is sent again after a resubscription.
  forget_rescind,   // RESCIND events never reach the engine.
  idle_exit,        // An executor without work exits by itself.
  ignore_rows,      // Rows of the BBS reach the engine as UNCLAIMED, whatever they are.
};
std::optional<Mutant> parse_mutant(std::string_view name);
std::string_view to_string(Mutant mutant);
std::vector<std::string> mutant_names();

// How often each kind of fault comes, as "once in n" chances or mean gaps; 0 means never. Each seed
// draws some kinds and leaves others out, so that rare combinations have room.
struct FaultRates {
  // Connections between scheduler and master, executor and agent.
  std::uint64_t stream_cut = 0, stream_mute = 0;  // One in n records.
  std::uint64_t call_cut = 0;                     // One in n calls.
  std::uint64_t refuse_subscribe = 0;             // One in n: 307, 403, 503 or no connection.
  std::uint64_t refuse_call = 0;                  // One in n: 307, 400, 403, 503.
  std::uint64_t stale_stream_id = 0;              // One in n calls.
  std::uint64_t garbage_record = 0;               // One in n records: not readable, framing intact.
  // Messages between master and agents.
  std::uint64_t drop = 0, duplicate = 0, delay = 0;  // One in n.
  // Whole parts, by mean gap between two; zero: never.
  Duration master_failover{}, agent_partition{}, agent_restart{}, agent_death{}, agent_link_break{};
  Duration executor_crash{}, executor_hang{}, executor_stream_cut{}, rep_hang{}, rep_death{};
  Duration scheduler_crash{}, scheduler_pause{}, store_failure{}, clock_jump{}, lock_expiry{};
  Duration rescind{};  // Some other framework's claim: an offer is rescinded.
  // What operators do: an agent is drained for a while; a scheduler is restarted with other cells.
  Duration drain{}, new_cells{};
  std::uint64_t crash_at_commit = 0;                                   // One in n commits: before or after.
  std::uint64_t crash_at_send = 0;                                     // One in n calls.
  std::uint64_t bbs_slow = 0, bbs_call_lost = 0, bbs_answer_lost = 0;  // One in n calls.
  Duration bbs_outage{};
  std::uint64_t sandbox_slow = 0, sandbox_lost = 0;                              // One in n readings of one.
  std::uint64_t rep_slow = 0, rep_lie = 0, rep_refuse = 0, rep_answer_lost = 0;  // One in n requests.
};

struct Settings {
  int agents = 3;
  int schedulers = 1;  // 2: with the leader lock.
  int master_addresses = 1;
  bool detector = true;  // Of several masters the leader is known; false: all are listed.
  mesos_client::Codec codec = mesos_client::Codec::json;
  std::string strategy = "binpack";
  int zones = 1;
  std::int64_t agent_mem_mb = 4096, agent_disk_mb = 16384, agent_cpus_milli = 8000;
  int tagged = 0;  // The first so many agents have kTag, which every other process and Task wants; the others must not.
  int processes = 3, instances = 15, tasks = 5;  // Of work, in all.
  bool converge = true;                          // The BBS sends again what does not run.
  bool bbs = false;                              // It has rows, which schedulers may ask about; it converges.
  Duration task_duration = std::chrono::seconds(2);
  Duration start_delay{};
  Duration cell_idle_timeout = std::chrono::seconds(20);
  Duration trouble = std::chrono::minutes(4);  // How long faults come.
  Duration quiet = std::chrono::minutes(20);   // Bound of what follows.
  FaultRates rates;
  std::vector<std::string> scheduler_flags;  // Of diego-scheduler, beyond what is said above: "--cells-min", "2".
};
Settings draw_settings(base::Random& random);

inline constexpr std::string_view kTag = "segment";  // A placement tag.

// Limits that the world's parts and who checks them share.
inline constexpr Duration kAgentUnreachableAfter = std::chrono::seconds(75);
inline constexpr Duration kConvergence = std::chrono::seconds(30);
inline constexpr Duration kLease = std::chrono::seconds(10);
inline constexpr Duration kLeaseMargin = std::chrono::seconds(3);

}  // namespace simulation
