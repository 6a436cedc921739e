#include "scheduler/core/ids.hpp"

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

std::string task_id(const Key& key, std::string_view attempt) {
  std::string id = base::percent_encode(key.guid);
  if (key.kind == Kind::lrp) id += '.' + std::to_string(key.index);
  id += '.';
  id += attempt;
  return id;
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
  const auto decoded = base::percent_decode(guid);
  if (!decoded || decoded->empty() || base::percent_encode(*decoded) != guid) return std::nullopt;
  parsed.key.guid = *decoded;
  return parsed;
}

std::optional<std::string> unfit_for_task_id(const Key& key) {
  const std::size_t length = task_id(key, std::string(kAttemptLetters, 'a')).size();
  if (length <= kTaskIdBytesMax) return std::nullopt;
  return "guid is too long: its Mesos task id would have " + std::to_string(length) + " bytes, 255 are allowed";
}

}  // namespace core
