// The calls that are made per instance, ACCEPT and ACKNOWLEDGE, put together from their parts rather
// than from messages: all tasks of an ACCEPT carry the same ExecutorInfo, which is written once, and a
// quarter of a million instances take half a million acknowledgements. What comes out is what the
// codec would make of mesos/calls.hpp's messages, but for the order of JSON's members.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "mesos/codec.hpp"
#include "scheduler/core/actions.hpp"

namespace edge {

// One thread.
class LaunchCalls {
 public:
  explicit LaunchCalls(mesos_client::Codec codec) : codec_(codec) {}

  std::string accept(const std::string& framework_id, const core::Accept& accept);
  std::string acknowledge(const std::string& framework_id, const core::Acknowledge& acknowledge) const;

 private:
  void add_task_json(const core::Launch& launch, const std::string& agent_id, std::string_view executor,
                     std::string& out);
  std::string task_protobuf(const core::Launch& launch, const std::string& agent_id, std::string_view executor);
  const std::string& shape_json(const core::Piece& piece);

  const mesos_client::Codec codec_;
  std::map<std::string, std::string> shapes_json_;  // Without the closing brace, by shape.
};

}  // namespace edge
