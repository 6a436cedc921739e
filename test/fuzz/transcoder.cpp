// The fast way to read JSON makes no difference: same message, same refusal. And what it takes is what
// parsing by reflection and writing out gives.
#include <google/protobuf/message.h>

#include "fuzz.hpp"
#include "mesos/json.hpp"
#include "mesos/json_shape.hpp"
#include "mesos/json_transcode.hpp"
#include "messages.hpp"

void fuzz::transcoder(std::string_view bytes) {
  const auto message = message_of(take_byte(bytes));
  const std::unique_ptr<google::protobuf::Message> slow(message->New()), fast(message->New());

  const auto by_reflection = mesos_client::read_json_by_reflection(bytes, *slow);
  const auto as_used = mesos_client::read_json(bytes, *message);
  require(by_reflection == as_used, "the same refusal or none");
  if (!as_used) require(bytes_of(*message) == bytes_of(*slow), "the same message");

  const auto& shape = mesos_client::json_shape::of(*message->GetDescriptor());
  if (!mesos_client::json_transcode::read(bytes, shape, *fast)) return;
  require(!by_reflection, "what the fast way takes, the slow way takes");
  require(bytes_of(*fast) == bytes_of(*slow), "the fast way reads what the slow way reads");
  std::string written;
  mesos_client::write_json(*fast, mesos_client::JsonFields::set_only, written);
  const std::unique_ptr<google::protobuf::Message> again(message->New());
  require(!mesos_client::read_json(written, *again) && bytes_of(*again) == bytes_of(*slow),
          "written and read again it is the same");
}
