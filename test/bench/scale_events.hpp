// The master's side of the stream in both encodings, written by hand where it is hot, in the shapes
// that Mesos 1.12 writes: one record to an HTTP chunk.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "test/bench/scale_calls.hpp"

namespace scale {

enum class Codec { json, protobuf };

// Numbers of mesos.v1.TaskState.
enum class TaskState : std::uint8_t {
  starting = 0,
  running = 1,
  failed = 3,
  killed = 4,
  staging = 6,
  error = 7,
  dropped = 9,
  gone = 11,
  unknown = 13,
};
inline bool is_terminal(TaskState state) {
  return state == TaskState::failed || state == TaskState::killed || state == TaskState::error ||
         state == TaskState::dropped;
}

enum class Source : std::uint8_t { master = 0, agent = 1, executor = 2 };
// Numbers of TaskStatus.Reason.
enum class Reason : std::uint8_t {
  none = 255,
  executor_terminated = 1,
  invalid_offers = 6,
  reconciliation = 9,
  task_invalid = 14
};

struct Update {
  std::string_view task_id;
  TaskState state = TaskState::unknown;
  Source source = Source::master;
  Reason reason = Reason::none;
  std::string_view message;
  std::string_view agent_id;      // Empty: left out.
  std::string_view executor_id;   // Empty: left out, as container_status is.
  std::string_view container_id;  // With executor_id.
  std::uint32_t executor_pid = 0;
  std::string_view ip;
  double timestamp = 0;
  std::string_view uuid;  // 16 bytes, or empty.
};

// What of an offer stays the same for an agent, encoded once.
struct AgentFace {
  std::string_view id, hostname, ip, zone, region;
  int port = 5051;
};
std::string encode_face(Codec codec, const AgentFace& face);

class EventWriter {
 public:
  explicit EventWriter(Codec codec) : codec_(codec) {}

  void subscribed(std::string_view framework_id, std::string_view master_id, int port);
  void heartbeat();
  void update(const Update& update);
  void failure(std::string_view agent_id, std::string_view executor_id, int status);
  void error(std::string_view text);

  // One OFFERS event: begin, offers, end. Nothing else may come in between.
  void begin_offers(std::string_view framework_id, std::string_view role);
  void offer(std::string_view offer_id, std::string_view face, const Amounts& amounts, std::string_view executor_id);
  void end_offers();

  // Chunks to be sent; the owner takes them away.
  std::string out;

 private:
  void emit(std::string_view body);
  void update_json(const Update& update);
  void update_protobuf(const Update& update);

  const Codec codec_;
  std::string body_, inner_, scratch_;  // Kept for their memory.
  std::string offer_middle_, offer_end_;
};

// By the name of the resource; others than cpus, mem and disk are ignored.
void add_scalar(Amounts& sum, std::string_view name, double value);

std::string base64(std::string_view bytes);
std::string unbase64(std::string_view text);  // Empty if it is not base64.

}  // namespace scale
