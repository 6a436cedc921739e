#include "mesos/json_shape.hpp"

#include <google/protobuf/descriptor.pb.h>

#include <atomic>
#include <memory>
#include <unordered_map>

namespace mesos_client::json_shape {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

// All types reachable from one; immutable once built. The few roots (calls, events) form a list that
// only grows. Two that build the same root at once both succeed, and the later one is found.
struct Closure {
  const Descriptor* root = nullptr;
  const Closure* next = nullptr;
  std::unordered_map<const Descriptor*, std::unique_ptr<Shape>> shapes;

  Shape& build(const Descriptor& type);
};

std::atomic<const Closure*> closures{nullptr};

Shape& Closure::build(const Descriptor& type) {
  auto& place = shapes[&type];
  if (place) return *place;
  place = std::make_unique<Shape>();
  Shape& shape = *place;  // Stays where it is while the map grows: types refer to each other.
  shape.fields.reserve(static_cast<std::size_t>(type.field_count()));
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& descriptor = *type.field(i);
    Field& field = shape.fields.emplace_back();
    field.descriptor = &descriptor;
    field.type = descriptor.cpp_type();
    field.repeated = descriptor.is_repeated();
    field.map = descriptor.is_map();
    field.bytes = descriptor.type() == FieldDescriptor::TYPE_BYTES;
    field.required = descriptor.is_required();
    field.shown_unset = descriptor.has_default_value() && !descriptor.options().deprecated();
    field.name = descriptor.name();
    field.key = "\"" + descriptor.name() + "\":";
    if (field.type == FieldDescriptor::CPPTYPE_ENUM) {
      const auto& values = *descriptor.enum_type();
      for (int v = 0; v < values.value_count(); ++v) {
        field.enum_values.emplace_back(values.value(v)->name(), values.value(v)->number());
      }
    }
    if (field.type == FieldDescriptor::CPPTYPE_MESSAGE) field.child = &build(*descriptor.message_type());
  }
  return shape;
}

}  // namespace

const Field* Shape::find(std::string_view name, const Field* last) const {
  const Field* const begin = fields.data();
  const Field* const end = begin + fields.size();
  const Field* const from = last == nullptr ? begin : last + 1;
  for (const Field* field = from; field != end; ++field) {
    if (field->name == name) return field;
  }
  for (const Field* field = begin; field != from; ++field) {
    if (field->name == name) return field;
  }
  return nullptr;
}

const Shape& of(const Descriptor& type) {
  const Closure* head = closures.load(std::memory_order_acquire);
  for (const Closure* at = head; at != nullptr; at = at->next) {
    if (at->root == &type) return *at->shapes.find(&type)->second;
  }
  auto closure = std::make_unique<Closure>();
  closure->root = &type;
  const Shape& shape = closure->build(type);
  closure->next = head;
  while (!closures.compare_exchange_weak(closure->next, closure.get(), std::memory_order_release,
                                         std::memory_order_acquire)) {
  }
  static_cast<void>(closure.release());  // Reachable from the list from now on.
  return shape;
}

}  // namespace mesos_client::json_shape
