// Decoding and validating what a scheduler sends, in the words of Mesos; pure functions used by the
// master model.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>

#include "base/result.hpp"
#include "local/model/http_api.hpp"
#include "local/model/offer_filter.hpp"
#include "local/model/resources.hpp"

namespace google::protobuf {
class Message;
}
namespace mesos::v1 {
class ExecutorInfo;
class FrameworkInfo;
class MasterInfo;
class TaskInfo;
class TaskStatus;
namespace scheduler {
class Call;
class Event;
class OfferConstraints;
}  // namespace scheduler
}  // namespace mesos::v1

namespace local {

// Decodes a body into `call`; the refusal ("Failed to parse body into JSON: ...") if it cannot.
std::optional<HttpAnswer> decode_body(const std::string& body, Codec format, google::protobuf::Message& call);

// A message as Mesos writes it in this format.
std::string encode_message(const google::protobuf::Message& message, Codec format);

// One RecordIO record: decimal length, newline, bytes.
std::string record_of(const google::protobuf::Message& message, Codec format);

// Mesos: scheduler call validation; the text after "Failed to validate scheduler::Call: ".
std::optional<std::string> invalid_call(const mesos::v1::scheduler::Call& call,
                                        const std::optional<std::string>& principal);

// The roles a framework subscribes to, of either format.
std::set<std::string> roles_of(const mesos::v1::FrameworkInfo& info);

std::optional<std::string> invalid_role(std::string_view role);

// Mesos: framework info validation, as the ERROR event of a refused subscription says it.
std::optional<std::string> invalid_framework(const mesos::v1::FrameworkInfo& info);
std::optional<std::string> invalid_suppressed(const mesos::v1::FrameworkInfo& info,
                                              const std::set<std::string>& suppressed);
base::Result<std::shared_ptr<const OfferFilter>> offer_filter(
    const mesos::v1::FrameworkInfo& info, const mesos::v1::scheduler::OfferConstraints& constraints);

// Mesos: ExecutorInfo compatibility. True if `b` may share the running executor described by `a`:
// sets compare as sets, labels and shutdown grace do not matter, an unset string is an empty one.
bool same_executor(const mesos::v1::ExecutorInfo& a, const mesos::v1::ExecutorInfo& b);
std::string executor_mismatch(const mesos::v1::ExecutorInfo& known, const mesos::v1::ExecutorInfo& given);

// Mesos: the parts of task validation that need no knowledge of the cluster: ids, kill policy,
// command, container. "Task uses no resources" comes before executor xor command.
std::optional<std::string> invalid_task(const mesos::v1::TaskInfo& task);
std::optional<std::string> invalid_executor(const mesos::v1::ExecutorInfo& executor, const std::string& framework_id,
                                            bool group);

// First bad resource of any task or executor of an operation.
std::optional<std::string> invalid_resources(const ResourceList& list);

bool is_terminal(int task_state);

}  // namespace local
