#include "place/print_explanation.hpp"

#include <fmt/format.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>

#include "place/print.hpp"

namespace place {
namespace {

using placement::Amounts;
using placement::Verdict;

constexpr std::size_t kEachCellUpTo = 20;  // So many cells are told one by one.
constexpr std::size_t kExamples = 3;

std::vector<std::string_view> reasons(std::uint16_t obstacles) {
  std::vector<std::string_view> names;
  for (unsigned bits = obstacles; bits != 0; bits &= bits - 1) {
    names.push_back(placement::to_string(static_cast<placement::Obstacle>(1U << std::countr_zero(bits))));
  }
  return names;
}

std::string joined(const auto& texts, std::string_view between) {
  std::string out;
  for (const auto& text : texts) {
    if (!out.empty()) out += between;
    out += text;
  }
  return out;
}

std::string wishes(const placement::Request& request) {
  const placement::Constraints& constraints = *request.constraints;
  std::string text = fmt::format("{} MB memory, {} MB disk", request.needs.mem_mb, request.needs.disk_mb);
  text += constraints.rootfs ? fmt::format(", rootfs {}:{}", constraints.rootfs->scheme, constraints.rootfs->opaque)
                             : ", a rootfs that cannot be read";
  if (!constraints.placement_tags.empty()) text += ", placement tags " + joined(constraints.placement_tags, " and ");
  if (!constraints.volume_drivers.empty()) text += ", volume drivers " + joined(constraints.volume_drivers, " and ");
  return text;
}

const Verdict* chosen(const placement::Explanation& explanation) {
  const auto* placed = std::get_if<placement::Placement>(&explanation.outcome);
  if (placed == nullptr) return nullptr;
  const auto found = std::find_if(explanation.cells.begin(), explanation.cells.end(),
                                  [&](const Verdict& verdict) { return verdict.agent_id == placed->agent_id; });
  return found == explanation.cells.end() ? nullptr : &*found;
}

std::string described(const Explained& explained, const Verdict& verdict) {
  const auto cell = explained.cluster.find(verdict.agent_id);
  return cell ? placement::describe(explained.request, *cell, verdict) : "";
}

std::string outcome_text(const Explained& explained) {
  if (const Verdict* cell = chosen(explained.explanation); cell != nullptr) {
    const bool starts = std::get<placement::Placement>(explained.explanation.outcome).starts_cell;
    std::string text =
        fmt::format("goes to {} in zone {}{}", cell->agent_id, cell->zone, starts ? ", where nothing is yet" : "");
    if (explained.request.is_lrp) text += fmt::format(", with {} of its app in that zone", cell->zone_instances);
    return text + "\n";
  }
  return "goes nowhere: " + std::get<placement::Rejection>(explained.explanation.outcome).text + "\n";
}

// Where it fits, zone by zone: zones with fewer instances of its app go first.
std::string fitting_text(const Explained& explained) {
  struct Zone {
    std::int64_t instances = 0;
    std::size_t fit = 0, cells = 0;
  };
  std::map<std::string_view, Zone> zones;
  for (const Verdict& verdict : explained.explanation.cells) {
    Zone& zone = zones[verdict.zone];
    zone.instances = verdict.zone_instances;
    ++zone.cells;
    if (verdict.fits()) ++zone.fit;
  }
  std::string out;
  for (const auto& [name, zone] : zones) {
    out += fmt::format("zone {}: fits {} of {} cells", name, grouped(zone.fit), grouped(zone.cells));
    if (explained.request.is_lrp) out += fmt::format(", {} of its app there", zone.instances);
    out += "\n";
  }
  return out;
}

std::string each_cell_text(const Explained& explained) {
  std::string out;
  for (const Verdict& verdict : explained.explanation.cells) {
    out += fmt::format("{} in zone {}: {}\n", verdict.agent_id, verdict.zone,
                       verdict.fits() ? "fits" : described(explained, verdict));
  }
  return out;
}

Amounts least(const Amounts& a, const Amounts& b) { return placement::smaller(a, b); }

std::string range(const char* what, std::int64_t from, std::int64_t to, const char* unit) {
  if (to == 0) return "";
  return from == to ? fmt::format("; short of {} by {}{}", what, from, unit)
                    : fmt::format("; short of {} by {} to {}{}", what, from, to, unit);
}

std::string obstacles_text(const Explained& explained) {
  struct Group {
    std::size_t count = 0;
    Amounts from, to;
    std::vector<std::string_view> examples;
  };
  std::map<std::uint16_t, Group> groups;
  for (const Verdict& verdict : explained.explanation.cells) {
    if (verdict.fits()) continue;
    Group& group = groups[verdict.obstacles];
    group.from = group.count == 0 ? verdict.short_by : least(group.from, verdict.short_by);
    group.to = placement::larger(group.to, verdict.short_by);
    ++group.count;
    if (group.examples.size() < kExamples) group.examples.push_back(verdict.agent_id);
  }
  std::vector<std::pair<std::uint16_t, Group>> ordered(groups.begin(), groups.end());
  std::stable_sort(ordered.begin(), ordered.end(),
                   [](const auto& a, const auto& b) { return a.second.count > b.second.count; });
  std::string out;
  for (const auto& [obstacles, group] : ordered) {
    out += fmt::format("does not fit {} {}: {}", grouped(group.count), group.count == 1 ? "cell" : "cells",
                       joined(reasons(obstacles), ", "));
    out += range("memory", group.from.mem_mb, group.to.mem_mb, " MB");
    out += range("disk", group.from.disk_mb, group.to.disk_mb, " MB");
    out += range("containers", group.from.containers, group.to.containers, "");
    out += " (" + joined(group.examples, ", ") + (group.count > group.examples.size() ? ", ..." : "") + ")\n";
  }
  return out;
}

class Json {
 public:
  void text(const char* name, std::string_view value) {
    writer.Key(name);
    put(value);
  }
  void put(std::string_view value) { writer.String(value.data(), static_cast<rapidjson::SizeType>(value.size())); }
  void number(const char* name, std::int64_t value) {
    writer.Key(name);
    writer.Int64(value);
  }
  void boolean(const char* name, bool value) {
    writer.Key(name);
    writer.Bool(value);
  }

  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer{buffer};
};

void add_verdict(Json& json, const Explained& explained, const Verdict& verdict) {
  json.writer.StartObject();
  json.text("cell", verdict.agent_id);
  json.text("zone", verdict.zone);
  json.boolean("up", verdict.up);
  json.boolean("fits", verdict.fits());
  json.number("zone_instances", verdict.zone_instances);
  if (verdict.fits()) {
    json.writer.Key("cost");
    json.writer.StartArray();
    for (const std::int64_t part : verdict.cost) json.writer.Int64(part);
    json.writer.EndArray();
  } else {
    json.writer.Key("reasons");
    json.writer.StartArray();
    for (const std::string_view reason : reasons(verdict.obstacles)) json.put(reason);
    json.writer.EndArray();
    json.text("text", described(explained, verdict));
    json.writer.Key("short_by");
    json.writer.StartObject();
    json.number("memory_mb", verdict.short_by.mem_mb);
    json.number("disk_mb", verdict.short_by.disk_mb);
    json.number("containers", verdict.short_by.containers);
    json.writer.EndObject();
  }
  json.writer.EndObject();
}

}  // namespace

std::string explanation_text(const Explained& explained) {
  const placement::Explanation& explanation = explained.explanation;
  std::string out = fmt::format("{} ({}, {})\n", explained.workload.key(explained.item),
                                explained.request.is_lrp ? "LRP" : "Task", wishes(explained.request));
  out += fmt::format("{} of {} come before it in the auction; strategy {}\n", grouped(explained.before),
                     grouped(explained.workload.items.size()), explained.strategy);
  out += outcome_text(explained) + fitting_text(explained);
  out += explanation.cells.size() <= kEachCellUpTo ? each_cell_text(explained) : obstacles_text(explained);
  if (explanation.nearest_miss) {
    const Verdict& nearest = explanation.cells[*explanation.nearest_miss];
    out +=
        fmt::format("nearest miss: {} in zone {}: {}\n", nearest.agent_id, nearest.zone, described(explained, nearest));
  }
  return out;
}

std::string explanation_json(const Explained& explained) {
  const placement::Explanation& explanation = explained.explanation;
  Json json;
  json.writer.StartObject();
  json.text("workload", explained.workload.name);
  json.text("strategy", explained.strategy);
  json.text("key", explained.workload.key(explained.item));
  json.number("before", static_cast<std::int64_t>(explained.before));
  if (const Verdict* cell = chosen(explanation); cell != nullptr) {
    json.text("outcome", "placed");
    json.text("cell", cell->agent_id);
    json.boolean("starts_cell", std::get<placement::Placement>(explanation.outcome).starts_cell);
  } else {
    json.text("outcome", "rejected");
    json.text("reason", std::get<placement::Rejection>(explanation.outcome).text);
  }
  json.writer.Key("nearest_miss");
  if (explanation.nearest_miss) {
    add_verdict(json, explained, explanation.cells[*explanation.nearest_miss]);
  } else {
    json.writer.Null();
  }
  json.writer.Key("cells");
  json.writer.StartArray();
  for (const Verdict& verdict : explanation.cells) add_verdict(json, explained, verdict);
  json.writer.EndArray();
  json.writer.Key("explain_ms");
  json.writer.Double(std::round(explained.explain_ms * 1e3) / 1e3);
  json.writer.EndObject();
  return std::string(json.buffer.GetString(), json.buffer.GetSize()) + "\n";
}

}  // namespace place
