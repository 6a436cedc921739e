// Internal to the JSON codec: the fast way to read. Rewrites JSON as protobuf's own encoding in one
// pass, without an allocation per field, and lets the generated code read that. It knows JSON as Mesos
// writes it; of anything else (errors, but also double keys, maps, numbers in strings, escapes by
// number, bytes above 0x7F) it says so and leaves it to the slow way, which has the rules and the words.
#pragma once

#include <string_view>

namespace google::protobuf {
class Message;
}

namespace mesos_client::json_shape {
struct Shape;
}

namespace mesos_client::json_transcode {

// True: `message` holds exactly what the slow way would have read. False: it holds anything.
bool read(std::string_view json, const json_shape::Shape& shape, google::protobuf::Message& message);

}  // namespace mesos_client::json_transcode
