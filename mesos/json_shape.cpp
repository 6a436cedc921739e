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

std::uint32_t wire_type(FieldDescriptor::CppType type) {
  switch (type) {
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return 1;
    case FieldDescriptor::CPPTYPE_STRING:
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return 2;
    case FieldDescriptor::CPPTYPE_FLOAT:
      return 5;
    default:
      return 0;
  }
}

void set_encoding(Field& field) {
  switch (field.descriptor->type()) {
    case FieldDescriptor::TYPE_INT32:
    case FieldDescriptor::TYPE_INT64:
    case FieldDescriptor::TYPE_UINT32:
    case FieldDescriptor::TYPE_UINT64:
    case FieldDescriptor::TYPE_BOOL:
    case FieldDescriptor::TYPE_ENUM:
    case FieldDescriptor::TYPE_FLOAT:
    case FieldDescriptor::TYPE_DOUBLE:
    case FieldDescriptor::TYPE_STRING:
    case FieldDescriptor::TYPE_BYTES:
    case FieldDescriptor::TYPE_MESSAGE:
      field.plain = !field.map;
      break;
    default:
      break;
  }
  const auto number = static_cast<std::uint32_t>(field.descriptor->number());
  for (std::uint32_t tag = number << 3U | wire_type(field.type); tag != 0; tag >>= 7U)
    field.tag[field.tag_bytes++] = static_cast<char>((tag & 0x7FU) | (tag >= 0x80U ? 0x80U : 0U));
}

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
      std::vector<std::string_view> names;
      for (int v = 0; v < values.value_count(); ++v) {
        field.enum_values.emplace_back(values.value(v)->name(), values.value(v)->number());
        names.emplace_back(values.value(v)->name());
      }
      field.enum_names = Names(std::move(names));
    }
    set_encoding(field);
    if (field.type == FieldDescriptor::CPPTYPE_MESSAGE) field.child = &build(*descriptor.message_type());
  }
  std::vector<std::string_view> names;
  for (const Field& field : shape.fields) names.emplace_back(field.name);
  shape.names = Names(std::move(names));
  return shape;
}

}  // namespace

Names::Names(std::vector<std::string_view> names) : names_(std::move(names)) {
  std::size_t size = 4;
  while (size < names_.size() * 4) size *= 2;
  slots_.resize(size);
  mask_ = size - 1;
  for (std::size_t place = 0; place < names_.size(); ++place) {
    std::size_t slot = hash(names_[place]) & mask_;
    while (slots_[slot] != 0) slot = (slot + 1) & mask_;
    slots_[slot] = static_cast<std::uint16_t>(place + 1);
  }
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
