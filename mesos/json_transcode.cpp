#include "mesos/json_transcode.hpp"

#include <google/protobuf/message.h>

#include <array>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>

#include "mesos/json_shape.hpp"

namespace mesos_client::json_transcode {
namespace {

using google::protobuf::FieldDescriptor;
using json_shape::Field;
using json_shape::Names;
using json_shape::Shape;

// Events of Mesos are less than 20 deep. Protobuf reads down to 100.
constexpr int kDepthMax = 50;
constexpr std::size_t kVarintBytesMax = 10;
constexpr std::ptrdiff_t kNumberCharsMax = 40, kExponentDigitsMax = 2;

constexpr auto kBase64 = [] {
  std::array<std::uint8_t, 256> values{};
  values.fill(0xFF);
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (std::size_t i = 0; i < alphabet.size(); ++i) {
    values[static_cast<unsigned char>(alphabet[i])] = static_cast<std::uint8_t>(i);
  }
  return values;
}();

// A quote, a backslash, a control character, or a byte above 0x7F: what is not just copied.
constexpr auto kSpecial = [] {
  std::array<bool, 256> special{};
  for (std::size_t c = 0; c < 256; ++c) special[c] = c < 0x20 || c >= 0x80 || c == '"' || c == '\\';
  return special;
}();

// The same for eight bytes at once: not 0 if one of them may be special.
std::uint64_t specials(std::uint64_t bytes) {
  constexpr std::uint64_t kOnes = 0x0101010101010101U, kHigh = 0x8080808080808080U;
  const auto has_zero = [](std::uint64_t x) { return (x - kOnes) & ~x; };
  const std::uint64_t control = (bytes - kOnes * 0x20U) & ~bytes;
  return (bytes | control | has_zero(bytes ^ (kOnes * '"')) | has_zero(bytes ^ (kOnes * '\\'))) & kHigh;
}

// Where the encoding grows: at first on the stack, for most events are small.
class Buffer {
 public:
  char* data() { return data_; }
  std::size_t size() const { return size_; }

  // Room for `count` more bytes; valid until the next call.
  char* room(std::size_t count) {
    if (capacity_ - size_ < count) grow(count);
    return data_ + size_;
  }
  void used(std::size_t count) { size_ += count; }

  void append(const char* bytes, std::size_t count) {
    std::memcpy(room(count), bytes, count);
    size_ += count;
  }

  static std::size_t varint(std::uint64_t value, char* to) {
    std::size_t count = 0;
    for (; value >= 0x80U; value >>= 7U) to[count++] = static_cast<char>((value & 0x7FU) | 0x80U);
    to[count++] = static_cast<char>(value);
    return count;
  }

  // Puts the length of all from `begin` on before it, where one byte is reserved for it.
  void close(std::size_t begin) {
    const std::size_t length = size_ - begin;
    std::array<char, kVarintBytesMax> digits;
    const std::size_t count = varint(length, digits.data());
    if (count > 1) {
      room(count - 1);
      std::memmove(data_ + begin + count - 1, data_ + begin, length);
      size_ += count - 1;
    }
    std::memcpy(data_ + begin - 1, digits.data(), count);
  }

 private:
  void grow(std::size_t count) {
    const std::size_t capacity = (size_ + count) * 2;
    std::unique_ptr<char[]> larger(new char[capacity]);
    std::memcpy(larger.get(), data_, size_);
    heap_ = std::move(larger);
    data_ = heap_.get();
    capacity_ = capacity;
  }

  std::array<char, 4096> stack_;  // Not cleared: of no use before it is written.
  std::unique_ptr<char[]> heap_;
  char* data_ = stack_.data();
  std::size_t size_ = 0;
  std::size_t capacity_ = stack_.size();
};

// Every function returns false where the slow way is to be taken.
class Transcoder {
 public:
  Transcoder(std::string_view json, Buffer& out) : at_(json.data()), end_(json.data() + json.size()), out_(out) {}

  bool document(const Shape& shape) {
    skip_space();
    if (!object(shape, 0)) return false;
    skip_space();
    return at_ == end_;
  }

 private:
  void skip_space() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\t' || *at_ == '\r')) ++at_;
  }

  // Takes `c`, with space around it, if it comes next.
  bool take(char c) {
    skip_space();
    if (at_ == end_ || *at_ != c) return false;
    ++at_;
    skip_space();
    return true;
  }

  bool take_word(std::string_view word) {
    if (static_cast<std::size_t>(end_ - at_) < word.size() || std::memcmp(at_, word.data(), word.size()) != 0)
      return false;
    at_ += word.size();
    return true;
  }

  // The end of the run of plain characters that begins here.
  const char* plain_end() const {
    const char* to = at_;
    while (end_ - to >= 8) {
      std::uint64_t bytes = 0;
      std::memcpy(&bytes, to, 8);
      if (specials(bytes) != 0) break;
      to += 8;
    }
    while (to != end_ && !kSpecial[static_cast<unsigned char>(*to)]) ++to;
    return to;
  }

  // A string without escapes, as it stands there.
  bool plain_string(std::string_view& text) {
    if (at_ == end_ || *at_ != '"') return false;
    ++at_;
    const char* const to = plain_end();
    if (to == end_ || *to != '"') return false;
    text = {at_, static_cast<std::size_t>(to - at_)};
    at_ = to + 1;
    return true;
  }

  bool object(const Shape& shape, int depth) {
    if (depth > kDepthMax || !take('{')) return false;
    if (take('}')) return true;
    std::uint64_t seen = 0;
    do {
      std::string_view key;
      if (!plain_string(key) || !take(':')) return false;
      const std::size_t place = shape.names.find(key);
      if (place == Names::kNone) {
        if (!skip(depth)) return false;
        continue;
      }
      // Of equal keys the last one counts as a whole: not so in protobuf's encoding.
      if (place >= 64 || (seen >> place & 1U) != 0) return false;
      seen |= std::uint64_t{1} << place;
      if (!member(shape.fields[place], depth)) return false;
    } while (take(','));
    return take_close('}');
  }

  // As take(), but leaves the space behind it, which belongs to whoever comes next.
  bool take_close(char c) {
    skip_space();
    if (at_ == end_ || *at_ != c) return false;
    ++at_;
    return true;
  }

  bool member(const Field& field, int depth) {
    if (!field.plain) return false;
    if (!field.repeated) return value(field, depth);
    if (take_word("null")) return true;
    if (!take('[')) return false;
    if (take_close(']')) return true;
    do {
      if (!value(field, depth)) return false;
    } while (take(','));
    return take_close(']');
  }

  bool value(const Field& field, int depth) {
    if (at_ == end_) return false;
    if (*at_ == 'n') return take_word("null");  // Unset.
    switch (field.type) {
      case FieldDescriptor::CPPTYPE_MESSAGE: {
        begin(field);
        out_.room(1);
        out_.used(1);
        const std::size_t from = out_.size();
        if (!object(*field.child, depth + 1)) return false;
        out_.close(from);
        return true;
      }
      case FieldDescriptor::CPPTYPE_STRING:
        return field.bytes ? base64(field) : string(field);
      case FieldDescriptor::CPPTYPE_ENUM:
        return enumeration(field);
      case FieldDescriptor::CPPTYPE_BOOL: {
        const bool yes = *at_ == 't';
        if (!take_word(yes ? "true" : "false")) return false;
        varint_field(field, yes ? 1 : 0);
        return true;
      }
      case FieldDescriptor::CPPTYPE_DOUBLE:
      case FieldDescriptor::CPPTYPE_FLOAT:
        return floating(field);
      default:
        return integer(field);
    }
  }

  void begin(const Field& field) { out_.append(field.tag.data(), field.tag_bytes); }

  void varint_field(const Field& field, std::uint64_t number) {
    begin(field);
    out_.used(Buffer::varint(number, out_.room(kVarintBytesMax)));
  }

  void bytes_field(const Field& field, const char* bytes, std::size_t count) {
    char* const to = out_.room(field.tag_bytes + kVarintBytesMax + count);
    std::memcpy(to, field.tag.data(), field.tag_bytes);
    const std::size_t head = field.tag_bytes + Buffer::varint(count, to + field.tag_bytes);
    std::memcpy(to + head, bytes, count);
    out_.used(head + count);
  }

  bool string(const Field& field) {
    if (*at_ != '"') return false;
    ++at_;
    const char* to = plain_end();
    if (to != end_ && *to == '"') {
      bytes_field(field, at_, static_cast<std::size_t>(to - at_));
      at_ = to + 1;
      return true;
    }
    begin(field);
    out_.room(1);
    out_.used(1);
    const std::size_t from = out_.size();
    for (;; to = plain_end()) {
      out_.append(at_, static_cast<std::size_t>(to - at_));
      at_ = to;
      if (end_ - at_ < 2) return false;
      if (*at_ == '"') break;
      if (*at_ != '\\') return false;
      constexpr std::string_view kLetters = "\"\\/bfnrt", kMeanings = "\"\\/\b\f\n\r\t";
      const std::size_t which = kLetters.find(at_[1]);
      if (which == std::string_view::npos) return false;
      out_.append(&kMeanings[which], 1);
      at_ += 2;
    }
    ++at_;
    out_.close(from);
    return true;
  }

  bool base64(const Field& field) {
    std::string_view text;
    if (!plain_string(text)) return false;
    if (text.size() % 4 == 0 && text.ends_with('=')) text.remove_suffix(text.ends_with("==") ? 2 : 1);
    if (text.size() % 4 == 1) return false;
    begin(field);
    const std::size_t count = text.size() * 6 / 8;
    char* to = out_.room(kVarintBytesMax + count);
    const std::size_t head = Buffer::varint(count, to);
    to += head;
    std::uint32_t held = 0, bad = 0;
    unsigned bits = 0;
    for (const char c : text) {
      const std::uint32_t value = kBase64[static_cast<unsigned char>(c)];
      bad |= value;
      held = held << 6U | (value & 0x3FU);
      bits += 6;
      if (bits >= 8) {
        bits -= 8;
        *to++ = static_cast<char>(held >> bits & 0xFFU);
      }
    }
    out_.used(head + count);
    return bad < 64;
  }

  bool enumeration(const Field& field) {
    std::string_view name;
    if (!plain_string(name)) return false;
    const std::size_t place = field.enum_names.find(name);
    if (place == Names::kNone) return !field.required;  // A newer peer's: as if it were not there.
    varint_field(field, static_cast<std::uint64_t>(std::int64_t{field.enum_values[place].second}));
    return true;
  }

  // A number as JSON has it: [from, at_), whole if it has neither fraction nor exponent. False also where
  // it might be beyond what a double holds.
  bool number(const char*& from, bool& whole) {
    from = at_;
    if (at_ != end_ && *at_ == '-') ++at_;
    const char* const first = at_;
    while (at_ != end_ && *at_ >= '0' && *at_ <= '9') ++at_;
    if (at_ == first || (*first == '0' && at_ - first > 1)) return false;
    whole = at_ == end_ || (*at_ != '.' && *at_ != 'e' && *at_ != 'E');
    if (whole) return at_ - from <= kNumberCharsMax;
    if (*at_ == '.') {
      ++at_;
      if (!digits()) return false;
    }
    if (at_ != end_ && (*at_ == 'e' || *at_ == 'E')) {
      ++at_;
      if (at_ != end_ && (*at_ == '+' || *at_ == '-')) ++at_;
      const char* const exponent = at_;
      if (!digits() || at_ - exponent > kExponentDigitsMax) return false;
    }
    return at_ - from <= kNumberCharsMax;
  }

  bool digits() {
    const char* const first = at_;
    while (at_ != end_ && *at_ >= '0' && *at_ <= '9') ++at_;
    return at_ != first;
  }

  bool integer(const Field& field) {
    const char* from = nullptr;
    bool whole = false;
    std::int64_t value = 0;
    if (!number(from, whole) || !whole || std::from_chars(from, at_, value).ec != std::errc{}) return false;
    switch (field.type) {
      case FieldDescriptor::CPPTYPE_INT32:
        value = static_cast<std::int32_t>(value);
        break;
      case FieldDescriptor::CPPTYPE_UINT32:
        value = static_cast<std::uint32_t>(value);
        break;
      default:
        break;
    }
    varint_field(field, static_cast<std::uint64_t>(value));
    return true;
  }

  bool floating(const Field& field) {
    const char* from = nullptr;
    bool whole = false;
    double value = 0;
    if (!number(from, whole) || std::from_chars(from, at_, value).ec != std::errc{}) return false;
    if (field.type == FieldDescriptor::CPPTYPE_FLOAT && whole) return false;  // The slow way rounds it once.
    if (value == 0 && *from == '-') return false;  // What minus zero is depends on how it is written.
    begin(field);
    if (field.type == FieldDescriptor::CPPTYPE_FLOAT) {
      const auto narrow = static_cast<float>(value);
      return fixed<std::uint32_t>(&narrow);
    }
    return fixed<std::uint64_t>(&value);
  }

  template <class Bits>
  bool fixed(const void* value) {
    Bits bits = 0;
    std::memcpy(&bits, value, sizeof bits);
    char* const to = out_.room(sizeof bits);
    for (std::size_t byte = 0; byte < sizeof bits; ++byte) to[byte] = static_cast<char>(bits >> (byte * 8) & 0xFFU);
    out_.used(sizeof bits);
    return true;
  }

  // Any value, which no field wants; still it must be JSON.
  bool skip(int depth) {
    if (depth > kDepthMax || at_ == end_) return false;
    std::string_view text;
    switch (*at_) {
      case '"':
        return plain_string(text);
      case 't':
        return take_word("true");
      case 'f':
        return take_word("false");
      case 'n':
        return take_word("null");
      case '{':
      case '[':
        return skip_all(*at_ == '{', depth + 1);
      default: {
        const char* from = nullptr;
        bool whole = false;
        double value = 0;
        return number(from, whole) && std::from_chars(from, at_, value).ec == std::errc{};
      }
    }
  }

  bool skip_all(bool is_object, int depth) {
    const char close = is_object ? '}' : ']';
    ++at_;
    if (take_close(close)) return true;
    do {
      skip_space();
      std::string_view key;
      if (is_object && (!plain_string(key) || !take(':'))) return false;
      if (!skip(depth)) return false;
    } while (take(','));
    return take_close(close);
  }

  const char* at_;
  const char* const end_;
  Buffer& out_;
};

}  // namespace

bool read(std::string_view json, const Shape& shape, google::protobuf::Message& message) {
  Buffer encoded;
  if (!Transcoder(json, encoded).document(shape)) return false;
  if (encoded.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) return false;
  return message.ParsePartialFromArray(encoded.data(), static_cast<int>(encoded.size())) && message.IsInitialized();
}

}  // namespace mesos_client::json_transcode
