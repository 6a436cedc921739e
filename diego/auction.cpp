#include "diego/auction.hpp"

#include <algorithm>

#include "diego/fields.hpp"
#include "diego/rep.hpp"

namespace diego {
namespace {

void read(GoDecoder& decoder, const JsonMember& member, LrpStart& start) {
  (void)(decoder.field(member, "process_guid", start.process_guid) || decoder.field(member, "domain", start.domain) ||
         decoder.field(member, "indices", start.indices) ||
         read_needs(decoder, member, start.constraint, start.resource));
}

void read(GoDecoder& decoder, const JsonMember& member, TaskStart& start) {
  std::string state;
  bool failed = false;
  (void)(decoder.field(member, "TaskGuid", start.task_guid) || decoder.field(member, "Domain", start.domain) ||
         read_needs(decoder, member, start.constraint, start.resource) || read_task_state(decoder, member, state) ||
         decoder.field(member, "failed", failed));
}

template <class Start>
base::Result<std::vector<Start>> parse_starts(std::string_view body, std::string_view go_type) {
  const auto document = parse_json(body);
  if (!document) return document.error();
  GoDecoder decoder("auctioneer", go_type);
  std::vector<Start> starts;
  if (decoder.array(*document, "")) {
    for (const JsonValue& item : document->items) {
      Start& start = starts.emplace_back();
      if (!decoder.object(item, "")) continue;
      for (const JsonMember& member : item.members) read(decoder, member, start);
    }
  }
  if (auto error = decoder.error()) return *std::move(error);
  return starts;
}

}  // namespace

bool read_task_state(GoDecoder& decoder, const JsonMember& member, std::string& state) {
  if (!decoder.named(member, "state")) return false;
  if (member.value.kind == JsonValue::Kind::null) return true;
  if (member.value.kind != JsonValue::Kind::string) {
    GoDecoder alone = decoder;
    alone.forget();
    alone.mismatch(member.value, "string");
    decoder.abort(alone.error()->text);
  } else if (std::find(std::begin(kTaskStates), std::end(kTaskStates), member.value.text) == std::end(kTaskStates)) {
    decoder.abort("invalid state: " + member.value.text);
  } else {
    state = member.value.text;
  }
  return true;
}

base::Result<std::vector<LrpStart>> parse_lrp_starts(std::string_view body) {
  return parse_starts<LrpStart>(body, "LRPStartRequest");
}

base::Result<std::vector<TaskStart>> parse_task_starts(std::string_view body) {
  return parse_starts<TaskStart>(body, "TaskStartRequest");
}

std::string write_lrp_starts(const std::vector<LrpStart>& starts) {
  GoWriter writer;
  writer.begin_array();
  for (const LrpStart& start : starts) {
    writer.begin_object();
    writer.member("process_guid", start.process_guid);
    writer.member("domain", start.domain);
    writer.key("indices");
    writer.begin_array();
    for (const std::int32_t index : start.indices) writer.number(index);
    writer.end_array();
    write_needs(writer, start.constraint, start.resource);
    writer.end_object();
  }
  writer.end_array();
  return writer.take();
}

std::string write_task_starts(const std::vector<TaskStart>& starts) {
  GoWriter writer;
  writer.begin_array();
  for (const TaskStart& start : starts) {
    writer.begin_object();
    writer.member("TaskGuid", start.task_guid);
    writer.member("Domain", start.domain);
    write_needs(writer, start.constraint, start.resource);
    writer.member("state", "Invalid");
    writer.member("failed", false);
    writer.end_object();
  }
  writer.end_array();
  return writer.take();
}

std::optional<std::string> validate(const LrpStart& start) {
  if (start.process_guid.empty()) return "proccess guid is empty";  // Diego's spelling.
  if (start.domain.empty()) return "domain is empty";
  if (start.indices.empty()) return "indices must not be empty";
  if (start.resource.memory_mb < 0 || start.resource.disk_mb < 0) return "resources cannot be less than 0";
  if (start.constraint.rootfs.empty()) return "placement constraint cannot be empty";
  return std::nullopt;
}

std::optional<std::string> validate(const TaskStart& start) {
  if (start.task_guid.empty()) return "task guid is empty";
  if (start.resource.memory_mb < 0 || start.resource.disk_mb < 0) return "resources cannot be less than zero";
  if (start.constraint.rootfs.empty()) return "placement constraint cannot be empty";
  return std::nullopt;
}

}  // namespace diego
