#include "mesos/codec.hpp"

#include <google/protobuf/message.h>

#include <cassert>
#include <limits>

#include "mesos/json.hpp"

namespace mesos_client {

base::Result<Codec> parse_codec(std::string_view text) {
  if (text == "json") return Codec::json;
  if (text == "protobuf") return Codec::protobuf;
  return base::Error{"", "'" + std::string(text) + "' is neither json nor protobuf"};
}

std::string_view codec_name(Codec codec) { return codec == Codec::json ? "json" : "protobuf"; }

std::string_view content_type(Codec codec) {
  return codec == Codec::json ? "application/json" : "application/x-protobuf";
}

std::string encode(Codec codec, const google::protobuf::Message& message, JsonFields fields) {
  assert(message.IsInitialized());
  std::string bytes;
  if (codec == Codec::json) {
    write_json(message, fields, bytes);
  } else {
    const bool written = message.AppendPartialToString(&bytes);
    assert(written);
    static_cast<void>(written);
  }
  return bytes;
}

base::Status decode(Codec codec, std::string_view bytes, google::protobuf::Message& message) {
  const auto name = [&message] { return message.GetDescriptor()->name(); };
  if (codec == Codec::json) {
    auto failure = read_json(bytes, message);
    if (!failure) return base::ok();
    if (failure->kind == JsonFailure::Kind::syntax) {
      return base::Error{"Failed to parse body into JSON", std::move(failure->text)};
    }
    return base::Error{"Failed to convert JSON into " + name() + " protobuf", std::move(failure->text)};
  }
  // Partial, then checked: a missing field would otherwise be written to stderr by the library.
  if (bytes.size() > static_cast<std::size_t>(std::numeric_limits<int>::max()) ||
      !message.ParsePartialFromArray(bytes.data(), static_cast<int>(bytes.size())) || !message.IsInitialized()) {
    return base::Error{"", "Failed to parse body into " + name() + " protobuf"};
  }
  return base::ok();
}

}  // namespace mesos_client
