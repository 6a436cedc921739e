#include <google/protobuf/message.h>
#include <rapidjson/error/error.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <type_traits>
#include <variant>
#include <vector>

#include "mesos/json.hpp"
#include "mesos/json_shape.hpp"
#include "mesos/json_transcode.hpp"

namespace mesos_client {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using json_shape::Field;
using json_shape::Shape;

constexpr std::string_view kWhiteSpace = " \t\n\r";

std::string syntax_error(std::string_view text, std::size_t at) {
  at = std::min(at, text.size());
  const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n');
  std::string error = "syntax error at line " + std::to_string(line) + " near: ";
  for (const char c : text.substr(at, text.find('\n', at) - at)) {
    if (static_cast<unsigned char>(c) >= ' ') error.push_back(c);
  }
  return error;
}

// Hands RapidJSON's numbers to `number(value)` of the handler: as an integer where the text is one that
// fits, else as the nearest double. RapidJSON's own conversion (1.1.0, at full precision) computes with
// undefined shifts on zeros such as 0e30.
template <class Handler>
class NumberHandler : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, Handler> {
 public:
  // Whether parsing ended at a number that no double holds.
  bool out_of_range() const { return out_of_range_; }

  bool RawNumber(const char* begin, rapidjson::SizeType length, bool) {
    const char* const end = begin + length;
    if (std::string_view(begin, length).find_first_of(".eE") == std::string_view::npos) {
      std::int64_t integer = 0;
      if (std::from_chars(begin, end, integer).ec == std::errc{}) return pass(integer);
      std::uint64_t natural = 0;
      if (std::from_chars(begin, end, natural).ec == std::errc{}) return pass(natural);
    }
    double real = 0;
    // from_chars does not tell what is too small from what is too great.
    if (std::from_chars(begin, end, real).ec == std::errc::result_out_of_range) {
      real = std::strtod(std::string(begin, length).c_str(), nullptr);
    }
    out_of_range_ = std::isinf(real);
    return !out_of_range_ && pass(real);
  }

 private:
  template <class Number>
  bool pass(Number value) {
    return static_cast<Handler&>(*this).number(value);
  }

  bool out_of_range_ = false;
};

// Runs RapidJSON over `text`. Its recursion is bounded by the handler, which refuses depth.
template <class Handler>
std::optional<std::string> parse(std::string_view text, Handler& handler) {
  rapidjson::MemoryStream stream(text.data(), text.size());
  rapidjson::Reader reader;
  constexpr unsigned kFlags = rapidjson::kParseNumbersAsStringsFlag | rapidjson::kParseStopWhenDoneFlag;
  const rapidjson::ParseResult result = reader.Parse<kFlags>(stream, handler);
  if (result.IsError()) {
    if (result.Code() == rapidjson::kParseErrorNumberTooBig || handler.out_of_range()) return "Value out of range";
    return syntax_error(text, result.Offset());
  }
  const std::size_t end = stream.Tell();
  const std::size_t last = text.find_last_not_of(kWhiteSpace);
  if (last != std::string_view::npos && last >= end) {
    return "Parsed JSON included non-whitespace trailing characters: " + std::string(text.substr(end, last + 1 - end));
  }
  return std::nullopt;
}

// Takes a lone number, or a lone boolean, out of a string.
struct Scalar : NumberHandler<Scalar> {
  std::variant<std::monostate, std::int64_t, std::uint64_t, double, bool> value;

  bool Default() {
    value = {};
    return true;
  }
  template <class Number>
  bool number(Number v) {
    value = v;
    return true;
  }
  bool Bool(bool v) {
    value = v;
    return true;
  }
  // Neither is a scalar: no need to look inside.
  bool StartObject() { return false; }
  bool StartArray() { return false; }
};

// Standard alphabet; white space is skipped, everything after '=' ignored. The first character that
// belongs nowhere, or nullopt.
std::optional<char> decode_base64(std::string_view text, std::string& bytes) {
  static constexpr auto kValues = [] {
    std::array<signed char, 256> values{};
    values.fill(-1);
    constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (std::size_t i = 0; i < alphabet.size(); ++i) {
      values[static_cast<unsigned char>(alphabet[i])] = static_cast<signed char>(i);
    }
    for (const char c : std::string_view(" \t\n\v\f\r")) values[static_cast<unsigned char>(c)] = -2;
    return values;
  }();
  bytes.reserve(text.size() / 4 * 3 + 3);
  unsigned held = 0;
  int bits = 0;
  for (const char c : text) {
    if (c == '=') break;
    const int value = kValues[static_cast<unsigned char>(c)];
    if (value == -2) continue;
    if (value == -1) return c;
    held = (held << 6U) | static_cast<unsigned>(value);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes.push_back(static_cast<char>((held >> static_cast<unsigned>(bits)) & 0xFFU));
    }
  }
  return std::nullopt;
}

// As Mesos: no range check, fractions cut. Out of range from a double, where C++ promises nothing,
// the nearest value is taken.
template <class To, class From>
To number_to(From from) {
  if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    if (from >= static_cast<From>(std::numeric_limits<To>::max())) return std::numeric_limits<To>::max();
    if (from <= static_cast<From>(std::numeric_limits<To>::min())) return std::numeric_limits<To>::min();
  }
  return static_cast<To>(from);
}

// Puts parse events into a message. After a conversion error it goes on, for a syntax error further
// down comes first in what Mesos reports.
class MessageHandler : public NumberHandler<MessageHandler> {
 public:
  explicit MessageHandler(Message& root) : root_(root) { frames_.reserve(16); }

  bool root_is_object() const { return root_is_object_; }
  const std::optional<std::string>& error() const { return error_; }

  bool Null() { return true; }  // Unset, whatever the field.
  bool Bool(bool value) {
    if (const Slot slot = next()) store_bool(slot, value);
    return true;
  }
  template <class Number>
  bool number(Number value) {
    if (const Slot slot = next()) store_number(slot, value);
    return true;
  }
  bool String(const char* text, rapidjson::SizeType length, bool) {
    if (const Slot slot = next()) store_string(slot, {text, length});
    return true;
  }

  bool StartObject() {
    if (!deeper()) return false;
    if (skipping_ > 0) return skip();
    if (frames_.empty()) {
      root_is_object_ = true;
      frames_.push_back({Frame::object, &json_shape::of(*root_.GetDescriptor()), {&root_, nullptr}});
      return true;
    }
    const Slot slot = frames_.back().slot;
    if (!slot) return skip();
    const Field& field = *slot.field;
    if (field.type != FieldDescriptor::CPPTYPE_MESSAGE) {
      fail(slot, "Not expecting a JSON object for field '" + field.name + "'");
      return skip();
    }
    if (field.map) {
      frames_.push_back({Frame::map, field.child, slot});
      return true;
    }
    const Reflection& reflection = *slot.reflection;
    Message* const child = field.repeated ? reflection.AddMessage(slot.message, field.descriptor)
                                          : reflection.MutableMessage(slot.message, field.descriptor);
    frames_.push_back({Frame::object, field.child, {child, nullptr}});
    return true;
  }

  bool Key(const char* text, rapidjson::SizeType length, bool) {
    if (skipping_ > 0) return true;
    const std::string_view key(text, length);
    Frame& frame = frames_.back();
    if (frame.kind == Frame::map) {
      const Slot owner = frame.owner;
      Message* const entry = owner.reflection->AddMessage(owner.message, owner.field->descriptor);
      store_string({entry, &frame.shape->fields[0]}, key);
      frame.slot = {entry, &frame.shape->fields[1]};
      return true;
    }
    frame.slot.field = frame.shape->find(key);
    if (!frame.slot) return true;
    const auto place = static_cast<std::size_t>(frame.slot.field - frame.shape->fields.data());
    const std::uint64_t bit = place < 64 ? std::uint64_t{1} << place : 0;
    if (bit == 0 || (frame.seen & bit) != 0) forget_earlier(frame.slot);
    frame.seen |= bit;
    return true;
  }

  bool EndObject(rapidjson::SizeType) { return leave(); }

  bool StartArray() {
    if (!deeper()) return false;
    if (skipping_ > 0 || frames_.empty()) return skip();
    const Slot slot = frames_.back().slot;
    if (!slot) return skip();
    if (!slot.field->repeated) {
      fail(slot, "Not expecting a JSON array for field '" + slot.field->name + "'");
      return skip();
    }
    frames_.push_back({Frame::array, nullptr, slot});
    return true;
  }

  bool EndArray(rapidjson::SizeType) { return leave(); }

 private:
  // Where the next value belongs; false where it is ignored.
  struct Slot {
    Slot() = default;
    Slot(Message* in, const Field* at) : message(in), reflection(in->GetReflection()), field(at) {}
    Message* message = nullptr;
    const Reflection* reflection = nullptr;
    const Field* field = nullptr;
    explicit operator bool() const { return field != nullptr; }
  };
  struct Frame {
    enum Kind { object, array, map };
    Frame(Kind of_kind, const Shape* of_shape, Slot at) : kind(of_kind), shape(of_shape), slot(at), owner(at) {}
    Kind kind;
    const Shape* shape;  // Of the object, or of the map's entries.
    Slot slot;
    Slot owner;              // A map frame's own field; its slot is that of the current entry.
    std::uint64_t seen = 0;  // Fields of the object, by place in the shape.
  };

  Slot next() const { return skipping_ > 0 || frames_.empty() ? Slot{} : frames_.back().slot; }

  bool deeper() { return ++depth_ <= kJsonDepthMax; }
  bool skip() {
    ++skipping_;
    return true;
  }
  bool leave() {
    --depth_;
    if (skipping_ > 0) {
      --skipping_;
    } else {
      frames_.pop_back();
    }
    return true;
  }

  // Of equal keys the last one wins, also against an error in an earlier one.
  void forget_earlier(const Slot& slot) {
    const Reflection& reflection = *slot.reflection;
    reflection.ClearField(slot.message, slot.field->descriptor);
    if (error_ && failed_.message == slot.message && failed_.field == slot.field) error_.reset();
  }

  void fail(const Slot& slot, std::string text) {
    if (error_) return;
    error_ = std::move(text);
    failed_ = slot;
  }

  template <class Number>
  void store_number(const Slot& slot, Number value) {
    const Reflection& reflection = *slot.reflection;
    const Field& field = *slot.field;
    Message* const message = slot.message;
    const FieldDescriptor* const descriptor = field.descriptor;
    switch (field.type) {
      case FieldDescriptor::CPPTYPE_DOUBLE:
        field.repeated ? reflection.AddDouble(message, descriptor, number_to<double>(value))
                       : reflection.SetDouble(message, descriptor, number_to<double>(value));
        break;
      case FieldDescriptor::CPPTYPE_FLOAT:
        field.repeated ? reflection.AddFloat(message, descriptor, number_to<float>(value))
                       : reflection.SetFloat(message, descriptor, number_to<float>(value));
        break;
      case FieldDescriptor::CPPTYPE_INT64:
        field.repeated ? reflection.AddInt64(message, descriptor, number_to<std::int64_t>(value))
                       : reflection.SetInt64(message, descriptor, number_to<std::int64_t>(value));
        break;
      case FieldDescriptor::CPPTYPE_UINT64:
        field.repeated ? reflection.AddUInt64(message, descriptor, number_to<std::uint64_t>(value))
                       : reflection.SetUInt64(message, descriptor, number_to<std::uint64_t>(value));
        break;
      case FieldDescriptor::CPPTYPE_INT32:
        field.repeated ? reflection.AddInt32(message, descriptor, number_to<std::int32_t>(value))
                       : reflection.SetInt32(message, descriptor, number_to<std::int32_t>(value));
        break;
      case FieldDescriptor::CPPTYPE_UINT32:
        field.repeated ? reflection.AddUInt32(message, descriptor, number_to<std::uint32_t>(value))
                       : reflection.SetUInt32(message, descriptor, number_to<std::uint32_t>(value));
        break;
      default:
        fail(slot, "Not expecting a JSON number for field '" + field.name + "'");
    }
  }

  void store_bool(const Slot& slot, bool value) {
    const Reflection& reflection = *slot.reflection;
    if (slot.field->type != FieldDescriptor::CPPTYPE_BOOL) {
      fail(slot, "Not expecting a JSON boolean for field '" + slot.field->name + "'");
    } else if (slot.field->repeated) {
      reflection.AddBool(slot.message, slot.field->descriptor, value);
    } else {
      reflection.SetBool(slot.message, slot.field->descriptor, value);
    }
  }

  void store_string(const Slot& slot, std::string_view text) {
    const Field& field = *slot.field;
    switch (field.type) {
      case FieldDescriptor::CPPTYPE_STRING: {
        std::string value;
        if (!field.bytes) {
          value.assign(text);
        } else if (const auto bad = decode_base64(text, value)) {
          return fail(slot, "Failed to base64 decode bytes field '" + field.name + "': Invalid character '" +
                                std::string(1, *bad) + "'");
        }
        const Reflection& reflection = *slot.reflection;
        field.repeated ? reflection.AddString(slot.message, field.descriptor, std::move(value))
                       : reflection.SetString(slot.message, field.descriptor, std::move(value));
        return;
      }
      case FieldDescriptor::CPPTYPE_ENUM:
        return store_enum(slot, text);
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return fail(slot, "Not expecting a JSON string for field '" + field.name + "'");
      case FieldDescriptor::CPPTYPE_DOUBLE:
      case FieldDescriptor::CPPTYPE_FLOAT:
        if (text == "Infinity") return store_number(slot, std::numeric_limits<double>::infinity());
        if (text == "-Infinity") return store_number(slot, -std::numeric_limits<double>::infinity());
        return store_scalar_text(slot, text);
      default:
        return store_scalar_text(slot, text);
    }
  }

  void store_enum(const Slot& slot, std::string_view name) {
    const Field& field = *slot.field;
    const std::size_t known = field.enum_names.find(name);
    if (known == json_shape::Names::kNone) {
      if (field.required) fail(slot, "Failed to find enum for '" + std::string(name) + "'");
      return;
    }
    const Reflection& reflection = *slot.reflection;
    const int number = field.enum_values[known].second;
    field.repeated ? reflection.AddEnumValue(slot.message, field.descriptor, number)
                   : reflection.SetEnumValue(slot.message, field.descriptor, number);
  }

  // A number or a boolean written as a string.
  void store_scalar_text(const Slot& slot, std::string_view text) {
    const bool boolean = slot.field->type == FieldDescriptor::CPPTYPE_BOOL;
    Scalar scalar;
    auto wrong = parse(text, scalar);
    const bool is_boolean = std::holds_alternative<bool>(scalar.value);
    const bool is_number = !is_boolean && !std::holds_alternative<std::monostate>(scalar.value);
    if (!wrong && !(boolean ? is_boolean : is_number)) wrong = "Unexpected JSON type parsed";
    if (wrong) {
      return fail(slot, "Failed to parse '" + std::string(text) + "' as a JSON " + (boolean ? "boolean" : "number") +
                            " for field '" + slot.field->name + "': " + *wrong);
    }
    std::visit(
        [&](auto value) {
          using Value = decltype(value);
          if constexpr (std::is_same_v<Value, bool>) {
            store_bool(slot, value);
          } else if constexpr (!std::is_same_v<Value, std::monostate>) {
            store_number(slot, value);
          }
        },
        scalar.value);
  }

  Message& root_;
  bool root_is_object_ = false;
  std::vector<Frame> frames_;  // Open objects and arrays that are being stored.
  int skipping_ = 0;           // Open objects and arrays that are being ignored, above those.
  int depth_ = 0;
  std::optional<std::string> error_;
  Slot failed_;  // Where.
};

}  // namespace

std::optional<JsonFailure> read_json(std::string_view json, Message& message) {
  if (json_transcode::read(json, json_shape::of(*message.GetDescriptor()), message)) return std::nullopt;
  return read_json_by_reflection(json, message);
}

std::optional<JsonFailure> read_json_by_reflection(std::string_view json, Message& message) {
  message.Clear();
  MessageHandler handler(message);
  if (auto wrong = parse(json, handler)) return JsonFailure{JsonFailure::Kind::syntax, std::move(*wrong)};

  const auto conversion = [](std::string text) { return JsonFailure{JsonFailure::Kind::conversion, std::move(text)}; };
  if (!handler.root_is_object()) return conversion("Expecting a JSON object");
  if (handler.error()) return conversion(*handler.error());
  if (!message.IsInitialized()) return conversion("Missing required fields: " + message.InitializationErrorString());
  return std::nullopt;
}

}  // namespace mesos_client
