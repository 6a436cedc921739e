#include "local/model/resources.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/text.hpp"
#include "mesos/v1/mesos.pb.h"

namespace local {
namespace {

using mesos::v1::Resource;
using mesos::v1::Value;
using Range = std::pair<std::uint64_t, std::uint64_t>;

int rank_of(std::string_view name) {
  constexpr std::string_view kOrder[] = {"ports", "cpus", "mem", "disk"};
  for (int i = 0; i < 4; ++i) {
    if (kOrder[i] == name) return i;
  }
  return 4;
}

std::int64_t milli_of(double value) { return std::llround(value * 1000.0); }

std::string milli_text(std::int64_t milli) {
  std::string text = milli < 0 ? "-" : "";
  const std::int64_t size = milli < 0 ? -milli : milli;
  text += std::to_string(size / 1000);
  std::string fraction = std::to_string(1000 + size % 1000).substr(1);
  while (!fraction.empty() && fraction.back() == '0') fraction.pop_back();
  return fraction.empty() ? text : text + "." + fraction;
}

std::vector<Range> united(std::vector<Range> ranges) {
  std::sort(ranges.begin(), ranges.end());
  std::vector<Range> result;
  for (const Range& range : ranges) {
    if (!result.empty() && range.first <= result.back().second + 1) {
      result.back().second = std::max(result.back().second, range.second);
    } else {
      result.push_back(range);
    }
  }
  return result;
}

std::vector<Range> without(const std::vector<Range>& from, const std::vector<Range>& taken) {
  std::vector<Range> result = from;
  for (const Range& cut : taken) {
    std::vector<Range> next;
    for (const Range& range : result) {
      if (cut.second < range.first || cut.first > range.second) {
        next.push_back(range);
        continue;
      }
      if (range.first < cut.first) next.emplace_back(range.first, cut.first - 1);
      if (cut.second < range.second) next.emplace_back(cut.second + 1, range.second);
    }
    result = std::move(next);
  }
  return result;
}

bool covers(const std::vector<Range>& whole, const std::vector<Range>& part) { return without(part, whole).empty(); }

std::string range_list_text(const std::vector<Range>& ranges) {
  std::string text = "[";
  for (const Range& range : ranges) {
    if (text.size() > 1) text += ", ";
    text += std::to_string(range.first) + "-" + std::to_string(range.second);
  }
  return text + "]";
}

// To the format with `reservations`, whichever came.
void refine(Resource& resource) {
  const bool reserved = resource.has_role() && resource.role() != "*";
  if (resource.reservations().empty() && (reserved || resource.has_reservation())) {
    auto* reservation = resource.add_reservations();
    if (resource.has_reservation()) *reservation = resource.reservation();
    reservation->set_type(resource.has_reservation() ? Resource::ReservationInfo::DYNAMIC
                                                     : Resource::ReservationInfo::STATIC);
    reservation->set_role(resource.role());
  }
  resource.clear_role();
  resource.clear_reservation();
}

void to_old_format(Resource& resource) {
  if (resource.reservations().empty()) {
    resource.set_role("*");
    return;
  }
  if (resource.reservations_size() > 1) return;  // Refined: has no old form.
  Resource::ReservationInfo info = resource.reservations(0);
  resource.clear_reservations();
  resource.set_role(info.role());
  if (info.type() != Resource::ReservationInfo::DYNAMIC) return;
  info.clear_type();
  info.clear_role();
  *resource.mutable_reservation() = info;
}

std::string reservation_text(const Resource& shell) {
  if (shell.reservations().empty()) return "";
  std::string text = "(reservations: [";
  for (const auto& reservation : shell.reservations()) {
    if (text.back() == ')') text += ",";
    text += "(" + Resource::ReservationInfo::Type_Name(reservation.type()) + "," + reservation.role();
    if (reservation.has_principal()) text += "," + reservation.principal();
    text += ")";
  }
  return text + "])";
}

std::string entry_text(const Resource& shell, std::string_view role, std::string_view amount) {
  std::string text = shell.name();
  if (!role.empty()) text += "(allocated: " + std::string(role) + ")";
  text += reservation_text(shell);
  if (shell.has_revocable()) text += "{REV}";
  if (shell.has_shared()) text += "<SHARED>";
  return text + ":" + std::string(amount);
}

std::string amount_text(const Resource& resource) {
  std::string text;
  switch (resource.type()) {
    case Value::SCALAR:
      return milli_text(milli_of(resource.scalar().value()));
    case Value::RANGES: {
      std::vector<Range> ranges;
      for (const auto& range : resource.ranges().range()) ranges.emplace_back(range.begin(), range.end());
      return range_list_text(ranges);
    }
    case Value::SET:
      for (const std::string& item : resource.set().item()) text += (text.empty() ? "{" : ", ") + item;
      return text + "}";
    case Value::TEXT:
      break;
  }
  return "";
}

std::optional<std::string> bad_amount(const Resource& resource) {
  switch (resource.type()) {
    case Value::SCALAR:
      if (!resource.has_scalar() || resource.has_ranges() || resource.has_set()) return "Invalid scalar resource";
      if (!std::isfinite(resource.scalar().value())) return "Invalid scalar resource: value is not finite";
      if (milli_of(resource.scalar().value()) <= 0) return "Invalid scalar resource: value <= 0";
      return std::nullopt;
    case Value::RANGES:
      if (resource.has_scalar() || !resource.has_ranges() || resource.has_set()) return "Invalid ranges resource";
      for (const auto& range : resource.ranges().range()) {
        if (range.begin() > range.end()) return "Invalid ranges resource: begin > end";
      }
      return std::nullopt;
    case Value::SET:
      if (resource.has_scalar() || resource.has_ranges() || !resource.has_set()) return "Invalid set resource";
      return std::nullopt;
    case Value::TEXT:
      break;
  }
  return "Unsupported resource type";
}

std::optional<double> number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::vector<Range>> parse_ranges(std::string_view text) {
  std::vector<Range> ranges;
  for (const std::string& item : base::split_list(text.substr(1, text.size() - 2))) {
    const std::size_t dash = item.find('-');
    if (dash == std::string::npos) return std::nullopt;
    const auto begin = number(base::trim(std::string_view(item).substr(0, dash)));
    const auto end = number(base::trim(std::string_view(item).substr(dash + 1)));
    if (!begin || !end || *begin < 0 || *end < *begin) return std::nullopt;
    ranges.emplace_back(static_cast<std::uint64_t>(*begin), static_cast<std::uint64_t>(*end));
  }
  return ranges;
}

bool bracketed(std::string_view text, char open, char close) {
  return text.size() >= 2 && text.front() == open && text.back() == close;
}

// "name:value" items between semicolons.
base::Result<std::vector<std::pair<std::string, std::string>>> named_items(std::string_view where,
                                                                           std::string_view text) {
  std::vector<std::pair<std::string, std::string>> items;
  for (const std::string& item : base::split_list(text, ';')) {
    const std::size_t colon = item.find(':');
    if (colon == std::string::npos || colon == 0)
      return base::Error{std::string(where), "'" + item + "' is not NAME:VALUE"};
    items.emplace_back(base::trim(std::string_view(item).substr(0, colon)),
                       base::trim(std::string_view(item).substr(colon + 1)));
  }
  return items;
}

}  // namespace

Resources Resources::of(const ResourceList& list) {
  Resources result;
  for (const Resource& given : list) {
    Resource shell = given;
    refine(shell);
    Amount amount;
    if (given.type() == Value::SCALAR) amount.milli = milli_of(given.scalar().value());
    for (const auto& range : given.ranges().range()) amount.ranges.emplace_back(range.begin(), range.end());
    amount.items.insert(given.set().item().begin(), given.set().item().end());
    shell.clear_scalar();
    shell.clear_ranges();
    shell.clear_set();
    shell.clear_allocation_info();
    Resources one;
    amount.ranges = united(std::move(amount.ranges));
    if (!amount.empty()) {
      one.entries_[Key{rank_of(given.name()), given.name(), shell.reservations().empty(), shell.SerializeAsString()}] =
          std::move(amount);
    }
    result += one;
  }
  return result;
}

void Resources::write(ResourceList& out, std::string_view role, bool old_format) const {
  for (const auto& [key, amount] : entries_) {
    Resource* resource = out.Add();
    resource->ParseFromString(key.shell);
    switch (resource->type()) {
      case Value::SCALAR:
        resource->mutable_scalar()->set_value(static_cast<double>(amount.milli) / 1000.0);
        break;
      case Value::RANGES:
        for (const Range& range : amount.ranges) {
          auto* written = resource->mutable_ranges()->add_range();
          written->set_begin(range.first);
          written->set_end(range.second);
        }
        break;
      case Value::SET:
        for (const std::string& item : amount.items) resource->mutable_set()->add_item(item);
        break;
      case Value::TEXT:
        break;
    }
    if (!role.empty()) resource->mutable_allocation_info()->set_role(std::string(role));
    if (old_format) to_old_format(*resource);
  }
}

bool Resources::contains(const Resources& other) const {
  return std::all_of(other.entries_.begin(), other.entries_.end(), [this](const auto& entry) {
    const auto found = entries_.find(entry.first);
    if (found == entries_.end()) return false;
    const Amount& have = found->second;
    const Amount& want = entry.second;
    return have.milli >= want.milli && covers(have.ranges, want.ranges) &&
           std::includes(have.items.begin(), have.items.end(), want.items.begin(), want.items.end());
  });
}

Resources& Resources::operator+=(const Resources& other) {
  for (const auto& [key, amount] : other.entries_) {
    Amount& mine = entries_[key];
    mine.milli += amount.milli;
    mine.ranges.insert(mine.ranges.end(), amount.ranges.begin(), amount.ranges.end());
    mine.ranges = united(std::move(mine.ranges));
    mine.items.insert(amount.items.begin(), amount.items.end());
  }
  return *this;
}

Resources& Resources::operator-=(const Resources& other) {
  for (const auto& [key, amount] : other.entries_) {
    const auto found = entries_.find(key);
    if (found == entries_.end()) continue;
    Amount& mine = found->second;
    mine.milli = std::max<std::int64_t>(0, mine.milli - amount.milli);
    mine.ranges = without(mine.ranges, amount.ranges);
    for (const std::string& item : amount.items) mine.items.erase(item);
    if (mine.empty()) entries_.erase(found);
  }
  return *this;
}

Resources Resources::offerable_to(std::string_view role) const {
  Resources result;
  for (const auto& [key, amount] : entries_) {
    if (!key.unreserved) {
      Resource shell;
      shell.ParseFromString(key.shell);
      const std::string& owner = shell.reservations(shell.reservations_size() - 1).role();
      const bool ours = role == owner || (role.size() > owner.size() && role.substr(0, owner.size()) == owner &&
                                          role[owner.size()] == '/');
      if (!ours) continue;
    }
    result.entries_[key] = amount;
  }
  return result;
}

std::int64_t Resources::milli(std::string_view name) const {
  std::int64_t sum = 0;
  for (const auto& [key, amount] : entries_) {
    if (key.name == name) sum += amount.milli;
  }
  return sum;
}

std::string Resources::ranges_text(std::string_view name) const {
  std::vector<Range> ranges;
  for (const auto& [key, amount] : entries_) {
    if (key.name == name) ranges.insert(ranges.end(), amount.ranges.begin(), amount.ranges.end());
  }
  return ranges.empty() ? "" : range_list_text(united(std::move(ranges)));
}

std::string Resources::text(std::string_view role) const {
  ResourceList list;
  write(list, "", false);
  std::string text;
  for (const Resource& resource : list) {
    if (!text.empty()) text += "; ";
    text += entry_text(resource, role, amount_text(resource));
  }
  return text.empty() ? "{}" : text;
}

std::vector<std::string> Resources::scalar_names() const {
  std::vector<std::string> names;
  for (const auto& [key, amount] : entries_) {
    if (amount.milli != 0 && (names.empty() || names.back() != key.name)) names.push_back(key.name);
  }
  return names;
}

std::optional<std::string> invalid_resource(const Resource& resource) {
  const auto refused = [&](const std::string& why) {
    Resource shell = resource;
    refine(shell);
    return "Resource '" + entry_text(shell, resource.allocation_info().role(), amount_text(resource)) +
           "' is invalid: " + why;
  };
  if (resource.name().empty()) return refused("Empty resource name");
  if (const auto why = bad_amount(resource)) return refused(*why);
  if (resource.has_disk() && resource.name() != "disk")
    return refused("DiskInfo should not be set for " + resource.name() + " resource");
  if (resource.name() == "gpus" && milli_of(resource.scalar().value()) % 1000 != 0) {
    return refused("The 'gpus' resource must be an unsigned integer");
  }
  if (!resource.reservations().empty() &&
      (resource.has_reservation() || (resource.has_role() && resource.role() != "*"))) {
    return refused(
        "Invalid resource format: 'Resource.role' and 'Resource.reservation' must not be set if "
        "'Resource.reservations' is set");
  }
  return std::nullopt;
}

void inject_allocation(ResourceList& list, std::string_view role) {
  for (Resource& resource : list) {
    if (!resource.has_allocation_info()) resource.mutable_allocation_info()->set_role(std::string(role));
  }
}

base::Result<std::vector<Resource>> parse_resources(std::string_view where, std::string_view text) {
  const auto items = named_items(where, text);
  if (!items) return items.error();
  std::vector<Resource> resources;
  for (const auto& [name, value] : *items) {
    const auto refused = [&, &name = name, &value = value] {
      return base::Error{std::string(where),
                         "'" + name + ":" + value + "' is neither a number, nor [ranges], nor {a set}"};
    };
    Resource resource;
    resource.set_name(name);
    if (const std::size_t open = name.find('('); open != std::string::npos && name.back() == ')') {
      resource.set_name(name.substr(0, open));
      auto* reservation = resource.add_reservations();
      reservation->set_type(Resource::ReservationInfo::STATIC);
      reservation->set_role(name.substr(open + 1, name.size() - open - 2));
    }
    if (bracketed(value, '[', ']')) {
      const auto ranges = parse_ranges(value);
      if (!ranges) return refused();
      resource.set_type(Value::RANGES);
      resource.mutable_ranges();
      for (const Range& range : *ranges) {
        auto* written = resource.mutable_ranges()->add_range();
        written->set_begin(range.first);
        written->set_end(range.second);
      }
    } else if (bracketed(value, '{', '}')) {
      resource.set_type(Value::SET);
      for (const std::string& item : base::split_list(std::string_view(value).substr(1, value.size() - 2)))
        resource.mutable_set()->add_item(item);
    } else {
      const auto scalar = number(value);
      if (!scalar) return refused();
      resource.set_type(Value::SCALAR);
      resource.mutable_scalar()->set_value(*scalar);
    }
    if (const auto why = invalid_resource(resource)) return base::Error{std::string(where), *why};
    resources.push_back(std::move(resource));
  }
  return resources;
}

base::Result<std::vector<mesos::v1::Attribute>> parse_attributes(std::string_view where, std::string_view text) {
  const auto items = named_items(where, text);
  if (!items) return items.error();
  std::vector<mesos::v1::Attribute> attributes;
  for (const auto& [name, value] : *items) {
    mesos::v1::Attribute attribute;
    attribute.set_name(name);
    if (bracketed(value, '[', ']')) {
      const auto ranges = parse_ranges(value);
      if (!ranges) return base::Error{std::string(where), "'" + value + "' is not a list of ranges"};
      attribute.set_type(Value::RANGES);
      for (const Range& range : *ranges) {
        auto* written = attribute.mutable_ranges()->add_range();
        written->set_begin(range.first);
        written->set_end(range.second);
      }
    } else if (const auto scalar = number(value)) {
      attribute.set_type(Value::SCALAR);
      attribute.mutable_scalar()->set_value(*scalar);
    } else {
      attribute.set_type(Value::TEXT);
      attribute.mutable_text()->set_value(value);
    }
    attributes.push_back(std::move(attribute));
  }
  return attributes;
}

}  // namespace local
