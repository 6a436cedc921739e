#include "place/workload_builder.hpp"

#include <algorithm>
#include <utility>

namespace place {
namespace {

// The place of a field in its table, at compile time.
template <std::size_t count>
consteval std::size_t at(const std::array<Field, count>& fields, std::string_view name) {
  std::size_t place = 0;
  while (fields[place].name != name) ++place;
  return place;
}
template <std::size_t count>
consteval bool fits(const std::array<Field, count>&) {
  return count <= kFieldsMax;
}
static_assert(fits(kFileFields) && fits(kCellFields) && fits(kLrpFields) && fits(kTaskFields));

std::set<std::string> set_of(const std::vector<std::string>& list) { return {list.begin(), list.end()}; }

// A plan is lines of `key cell`: neither may hold a blank.
std::optional<std::string> bad_name(std::string_view field, std::string_view name) {
  if (name.empty()) return std::string(field) + " is empty";
  const auto blank = [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == '\x7f'; };
  if (std::any_of(name.begin(), name.end(), blank)) return std::string(field) + " has white space in it";
  return std::nullopt;
}

// With lengths, so that no other list has the same text.
void append(std::string& text, const std::vector<std::string>& list) {
  text += std::to_string(list.size()) + "[";
  for (const std::string& item : list) text += std::to_string(item.size()) + ":" + item;
}

diego::RootFsProviders providers(const std::vector<std::string>& preloaded, const std::vector<std::string>& schemes) {
  diego::RootFsProviders providers;
  if (!preloaded.empty()) {
    providers["preloaded"] = {diego::RootFsProvider::Kind::fixed_set, set_of(preloaded)};
  }
  for (const std::string& scheme : schemes) providers[scheme] = {diego::RootFsProvider::Kind::arbitrary, {}};
  return providers;
}

// Leaves the first item of each guid and index.
void drop_doubles(std::vector<Item>& items) {
  std::vector<std::pair<std::uint64_t, std::uint32_t>> keys(items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    keys[i] = {std::uint64_t{items[i].guid} << 32U | static_cast<std::uint32_t>(items[i].index),
               static_cast<std::uint32_t>(i)};
  }
  std::sort(keys.begin(), keys.end());
  std::vector<std::uint32_t> doubles;
  for (std::size_t i = 1; i < keys.size(); ++i) {
    if (keys[i].first == keys[i - 1].first) doubles.push_back(keys[i].second);
  }
  if (doubles.empty()) return;
  std::sort(doubles.begin(), doubles.end());
  std::size_t kept = doubles.front();
  auto next = doubles.begin();
  for (std::size_t i = kept; i < items.size(); ++i) {
    if (next != doubles.end() && *next == i) {
      ++next;
    } else {
      items[kept++] = items[i];
    }
  }
  items.resize(kept);
}

}  // namespace

void Values::clear() {
  for (std::string& text : texts) text.clear();
  numbers.fill(0);
  for (auto& list : lists) list.clear();
  seen = 0;
}

std::uint32_t WorkloadBuilder::kind_of(Values& values) {
  constexpr std::size_t kLists[] = {at(kCellFields, "rootfs"), at(kCellFields, "rootfs_schemes"),
                                    at(kCellFields, "placement_tags"), at(kCellFields, "optional_placement_tags"),
                                    at(kCellFields, "volume_drivers")};
  std::string text;
  append(text, {values.texts[at(kCellFields, "zone")]});
  for (const std::size_t list : kLists) append(text, values.lists[list]);

  const auto [known, is_new] = kinds_.try_emplace(text, static_cast<std::uint32_t>(workload_.kinds.size()));
  if (is_new) {
    workload_.kinds.push_back({.zone = values.texts[at(kCellFields, "zone")],
                               .rootfs = providers(values.lists[kLists[0]], values.lists[kLists[1]]),
                               .placement_tags = set_of(values.lists[kLists[2]]),
                               .optional_placement_tags = set_of(values.lists[kLists[3]]),
                               .volume_drivers = set_of(values.lists[kLists[4]])});
  }
  return known->second;
}

WorkloadBuilder::Complaint WorkloadBuilder::add_cell(Values& values) {
  const std::string& id = values.texts[at(kCellFields, "id")];
  if (auto wrong = bad_name("id", id)) return wrong;
  const auto [known, is_new] = cell_numbers_.try_emplace(id, static_cast<std::uint32_t>(workload_.cells.size()));
  if (!is_new) return "id \"" + id + "\" is that of cells[" + std::to_string(known->second) + "] too";
  if (workload_.cells.size() == kCellsMax) return "id is that of one cell more than " + std::to_string(kCellsMax);
  workload_.cells.push_back({.id = id,
                             .kind = kind_of(values),
                             .zone = 0,
                             .index = values.numbers[at(kCellFields, "index")],
                             .memory_mb = values.numbers[at(kCellFields, "memory_mb")],
                             .disk_mb = values.numbers[at(kCellFields, "disk_mb")],
                             .containers = values.numbers[at(kCellFields, "containers")],
                             .starting = values.numbers[at(kCellFields, "starting_containers")],
                             .proxy_memory_mb = values.numbers[at(kCellFields, "proxy_memory_mb")]});
  return std::nullopt;
}

std::uint32_t WorkloadBuilder::constraints_of(std::string& rootfs, std::vector<std::string>& tags,
                                              std::vector<std::string>& drivers) {
  Wishes wishes{std::move(rootfs), std::move(tags), std::move(drivers)};
  if (last_wishes_ != wishes) {
    placement::Constraints constraints{.rootfs = diego::parse_rootfs(wishes.rootfs),
                                       .placement_tags = set_of(wishes.placement_tags),
                                       .volume_drivers = set_of(wishes.volume_drivers)};
    const auto number = static_cast<std::uint32_t>(constraints_.size());
    const auto [known, is_new] = constraints_.try_emplace(std::move(constraints), number);
    if (is_new) workload_.constraints.push_back(std::make_shared<const placement::Constraints>(known->first));
    last_constraints_ = known->second;
    last_wishes_ = std::move(wishes);
  }
  return last_constraints_;
}

WorkloadBuilder::Complaint WorkloadBuilder::add_item(std::vector<Item>& items, std::string_view field,
                                                     const std::string& guid, Item item) {
  if (last_guid_ == kNone || workload_.guids[last_guid_] != guid) {
    if (const auto known = guids_.find(std::string_view(guid)); known != guids_.end()) {
      last_guid_ = *known;
    } else {
      if (auto wrong = bad_name(field, guid)) return wrong;
      last_guid_ = static_cast<std::uint32_t>(workload_.guids.size());
      workload_.guids.push_back(guid);
      guids_.insert(last_guid_);
    }
  }
  if (lrps_.size() + tasks_.size() == kItemsMax) {
    return std::string(field) + " is that of one instance more than " + std::to_string(kItemsMax);
  }
  item.guid = last_guid_;
  items.push_back(item);
  return std::nullopt;
}

WorkloadBuilder::Complaint WorkloadBuilder::add_lrp(Values& values) {
  Item item{.index = values.numbers[at(kLrpFields, "index")],
            .memory_mb = values.numbers[at(kLrpFields, "memory_mb")],
            .disk_mb = values.numbers[at(kLrpFields, "disk_mb")],
            .constraints =
                constraints_of(values.texts[at(kLrpFields, "rootfs")], values.lists[at(kLrpFields, "placement_tags")],
                               values.lists[at(kLrpFields, "volume_drivers")])};
  return add_item(lrps_, "process_guid", values.texts[at(kLrpFields, "process_guid")], item);
}

WorkloadBuilder::Complaint WorkloadBuilder::add_task(Values& values) {
  Item item{.memory_mb = values.numbers[at(kTaskFields, "memory_mb")],
            .disk_mb = values.numbers[at(kTaskFields, "disk_mb")],
            .constraints =
                constraints_of(values.texts[at(kTaskFields, "rootfs")], values.lists[at(kTaskFields, "placement_tags")],
                               values.lists[at(kTaskFields, "volume_drivers")])};
  return add_item(tasks_, "task_guid", values.texts[at(kTaskFields, "task_guid")], item);
}

Workload WorkloadBuilder::finish() {
  drop_doubles(lrps_);
  drop_doubles(tasks_);
  workload_.lrps = lrps_.size();
  workload_.items = std::move(lrps_);
  workload_.items.reserve(workload_.lrps + tasks_.size());
  workload_.items.insert(workload_.items.end(), tasks_.begin(), tasks_.end());
  workload_.items.shrink_to_fit();

  std::set<std::string> zones;
  for (const CellKind& kind : workload_.kinds) zones.insert(kind.zone);
  workload_.zones.assign(zones.begin(), zones.end());
  std::vector<std::uint32_t> zone_of_kind;
  for (const CellKind& kind : workload_.kinds) {
    zone_of_kind.push_back(static_cast<std::uint32_t>(std::distance(zones.begin(), zones.find(kind.zone))));
  }
  for (WorkloadCell& cell : workload_.cells) cell.zone = zone_of_kind[cell.kind];
  return std::move(workload_);
}

}  // namespace place
