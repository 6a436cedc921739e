#include "platform/lager.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>
#include <vector>

#include "base/text.hpp"

namespace platform {
namespace {

constexpr std::size_t kMessageBytesMax = 60;
// A peer's text may be long, and all of it looks like keys: beyond these it is text.
constexpr std::size_t kCutBytesMax = 8 * 1024;
constexpr std::size_t kKeysMax = 32;

// Bytes of the UTF-8 character that `text` begins with; 0 if it begins with none.
std::size_t character_length(std::string_view text) {
  const auto byte = [&text](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0U) != 0x80) return 0;
  }
  // Overlong forms, surrogates, and beyond the last plane.
  const unsigned char second = byte(1);
  const bool wrong = (first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ||
                     (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f);
  return wrong ? 0 : length;
}

bool is_word(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

// The key that `text` begins with, if an '=' follows it.
std::optional<std::string_view> leading_key(std::string_view text) {
  std::size_t end = 0;
  while (end < text.size() && (is_word(text[end]) || text[end] == '_')) ++end;
  if (end == 0 || end == text.size() || text[end] != '=' || (text[0] >= '0' && text[0] <= '9')) return std::nullopt;
  return text.substr(0, end);
}

// Where the value that begins with a quote ends. A reason may have quotes of its own: the last one is
// followed by nothing, or by another key.
std::size_t closing_quote(std::string_view text) {
  std::size_t first_candidate = std::string_view::npos;
  for (std::size_t at = 1; at < text.size(); ++at) {
    if (text[at] != '"') continue;
    const std::string_view rest = text.substr(at + 1);
    if (rest.empty() || (rest[0] == ' ' && leading_key(rest.substr(1)))) return at;
    if (first_candidate == std::string_view::npos && rest[0] == ' ') first_candidate = at;
  }
  return first_candidate;
}

// A line cut into what it says before its first key, its keys, and the rest.
struct Cut {
  std::string_view head;
  std::vector<std::pair<std::string_view, std::string_view>> pairs;
  std::string rest;
};

Cut cut(std::string_view line) {
  Cut out;
  bool in_head = true, quotes_close = true;
  const auto add_rest = [&out](std::string_view word) {
    if (word.empty()) return;
    if (!out.rest.empty()) out.rest += ' ';
    out.rest += word;
  };
  for (std::size_t at = 0; at < line.size();) {
    const std::string_view left = line.substr(at);
    const auto key = leading_key(left);
    if (!key) {
      const std::size_t end = std::min(left.find(' '), left.size());
      const std::string_view word = left.substr(0, end);
      if (!in_head) add_rest(word);
      if (in_head) out.head = line.substr(0, at + end);
      if (in_head && !word.empty() && word.back() == ':') in_head = false;
      at += end + 1;
      continue;
    }
    in_head = false;
    const std::string_view value = left.substr(key->size() + 1);
    const bool quoted = quotes_close && value.starts_with('"');
    const std::size_t quote = quoted ? closing_quote(value) : std::string_view::npos;
    if (quoted && quote == std::string_view::npos) quotes_close = false;  // Nor will a later one.
    if (quote != std::string_view::npos) {
      out.pairs.emplace_back(*key, value.substr(1, quote - 1));
      at += key->size() + 1 + quote + 1;
      if (at < line.size() && line[at] == ' ') ++at;
      continue;
    }
    const std::size_t end = std::min(value.find(' '), value.size());
    std::string_view word = value.substr(0, end);
    while (word.size() > 1 && (word.back() == ':' || word.back() == ',')) word.remove_suffix(1);
    out.pairs.emplace_back(*key, word);
    at += key->size() + 1 + end + 1;
  }
  return out;
}

// "call ACCEPT" -> "call-accept".
std::string slug_of(std::string_view head) {
  std::string slug;
  for (const char c : base::lower(head)) {
    if (is_word(c)) {
      slug += c;
    } else if (c != '\'' && !slug.empty() && slug.back() != '-') {
      slug += '-';
    }
  }
  if (slug.size() > kMessageBytesMax) {
    const std::size_t end = slug.rfind('-', kMessageBytesMax);
    slug.resize(end == std::string::npos ? kMessageBytesMax : end);
  }
  while (!slug.empty() && slug.back() == '-') slug.pop_back();
  return slug;
}

}  // namespace

std::string json_quoted(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const char c = text.front();
    const std::size_t length = character_length(text);
    if (length == 0) {
      out += "\\ufffd";
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == '<' || c == '>' || c == '&') {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else if (text.starts_with("\xe2\x80\xa8")) {
      out += "\\u2028";
    } else if (text.starts_with("\xe2\x80\xa9")) {
      out += "\\u2029";
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  out += '"';
  return out;
}

LogData& LogData::add_json(std::string_view key, std::string_view json) {
  if (!members_.empty()) members_ += ',';
  members_ += '"';
  members_ += key;
  members_ += "\":";
  members_ += json;
  return *this;
}

LogData& LogData::add_trace(std::string_view request_id, std::uint64_t span) {
  std::string digits(request_id);
  std::erase(digits, '-');
  const auto number = [](std::string_view hex) -> std::optional<std::uint64_t> {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(hex.data(), hex.data() + hex.size(), value, 16);
    if (error != std::errc{} || end != hex.data() + hex.size()) return std::nullopt;
    return value;
  };
  const std::size_t low_at = digits.size() > 16 ? digits.size() - 16 : 0;
  const auto low = number(std::string_view(digits).substr(low_at));
  const auto high = low_at == 0 ? std::optional<std::uint64_t>(0) : number(std::string_view(digits).substr(0, low_at));
  if (!low || !high) return *this;
  add("trace-id", *high == 0 ? fmt::format("{:016x}", *low) : fmt::format("{:016x}{:016x}", *high, *low));
  return add("span-id", fmt::format("{:016x}", span));
}

std::string lager_line(LogTime format, base::Time now, LogLevel level, std::string_view source,
                       std::string_view message, LogData data) {
  if (level == LogLevel::warning) data.add_json("warning", "true");
  const std::string named = json_quoted(std::string(source) + "." + std::string(message));
  const auto nanos = now.time_since_epoch().count();
  constexpr std::int64_t kSecond = 1'000'000'000;
  if (format == LogTime::unix_epoch) {
    const int number = level == LogLevel::debug ? 0 : level == LogLevel::error ? 2 : 1;
    return fmt::format(R"({{"timestamp":"{}.{:09}","source":{},"message":{},"log_level":{},"data":{}}})",
                       nanos / kSecond, nanos % kSecond, json_quoted(source), named, number, data.json());
  }
  const char* const name = level == LogLevel::debug ? "debug" : level == LogLevel::error ? "error" : "info";
  const auto at = fmt::gmtime(static_cast<std::time_t>(nanos / kSecond));
  return fmt::format(R"({{"timestamp":"{:%Y-%m-%dT%H:%M:%S}.{:09}Z","level":"{}","source":{},"message":{},"data":{}}})",
                     at, nanos % kSecond, name, json_quoted(source), named, data.json());
}

LagerText as_lager(std::string_view line) {
  const Cut parts = cut(line.substr(0, kCutBytesMax));
  LagerText out;
  out.message = slug_of(parts.head);
  std::vector<std::pair<std::string_view, std::vector<std::string_view>>> members;
  bool too_many = line.size() > kCutBytesMax;
  for (const auto& [key, value] : parts.pairs) {
    auto member =
        std::find_if(members.begin(), members.end(), [&key = key](const auto& one) { return one.first == key; });
    if (member == members.end() && members.size() == kKeysMax) {
      too_many = true;
      break;
    }
    if (member == members.end()) member = members.insert(members.end(), {key, {}});
    member->second.push_back(value);
  }
  // Where not all of it is told otherwise, all of it stands here.
  const bool wordless = out.message.empty() && !parts.head.empty();
  if (out.message.empty()) out.message = "log";
  if (too_many || wordless || parts.head.size() > kMessageBytesMax) {
    out.data.add("text", line);
  } else if (!parts.rest.empty()) {
    out.data.add("text", parts.rest);
  }
  for (const auto& [key, values] : members) {
    std::string all;
    for (const std::string_view value : values) all += (all.empty() ? "" : ",") + json_quoted(value);
    const bool taken = (key == "text" || key == "warning");
    out.data.add_json(taken ? std::string(key) + "_said" : std::string(key), values.size() > 1 ? "[" + all + "]" : all);
  }
  return out;
}

}  // namespace platform
