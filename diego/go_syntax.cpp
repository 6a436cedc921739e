#include <string>

#include "diego/json.hpp"

namespace diego {
namespace {

// A byte in Go's words: 'x', '\n', '\u0080', '\''.
std::string quoted(unsigned char c) {
  static constexpr char kHex[] = "0123456789abcdef";
  switch (c) {
    case '\'':
      return R"('\'')";
    case '"':
      return R"('"')";
    case '\\':
      return R"('\\')";
    case '\a':
      return R"('\a')";
    case '\b':
      return R"('\b')";
    case '\f':
      return R"('\f')";
    case '\n':
      return R"('\n')";
    case '\r':
      return R"('\r')";
    case '\t':
      return R"('\t')";
    case '\v':
      return R"('\v')";
    default:
      break;
  }
  if (c >= 0x20 && c < 0x7f) return {'\'', static_cast<char>(c), '\''};
  const std::string hex{kHex[c >> 4U], kHex[c & 15U]};
  if (c < 0x80) return "'\\x" + hex + "'";
  // Go takes the byte for a code point; these of Latin-1 it does not consider printable.
  if (c <= 0xa0 || c == 0xad) return "'\\u00" + hex + "'";
  return {'\'', static_cast<char>(0xc0U | (c >> 6U)), static_cast<char>(0x80U | (c & 0x3fU)), '\''};
}

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  std::optional<std::string> error() {
    while (!error_) {
      while (!at_end() && is_space(peek())) ++at_;
      if (at_end()) {
        if (expect_ == Expect::after && open_.empty()) return std::nullopt;
        end();
        break;
      }
      step();
    }
    return error_;
  }

 private:
  enum class Expect { value, first_item, key, first_key, colon, after };

  static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
  static bool is_digit(char c) { return c >= '0' && c <= '9'; }
  bool at_end() const { return at_ == text_.size(); }
  char peek() const { return text_[at_]; }

  void end() { error_ = "unexpected end of JSON input"; }
  void bad(std::string_view context) {
    error_ = "invalid character " + quoted(static_cast<unsigned char>(peek())) + " " + std::string(context);
  }

  // Takes the next character if `accept` likes it; otherwise that is the error.
  template <class Accept>
  bool need(Accept accept, std::string_view context) {
    if (at_end()) return end(), false;
    if (!accept(peek())) return bad(context), false;
    ++at_;
    return true;
  }

  void step() {
    const char c = peek();
    switch (expect_) {
      case Expect::first_item:
        if (c == ']') return close();
        [[fallthrough]];
      case Expect::value:
        return value();
      case Expect::first_key:
        if (c == '}') return close();
        [[fallthrough]];
      case Expect::key:
        if (c != '"') return bad("looking for beginning of object key string");
        string();
        expect_ = Expect::colon;
        return;
      case Expect::colon:
        if (c != ':') return bad("after object key");
        ++at_;
        expect_ = Expect::value;
        return;
      case Expect::after:
        return after();
    }
  }

  void after() {
    const char c = peek();
    if (open_.empty()) return bad("after top-level value");
    const bool in_object = open_.back() == '{';
    if (c == (in_object ? '}' : ']')) return close();
    if (c != ',') return bad(in_object ? "after object key:value pair" : "after array element");
    ++at_;
    expect_ = in_object ? Expect::key : Expect::value;
  }

  void close() {
    ++at_;
    open_.pop_back();
    expect_ = Expect::after;
  }

  void value() {
    const char c = peek();
    expect_ = Expect::after;
    if (c == '{' || c == '[') {
      ++at_;
      open_.push_back(c);
      expect_ = c == '{' ? Expect::first_key : Expect::first_item;
    } else if (c == '"') {
      string();
    } else if (c == '-' || is_digit(c)) {
      number();
    } else if (c == 't') {
      literal("true");
    } else if (c == 'f') {
      literal("false");
    } else if (c == 'n') {
      literal("null");
    } else {
      bad("looking for beginning of value");
    }
  }

  void literal(std::string_view word) {
    for (const char expected : word) {
      if (!need([&](char c) { return c == expected; },
                "in literal " + std::string(word) + " (expecting '" + expected + "')"))
        return;
    }
  }

  void number() {
    if (peek() == '-') {
      ++at_;
      if (at_end()) return end();
      if (!is_digit(peek())) return bad("in numeric literal");
    }
    if (peek() == '0') {
      ++at_;
    } else {
      digits();
    }
    if (!at_end() && peek() == '.') {
      ++at_;
      if (!need(is_digit, "after decimal point in numeric literal")) return;
      digits();
    }
    if (!at_end() && (peek() == 'e' || peek() == 'E')) {
      ++at_;
      if (!at_end() && (peek() == '+' || peek() == '-')) ++at_;
      if (!need(is_digit, "in exponent of numeric literal")) return;
      digits();
    }
  }

  void digits() {
    while (!at_end() && is_digit(peek())) ++at_;
  }

  void string() {
    ++at_;
    for (;;) {
      if (at_end()) return end();
      const char c = peek();
      if (static_cast<unsigned char>(c) < 0x20) return bad("in string literal");
      ++at_;
      if (c == '"') return;
      if (c == '\\' && !escape()) return;
    }
  }

  bool escape() {
    if (at_end()) return end(), false;
    if (peek() == 'u') {
      ++at_;
      const auto is_hex = [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); };
      for (int i = 0; i < 4; ++i) {
        if (!need(is_hex, "in \\u hexadecimal character escape")) return false;
      }
      return true;
    }
    return need([](char c) { return std::string_view("bfnrt\\/\"").find(c) != std::string_view::npos; },
                "in string escape code");
  }

  std::string_view text_;
  std::size_t at_ = 0;
  Expect expect_ = Expect::value;
  std::string open_;  // The brackets we are in.
  std::optional<std::string> error_;
};

}  // namespace

std::optional<std::string> go_syntax_error(std::string_view text) { return Scanner(text).error(); }

}  // namespace diego
