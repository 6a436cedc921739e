#include "scheduler/core/ids.hpp"

#include <algorithm>
#include <charconv>

#include "base/text.hpp"

namespace core {
namespace {

bool is_attempt(std::string_view text) {
  return text.size() == kAttemptLetters &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz234567") == std::string_view::npos;
}

std::optional<std::int32_t> parse_index(std::string_view text) {
  std::int32_t index = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), index);
  if (error != std::errc{} || end != text.data() + text.size() || std::to_string(index) != text) return std::nullopt;
  return index;
}

}  // namespace

bool is_plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || (c >= 'A' && c <= 'Z') || c == '_';
  });
}

std::string task_id(Kind kind, std::string_view guid, std::int32_t index, std::string_view attempt) {
  std::string id;
  id.reserve(guid.size() + 12 + attempt.size());
  if (is_plain(guid)) {
    id = guid;
  } else {
    id = base::percent_encode(guid);
  }
  if (kind == Kind::lrp) {
    id += '.';
    id += std::to_string(index);
  }
  id += '.';
  id += attempt;
  return id;
}

std::string task_id(const Key& key, std::string_view attempt) {
  return task_id(key.kind, key.guid, key.index, attempt);
}

std::optional<ParsedTaskId> parse_task_id(std::string_view id) {
  const auto last = id.rfind('.');
  if (last == std::string_view::npos || !is_attempt(id.substr(last + 1))) return std::nullopt;
  ParsedTaskId parsed;
  parsed.attempt = id.substr(last + 1);
  std::string_view guid = id.substr(0, last);
  if (const auto dot = guid.find('.'); dot != std::string_view::npos) {
    const auto index = parse_index(guid.substr(dot + 1));
    if (!index) return std::nullopt;
    parsed.key.index = *index;
    guid = guid.substr(0, dot);
  } else {
    parsed.key.kind = Kind::task;
  }
  if (is_plain(guid) && !guid.empty()) {
    parsed.key.guid = guid;
    return parsed;
  }
  const auto decoded = base::percent_decode(guid);
  if (!decoded || decoded->empty() || base::percent_encode(*decoded) != guid) return std::nullopt;
  parsed.key.guid = *decoded;
  return parsed;
}

std::optional<std::string> unfit_for_task_id(const Key& key) {
  constexpr std::string_view kAnyAttempt = "aaaaaaaa";
  static_assert(kAnyAttempt.size() == kAttemptLetters);
  if (3 * key.guid.size() + 12 + kAttemptLetters <= kTaskIdBytesMax) return std::nullopt;  // However it is encoded.
  const std::size_t length = task_id(key, kAnyAttempt).size();
  if (length <= kTaskIdBytesMax) return std::nullopt;
  return "guid is too long: its Mesos task id would have " + std::to_string(length) + " bytes, 255 are allowed";
}

}  // namespace core
