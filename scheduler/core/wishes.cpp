#include "scheduler/core/wishes.hpp"

#include <algorithm>
#include <functional>

#include "diego/rep.hpp"
#include "scheduler/core/ids.hpp"
#include "scheduler/core/journal.hpp"

namespace core {
namespace {

bool same(const Wish& wish, const std::string& domain, const diego::PlacementConstraint& constraint,
          const diego::Resource& resource) {
  return wish.resource == resource && wish.domain == domain && wish.constraint == constraint;
}

std::size_t hash_of(const std::string& domain, const diego::PlacementConstraint& constraint,
                    const diego::Resource& resource) {
  std::size_t hash = 0;
  const auto mix = [&hash](std::size_t value) { hash = (hash ^ value) * 0x9e3779b97f4a7c15U + (hash >> 29U); };
  const auto mix_text = [&mix](const std::string& text) { mix(std::hash<std::string>{}(text)); };
  mix(static_cast<std::size_t>(resource.memory_mb));
  mix(static_cast<std::size_t>(resource.disk_mb));
  mix(static_cast<std::size_t>(resource.max_pids));
  mix_text(domain);
  mix_text(constraint.rootfs);
  for (const std::string& tag : constraint.placement_tags) mix_text(tag);
  for (const std::string& driver : constraint.volume_drivers) mix_text(driver);
  return hash;
}

constexpr std::string_view kGuidHere = "guid-goes-here";
constexpr std::int32_t kIndexHere = 1234567890;

std::string written(const Wish& wish, Kind kind, std::string guid, std::int32_t index) {
  const auto fill = [&wish](auto element) {
    element.domain = wish.domain;
    element.constraint = wish.constraint;
    element.resource = wish.resource;
    return diego::write_element(element);
  };
  if (kind == Kind::task) {
    diego::Task task;
    task.task_guid = std::move(guid);
    return fill(std::move(task));
  }
  diego::Lrp lrp;
  lrp.process_guid = std::move(guid);
  lrp.index = index;
  return fill(std::move(lrp));
}

// Guid and index stand before anything that is somebody else's text.
ElementText text_of(const Wish& wish, Kind kind) {
  const std::string whole = written(wish, kind, std::string(kGuidHere), kIndexHere);
  ElementText text;
  const std::size_t guid = whole.find(kGuidHere);
  text.head = whole.substr(0, guid);
  text.tail = whole.substr(guid + kGuidHere.size());
  if (kind == Kind::task) return text;
  const std::string index = std::to_string(kIndexHere);
  const std::size_t at = text.tail.find(index);
  text.middle = text.tail.substr(0, at);
  text.tail.erase(0, at + index.size());
  return text;
}

}  // namespace

std::string element_of(const Wish& wish, Kind kind, const std::string& guid, std::int32_t index) {
  if (!is_plain(guid)) return written(wish, kind, guid, index);
  ElementText& text = kind == Kind::task ? wish.task_text : wish.lrp_text;
  if (text.head.empty()) text = text_of(wish, kind);
  std::string element;
  element.reserve(text.head.size() + guid.size() + text.middle.size() + 11 + text.tail.size());
  element += text.head;
  element += guid;
  element += text.middle;
  if (kind == Kind::lrp) element += std::to_string(index);
  element += text.tail;
  return element;
}

WishPtr Wishes::of(const std::string& domain, const diego::PlacementConstraint& constraint,
                   const diego::Resource& resource) {
  if (last_ != nullptr && same(*last_, domain, constraint, resource)) return last_;
  const std::size_t hash = hash_of(domain, constraint, resource);
  const auto [begin, end] = by_hash_.equal_range(hash);
  const auto known =
      std::find_if(begin, end, [&](const auto& one) { return same(*one.second, domain, constraint, resource); });
  if (known != end) return last_ = known->second;
  if (by_hash_.size() >= forget_at_) forget_unused();

  return last_ = make(++ids_, domain, constraint, resource);
}

Wish Wishes::draft(const std::string& domain, const diego::PlacementConstraint& constraint,
                   const diego::Resource& resource) const {
  Wish wish;
  wish.domain = domain;
  wish.constraint = constraint;
  wish.resource = resource;
  const std::int64_t mem_mb = resource.memory_mb > 0 ? resource.memory_mb : config_.instance_mem_floor_mb;
  const std::int64_t cpus_milli = config_.cpus_milli_per_gib > 0
                                      ? std::max<std::int64_t>(1, mem_mb * config_.cpus_milli_per_gib / 1024)
                                      : config_.instance_cpus_milli;
  wish.needs = {mem_mb, resource.disk_mb, cpus_milli, 1};
  placement::Constraints constraints;
  constraints.rootfs = diego::parse_rootfs(constraint.rootfs);
  constraints.placement_tags = {constraint.placement_tags.begin(), constraint.placement_tags.end()};
  constraints.volume_drivers = {constraint.volume_drivers.begin(), constraint.volume_drivers.end()};
  const auto known = constraints_.find(constraints);
  wish.constraints = known != constraints_.end()
                         ? known->second
                         : std::make_shared<const placement::Constraints>(std::move(constraints));
  return wish;
}

WishPtr Wishes::make(std::uint64_t id, const std::string& domain, const diego::PlacementConstraint& constraint,
                     const diego::Resource& resource) {
  auto wish = std::make_shared<Wish>(draft(domain, constraint, resource));
  wish->id = id;
  constraints_.emplace(*wish->constraints, wish->constraints);  // Shared from now on.
  by_hash_.emplace(hash_of(domain, constraint, resource), wish);
  return wish;
}

std::string wish_text(const Wish& wish) { return written(wish, Kind::task, "wish", 0); }

base::Result<WishPtr> Wishes::restore(std::uint64_t id, std::string_view text) {
  const auto element = diego::parse_element(text);
  if (!element) return element.error();
  const auto* task = std::get_if<diego::Task>(&*element);
  if (task == nullptr) return base::Error{"wish", "is of another kind"};
  ids_ = std::max(ids_, id);
  return make(id, task->domain, task->constraint, task->resource);
}

TextPtr Wishes::trace(const std::string& id) {
  if (id.empty()) return nullptr;
  if (last_trace_ == nullptr || *last_trace_ != id) last_trace_ = std::make_shared<const std::string>(id);
  return last_trace_;
}

void Wishes::forget_unused() {
  last_.reset();
  std::erase_if(by_hash_, [](const auto& one) { return one.second.use_count() == 1; });
  std::erase_if(constraints_, [](const auto& one) { return one.second.use_count() == 1; });
  forget_at_ = std::max<std::size_t>(1024, 2 * by_hash_.size());
}

}  // namespace core
