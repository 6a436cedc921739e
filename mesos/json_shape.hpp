// Internal to the JSON codec: what it needs to know of a message type, looked up once per type
// instead of once per field of every message.
#pragma once

#include <google/protobuf/descriptor.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mesos_client::json_shape {

struct Shape;

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
};

struct Shape {
  std::vector<Field> fields;  // In the order of the .proto, which is the order Mesos writes.

  // nullptr for a name that is not a field. Writers keep an order, so the search begins behind the
  // field found last (nullptr: at the first).
  const Field* find(std::string_view name, const Field* last) const;
};

// Built on first use and kept; safe from any number of callers at once.
const Shape& of(const google::protobuf::Descriptor& type);

}  // namespace mesos_client::json_shape
