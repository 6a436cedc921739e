#include "ctl/words.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace ctl {
namespace {

// "12:03:04" of a moment.
std::string time_of_day(const std::string& moment) { return moment.size() >= 19 ? moment.substr(11, 8) : moment; }

}  // namespace

Ink ink_of_state(std::string_view state) {
  if (state == "running" || state == "up") return Ink::green;
  if (state == "failed" || state == "lost" || state == "rejected") return Ink::red;
  if (state == "queued" || state == "stopping" || state == "unhealthy" || state == "silent") return Ink::yellow;
  if (state == "stopped" || state == "none" || state == "idle") return Ink::dim;
  return Ink::blue;
}

std::string of_whole(std::int64_t part, std::int64_t whole) {
  return whole > 0 ? fmt::format("{} of {} MB", part, whole) : fmt::format("{} MB", part);
}

std::string memory_of(const Json& instance) {
  const std::int64_t may = number(instance, "memory_mb");
  const Json& usage = member(instance, "usage");
  if (!is_object(usage)) return may > 0 ? fmt::format("{} MB", may) : "";
  return of_whole(number(usage, "memory_bytes") / (1 << 20), may);
}

std::string cpu_of(const Json& instance) {
  const Json& usage = member(instance, "usage");
  return is_object(usage) ? fmt::format("{:.2f}", static_cast<double>(number(usage, "cpus_milli")) / 1e3) : "";
}

std::string notes_on(const Json& cell) {
  std::string out;
  const auto note = [&out](const std::string& words) { out += (out.empty() ? "" : "; ") + words; };
  if (const std::string why = text(cell, "draining"); !why.empty()) note("draining (" + why + ")");
  if (const std::string until = text(cell, "quarantined_until"); !until.empty())
    note("quarantined until " + time_of_day(until));
  if (yes(cell, "outdated")) note("outdated");
  const Json& rep = member(cell, "rep");
  if (const std::string state = text(rep, "state"); is_object(rep) && state != "up") note("rep " + state);
  return out;
}

std::int64_t instances_on(const Json& cell) { return static_cast<std::int64_t>(items(cell, "instances").size()); }

void Details::add(std::string name, const std::string& value, Ink ink) {
  if (!value.empty()) lines_.push_back({std::move(name), printable(value), ink});
}

std::string Details::text(const Style& style) const {
  std::size_t widest = 0;
  for (const Line& line : lines_) widest = std::max(widest, columns_of(line.name));
  std::string out;
  for (const Line& line : lines_) {
    out += inked(line.name, Ink::dim, style) + std::string(widest - columns_of(line.name) + 2, ' ');
    out += inked(line.value, line.ink, style) + "\n";  // Whole: it is looked for, and copied.
  }
  return out;
}

}  // namespace ctl
