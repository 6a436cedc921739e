#include "messages.hpp"

#include <google/protobuf/stubs/logging.h>
#include <google/protobuf/unknown_field_set.h>

#include <cmath>
#include <vector>

#include "base/text.hpp"
#include "mesos/codec.hpp"
#include "mesos/events.hpp"
#include "mesos/v1/executor/executor.pb.h"
#include "mesos/v1/master/master.pb.h"
#include "mesos/v1/scheduler/scheduler.pb.h"

namespace fuzz {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using mesos_client::Codec;
using mesos_client::JsonFields;

bool is_utf8(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const auto byte = static_cast<unsigned char>(text[at++]);
    if (byte < 0x80) continue;
    const int more = byte >= 0xF0 ? 3 : byte >= 0xE0 ? 2 : 1;
    if (byte < 0xC2 || byte > 0xF4 || at + static_cast<std::size_t>(more) > text.size()) return false;
    const auto next = static_cast<unsigned char>(text[at]);
    if ((byte == 0xE0 && next < 0xA0) || (byte == 0xED && next > 0x9F) || (byte == 0xF0 && next < 0x90) ||
        (byte == 0xF4 && next > 0x8F)) {
      return false;  // Overlong, a surrogate, or above U+10FFFF.
    }
    for (int i = 0; i < more; ++i) {
      if ((static_cast<unsigned char>(text[at++]) & 0xC0U) != 0x80U) return false;
    }
  }
  return true;
}

void make_speakable(Message& message, const FieldDescriptor& field) {
  const auto& reflection = *message.GetReflection();
  const int count = field.is_repeated() ? reflection.FieldSize(message, &field) : 1;
  for (int i = 0; i < count; ++i) {
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_DOUBLE: {
        const double value = field.is_repeated() ? reflection.GetRepeatedDouble(message, &field, i)
                                                 : reflection.GetDouble(message, &field);
        if (std::isfinite(value)) break;
        field.is_repeated() ? reflection.SetRepeatedDouble(&message, &field, i, 0)
                            : reflection.SetDouble(&message, &field, 0);
        break;
      }
      case FieldDescriptor::CPPTYPE_FLOAT: {
        const float value = field.is_repeated() ? reflection.GetRepeatedFloat(message, &field, i)
                                                : reflection.GetFloat(message, &field);
        if (std::isfinite(value)) break;
        field.is_repeated() ? reflection.SetRepeatedFloat(&message, &field, i, 0)
                            : reflection.SetFloat(&message, &field, 0);
        break;
      }
      case FieldDescriptor::CPPTYPE_STRING: {
        if (field.type() == FieldDescriptor::TYPE_BYTES) break;
        const std::string value = field.is_repeated() ? reflection.GetRepeatedString(message, &field, i)
                                                      : reflection.GetString(message, &field);
        if (is_utf8(value)) break;
        field.is_repeated() ? reflection.SetRepeatedString(&message, &field, i, "?")
                            : reflection.SetString(&message, &field, "?");
        break;
      }
      case FieldDescriptor::CPPTYPE_MESSAGE:
        fuzz::make_speakable(field.is_repeated() ? *reflection.MutableRepeatedMessage(&message, &field, i)
                                                 : *reflection.MutableMessage(&message, &field));
        break;
      default:
        break;
    }
  }
}

void check_round_trip(const Message& message, Codec codec, JsonFields fields) {
  const std::string sent = encode(codec, message, fields);
  const std::unique_ptr<Message> read(message.New());
  const auto status = decode(codec, sent, *read);
  if (!status) broken("what we encode we decode: " + status.error().message());
  if (fields == JsonFields::set_only) {
    require(bytes_of(*read) == bytes_of(message), "what is decoded, encodes and decodes to the same");
  } else {
    // The defaults are set now; once they are, nothing more changes.
    require(encode(codec, *read, fields) == sent, "with defaults, too, it encodes to the same");
  }
}

void check_session(const Message& message) {
  using mesos::v1::scheduler::Event;
  if (message.GetDescriptor() == Event::descriptor()) {
    const auto told = mesos_client::stream_event(static_cast<const Event&>(message));
    for (const Codec codec : {Codec::json, Codec::protobuf}) {
      const auto read = mesos_client::read_scheduler_event(codec, encode(codec, message));
      require(static_cast<bool>(read), "a session reads what decode() reads");
      require(mesos_client::stream_event(**read) == told, "both codecs tell the session the same");
      require(bytes_of(**read) == bytes_of(message), "a message used again holds nothing of the one before");
    }
  } else if (message.GetDescriptor() == mesos::v1::executor::Event::descriptor()) {
    static_cast<void>(mesos_client::stream_event(static_cast<const mesos::v1::executor::Event&>(message)));
  }
}

}  // namespace

std::unique_ptr<Message> message_of(unsigned choice) {
  // The library would write a line for every string that is not UTF-8.
  static const auto silenced = google::protobuf::SetLogHandler(nullptr);
  static_cast<void>(silenced);
  switch (choice % 6) {
    case 0:
      return std::make_unique<mesos::v1::scheduler::Event>();
    case 1:
      return std::make_unique<mesos::v1::executor::Event>();
    case 2:
      return std::make_unique<mesos::v1::scheduler::Call>();
    case 3:
      return std::make_unique<mesos::v1::executor::Call>();
    case 4:
      return std::make_unique<mesos::v1::master::Response>();
    default:
      return std::make_unique<mesos::v1::ExecutorInfo>();
  }
}

std::string bytes_of(const Message& message) { return message.SerializePartialAsString(); }

void make_speakable(Message& message) {
  const auto& reflection = *message.GetReflection();
  reflection.MutableUnknownFields(&message)->Clear();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* const field : fields) make_speakable(message, *field);
}

void check_message(const Message& message) {
  check_round_trip(message, Codec::protobuf, JsonFields::set_only);
  check_round_trip(message, Codec::json, JsonFields::set_only);
  check_round_trip(message, Codec::json, JsonFields::set_and_defaults);
  check_session(message);
}

}  // namespace fuzz
