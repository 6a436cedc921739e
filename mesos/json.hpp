// Mesos's own mapping between protobuf messages and JSON, which is not protobuf's: field names as in
// the .proto, enums by name, 64-bit numbers bare, explicit defaults written, null taken for unset.
// What Mesos itself writes is read by way of protobuf's encoding (mesos/json_transcode.hpp), anything
// out of the ordinary by RapidJSON's events straight into the message; writes by reflection. Foreign
// input is never followed recursively beyond a small depth.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "mesos/codec.hpp"

namespace mesos_client {

// Nesting that Mesos allows in a body.
inline constexpr int kJsonDepthMax = 200;

struct JsonFailure {
  enum class Kind {
    syntax,      // Not JSON; Mesos says "Failed to parse body into JSON: " before the text.
    conversion,  // Not this message; Mesos says "Failed to convert JSON into X protobuf: " before it.
  };
  Kind kind = Kind::syntax;
  std::string text;

  bool operator==(const JsonFailure&) const = default;
};

// Replaces what `message` held; nullopt when it was read. The texts are Mesos's, except that after
// "syntax error at line N near: " the place may differ by a token from picojson's.
std::optional<JsonFailure> read_json(std::string_view json, google::protobuf::Message& message);

// The same without the fast way, which must not make a difference.
std::optional<JsonFailure> read_json_by_reflection(std::string_view json, google::protobuf::Message& message);

// Appends to `out`.
void write_json(const google::protobuf::Message& message, JsonFields fields, std::string& out);

}  // namespace mesos_client
