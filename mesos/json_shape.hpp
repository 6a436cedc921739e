// Internal to the JSON codec: what it needs to know of a message type, looked up once per type
// instead of once per field of every message.
#pragma once

#include <google/protobuf/descriptor.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mesos_client::json_shape {

struct Shape;

// Finds the place of a name in a list of names, by a hash over a few of its characters.
class Names {
 public:
  explicit Names(std::vector<std::string_view> names);  // What they refer to must stay.
  Names() : Names(std::vector<std::string_view>{}) {}

  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  std::size_t find(std::string_view name) const {
    for (std::size_t slot = hash(name) & mask_; slots_[slot] != 0; slot = (slot + 1) & mask_) {
      const std::size_t place = slots_[slot] - std::size_t{1};
      if (names_[place].size() == name.size() && equal(names_[place].data(), name.data(), name.size())) return place;
    }
    return kNone;
  }

 private:
  // Names are so short that a call costs more than the comparison.
  static bool equal(const char* a, const char* b, std::size_t size) {
    if (size > 16) return std::memcmp(a, b, size) == 0;
    if (size >= 8) return same<std::uint64_t>(a, b) && same<std::uint64_t>(a + size - 8, b + size - 8);
    if (size >= 4) return same<std::uint32_t>(a, b) && same<std::uint32_t>(a + size - 4, b + size - 4);
    for (std::size_t i = 0; i < size; ++i) {
      if (a[i] != b[i]) return false;
    }
    return true;
  }
  template <class Word>
  static bool same(const char* a, const char* b) {
    Word left = 0, right = 0;
    std::memcpy(&left, a, sizeof left);
    std::memcpy(&right, b, sizeof right);
    return left == right;
  }

  static std::size_t hash(std::string_view name) {
    if (name.empty()) return 0;
    const auto at = [name](std::size_t i) { return static_cast<std::size_t>(static_cast<unsigned char>(name[i])); };
    return name.size() * 7 + at(0) * 5 + at(name.size() / 2) * 31 + at(name.size() - 1) * 17;
  }

  std::vector<std::string_view> names_;
  std::vector<std::uint16_t> slots_;  // Place plus one; 0: free.
  std::size_t mask_ = 0;
};

struct Field {
  const google::protobuf::FieldDescriptor* descriptor = nullptr;
  google::protobuf::FieldDescriptor::CppType type{};
  bool repeated = false;
  bool map = false;
  bool bytes = false;
  bool required = false;
  bool shown_unset = false;  // Has an explicit default and is not deprecated.
  std::string name;
  std::string key;                                            // "name": as it stands in JSON, colon included.
  const Shape* child = nullptr;                               // Of a message; of a map its entry.
  std::vector<std::pair<std::string_view, int>> enum_values;  // By name.
  Names enum_names;                                           // Of those.
  // In protobuf's encoding.
  bool plain = false;  // Neither a map nor of a type of fixed width or zigzag (of which Mesos has none).
  std::array<char, 5> tag{};
  std::size_t tag_bytes = 0;
};

struct Shape {
  std::vector<Field> fields;  // In the order of the .proto, which is the order Mesos writes.

  Names names;  // Of the fields.

  // nullptr for a name that is not a field.
  const Field* find(std::string_view name) const {
    const std::size_t place = names.find(name);
    return place == Names::kNone ? nullptr : &fields[place];
  }
};

// Built on first use and kept; safe from any number of callers at once.
const Shape& of(const google::protobuf::Descriptor& type);

}  // namespace mesos_client::json_shape
