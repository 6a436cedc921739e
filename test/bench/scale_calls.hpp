// The scheduler's calls as the master model of test/bench/scale reads them, in both encodings. Only
// what the model judges is taken out; the rest is skipped, because the model shares the machine with
// the scheduler that is measured.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace scale {

// Thousandths of a core, of a MiB and of a MiB: the fixed point of Mesos.
struct Amounts {
  std::int64_t cpus = 0, mem = 0, disk = 0;

  Amounts& operator+=(const Amounts& other);
  Amounts& operator-=(const Amounts& other);
  bool fits_in(const Amounts& room) const { return cpus <= room.cpus && mem <= room.mem && disk <= room.disk; }
  bool empty() const { return cpus == 0 && mem == 0 && disk == 0; }
  bool negative() const { return cpus < 0 || mem < 0 || disk < 0; }
};

enum class CallType {
  unknown,
  subscribe,
  teardown,
  accept,
  decline,
  revive,
  kill,
  shutdown,
  acknowledge,
  reconcile,
  message,
  request,
  suppress,
  other,
};
constexpr std::size_t kCallTypes = 14;
constexpr std::array<std::string_view, kCallTypes> kCallNames = {
    "UNKNOWN",  "SUBSCRIBE",   "TEARDOWN",  "ACCEPT",  "DECLINE", "REVIVE",   "KILL",
    "SHUTDOWN", "ACKNOWLEDGE", "RECONCILE", "MESSAGE", "REQUEST", "SUPPRESS", "OTHER"};

// All views point into the body, or into Call::unescaped.
struct Executor {
  std::string_view raw;  // The whole ExecutorInfo as sent.
  std::string_view id;
  Amounts needs;
};

struct Launched {
  std::string_view task_id, agent_id;
  Amounts needs;
  std::size_t executor = kNone;  // In Call::executors.
  bool has_command = false;

  static constexpr std::size_t kNone = ~std::size_t{0};
};

struct AskedTask {
  std::string_view task_id, agent_id;
};

struct Call {
  CallType type = CallType::unknown;
  std::string_view framework_id;
  std::vector<std::string_view> offer_ids;  // ACCEPT, DECLINE.
  double refuse_s = 5;                      // Mesos's default.
  std::vector<Launched> tasks;              // ACCEPT.
  std::vector<Executor> executors;          // Each distinct run of bytes once.
  bool odd_operations = false;              // Others than LAUNCH.
  std::string_view task_id, agent_id, executor_id;
  std::string uuid;                   // ACKNOWLEDGE: the 16 bytes.
  std::vector<AskedTask> asked;       // RECONCILE.
  std::string_view role;              // SUBSCRIBE: the first.
  bool suppressed = false;            // SUBSCRIBE: that role is suppressed.
  std::deque<std::string> unescaped;  // JSON strings that had escapes.
};

// False if the bytes are no call. `call` must be new.
bool read_json_call(std::string_view body, Call& call);
bool read_protobuf_call(std::string_view body, Call& call);

}  // namespace scale
