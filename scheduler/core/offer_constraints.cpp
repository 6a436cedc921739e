#include "scheduler/core/offer_constraints.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "scheduler/core/core.hpp"
#include "scheduler/placement/filters.hpp"

namespace core {
namespace {

// What a master is asked changes no sooner: it costs it a look at all agents, and us the sight of the others.
constexpr base::Duration kNarrowAfter = std::chrono::seconds(5);
// Then all agents are looked at once: what is left out may have come to do, or never have been seen.
constexpr base::Duration kNarrowFor = std::chrono::minutes(10);
constexpr base::Duration kRefusedFor = std::chrono::hours(1);
constexpr std::size_t kTagsMax = 3;  // Each doubles the groups.
constexpr std::size_t kGroupsMax = 16;
constexpr std::size_t kQueueGroupsMax = 200;

std::vector<std::string> rootfs_words(const diego::RootFs& rootfs) {
  if (rootfs.scheme == "docker") return {"docker"};
  std::vector<std::string> words = {rootfs.scheme + ":" + rootfs.opaque};
  if (rootfs.scheme == "preloaded+layer") words.push_back("preloaded:" + rootfs.opaque);
  if (rootfs.scheme.starts_with("preloaded")) words.push_back(rootfs.opaque);
  return words;
}

bool has(const AttributeNeed& need, const std::map<std::string, std::string>& attributes) {
  const auto found = attributes.find(need.attribute);
  if (found == attributes.end()) return false;
  const auto items = base::split_list(found->second);
  return std::any_of(need.words.begin(), need.words.end(), [&items](const std::string& word) {
    return std::find(items.begin(), items.end(), word) != items.end();
  });
}

// All of `wanted` are among `asked`; an empty list asks for all agents.
bool covers(const std::vector<AttributeGroup>& asked, const std::vector<AttributeGroup>& wanted) {
  if (wanted.empty() || asked.empty()) return asked.empty();
  return std::all_of(wanted.begin(), wanted.end(), [&asked](const AttributeGroup& group) {
    return std::find(asked.begin(), asked.end(), group) != asked.end();
  });
}

std::string text_of(const std::vector<AttributeGroup>& groups) {
  std::string text;
  for (const AttributeGroup& group : groups) {
    if (!text.empty()) text += " or ";
    for (const AttributeNeed& need : group) {
      if (&need != &group.front()) text += " and ";
      text += need.attribute + ":" + need.words.front();
    }
  }
  return text;
}

}  // namespace

std::optional<std::vector<AttributeGroup>> attributes_needed(const placement::Constraints& constraints,
                                                             const Config& config) {
  if (!constraints.rootfs) return std::nullopt;  // It fits nowhere: no master can help.
  std::vector<AttributeGroup> groups(1);
  if (!diego::matches(config.cell_rootfs, *constraints.rootfs))
    groups.front().push_back({"rootfs", rootfs_words(*constraints.rootfs)});
  for (const std::string& driver : constraints.volume_drivers) {
    if (!config.cell_volume_drivers.contains(driver)) groups.front().push_back({"volume_drivers", {driver}});
  }
  std::size_t tags = 0;
  for (const std::string& tag : constraints.placement_tags) {
    if (config.cell_placement_tags.contains(tag) || config.cell_optional_placement_tags.contains(tag)) continue;
    if (++tags > kTagsMax) break;
    std::vector<AttributeGroup> with_optional = groups;
    for (AttributeGroup& group : groups) group.push_back({"placement_tags", {tag}});
    for (AttributeGroup& group : with_optional) group.push_back({"optional_placement_tags", {tag}});
    groups.insert(groups.end(), with_optional.begin(), with_optional.end());
  }
  if (groups.front().empty()) return std::nullopt;
  return groups;
}

bool has_one(const std::vector<AttributeGroup>& groups, const std::map<std::string, std::string>& attributes) {
  return std::any_of(groups.begin(), groups.end(), [&attributes](const AttributeGroup& group) {
    return std::all_of(group.begin(), group.end(),
                       [&attributes](const AttributeNeed& need) { return has(need, attributes); });
  });
}

// Of the agents of these alone offers are of use now; empty: of any.
std::vector<AttributeGroup> Core::agents_of_use(base::Time now) const {
  if (queue_.groups() == 0 || queue_.groups() > kQueueGroupsMax || wants_warm(now)) return {};
  std::vector<AttributeGroup> all;
  const placement::Constraints* last = nullptr;
  const bool each_needs_some = queue_.all_groups([&](const placement::Constraints& constraints) {
    if (&constraints == std::exchange(last, &constraints)) return true;
    const auto needed = attributes_needed(constraints, config_);
    if (!needed) return false;
    for (const AttributeGroup& group : *needed) {
      if (std::find(all.begin(), all.end(), group) == all.end()) all.push_back(group);
    }
    return all.size() <= kGroupsMax;
  });
  return each_needs_some ? all : std::vector<AttributeGroup>{};
}

// That no agent we know would do and be left out: a rep may tell of its cell what no attribute does, and of several
// attributes of one name a master looks at the first alone (Mesos: OfferConstraintsFilter).
bool Core::attributes_tell_all(const std::vector<AttributeGroup>& groups) const {
  for (const auto& [id, agent] : agents_) {
    if (agent->repeats_attributes) return false;
    if (!agent->cell || !agent->cell->report || has_one(groups, agent->attributes)) continue;
    const CellReported& report = *agent->cell->report;
    const placement::Signature cell{report.rootfs, report.placement_tags, report.optional_placement_tags,
                                    report.volume_drivers};
    const bool fits_none = queue_.all_groups([&cell](const placement::Constraints& wanted) {
      return placement::mismatch(placement::matches(wanted, cell)) != placement::Mismatch::none;
    });
    if (!fits_none) return false;
  }
  return true;
}

// What waits for more agents is heard at once; what could do with fewer must last. Not while suppressed, for an
// UPDATE_FRAMEWORK would undo it: by then nothing waits, and all agents have been asked for.
void Core::constrain_offers(base::Time now) {
  narrow_at_.reset();
  if (!master_takes_constraints_) return;
  std::vector<AttributeGroup> wanted = agents_of_use(now);
  if (wanted == constrained_to_) {
    narrowing_since_.reset();
    if (wanted.empty()) return;
    const bool leaves_none_out = !std::exchange(reports_changed_, false) || attributes_tell_all(wanted);
    if (leaves_none_out && now < narrowed_at_ + kNarrowFor) {
      narrow_at_ = narrowed_at_ + kNarrowFor;
      return;
    }
    note("offers are asked of all agents again, to look at each");
    narrowing_since_ = now;
    narrow_at_ = now + kNarrowAfter;
    constrained_to_.clear();
    return act(ConstrainOffers{});
  }
  if (covers(constrained_to_, wanted)) {
    if (!narrowing_since_) narrowing_since_ = now;
    narrow_at_ = suppressed_ ? now + kNarrowAfter : *narrowing_since_ + kNarrowAfter;
    if (now < *narrow_at_) return;
    narrow_at_.reset();
    narrowing_since_ = now;  // If not this time: not before as long again.
    if (!attributes_tell_all(wanted)) return;
    note("offers are asked of some agents only, nothing else that waits could use others attributes=\"" +
         text_of(wanted) + "\"");
  } else {
    if (!attributes_tell_all(wanted)) wanted.clear();
    if (wanted.empty()) note("offers are asked of all agents again");
  }
  narrowing_since_.reset();
  if (constrained_to_.empty()) narrowed_at_ = now;  // Until then each was looked at.
  narrow_at_ = wanted.empty() ? std::nullopt : std::optional(narrowed_at_ + kNarrowFor);
  reports_changed_ = false;
  constrained_to_ = wanted;
  act(ConstrainOffers{std::move(wanted)});
}

// It serves us as well without. What was asked before holds until the next subscription, for which the engine sees.
void Core::on(const ConstraintsRefused& event, base::Time now) {
  warn("the master refuses offer constraints, offers are asked of all agents reason=\"" + event.text + "\"");
  master_takes_constraints_ = false;
  constraints_refused_until_ = now + kRefusedFor;
  narrowing_since_.reset();
  narrow_at_.reset();
}

}  // namespace core
