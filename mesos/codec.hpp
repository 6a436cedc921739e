// Messages to and from bytes, in the two encodings that Mesos speaks.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace google::protobuf {
class Message;
}

namespace mesos_client {

enum class Codec { json, protobuf };

// "json" or "protobuf", as the flag has it.
base::Result<Codec> parse_codec(std::string_view text);
std::string_view codec_name(Codec codec);

// Exactly what Mesos compares Content-Type and Accept with: any parameter is refused with 415.
std::string_view content_type(Codec codec);

// What JSON shows of a field that is not set. Binary protobuf never shows it.
enum class JsonFields {
  set_only,          // What a client should send.
  set_and_defaults,  // What Mesos writes: also unset optional fields that have an explicit default, unless deprecated.
};

// `message` must be initialised (all required fields set).
std::string encode(Codec codec, const google::protobuf::Message& message, JsonFields fields = JsonFields::set_only);

// Replaces what `message` held. Unknown fields and unknown names of optional enums are ignored; what
// cannot be read, or lacks a required field, is an error whose message() is word for word what Mesos
// answers with 400 ("Failed to parse body into JSON: ...", "Failed to convert JSON into Call protobuf:
// ...", "Failed to parse body into Call protobuf"). `message` then holds what could be read.
base::Status decode(Codec codec, std::string_view bytes, google::protobuf::Message& message);

}  // namespace mesos_client
