#include <charconv>
#include <cmath>
#include <limits>

#include "platform/flags.hpp"

namespace platform {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t nanoseconds;
};
constexpr std::int64_t kSecond = 1'000'000'000;
// Longer names first where one begins with another ("ms" before "m").
constexpr Unit kUnits[] = {
    {"ns", 1},           {"us", 1'000},         {"µs", 1'000},          {"ms", 1'000'000},      {"s", kSecond},
    {"m", 60 * kSecond}, {"h", 3600 * kSecond}, {"d", 86400 * kSecond}, {"w", 604800 * kSecond}};

// The unit at the start of `text`: letters up to the next digit must be one unit as a whole.
const Unit* find_unit(std::string_view text) {
  const std::string_view word = text.substr(0, text.find_first_of("0123456789."));
  for (const Unit& unit : kUnits) {
    if (word == unit.name) return &unit;
  }
  return nullptr;
}

}  // namespace

base::Result<base::Duration> parse_duration(std::string_view where, std::string_view text) {
  const auto bad = [&](const char* why) {
    return base::Error{std::string(where), "\"" + std::string(text) + "\" " + why};
  };
  if (text == "0") return base::Duration{0};  // As Go: nothing has no unit.
  if (text.empty()) return bad("is not a duration such as 5s, 250ms or 1m30s");
  long double sum = 0;
  std::string_view rest = text;
  while (!rest.empty()) {
    long double number = 0;  // A double has not every nanosecond of 100 weeks.
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number, std::chars_format::fixed);
    const bool starts_well = (rest[0] >= '0' && rest[0] <= '9') || rest[0] == '.';
    if (!starts_well || error != std::errc{}) return bad("is not a duration such as 5s, 250ms or 1m30s");
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
    if (rest.empty()) return bad("has no unit: ns, us, ms, s, m, h, d or w");
    const Unit* const unit = find_unit(rest);
    if (unit == nullptr) return bad("has a unit that is none of ns, us, ms, s, m, h, d, w");
    sum += number * static_cast<long double>(unit->nanoseconds);
    if (sum >= static_cast<long double>(std::numeric_limits<std::int64_t>::max())) return bad("is too long");
    rest.remove_prefix(unit->name.size());
  }
  return base::Duration{static_cast<std::int64_t>(std::llround(sum))};
}

std::string format_duration(base::Duration duration) {
  std::int64_t left = duration.count();
  if (left == 0) return "0s";
  std::string out;
  if (left < 0) return "-" + format_duration(-duration);
  // One unit where it divides evenly ("90s", "1500ms"): what people write in flags.
  for (auto unit = std::rbegin(kUnits); unit != std::rend(kUnits); ++unit) {
    if (unit->name == "µs") continue;
    if (left % unit->nanoseconds == 0) return std::to_string(left / unit->nanoseconds) + std::string(unit->name);
  }
  return std::to_string(left) + "ns";
}

}  // namespace platform
