#include "auctionrunner_bridge/views.hpp"
#include "auctionrunner_bridge/write.hpp"

namespace bridge {

void write_place_members(diego::GoWriter& out, const core::PlaceView& place) {
  out.member("agent_id", place.agent_id);
  out.member("agent_hostname", place.agent_hostname);
  out.member("zone", place.zone);
  out.member("cell_id", place.cell_id);
}

namespace {

using core::ExplanationView;

void write_place(diego::GoWriter& out, std::string_view name, const std::optional<core::PlaceView>& place) {
  out.key(name);
  if (!place) return out.null();
  out.begin_object();
  write_place_members(out, *place);
  out.end_object();
}

void write_amounts(diego::GoWriter& out, std::string_view name, const placement::Amounts& amounts) {
  out.key(name);
  out.begin_object();
  out.member("memory_mb", amounts.mem_mb);
  out.member("disk_mb", amounts.disk_mb);
  out.member("cpus_milli", amounts.cpus_milli);
  out.member("containers", amounts.containers);
  out.end_object();
}

void write_fitting(diego::GoWriter& out, const core::VerdictView& verdict) {
  out.begin_object();
  write_place_members(out, verdict.place);
  out.member("zone_instances", verdict.zone_instances);
  out.key("cost");
  out.begin_array();
  for (const std::int64_t part : verdict.cost) out.number(part);
  out.end_array();
  out.end_object();
}

void write_miss(diego::GoWriter& out, const core::VerdictView& verdict) {
  out.begin_object();
  write_place_members(out, verdict.place);
  out.member("zone_instances", verdict.zone_instances);
  write_words(out, "reasons", verdict.reasons);
  write_amounts(out, "short_by", verdict.short_by);
  out.member("text", verdict.text);
  out.end_object();
}

void write_group(diego::GoWriter& out, const core::MissGroup& group) {
  out.begin_object();
  write_words(out, "reasons", group.reasons);
  out.member("cells", static_cast<std::int64_t>(group.cells));
  write_amounts(out, "short_by_min", group.short_by_min);
  write_amounts(out, "short_by_max", group.short_by_max);
  write_words(out, "examples", group.examples);
  out.end_object();
}

void write_zone(diego::GoWriter& out, const core::ZoneView& zone) {
  out.begin_object();
  out.member("zone", zone.zone);
  out.member("instances", zone.instances);
  out.member("cells", static_cast<std::int64_t>(zone.cells));
  out.member("fit", static_cast<std::int64_t>(zone.fit));
  out.end_object();
}

template <class Items, class Write>
void write_all(diego::GoWriter& out, std::string_view name, const Items& items, Write write) {
  out.key(name);
  out.begin_array();
  for (const auto& item : items) write(out, item);
  out.end_array();
}

std::string_view word(ExplanationView::Outcome outcome) {
  static constexpr std::string_view kWords[] = {"placed", "awaits_offer", "refused"};
  return kWords[static_cast<std::size_t>(outcome)];
}

void write_explanation(diego::GoWriter& out, const ExplanationView& view) {
  out.begin_object();
  write_key_members(out, view.key);
  out.key("state");
  view.state ? out.string(core::to_string(*view.state)) : out.null();
  out.member("reason", view.reason);
  write_place(out, "runs_on", view.runs_on);
  write_words(out, "held_up_by", view.held_up_by);
  write_amounts(out, "needs", view.needs);
  out.member("outcome", word(view.outcome));
  out.member("refusal", view.refusal);
  write_place(out, "place", view.place);
  out.member("starts_cell", view.starts_cell);
  out.key("cells");
  if (view.with_cells) {
    out.begin_object();
    out.member("total", static_cast<std::int64_t>(view.cells));
    out.member("fit", static_cast<std::int64_t>(view.fit));
    write_all(out, "zones", view.zones, write_zone);
    write_all(out, "fitting", view.fitting, write_fitting);
    write_all(out, "misses", view.misses, write_miss);
    write_all(out, "miss_groups", view.groups, write_group);
    out.end_object();
  } else {
    out.null();
  }
  out.end_object();
}

}  // namespace

std::string explanation_json(const ExplanationView& explanation) {
  diego::GoWriter out;
  write_explanation(out, explanation);
  return out.take();
}

std::string explanations_json(const std::vector<ExplanationView>& explanations) {
  diego::GoWriter out;
  out.begin_object();
  write_all(out, "explanations", explanations, write_explanation);
  out.end_object();
  return out.take();
}

}  // namespace bridge
