#include <google/protobuf/message.h>

#include <array>
#include <charconv>
#include <cmath>

#include "base/text.hpp"
#include "mesos/json.hpp"
#include "mesos/json_shape.hpp"

namespace mesos_client {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using json_shape::Field;
using json_shape::Shape;

// What stands after the backslash; 'u' for \u00XX, 0 for a character that needs none.
constexpr auto kEscapes = [] {
  std::array<char, 256> escapes{};
  for (std::size_t c = 0; c < 0x20; ++c) escapes[c] = 'u';
  escapes['\b'] = 'b';
  escapes['\f'] = 'f';
  escapes['\n'] = 'n';
  escapes['\r'] = 'r';
  escapes['\t'] = 't';
  escapes['"'] = '"';
  escapes['\\'] = '\\';
  return escapes;
}();

// Bytes from 0x80 pass as they are: Mesos does not look at the encoding, so a message may hold what
// some process wrote.
void write_string(std::string_view text, std::string& out) {
  out.push_back('"');
  std::size_t from = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto c = static_cast<unsigned char>(text[at]);
    const char escape = kEscapes[c];
    if (escape == 0) continue;
    out.append(text, from, at - from);
    from = at + 1;
    out.push_back('\\');
    out.push_back(escape);
    if (escape == 'u') {
      constexpr std::string_view kHex = "0123456789ABCDEF";
      out.append("00");
      out.push_back(kHex[c >> 4U]);
      out.push_back(kHex[c & 15U]);
    }
  }
  out.append(text, from, text.size() - from);
  out.push_back('"');
}

template <class Number>
void write_number(Number number, std::string& out) {
  std::array<char, 32> digits;
  out.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr);
}

void write_double(double number, std::string& out) {
  if (std::isnan(number)) {
    out.append("NaN");  // Not JSON, but what Mesos writes; nothing we send has one.
  } else if (std::isinf(number)) {
    out.append(number > 0 ? "\"Infinity\"" : "\"-Infinity\"");
  } else {
    const std::size_t from = out.size();
    write_number(number, out);
    if (out.find_first_of(".e", from) == std::string::npos) out.append(".0");
  }
}

class Writer {
 public:
  Writer(JsonFields fields, std::string& out) : show_defaults_(fields == JsonFields::set_and_defaults), out_(out) {}

  // As deep as the message, which our readers bound.
  void object(const Message& message, const Shape& shape) {
    const Reflection& reflection = *message.GetReflection();
    out_.push_back('{');
    for (const Field& field : shape.fields) {
      if (field.repeated) {
        if (const int size = reflection.FieldSize(message, field.descriptor); size > 0) {
          out_.append(field.key);
          field.map ? map(message, reflection, field, size) : array(message, reflection, field, size);
          out_.push_back(',');
        }
      } else if ((show_defaults_ && field.shown_unset) || reflection.HasField(message, field.descriptor)) {
        out_.append(field.key);
        value(message, reflection, field);
        out_.push_back(',');
      }
    }
    close('}');
  }

 private:
  // Over the comma that the last member left, if there was one.
  void close(char bracket) {
    if (out_.back() == ',') {
      out_.back() = bracket;
    } else {
      out_.push_back(bracket);
    }
  }

  void map(const Message& message, const Reflection& reflection, const Field& field, int size) {
    out_.push_back('{');
    const Field& key = field.child->fields[0];
    for (int i = 0; i < size; ++i) {
      const Message& entry = reflection.GetRepeatedMessage(message, field.descriptor, i);
      const Reflection& entry_reflection = *entry.GetReflection();
      // Keys are strings in JSON whatever their type.
      const bool quote = key.type != FieldDescriptor::CPPTYPE_STRING;
      if (quote) out_.push_back('"');
      value(entry, entry_reflection, key);
      if (quote) out_.push_back('"');
      out_.push_back(':');
      value(entry, entry_reflection, field.child->fields[1]);
      out_.push_back(',');
    }
    close('}');
  }

  void array(const Message& message, const Reflection& reflection, const Field& field, int size) {
    out_.push_back('[');
    for (int i = 0; i < size; ++i) {
      element(message, reflection, field, i);
      out_.push_back(',');
    }
    close(']');
  }

  void text(const std::string& value, bool bytes) {
    if (!bytes) return write_string(value, out_);
    out_.push_back('"');
    out_.append(base::base64_encode(value));
    out_.push_back('"');
  }

  // A number without a name is of a newer peer's; as a number it is at least seen.
  void enumeration(const Field& field, int number) {
    for (const auto& [name, of] : field.enum_values) {
      if (of != number) continue;
      out_.push_back('"');
      out_.append(name);
      out_.push_back('"');
      return;
    }
    write_number(number, out_);
  }

  void value(const Message& message, const Reflection& reflection, const Field& field) {
    const FieldDescriptor* const at = field.descriptor;
    switch (field.type) {
      case FieldDescriptor::CPPTYPE_INT32:
        return write_number(reflection.GetInt32(message, at), out_);
      case FieldDescriptor::CPPTYPE_INT64:
        return write_number(reflection.GetInt64(message, at), out_);
      case FieldDescriptor::CPPTYPE_UINT32:
        return write_number(reflection.GetUInt32(message, at), out_);
      case FieldDescriptor::CPPTYPE_UINT64:
        return write_number(reflection.GetUInt64(message, at), out_);
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return write_double(reflection.GetDouble(message, at), out_);
      case FieldDescriptor::CPPTYPE_FLOAT:
        return write_double(double{reflection.GetFloat(message, at)}, out_);
      case FieldDescriptor::CPPTYPE_BOOL:
        out_.append(reflection.GetBool(message, at) ? "true" : "false");
        return;
      case FieldDescriptor::CPPTYPE_ENUM:
        return enumeration(field, reflection.GetEnumValue(message, at));
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return object(reflection.GetMessage(message, at), *field.child);
      case FieldDescriptor::CPPTYPE_STRING: {
        std::string scratch;
        return text(reflection.GetStringReference(message, at, &scratch), field.bytes);
      }
    }
  }

  void element(const Message& message, const Reflection& reflection, const Field& field, int i) {
    const FieldDescriptor* const at = field.descriptor;
    switch (field.type) {
      case FieldDescriptor::CPPTYPE_INT32:
        return write_number(reflection.GetRepeatedInt32(message, at, i), out_);
      case FieldDescriptor::CPPTYPE_INT64:
        return write_number(reflection.GetRepeatedInt64(message, at, i), out_);
      case FieldDescriptor::CPPTYPE_UINT32:
        return write_number(reflection.GetRepeatedUInt32(message, at, i), out_);
      case FieldDescriptor::CPPTYPE_UINT64:
        return write_number(reflection.GetRepeatedUInt64(message, at, i), out_);
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return write_double(reflection.GetRepeatedDouble(message, at, i), out_);
      case FieldDescriptor::CPPTYPE_FLOAT:
        return write_double(double{reflection.GetRepeatedFloat(message, at, i)}, out_);
      case FieldDescriptor::CPPTYPE_BOOL:
        out_.append(reflection.GetRepeatedBool(message, at, i) ? "true" : "false");
        return;
      case FieldDescriptor::CPPTYPE_ENUM:
        return enumeration(field, reflection.GetRepeatedEnumValue(message, at, i));
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return object(reflection.GetRepeatedMessage(message, at, i), *field.child);
      case FieldDescriptor::CPPTYPE_STRING: {
        std::string scratch;
        return text(reflection.GetRepeatedStringReference(message, at, i, &scratch), field.bytes);
      }
    }
  }

  const bool show_defaults_;
  std::string& out_;
};

}  // namespace

void write_json(const Message& message, JsonFields fields, std::string& out) {
  Writer(fields, out).object(message, json_shape::of(*message.GetDescriptor()));
}

}  // namespace mesos_client
