// Sums of Mesos resources: scalars in thousandths (Mesos rounds to three decimals), port ranges,
// sets. Entries differ by name and by everything that must be repeated when they are used
// (reservations, disk, revocable, shared, provider). Which role they are allocated to is not part of
// a sum; it is written out and printed on request.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace google::protobuf {
template <typename Element>
class RepeatedPtrField;
}
namespace mesos::v1 {
class Attribute;
class Resource;
}  // namespace mesos::v1

namespace local {

using ResourceList = google::protobuf::RepeatedPtrField<mesos::v1::Resource>;

class Resources {
 public:
  Resources() = default;

  // Accepts both of Mesos's reservation formats. Entries must be valid (invalid_resource()).
  static Resources of(const ResourceList& list);

  // Appends to `out`, ports first, then cpus, mem, disk and the rest; reserved before unreserved.
  // `role`: allocation_info to write, none if empty. `old_format`: for frameworks without
  // RESERVATION_REFINEMENT ("role" instead of "reservations").
  void write(ResourceList& out, std::string_view role, bool old_format) const;

  bool empty() const { return entries_.empty(); }
  bool contains(const Resources& other) const;
  Resources& operator+=(const Resources& other);
  Resources& operator-=(const Resources& other);  // What is not there is ignored.
  friend Resources operator+(Resources a, const Resources& b) { return a += b; }
  friend Resources operator-(Resources a, const Resources& b) { return a -= b; }
  bool operator==(const Resources&) const = default;

  // What may be offered to a framework's `role`: unreserved, and reserved for it or an ancestor.
  Resources offerable_to(std::string_view role) const;

  // Sum over all entries of that name, in thousandths.
  std::int64_t milli(std::string_view name) const;

  // The ranges of all entries of that name, "[31000-31099, 32000-32010]"; empty if there are none.
  std::string ranges_text(std::string_view name) const;

  // In the words of Mesos: "cpus(allocated: batch):3.8; mem(allocated: batch):1984".
  std::string text(std::string_view role) const;

  // Names of scalars, in order, once each.
  std::vector<std::string> scalar_names() const;

 private:
  using Range = std::pair<std::uint64_t, std::uint64_t>;  // Inclusive.
  struct Key {
    int rank;
    std::string name;
    bool unreserved;
    std::string shell;  // The Resource without its amount and allocation, serialised.
    auto operator<=>(const Key&) const = default;
  };
  struct Amount {
    std::int64_t milli = 0;
    std::vector<Range> ranges;  // Ordered, apart.
    std::set<std::string> items;
    bool operator==(const Amount&) const = default;
    bool empty() const { return milli == 0 && ranges.empty() && items.empty(); }
  };

  std::map<Key, Amount> entries_;
};

// Why Mesos refuses it ("Resource 'cpus:-1' is invalid: Invalid scalar resource: value <= 0"), or nothing.
std::optional<std::string> invalid_resource(const mesos::v1::Resource& resource);

// Gives every resource without allocation_info that of the offers it is taken from.
void inject_allocation(ResourceList& list, std::string_view role);

// "cpus:4;mem:4096;disk:8192;ports:[31000-31099, 32000-32010];gpus(batch):1" as mesos-agent's --resources
// takes it: `(role)` reserves statically. `where` names the flag.
base::Result<std::vector<mesos::v1::Resource>> parse_resources(std::string_view where, std::string_view text);

// "zone:z1;slots:8;bays:[1-4]" as --attributes takes it: numbers are scalars, brackets ranges, else text.
base::Result<std::vector<mesos::v1::Attribute>> parse_attributes(std::string_view where, std::string_view text);

}  // namespace local
