#include "diego/rep.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "diego/fields.hpp"

namespace diego {
namespace {

void read(GoDecoder& decoder, const JsonValue& object, Lrp& lrp) {
  for (const JsonMember& member : object.members) {
    (void)(decoder.field(member, "instance_guid", lrp.instance_guid) ||
           decoder.field(member, "process_guid", lrp.process_guid) || decoder.field(member, "index", lrp.index) ||
           decoder.field(member, "domain", lrp.domain) || read_needs(decoder, member, lrp.constraint, lrp.resource) ||
           decoder.field(member, "state", lrp.state));
  }
}

void read(GoDecoder& decoder, const JsonValue& object, Task& task) {
  for (const JsonMember& member : object.members) {
    (void)(decoder.field(member, "TaskGuid", task.task_guid) || decoder.field(member, "Domain", task.domain) ||
           read_needs(decoder, member, task.constraint, task.resource) ||
           read_task_state(decoder, member, task.state) || decoder.field(member, "failed", task.failed));
  }
}

template <class Element>
bool read_list(GoDecoder& decoder, const JsonMember& member, std::string_view name, std::string_view go_type,
               Slice<Element>& list) {
  if (!decoder.named(member, name)) return false;
  if (!decoder.array(member.value, "[]" + std::string(go_type))) return true;
  list = member.value.kind == JsonValue::Kind::null ? Slice<Element>{} : Slice<Element>(std::vector<Element>{});
  for (const JsonValue& item : member.value.items) {
    Element& element = list.emplace_back();
    if (decoder.object(item, go_type)) read(decoder, item, element);
  }
  return true;
}

bool read_resources(GoDecoder& decoder, const JsonMember& member, std::string_view name, CellResources& resources) {
  if (!decoder.named(member, name)) return false;
  if (!decoder.object(member.value, "rep.Resources")) return true;
  for (const JsonMember& part : member.value.members) {
    (void)(decoder.field(part, "MemoryMB", resources.memory_mb) || decoder.field(part, "DiskMB", resources.disk_mb) ||
           decoder.field(part, "Containers", resources.containers));
  }
  return true;
}

RootFsProvider read_provider(GoDecoder& decoder, const JsonValue& value) {
  RootFsProvider provider;
  if (!decoder.object(value, "rep.RootFSProvider")) return provider;
  std::string type;
  for (const JsonMember& member : value.members) {
    if (decoder.field(member, "type", type)) continue;
    if (!decoder.named(member, "set") || !decoder.object(member.value, "rep.StringSet")) continue;
    for (const JsonMember& item : member.value.members) provider.set.insert(item.key);
  }
  if (type == "arbitrary") provider.kind = RootFsProvider::Kind::arbitrary;
  if (type == "fixed_set") provider.kind = RootFsProvider::Kind::fixed_set;
  if (provider.kind != RootFsProvider::Kind::fixed_set) provider.set.clear();
  return provider;
}

bool read_providers(GoDecoder& decoder, const JsonMember& member, RootFsProviders& providers) {
  if (!decoder.named(member, "RootFSProviders")) return false;
  if (!decoder.object(member.value, "rep.RootFSProviders")) return true;
  for (const JsonMember& item : member.value.members) providers[item.key] = read_provider(decoder, item.value);
  return true;
}

void write(GoWriter& writer, const Lrp& lrp) {
  writer.begin_object();
  writer.member("instance_guid", lrp.instance_guid);
  writer.member("process_guid", lrp.process_guid);
  writer.member("index", lrp.index);
  writer.member("domain", lrp.domain);
  write_needs(writer, lrp.constraint, lrp.resource);
  writer.member("state", lrp.state);
  writer.end_object();
}

void write(GoWriter& writer, const Task& task) {
  writer.begin_object();
  writer.member("TaskGuid", task.task_guid);
  writer.member("Domain", task.domain);
  write_needs(writer, task.constraint, task.resource);
  writer.member("state", task.state);
  writer.member("failed", task.failed);
  writer.end_object();
}

template <class Element>
void write_list(GoWriter& writer, std::string_view name, const Slice<Element>& list) {
  writer.key(name);
  if (list.null()) return writer.null();
  writer.begin_array();
  for (const Element& element : list) write(writer, element);
  writer.end_array();
}

void write_resources(GoWriter& writer, std::string_view name, const CellResources& resources) {
  writer.key(name);
  writer.begin_object();
  writer.member("MemoryMB", resources.memory_mb);
  writer.member("DiskMB", resources.disk_mb);
  writer.member("Containers", resources.containers);
  writer.end_object();
}

void write_provider(GoWriter& writer, const RootFsProvider& provider) {
  if (provider.kind == RootFsProvider::Kind::unknown) return writer.null();
  writer.begin_object();
  if (provider.kind == RootFsProvider::Kind::fixed_set) {
    writer.key("set");
    writer.begin_object();
    for (const std::string& item : provider.set) {
      writer.key(item);
      writer.begin_object();
      writer.end_object();
    }
    writer.end_object();
    writer.member("type", "fixed_set");
  } else {
    writer.member("type", "arbitrary");
  }
  writer.end_object();
}

}  // namespace

base::Result<CellState> parse_cell_state(std::string_view body) {
  const auto document = parse_json(body);
  if (!document) return document.error();
  GoDecoder decoder("rep", "CellState");
  CellState state;
  if (decoder.object(*document, "")) {
    for (const JsonMember& member : document->members) {
      (void)(decoder.field(member, "rep_url", state.rep_url) || decoder.field(member, "cell_id", state.cell_id) ||
             decoder.field(member, "cell_index", state.cell_index) ||
             read_providers(decoder, member, state.rootfs_providers) ||
             read_resources(decoder, member, "AvailableResources", state.available) ||
             read_resources(decoder, member, "TotalResources", state.total) ||
             read_list(decoder, member, "LRPs", "rep.LRP", state.lrps) ||
             read_list(decoder, member, "Tasks", "rep.Task", state.tasks) ||
             decoder.field(member, "StartingContainerCount", state.starting_container_count) ||
             decoder.field(member, "Zone", state.zone) || decoder.field(member, "Evacuating", state.evacuating) ||
             decoder.field(member, "VolumeDrivers", state.volume_drivers) ||
             decoder.field(member, "PlacementTags", state.placement_tags) ||
             decoder.field(member, "OptionalPlacementTags", state.optional_placement_tags) ||
             decoder.field(member, "ProxyMemoryAllocationMB", state.proxy_memory_allocation_mb));
    }
  }
  if (auto error = decoder.error()) return *std::move(error);
  return state;
}

base::Result<Work> parse_work(std::string_view body) {
  const auto document = parse_json(body);
  if (!document) return document.error();
  GoDecoder decoder("rep", "Work");
  Work work;
  if (decoder.object(*document, "")) {
    for (const JsonMember& member : document->members) {
      (void)(read_list(decoder, member, "LRPs", "rep.LRP", work.lrps) ||
             read_list(decoder, member, "Tasks", "rep.Task", work.tasks) ||
             decoder.field(member, "cell_id", work.cell_id));
    }
  }
  if (auto error = decoder.error()) return *std::move(error);
  return work;
}

std::string write_cell_state(const CellState& state) {
  GoWriter writer;
  writer.begin_object();
  writer.member("rep_url", state.rep_url);
  writer.member("cell_id", state.cell_id);
  writer.member("cell_index", state.cell_index);
  writer.key("RootFSProviders");
  writer.begin_object();
  for (const auto& [scheme, provider] : state.rootfs_providers) {
    writer.key(scheme);
    write_provider(writer, provider);
  }
  writer.end_object();
  write_resources(writer, "AvailableResources", state.available);
  write_resources(writer, "TotalResources", state.total);
  write_list(writer, "LRPs", state.lrps);
  write_list(writer, "Tasks", state.tasks);
  writer.member("StartingContainerCount", state.starting_container_count);
  writer.member("Zone", state.zone);
  writer.member("Evacuating", state.evacuating);
  writer.member("VolumeDrivers", state.volume_drivers);
  writer.member("PlacementTags", state.placement_tags);
  writer.member("OptionalPlacementTags", state.optional_placement_tags);
  writer.member("ProxyMemoryAllocationMB", state.proxy_memory_allocation_mb);
  writer.end_object();
  return writer.take();
}

std::string write_work(const Work& work) {
  GoWriter writer;
  writer.begin_object();
  write_list(writer, "LRPs", work.lrps);
  write_list(writer, "Tasks", work.tasks);
  if (!work.cell_id.empty()) writer.member("cell_id", work.cell_id);
  writer.end_object();
  return writer.take();
}

std::string write_element(const Lrp& lrp) {
  GoWriter writer;
  write(writer, lrp);
  return writer.take();
}

std::string write_element(const Task& task) {
  GoWriter writer;
  write(writer, task);
  return writer.take();
}

std::string write_element(const Element& element) {
  return std::visit([](const auto& one) { return write_element(one); }, element);
}

base::Result<Element> parse_element(std::string_view data) {
  const auto document = parse_json(data);
  if (!document) return document.error();
  const auto names_task = [](const JsonMember& member) { return base::equal_ignoring_case(member.key, "TaskGuid"); };
  const bool is_task = std::any_of(document->members.begin(), document->members.end(), names_task);
  GoDecoder decoder("rep", is_task ? "Task" : "LRP");
  if (!decoder.object(*document, "")) return *decoder.error();
  const auto finish = [&](auto element, const std::string& guid, std::string_view what) -> base::Result<Element> {
    if (auto error = decoder.error()) return *std::move(error);
    if (guid.empty()) return base::Error{"", std::string(what) + " is empty"};
    return Element(std::move(element));
  };
  if (is_task) {
    Task task;
    read(decoder, *document, task);
    return finish(task, task.task_guid, "TaskGuid");
  }
  Lrp lrp;
  read(decoder, *document, lrp);
  return finish(lrp, lrp.process_guid, "process_guid");
}

Lrp lrp_of(const LrpStart& start, std::int32_t index) {
  return {.process_guid = start.process_guid,
          .index = index,
          .domain = start.domain,
          .constraint = start.constraint,
          .resource = start.resource};
}

Task task_of(const TaskStart& start) {
  return {
      .task_guid = start.task_guid, .domain = start.domain, .constraint = start.constraint, .resource = start.resource};
}

}  // namespace diego
