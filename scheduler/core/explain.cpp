#include <algorithm>
#include <bit>
#include <map>
#include <set>
#include <tuple>

#include "diego/failures.hpp"
#include "scheduler/core/core.hpp"

namespace core {
namespace {

using placement::Verdict;

constexpr std::size_t kExamples = 3;

std::vector<std::string_view> names_of(std::uint16_t obstacles) {
  std::vector<std::string_view> names;
  for (unsigned bits = obstacles; bits != 0; bits &= bits - 1)
    names.push_back(placement::to_string(static_cast<placement::Obstacle>(1U << std::countr_zero(bits))));
  return names;
}

std::vector<ZoneView> zones_of(const std::vector<Verdict>& verdicts) {
  std::map<std::string_view, ZoneView> zones;
  for (const Verdict& verdict : verdicts) {
    ZoneView& zone = zones[verdict.zone];
    zone.instances = verdict.zone_instances;
    ++zone.cells;
    if (verdict.fits()) ++zone.fit;
  }
  std::vector<ZoneView> views;
  for (auto& [name, zone] : zones) {
    zone.zone = name;
    views.push_back(std::move(zone));
  }
  return views;
}

struct Nearer {
  const placement::Request& request;
  bool operator()(const Verdict* a, const Verdict* b) const {
    const auto left = placement::distance(request, *a), right = placement::distance(request, *b);
    return left != right ? left < right : a->agent_id < b->agent_id;
  }
};

std::vector<MissGroup> groups_of(const placement::Request& request, const std::vector<const Verdict*>& misses) {
  struct Known {
    MissGroup view;
    std::vector<const Verdict*> nearest;  // At most kExamples, in order.
  };
  std::map<std::uint16_t, Known> groups;
  const Nearer nearer{request};
  for (const Verdict* miss : misses) {
    auto& [group, nearest] = groups[miss->obstacles];
    group.short_by_min = group.cells == 0 ? miss->short_by : placement::smaller(group.short_by_min, miss->short_by);
    group.short_by_max = placement::larger(group.short_by_max, miss->short_by);
    ++group.cells;
    nearest.insert(std::upper_bound(nearest.begin(), nearest.end(), miss, nearer), miss);
    if (nearest.size() > kExamples) nearest.pop_back();
  }
  std::vector<MissGroup> ordered;
  for (auto& [obstacles, known] : groups) {
    MissGroup& group = ordered.emplace_back(std::move(known.view));
    group.reasons = names_of(obstacles);
    for (const Verdict* one : known.nearest) group.examples.emplace_back(one->agent_id);
  }
  std::stable_sort(ordered.begin(), ordered.end(),
                   [](const MissGroup& a, const MissGroup& b) { return a.cells > b.cells; });
  return ordered;
}

// As the cluster decides among those that fit.
bool better(const Verdict* a, const Verdict* b) {
  return std::tie(a->zone_instances, a->cost, a->agent_id) < std::tie(b->zone_instances, b->cost, b->agent_id);
}

// The first `count` in order; the rest as it happens.
template <class Before>
void order_first(std::vector<const Verdict*>& verdicts, std::size_t count, Before before) {
  const auto middle = verdicts.begin() + static_cast<std::ptrdiff_t>(std::min(count, verdicts.size()));
  std::partial_sort(verdicts.begin(), middle, verdicts.end(), before);
}

// As BBS and log are told: by the rooms last seen, for offers come and go.
void tell_lack(ExplanationView& view, const placement::Request& request, const placement::Cluster& cluster) {
  if (!view.refusal.starts_with(diego::kInsufficientResources)) return;
  if (auto lacking = cluster.lacks(request)) view.refusal = *std::move(lacking);
}

}  // namespace

PlaceView Core::place_view(std::string_view agent_id) const {
  PlaceView view;
  view.agent_id = agent_id;
  if (const AgentPtr agent = find_agent(agent_id)) {
    view.agent_hostname = agent->hostname;
    view.zone = agent->zone;
    if (agent->cell) view.cell_id = agent->cell->cell_id;
  }
  return view;
}

// What stands before any placing, whatever the request.
std::vector<std::string> Core::hold_ups(base::Time now) const {
  std::vector<std::string> texts;
  if (!connected_) texts.emplace_back("not subscribed to a Mesos master: there are no offers");
  if (connected_ && fenced()) texts.emplace_back("the master is asked about tasks of an earlier run first");
  if (!may_launch_one(now)) texts.emplace_back("--launch-rate is used up for now");
  return texts;
}

// What fits a room last seen is not refused: it waits for an offer.
void Core::fill_outcome(ExplanationView& view, const placement::Explanation& told) const {
  if (const auto* placed = std::get_if<placement::Placement>(&told.outcome)) {
    view.outcome = ExplanationView::Outcome::placed;
    view.place = place_view(placed->agent_id);
    view.starts_cell = placed->starts_cell;
    return;
  }
  view.outcome = ExplanationView::Outcome::awaits_offer;
  if (const auto* awaited = std::get_if<placement::Awaited>(&told.outcome)) {
    view.place = place_view(awaited->agent_id);
    return;
  }
  const Verdict* next_offer = nullptr;
  for (const Verdict& verdict : told.cells) {
    if (verdict.fits_last_room() && (next_offer == nullptr || better(&verdict, next_offer))) next_offer = &verdict;
  }
  if (next_offer != nullptr) {
    view.place = place_view(next_offer->agent_id);
    view.starts_cell = !next_offer->up;
    return;
  }
  view.outcome = ExplanationView::Outcome::refused;
  view.refusal = std::get<placement::Rejection>(told.outcome).text;
}

void Core::fill_cells(ExplanationView& view, const placement::Request& request, const placement::Explanation& told,
                      std::size_t cells_max, base::Time now) const {
  std::vector<const Verdict*> fitting, misses;
  for (const Verdict& verdict : told.cells) (verdict.fits() ? fitting : misses).push_back(&verdict);
  view.with_cells = true;
  view.cells = told.cells.size();
  view.fit = fitting.size();
  view.zones = zones_of(told.cells);
  view.groups = groups_of(request, misses);
  order_first(fitting, cells_max, better);
  order_first(misses, cells_max, Nearer{request});
  const auto show = [&](const std::vector<const Verdict*>& from, std::vector<VerdictView>& to) {
    for (std::size_t at = 0; at < std::min(cells_max, from.size()); ++at) {
      const Verdict& verdict = *from[at];
      VerdictView& one = to.emplace_back();
      one.place = place_view(verdict.agent_id);
      one.reasons = names_of(verdict.obstacles);
      one.short_by = verdict.short_by;
      one.zone_instances = verdict.zone_instances;
      if (verdict.fits()) {
        one.cost.assign(verdict.cost.begin(), verdict.cost.end());
      } else if (const auto cell = cluster_.find(verdict.agent_id)) {
        one.text = placement::describe(request, *cell, verdict);
        const AgentPtr agent = find_agent(verdict.agent_id);
        if (placement::has(verdict.obstacles, placement::Obstacle::takes_no_work) && agent != nullptr) {
          // It is what the text begins with.
          const std::string_view said = placement::to_string(placement::Obstacle::takes_no_work);
          if (const std::string why = why_no_work(*agent, now); !why.empty()) one.text.insert(said.size(), ": " + why);
        }
      }
    }
  };
  show(fitting, view.fitting);
  show(misses, view.misses);
}

std::vector<ExplanationView> Core::explain(std::vector<Auction> auctions, std::size_t cells_max, base::Time now) const {
  struct Asked {
    Auction auction;
    Wish wish;
    auto rank() const { return rank_of(auction.key.kind, auction.key.index, wish.needs.mem_mb); }
  };
  std::vector<Asked> all;
  all.reserve(auctions.size());
  for (Auction& auction : auctions) {
    Wish wish = wishes_.draft(auction.domain, auction.constraint, auction.resource);
    all.push_back({std::move(auction), std::move(wish)});
  }
  std::stable_sort(all.begin(), all.end(), [](const Asked& a, const Asked& b) { return a.rank() < b.rank(); });

  std::vector<ExplanationView> views;
  placement::Cluster::Rehearsal rehearsal(cluster_);
  std::set<std::tuple<std::string, ExplanationView::Outcome, std::string>> told;
  for (const auto& [auction, wish] : all) {
    placement::Request request;
    request.is_lrp = auction.key.kind == Kind::lrp;
    request.process = auction.key.guid;
    request.needs = wish.needs;
    request.constraints = wish.constraints;
    ExplanationView& view = views.emplace_back();
    view.key = auction.key;
    view.needs = wish.needs;
    view.held_up_by = hold_ups(now);
    const placement::Explanation explanation = cluster_.explain(request, true);
    fill_outcome(view, explanation);
    tell_lack(view, request, cluster_);
    if (told.emplace(auction.key.guid, view.outcome, view.refusal).second)
      fill_cells(view, request, explanation, cells_max, now);
    const bool by_last_room = std::holds_alternative<placement::Rejection>(explanation.outcome) && view.place;
    if (by_last_room) {
      rehearsal.await(view.place->agent_id, request);
    } else {
      rehearsal.place(request, true);
    }
  }
  return views;
}

std::optional<ExplanationView> Core::explain(const Key& key, std::size_t cells_max, base::Time now) const {
  const Item* item = items_.find(key);
  if (item == nullptr) return std::nullopt;
  ExplanationView view;
  view.key = key;
  view.state = item->state;
  view.reason = item->state == State::running && !twins_.empty() ? reason_of_move(*item) : reason_of(*item);
  view.needs = item->wish->needs;
  view.held_up_by = hold_ups(now);
  if (item->live() && item->agent != nullptr) view.runs_on = place_view(item->agent->id);
  if (item->waits == Waits::backing_off) {
    view.held_up_by.push_back(std::to_string(item->failures) + " launches failed: the next is tried in " +
                              std::to_string(base::to_millis(std::max(item->until - now, base::Duration{0}))) + " ms");
  }
  placement::Request request;
  request.is_lrp = key.kind == Kind::lrp;
  request.process = key.guid;
  request.needs = item->wish->needs;
  request.constraints = item->wish->constraints;
  request.avoid = item->avoid();
  if (view.runs_on) request.avoid.insert(view.runs_on->agent_id);
  const placement::Explanation explanation = cluster_.explain(request, !item->has_waited || now < item->until);
  fill_outcome(view, explanation);
  tell_lack(view, request, cluster_);
  fill_cells(view, request, explanation, cells_max, now);
  return view;
}

}  // namespace core
