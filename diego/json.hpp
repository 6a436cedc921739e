// JSON as Go's encoding/json reads and writes it, for this room, the bridge and diego-ctl. RapidJSON does the parsing
// (iterative, bounded), and only json.cpp sees it; what differs between the two is settled there.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "diego/slice.hpp"

namespace diego {

inline constexpr std::size_t kJsonDepthMax = 64;
inline constexpr std::size_t kJsonBytesMax = std::size_t{64} << 20U;

struct JsonMember;

// A parsed value. `text` is a string's value (always valid UTF-8) or a number's literal.
struct JsonValue {
  enum class Kind { null, boolean, number, string, array, object };
  Kind kind = Kind::null;
  bool boolean = false;
  std::string text;
  std::vector<JsonValue> items;
  std::vector<JsonMember> members;  // In order of appearance, duplicates kept.
};
struct JsonMember {
  std::string key;
  JsonValue value;
};

// The whole text is one value. The error is the one Go's decoder gives for it.
base::Result<JsonValue> parse_json(std::string_view text);

// The error Go's scanner gives, nullopt for a valid text. Linear in its length, no depth limit.
std::optional<std::string> go_syntax_error(std::string_view text);

// Reads objects into structs as Go's Unmarshal does: wrong types leave the field alone and the first
// is remembered, so that the caller reads on and asks error() at the end.
class GoDecoder {
 public:
  // `type`: Go's name of the outermost struct, "LRPStartRequest"; `package` that it lives in.
  GoDecoder(std::string_view package, std::string_view type) : package_(package), type_(type) {}

  // True when `member` is the field `name` (case ignored); it is then read into `out`. null leaves
  // `out` as it was, except for lists.
  bool field(const JsonMember& member, std::string_view name, std::string& out);
  bool field(const JsonMember& member, std::string_view name, bool& out);
  bool field(const JsonMember& member, std::string_view name, std::int32_t& out);
  bool field(const JsonMember& member, std::string_view name, std::int64_t& out);
  bool field(const JsonMember& member, std::string_view name, double& out);
  bool field(const JsonMember& member, std::string_view name, Slice<std::string>& out);
  // Go's []int, each cut to 32 bits.
  bool field(const JsonMember& member, std::string_view name, std::vector<std::int32_t>& out);

  // A field whose type this class does not know: only the name is compared.
  bool named(const JsonMember& member, std::string_view name);

  // Whether `value` is an object (or null: then it has no members). Else remembers the mismatch.
  bool object(const JsonValue& value, std::string_view go_type);
  bool array(const JsonValue& value, std::string_view go_type);

  // Remembers that the field last named cannot take `value`.
  void mismatch(const JsonValue& value, std::string_view go_type);

  // Forgets what was remembered.
  void forget() {
    mismatch_.reset();
    aborted_.reset();
  }

  // Ends the decoding: beats every mismatch, as an error of Go's own UnmarshalJSON methods does.
  void abort(std::string text);

  std::optional<base::Error> error() const;

 private:
  template <class Number>
  void read_number(const JsonValue& value, std::string_view go_type, Number& out);

  std::string_view package_, type_;
  std::string_view field_;  // Empty outside an object.
  std::optional<std::string> mismatch_, aborted_;
};

// Builds one JSON text. Keys are written as they are; strings are escaped as Go does by default
// (& < > and U+2028/9 too).
class GoWriter {
 public:
  GoWriter() = default;
  // `before` stands before the first value; `bytes` are made room for.
  GoWriter(std::string before, std::size_t bytes) : text_(std::move(before)) { text_.reserve(bytes); }

  void begin_object() {
    separate();
    text_ += '{';
    fresh_ = true;
  }
  void end_object() {
    text_ += '}';
    fresh_ = false;
  }
  void begin_array() {
    separate();
    text_ += '[';
    fresh_ = true;
  }
  void end_array() {
    text_ += ']';
    fresh_ = false;
  }
  void key(std::string_view name);
  void string(std::string_view value);
  void number(std::int64_t value) {
    separate();
    text_ += std::to_string(value);
  }
  void boolean(bool value) {
    separate();
    text_ += value ? "true" : "false";
  }
  void null() {
    separate();
    text_ += "null";
  }
  // A value that is written already.
  void raw(std::string_view json) {
    separate();
    text_ += json;
  }

  void member(std::string_view name, std::string_view value) {
    key(name);
    string(value);
  }
  void member(std::string_view name, const char* value) {
    key(name);
    string(value);
  }
  void member(std::string_view name, std::int32_t value) {
    key(name);
    number(value);
  }
  void member(std::string_view name, std::int64_t value) {
    key(name);
    number(value);
  }
  void member(std::string_view name, bool value) {
    key(name);
    boolean(value);
  }
  void member(std::string_view name, const Slice<std::string>& values);

  std::string take() { return std::move(text_); }

 private:
  void separate();

  std::string text_;
  bool fresh_ = true;  // No separator is due.
};

}  // namespace diego
