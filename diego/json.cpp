#include "diego/json.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

#include "base/text.hpp"
#include "diego/utf8.hpp"

namespace diego {
namespace {

class TreeBuilder : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, TreeBuilder> {
 public:
  using Kind = JsonValue::Kind;

  bool Null() { return add({}); }
  bool Bool(bool value) { return add({.kind = Kind::boolean, .boolean = value}); }
  bool RawNumber(const char* text, rapidjson::SizeType length, bool) {
    return add({.kind = Kind::number, .text = std::string(text, length)});
  }
  bool String(const char* text, rapidjson::SizeType length, bool) {
    return add({.kind = Kind::string, .text = valid_utf8({text, length})});
  }
  bool StartObject() { return open(Kind::object); }
  bool StartArray() { return open(Kind::array); }
  bool Key(const char* text, rapidjson::SizeType length, bool) {
    open_.back().members.push_back({valid_utf8({text, length}), {}});
    return true;
  }
  bool EndObject(rapidjson::SizeType) { return close(); }
  bool EndArray(rapidjson::SizeType) { return close(); }

  bool too_deep() const { return too_deep_; }
  JsonValue take() { return std::move(root_); }

 private:
  bool open(Kind kind) {
    too_deep_ = open_.size() >= kJsonDepthMax;
    if (!too_deep_) open_.push_back({.kind = kind});
    return !too_deep_;
  }
  bool close() {
    JsonValue done = std::move(open_.back());
    open_.pop_back();
    return add(std::move(done));
  }
  bool add(JsonValue value) {
    if (open_.empty()) {
      root_ = std::move(value);
    } else if (open_.back().kind == Kind::array) {
      open_.back().items.push_back(std::move(value));
    } else {
      open_.back().members.back().value = std::move(value);
    }
    return true;
  }

  std::vector<JsonValue> open_;
  JsonValue root_;
  bool too_deep_ = false;
};

std::optional<unsigned> escaped_unit(std::string_view text) {
  if (text.size() < 6 || text[0] != '\\' || text[1] != 'u') return std::nullopt;
  unsigned unit = 0;
  const auto [end, error] = std::from_chars(text.data() + 2, text.data() + 6, unit, 16);
  if (error != std::errc{} || end != text.data() + 6) return std::nullopt;
  return unit;
}

// Half a surrogate pair reads as U+FFFD in Go and is an error in RapidJSON. `text` is valid for Go.
std::string without_lone_surrogates(std::string_view text) {
  std::string mended;
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] != '\\') {
      mended += text[at++];
      continue;
    }
    const auto unit = escaped_unit(text.substr(at));
    if (!unit) {
      mended += text.substr(at, 2);
      at += 2;
      continue;
    }
    const auto next = escaped_unit(text.substr(at + 6));
    const bool pair = *unit >= 0xd800 && *unit < 0xdc00 && next && *next >= 0xdc00 && *next < 0xe000;
    const bool lone = !pair && *unit >= 0xd800 && *unit < 0xe000;
    mended += lone ? std::string_view("\\ufffd") : text.substr(at, pair ? 12 : 6);
    at += pair ? 12 : 6;
  }
  return mended;
}

// One attempt by RapidJSON; nullopt where it refuses.
std::optional<JsonValue> try_parse(std::string_view text, bool& too_deep) {
  rapidjson::MemoryStream stream(text.data(), text.size());
  rapidjson::Reader reader;
  TreeBuilder builder;
  // Numbers stay text: Go judges them by the type they are read into, and 1e400 is none of our worry.
  const auto result =
      reader.Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseNumbersAsStringsFlag>(stream, builder);
  too_deep = builder.too_deep();
  // RapidJSON takes a NUL byte for the end of the text.
  if (result.IsError() || stream.Tell() != text.size()) return std::nullopt;
  return builder.take();
}

std::string_view kind_name(JsonValue::Kind kind) {
  switch (kind) {
    case JsonValue::Kind::null:
      return "null";
    case JsonValue::Kind::boolean:
      return "bool";
    case JsonValue::Kind::number:
      return "number";
    case JsonValue::Kind::string:
      return "string";
    case JsonValue::Kind::array:
      return "array";
    case JsonValue::Kind::object:
      return "object";
  }
  return "";
}

bool is_null(const JsonValue& value) { return value.kind == JsonValue::Kind::null; }

constexpr auto kStandsForItself = [] {
  std::array<bool, 256> all{};
  for (unsigned char c = ' '; c <= '~'; ++c) all[c] = c != '"' && c != '\\' && c != '<' && c != '>' && c != '&';
  return all;
}();
bool stands_for_itself(char c) { return kStandsForItself[static_cast<unsigned char>(c)]; }

}  // namespace

base::Result<JsonValue> parse_json(std::string_view text) {
  if (text.size() > kJsonBytesMax)
    return base::Error{"", "document is larger than " + std::to_string(kJsonBytesMax) + " bytes"};
  bool too_deep = false;
  if (auto value = try_parse(text, too_deep)) return *std::move(value);
  if (auto error = go_syntax_error(text)) return base::Error{"", *std::move(error)};
  if (!too_deep) {
    if (auto value = try_parse(without_lone_surrogates(text), too_deep)) return *std::move(value);
  }
  // Go would read a number beyond a double where nothing asks for it; that is not worth a parser.
  return base::Error{"", too_deep ? "exceeded max depth" : "number is too large"};
}

bool GoDecoder::named(const JsonMember& member, std::string_view name) {
  if (!base::equal_ignoring_case(member.key, name)) return false;
  field_ = name;
  return true;
}

void GoDecoder::mismatch(const JsonValue& value, std::string_view go_type) {
  if (mismatch_) return;
  std::string what(kind_name(value.kind));
  if (value.kind == JsonValue::Kind::number && go_type.starts_with("int")) what += " " + value.text;
  mismatch_ = "json: cannot unmarshal " + what + " into Go " +
              (field_.empty() ? "value" : "struct field " + std::string(type_) + "." + std::string(field_)) +
              " of type " + std::string(go_type);
}

void GoDecoder::abort(std::string text) {
  if (!aborted_) aborted_ = std::move(text);
}

std::optional<base::Error> GoDecoder::error() const {
  if (aborted_) return base::Error{"", *aborted_};
  if (mismatch_) return base::Error{"", *mismatch_};
  return std::nullopt;
}

bool GoDecoder::object(const JsonValue& value, std::string_view go_type) {
  if (value.kind == JsonValue::Kind::object || is_null(value)) return true;
  field_ = {};
  mismatch(value, go_type.empty() ? std::string(package_) + "." + std::string(type_) : std::string(go_type));
  return false;
}

bool GoDecoder::array(const JsonValue& value, std::string_view go_type) {
  if (value.kind == JsonValue::Kind::array || is_null(value)) return true;
  mismatch(value, go_type.empty() ? "[]" + std::string(package_) + "." + std::string(type_) : std::string(go_type));
  return false;
}

bool GoDecoder::field(const JsonMember& member, std::string_view name, std::string& out) {
  if (!named(member, name)) return false;
  if (member.value.kind == JsonValue::Kind::string) {
    out = member.value.text;
  } else if (!is_null(member.value)) {
    mismatch(member.value, "string");
  }
  return true;
}

bool GoDecoder::field(const JsonMember& member, std::string_view name, bool& out) {
  if (!named(member, name)) return false;
  if (member.value.kind == JsonValue::Kind::boolean) {
    out = member.value.boolean;
  } else if (!is_null(member.value)) {
    mismatch(member.value, "bool");
  }
  return true;
}

template <class Number>
void GoDecoder::read_number(const JsonValue& value, std::string_view go_type, Number& out) {
  if (is_null(value)) return;
  Number number = 0;
  const char* const end = value.text.data() + value.text.size();
  const auto [rest, error] = std::from_chars(value.text.data(), end, number);
  if (value.kind != JsonValue::Kind::number || error != std::errc{} || rest != end) return mismatch(value, go_type);
  out = number;
}

bool GoDecoder::field(const JsonMember& member, std::string_view name, std::int32_t& out) {
  if (!named(member, name)) return false;
  read_number(member.value, "int32", out);
  return true;
}

bool GoDecoder::field(const JsonMember& member, std::string_view name, std::int64_t& out) {
  if (!named(member, name)) return false;
  read_number(member.value, "int", out);
  return true;
}

bool GoDecoder::field(const JsonMember& member, std::string_view name, double& out) {
  if (!named(member, name)) return false;
  read_number(member.value, "float64", out);
  return true;
}

bool GoDecoder::field(const JsonMember& member, std::string_view name, Slice<std::string>& out) {
  if (!named(member, name)) return false;
  if (!array(member.value, "[]string")) return true;
  out = is_null(member.value) ? Slice<std::string>{} : Slice<std::string>(std::vector<std::string>{});
  for (const JsonValue& item : member.value.items) {
    out.emplace_back(item.kind == JsonValue::Kind::string ? item.text : "");
    if (item.kind != JsonValue::Kind::string && !is_null(item)) mismatch(item, "string");
  }
  return true;
}

bool GoDecoder::field(const JsonMember& member, std::string_view name, std::vector<std::int32_t>& out) {
  if (!named(member, name)) return false;
  if (!array(member.value, "[]int")) return true;
  out.clear();
  for (const JsonValue& item : member.value.items) {
    std::int64_t index = 0;
    read_number(item, "int", index);
    out.push_back(static_cast<std::int32_t>(static_cast<std::uint32_t>(index)));
  }
  return true;
}

void GoWriter::separate() {
  if (!fresh_) text_ += ',';
  fresh_ = false;
}

void GoWriter::key(std::string_view name) {
  string(name);
  text_ += ':';
  fresh_ = true;
}

void GoWriter::string(std::string_view value) {
  static constexpr char kHex[] = "0123456789abcdef";
  separate();
  text_ += '"';
  while (true) {
    const auto end = std::find_if_not(value.begin(), value.end(), stands_for_itself);
    const auto plain = static_cast<std::size_t>(end - value.begin());
    text_ += value.substr(0, plain);
    value.remove_prefix(plain);
    if (value.empty()) break;
    const auto c = static_cast<unsigned char>(value.front());
    const std::size_t length = utf8_length(value);
    if (length == 0) {
      text_ += "\\ufffd";
    } else if (c == '"' || c == '\\') {
      text_ += '\\';
      text_ += value.front();
    } else if (c == '\n') {
      text_ += "\\n";
    } else if (c == '\r') {
      text_ += "\\r";
    } else if (c == '\t') {
      text_ += "\\t";
    } else if (c < 0x20 || c == '<' || c == '>' || c == '&') {
      text_ += "\\u00";
      text_ += kHex[c >> 4U];
      text_ += kHex[c & 15U];
    } else if (value.starts_with("\xe2\x80\xa8")) {
      text_ += "\\u2028";
    } else if (value.starts_with("\xe2\x80\xa9")) {
      text_ += "\\u2029";
    } else {
      text_ += value.substr(0, length);
    }
    value.remove_prefix(length == 0 ? 1 : length);
  }
  text_ += '"';
}

void GoWriter::member(std::string_view name, const Slice<std::string>& values) {
  key(name);
  if (values.null()) return null();
  begin_array();
  for (const std::string& value : values) string(value);
  end_array();
}

}  // namespace diego
