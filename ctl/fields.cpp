#include "ctl/fields.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace ctl {
namespace {

const Json kNull;
const std::vector<Json> kNone;

std::optional<std::int64_t> digits(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::int64_t cut_to_range(double number) {
  constexpr auto kMost = static_cast<double>(kNumberMax);
  if (std::isnan(number)) return 0;
  return static_cast<std::int64_t>(std::clamp(number, -kMost, kMost));
}

void write(diego::GoWriter& out, const Json& value) {
  switch (value.kind) {
    case Json::Kind::null:
      return out.null();
    case Json::Kind::boolean:
      return out.boolean(value.boolean);
    case Json::Kind::number:
      return out.raw(value.text);
    case Json::Kind::string:
      return out.string(value.text);
    case Json::Kind::array:
      out.begin_array();
      for (const Json& item : value.items) write(out, item);
      return out.end_array();
    case Json::Kind::object:
      out.begin_object();
      for (const diego::JsonMember& each : value.members) {
        out.key(each.key);
        write(out, each.value);
      }
      return out.end_object();
  }
}

}  // namespace

const Json& member(const Json& value, std::string_view name) {
  for (auto each = value.members.rbegin(); each != value.members.rend(); ++each) {
    if (each->key == name) return each->value;
  }
  return kNull;
}

const std::vector<Json>& items(const Json& value, std::string_view name) {
  const Json& list = member(value, name);
  return list.kind == Json::Kind::array ? list.items : kNone;
}

std::string text(const Json& value) {
  if (value.kind == Json::Kind::boolean) return value.boolean ? "true" : "false";
  return value.kind == Json::Kind::string || value.kind == Json::Kind::number ? value.text : "";
}

std::string text(const Json& value, std::string_view name) { return text(member(value, name)); }

std::int64_t number(const Json& value, std::string_view name) {
  const Json& found = member(value, name);
  if (found.kind != Json::Kind::number) return 0;
  if (const auto whole = digits(found.text)) return std::clamp(*whole, -kNumberMax, kNumberMax);
  double real = 0;
  const auto [end, error] = std::from_chars(found.text.data(), found.text.data() + found.text.size(), real);
  if (error == std::errc::result_out_of_range) return found.text.starts_with('-') ? -kNumberMax : kNumberMax;
  return cut_to_range(real);
}

bool yes(const Json& value, std::string_view name) {
  const Json& found = member(value, name);
  return found.kind == Json::Kind::boolean && found.boolean;
}

bool is_object(const Json& value) { return value.kind == Json::Kind::object; }

std::string joined(const Json& value, std::string_view name, std::string_view between) {
  std::string out;
  for (const Json& item : items(value, name)) {
    if (!out.empty()) out += between;
    out += text(item);
  }
  return out;
}

std::string key_of(const Json& value) {
  const std::string guid = text(value, "process_guid");
  if (!guid.empty()) return guid + "." + text(value, "index");
  return text(value, "task_guid");
}

std::optional<base::Time> moment(std::string_view text) {
  // Where the numbers of 2024-01-31T12:03:04 stand.
  constexpr std::array<std::pair<std::size_t, std::size_t>, 6> kParts = {
      {{0, 4}, {5, 2}, {8, 2}, {11, 2}, {14, 2}, {17, 2}}};
  if (text.size() < 20 || text.back() != 'Z') return std::nullopt;
  std::array<std::int64_t, 6> part{};
  for (std::size_t at = 0; at < kParts.size(); ++at) {
    const auto number = digits(text.substr(kParts[at].first, kParts[at].second));
    if (!number || *number < 0) return std::nullopt;
    part[at] = *number;
  }
  const std::chrono::year_month_day date{std::chrono::year{static_cast<int>(part[0])},
                                         std::chrono::month{static_cast<unsigned>(part[1])},
                                         std::chrono::day{static_cast<unsigned>(part[2])}};
  if (!date.ok() || part[0] < 1970 || part[0] > 2200) return std::nullopt;
  base::Duration since = std::chrono::sys_days{date}.time_since_epoch();
  since += std::chrono::hours(part[3]) + std::chrono::minutes(part[4]) + std::chrono::seconds(part[5]);
  std::int64_t worth = 100'000'000;
  for (std::size_t at = 20; at + 1 < text.size() && text[19] == '.'; ++at, worth /= 10) {
    if (text[at] < '0' || text[at] > '9') return std::nullopt;
    since += base::Duration{(text[at] - '0') * worth};
  }
  return base::Time(since);
}

std::string age(base::Duration duration) {
  const std::int64_t seconds = std::max<std::int64_t>(0, duration / std::chrono::seconds(1));
  if (seconds < 60) return fmt::format("{}s", seconds);
  if (seconds < 3600) return fmt::format("{}m{:02}s", seconds / 60, seconds % 60);
  if (seconds < 86400) return fmt::format("{}h{:02}m", seconds / 3600, seconds / 60 % 60);
  return fmt::format("{}d{:02}h", seconds / 86400, seconds / 3600 % 24);
}

std::string age_of_millis(std::int64_t millis) {
  constexpr std::int64_t kCentury = 3'155'760'000'000;  // What nanoseconds hold.
  return age(std::chrono::milliseconds(std::clamp(millis, -kCentury, kCentury)));
}

std::string age(std::string_view text, base::Time now) {
  const auto then = moment(text);
  return then ? age(now - *then) : "";
}

std::string to_json(const Json& value) {
  diego::GoWriter out;
  write(out, value);
  return out.take();
}

}  // namespace ctl
