// Puts a Workload together from what the reader finds, element by element.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "place/workload.hpp"

namespace place {

enum class FieldKind { text, number, list, any_number, elements };

struct Field {
  std::string_view name;
  FieldKind kind = FieldKind::text;
  bool required = false;
};

// The fields of the objects in a file; an element's values stand in Values at the same places.
inline constexpr std::array kFileFields{
    Field{"format", FieldKind::text, true},    Field{"name", FieldKind::text},
    Field{"seed", FieldKind::any_number},      Field{"note", FieldKind::text},
    Field{"cells", FieldKind::elements, true}, Field{"lrps", FieldKind::elements, true},
    Field{"tasks", FieldKind::elements, true},
};
inline constexpr std::array kCellFields{
    Field{"id", FieldKind::text, true},          Field{"index", FieldKind::number},
    Field{"zone", FieldKind::text, true},        Field{"memory_mb", FieldKind::number, true},
    Field{"disk_mb", FieldKind::number, true},   Field{"containers", FieldKind::number, true},
    Field{"rootfs", FieldKind::list, true},      Field{"rootfs_schemes", FieldKind::list},
    Field{"placement_tags", FieldKind::list},    Field{"optional_placement_tags", FieldKind::list},
    Field{"volume_drivers", FieldKind::list},    Field{"starting_containers", FieldKind::number},
    Field{"proxy_memory_mb", FieldKind::number},
};
inline constexpr std::array kLrpFields{
    Field{"process_guid", FieldKind::text, true},
    Field{"index", FieldKind::number, true},
    Field{"domain", FieldKind::text},
    Field{"memory_mb", FieldKind::number, true},
    Field{"disk_mb", FieldKind::number, true},
    Field{"max_pids", FieldKind::number},
    Field{"rootfs", FieldKind::text, true},
    Field{"placement_tags", FieldKind::list},
    Field{"volume_drivers", FieldKind::list},
};
inline constexpr std::array kTaskFields{
    Field{"task_guid", FieldKind::text, true},   Field{"domain", FieldKind::text},
    Field{"memory_mb", FieldKind::number, true}, Field{"disk_mb", FieldKind::number, true},
    Field{"max_pids", FieldKind::number},        Field{"rootfs", FieldKind::text, true},
    Field{"placement_tags", FieldKind::list},    Field{"volume_drivers", FieldKind::list},
};
inline constexpr std::size_t kFieldsMax = 13;

// One element as read; what was left out is 0 and empty.
struct Values {
  std::array<std::string, kFieldsMax> texts;
  std::array<std::int32_t, kFieldsMax> numbers{};
  std::array<std::vector<std::string>, kFieldsMax> lists;
  std::uint32_t seen = 0;  // Bits, by place.

  void clear();
};

class WorkloadBuilder {
 public:
  WorkloadBuilder() = default;
  WorkloadBuilder(const WorkloadBuilder&) = delete;
  WorkloadBuilder& operator=(const WorkloadBuilder&) = delete;

  // What is wrong with the element, such as `id "x" is that of cells[3] too`; nullopt: it is taken.
  using Complaint = std::optional<std::string>;
  Complaint add_cell(Values& values);
  Complaint add_lrp(Values& values);
  Complaint add_task(Values& values);

  // Everything that was added. The builder is done for.
  Workload finish();

 private:
  // Strings by content, kept once, in `strings`.
  struct ByContent {
    using is_transparent = void;
    const std::vector<std::string>* strings;
    std::string_view view(std::uint32_t number) const { return (*strings)[number]; }
    static std::string_view view(std::string_view text) { return text; }
    template <class Key>
    std::size_t operator()(const Key& key) const {
      return std::hash<std::string_view>()(view(key));
    }
    template <class A, class B>
    bool operator()(const A& a, const B& b) const {
      return view(a) == view(b);
    }
  };

  // What was asked for by the item before: most are alike.
  struct Wishes {
    std::string rootfs;
    std::vector<std::string> placement_tags, volume_drivers;
    bool operator==(const Wishes&) const = default;
  };

  std::uint32_t kind_of(Values& values);
  std::uint32_t constraints_of(std::string& rootfs, std::vector<std::string>& tags, std::vector<std::string>& drivers);
  Complaint add_item(std::vector<Item>& items, std::string_view field, const std::string& guid, Item item);

  Workload workload_;
  std::vector<Item> lrps_, tasks_;
  std::unordered_set<std::uint32_t, ByContent, ByContent> guids_{16, ByContent{&workload_.guids},
                                                                 ByContent{&workload_.guids}};
  std::uint32_t last_guid_ = kNone;
  std::unordered_map<std::string, std::uint32_t> kinds_;
  std::unordered_map<std::string, std::uint32_t> cell_numbers_;
  std::optional<Wishes> last_wishes_;
  std::uint32_t last_constraints_ = kNone;
  std::map<placement::Constraints, std::uint32_t> constraints_;
};

}  // namespace place
