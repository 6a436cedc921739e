#include "local/bbs/bbs_door.hpp"

#include <rapidjson/document.h>

#include <algorithm>
#include <charconv>

#include "diego/json.hpp"
#include "local/bbs/bbs_api.hpp"

namespace local {
namespace {

using Writer = diego::GoWriter;  // Texts may have been cut inside a character.
using Strings = std::vector<std::string>;

constexpr std::int32_t kInstancesMost = 100'000;

template <class Fill>
std::string json(Fill fill) {
  Writer writer;
  fill(writer);
  return writer.take() + "\n";
}

DoorAnswer fails(int status, const std::string& text) {
  return {status, json([&](Writer& out) {
            out.begin_object();
            out.member("error", text);
            out.end_object();
          }),
          ""};
}

DoorAnswer done(int status = 200) { return {status, "{}\n", ""}; }

DoorAnswer answer(const Refusal& refusal) {
  if (!refusal) return done();
  const bool missing = refusal->type == BbsError::Type::resource_not_found;
  return fails(missing ? 404 : 409, refusal->text);
}

// ---- Reading

// An object whose members are asked for by name; the first thing that is wrong with it is kept.
class Fields {
 public:
  explicit Fields(const std::string& body) {
    document_.Parse<rapidjson::kParseIterativeFlag>(body.empty() ? "{}" : body.c_str());
    if (document_.HasParseError() || !document_.IsObject()) fail("the body is not a JSON object");
  }

  void text(const char* name, std::string& out) {
    const auto* const value = find(name);
    if (value == nullptr) return;
    if (!value->IsString()) return fail(std::string(name) + " is not a string");
    out = value->GetString();
  }
  void integer(const char* name, std::int32_t& out, std::int32_t most) {
    const auto* const value = find(name);
    if (value == nullptr) return;
    if (!value->IsInt() || value->GetInt() < 0 || value->GetInt() > most)
      return fail(std::string(name) + " is not a number from 0 to " + std::to_string(most));
    out = value->GetInt();
  }
  void list(const char* name, Strings& out) {
    const auto* const value = find(name);
    if (value == nullptr) return;
    out = strings(name, *value);
  }
  // [{"name":"preloaded","properties":["cflinuxfs4"]}]
  void providers(const char* name, std::vector<std::pair<std::string, Strings>>& out) {
    const auto* const value = find(name);
    if (value == nullptr) return;
    if (!value->IsArray()) return fail(std::string(name) + " is not a list");
    for (const auto& item : value->GetArray()) {
      if (!item.IsObject() || !item.HasMember("name") || !item["name"].IsString())
        return fail(std::string(name) + " holds something without a name");
      const bool given = item.HasMember("properties") && !item["properties"].IsNull();
      out.emplace_back(item["name"].GetString(), given ? strings(name, item["properties"]) : Strings{});
    }
  }
  // An object of its own; nothing where it is not given.
  template <class Read>
  void object(const char* name, Read read) {
    const auto* const value = find(name);
    if (value == nullptr) return;
    if (!value->IsObject()) return fail(std::string(name) + " is not an object");
    Fields inner(*value);
    read(inner);
    if (const std::string wrong = inner.error(); !wrong.empty()) fail(wrong);
  }

  // Empty: all is well. Members nobody asked for are an error: a misspelt one would not be noticed.
  std::string error() {
    if (!error_.empty() || !document_.IsObject()) return error_;
    for (auto member = document_.MemberBegin(); member < document_.MemberEnd();
         ++member) {  // clang finds != ambiguous.
      if (std::find(asked_.begin(), asked_.end(), member->name.GetString()) == asked_.end())
        return std::string("there is no field ") + member->name.GetString();
    }
    return "";
  }

 private:
  explicit Fields(const rapidjson::Value& object) { document_.CopyFrom(object, document_.GetAllocator()); }

  void fail(std::string text) {
    if (error_.empty()) error_ = std::move(text);
  }
  const rapidjson::Value* find(const char* name) {
    asked_.emplace_back(name);
    if (!document_.IsObject()) return nullptr;
    if (!document_.HasMember(name)) return nullptr;
    const rapidjson::Value& value = document_[name];
    return value.IsNull() ? nullptr : &value;
  }
  Strings strings(const char* name, const rapidjson::Value& value) {
    Strings out;
    if (!value.IsArray()) fail(std::string(name) + " is not a list");
    if (!value.IsArray()) return out;
    for (const auto& item : value.GetArray()) {
      if (item.IsString()) out.emplace_back(item.GetString());
      if (!item.IsString()) fail(std::string(name) + " holds something that is not a string");
    }
    return out;
  }

  rapidjson::Document document_;
  Strings asked_;
  std::string error_;
};

struct Wish {
  std::string domain = "demo";
  std::string rootfs = "preloaded:cflinuxfs4";
  std::int32_t memory_mb = 64, disk_mb = 64, max_pids = 0;
  Strings placement_tags, volume_drivers;

  void read(Fields& fields) {
    constexpr std::int32_t kMost = std::numeric_limits<std::int32_t>::max();
    fields.text("domain", domain);
    fields.text("rootfs", rootfs);
    fields.integer("memory_mb", memory_mb, kMost);
    fields.integer("disk_mb", disk_mb, kMost);
    fields.integer("max_pids", max_pids, kMost);
    fields.list("placement_tags", placement_tags);
    fields.list("volume_drivers", volume_drivers);
  }
  diego::PlacementConstraint constraint() const {
    diego::PlacementConstraint out;
    out.rootfs = rootfs;
    if (!placement_tags.empty()) out.placement_tags = placement_tags;
    if (!volume_drivers.empty()) out.volume_drivers = volume_drivers;
    return out;
  }
  diego::Resource resource() const { return {memory_mb, disk_mb, max_pids}; }
};

base::Duration ttl_of(const DoorRequest& request, base::Duration otherwise) {
  const auto given = request.query.find("ttl_s");
  if (given == request.query.end()) return otherwise;
  std::int64_t seconds = 0;
  std::from_chars(given->second.data(), given->second.data() + given->second.size(), seconds);
  return std::chrono::seconds(std::clamp<std::int64_t>(seconds, 0, 1'000'000'000));
}

// ---- Writing

void member(Writer& out, const char* name, base::Time value) {
  out.member(name, static_cast<std::int64_t>(value.time_since_epoch().count()));
}
void member(Writer& out, const char* name, const Strings& values) {
  out.key(name);
  out.begin_array();
  for (const std::string& value : values) out.string(value);
  out.end_array();
}

void write_needs(Writer& out, const diego::PlacementConstraint& constraint, const diego::Resource& resource) {
  out.member("rootfs", constraint.rootfs);
  out.member("memory_mb", resource.memory_mb);
  out.member("disk_mb", resource.disk_mb);
  out.member("max_pids", resource.max_pids);
  member(out, "placement_tags", constraint.placement_tags);
  member(out, "volume_drivers", constraint.volume_drivers);
}

void write(Writer& out, const DesiredLrp& lrp) {
  out.begin_object();
  out.member("process_guid", lrp.process_guid);
  out.member("domain", lrp.domain);
  out.member("instances", lrp.instances);
  write_needs(out, lrp.constraint, lrp.resource);
  out.end_object();
}

void write(Writer& out, const ActualLrp& lrp) {
  out.begin_object();
  out.member("process_guid", lrp.key.process_guid);
  out.member("index", lrp.key.index);
  out.member("domain", lrp.key.domain);
  out.member("state", name_of(lrp.state));
  out.member("presence", name_of(lrp.presence));
  out.member("instance_guid", lrp.instance.instance_guid);
  out.member("cell_id", lrp.instance.cell_id);
  out.member("address", net_info_address(lrp.net_info));
  out.member("placement_error", lrp.placement_error);
  out.member("crash_count", lrp.crash_count);
  out.member("crash_reason", lrp.crash_reason);
  member(out, "since", lrp.since);
  out.end_object();
}

void write(Writer& out, const TaskRow& task) {
  out.begin_object();
  out.member("task_guid", task.wanted.task_guid);
  out.member("domain", task.wanted.domain);
  out.member("state", name_of(task.state));
  out.member("cell_id", task.cell_id);
  out.member("result", task.result);
  out.member("failed", task.failed);
  out.member("failure_reason", task.failure_reason);
  out.member("rejection_count", task.rejection_count);
  out.member("rejection_reason", task.rejection_reason);
  member(out, "created_at", task.created);
  member(out, "updated_at", task.updated);
  member(out, "first_completed_at", task.first_completed);
  write_needs(out, task.wanted.constraint, task.wanted.resource);
  out.end_object();
}

void write(Writer& out, const CellPresence& cell) {
  out.begin_object();
  out.member("cell_id", cell.cell_id);
  out.member("rep_address", cell.rep_address);
  out.member("rep_url", cell.rep_url);
  out.member("zone", cell.zone);
  out.key("capacity");
  out.begin_object();
  out.member("memory_mb", cell.memory_mb);
  out.member("disk_mb", cell.disk_mb);
  out.member("containers", cell.containers);
  out.end_object();
  out.key("rootfs_provider_list");
  out.begin_array();
  for (const auto& [name, properties] : cell.rootfs_providers) {
    out.begin_object();
    out.member("name", name);
    member(out, "properties", properties);
    out.end_object();
  }
  out.end_array();
  member(out, "placement_tags", cell.placement_tags);
  member(out, "optional_placement_tags", cell.optional_placement_tags);
  out.end_object();
}

template <class Items>
DoorAnswer list(const char* name, const Items& items) {
  return {200, json([&](Writer& out) {
            out.begin_object();
            out.key(name);
            out.begin_array();
            for (const auto& item : items) write(out, item);
            out.end_array();
            out.end_object();
          }),
          ""};
}

template <class Rows>
auto values_of(const Rows& rows) {
  std::vector<typename Rows::mapped_type> out;
  for (const auto& [key, row] : rows) out.push_back(row);
  return out;
}

// ---- Routes

DoorAnswer put_lrp(const DoorRequest& request, BbsModel& model, base::Time now) {
  const std::string& guid = request.path[2];
  const auto there = model.desired_lrps().find(guid);
  const bool known = there != model.desired_lrps().end();
  Fields fields(request.body);
  Wish wish;
  std::int32_t instances = known ? there->second.instances : 1;
  if (known) {  // What is not said stays.
    const DesiredLrp& old = there->second;
    wish = {old.domain,
            old.constraint.rootfs,
            old.resource.memory_mb,
            old.resource.disk_mb,
            old.resource.max_pids,
            old.constraint.placement_tags,
            old.constraint.volume_drivers};
  }
  fields.integer("instances", instances, kInstancesMost);
  wish.read(fields);
  if (const std::string wrong = fields.error(); !wrong.empty()) return fails(400, wrong);
  const DesiredLrp desired{guid, wish.domain, instances, wish.constraint(), wish.resource()};
  if (diego::validate(lrp_start(desired, {0}))) return fails(400, *diego::validate(lrp_start(desired, {0})));
  if (known) {
    DesiredLrp scaled = there->second;
    scaled.instances = instances;
    if (scaled != desired) return fails(409, "of a desired LRP only the instances can change");
    return answer(model.scale_lrp(guid, instances, request.trace_id, now));
  }
  model.upsert_domain(wish.domain, base::Time::max());  // Fresh: surplus instances may be stopped.
  model.desire_lrp(desired, request.trace_id, now);
  return done(201);
}

DoorAnswer put_task(const DoorRequest& request, BbsModel& model, base::Time now) {
  Fields fields(request.body);
  Wish wish;
  wish.read(fields);
  if (const std::string wrong = fields.error(); !wrong.empty()) return fails(400, wrong);
  const diego::TaskStart task{request.path[2], wish.domain, wish.constraint(), wish.resource()};
  if (const auto wrong = diego::validate(task)) return fails(400, *wrong);
  const Refusal refused = model.desire_task(task, task_definition(task), request.trace_id, now);
  return refused ? answer(refused) : done(201);
}

// A Task that is under way is cancelled; one that has ended is removed, as its owner would.
DoorAnswer delete_task(const DoorRequest& request, BbsModel& model, base::Time now) {
  const std::string& guid = request.path[2];
  const auto found = model.tasks().find(guid);
  if (found == model.tasks().end()) return answer(not_found());
  if (found->second.state == TaskRow::State::completed) model.resolve_task(guid, now);
  if (found->second.state == TaskRow::State::resolving) return answer(model.delete_task(guid));
  return answer(model.cancel_task(guid, request.trace_id, now));
}

DoorAnswer put_cell(const DoorRequest& request, base::Duration presence_ttl, BbsModel& model, base::Time now) {
  constexpr std::int32_t kMost = std::numeric_limits<std::int32_t>::max();
  CellPresence cell;
  cell.cell_id = request.path[1];
  std::string named = cell.cell_id;
  Fields fields(request.body);
  fields.text("cell_id", named);
  fields.text("rep_address", cell.rep_address);
  fields.text("rep_url", cell.rep_url);
  fields.text("zone", cell.zone);
  fields.object("capacity", [&cell](Fields& capacity) {
    capacity.integer("memory_mb", cell.memory_mb, kMost);
    capacity.integer("disk_mb", cell.disk_mb, kMost);
    capacity.integer("containers", cell.containers, kMost);
  });
  fields.providers("rootfs_provider_list", cell.rootfs_providers);
  fields.list("placement_tags", cell.placement_tags);
  fields.list("optional_placement_tags", cell.optional_placement_tags);
  if (const std::string wrong = fields.error(); !wrong.empty()) return fails(400, wrong);
  if (named != cell.cell_id) return fails(400, "cell_id differs from that of the path");
  if (cell.cell_id.empty()) return fails(400, "cell_id is empty");
  model.set_presence(cell, now + ttl_of(request, presence_ttl));
  return done();
}

DoorAnswer list_domains(const BbsModel& model, base::Time now) {
  return {200, json([&](Writer& out) {
            out.begin_object();
            member(out, "domains", model.fresh_domains(now));
            out.end_object();
          }),
          ""};
}

DoorAnswer list_actual(const DoorRequest& request, const BbsModel& model) {
  BbsModel::LrpFilter filter;
  const auto take = [&request](const char* name, std::string& out) {
    const auto found = request.query.find(name);
    if (found != request.query.end()) out = found->second;
  };
  take("domain", filter.domain);
  take("cell_id", filter.cell_id);
  take("process_guid", filter.process_guid);
  return list("actual_lrps", model.actual_lrps(filter));
}

struct Route {
  const char* method;
  Strings path;  // "*" is any one part.
  DoorAnswer (*act)(const DoorRequest&, base::Duration presence_ttl, BbsModel&, base::Time);

  bool fits(const Strings& parts) const {
    return std::equal(path.begin(), path.end(), parts.begin(), parts.end(),
                      [](const std::string& wanted, const std::string& part) {
                        return wanted == "*" ? !part.empty() : wanted == part;
                      });
  }
};

const std::vector<Route>& all_routes() {
  using base::Duration;
  using base::Time;
  using Request = DoorRequest;
  static const std::vector<Route> kRoutes = {
      {"GET",
       {"desired", "lrps"},
       [](const Request&, Duration, BbsModel& model, Time) {
         return list("desired_lrps", values_of(model.desired_lrps()));
       }},
      {"PUT",
       {"desired", "lrps", "*"},
       [](const Request& request, Duration, BbsModel& model, Time now) { return put_lrp(request, model, now); }},
      {"DELETE",
       {"desired", "lrps", "*"},
       [](const Request& request, Duration, BbsModel& model, Time now) {
         return answer(model.remove_desired_lrp(request.path[2], request.trace_id, now));
       }},
      {"PUT",
       {"desired", "tasks", "*"},
       [](const Request& request, Duration, BbsModel& model, Time now) { return put_task(request, model, now); }},
      {"DELETE",
       {"desired", "tasks", "*"},
       [](const Request& request, Duration, BbsModel& model, Time now) { return delete_task(request, model, now); }},
      {"GET",
       {"actual", "lrps"},
       [](const Request& request, Duration, BbsModel& model, Time) { return list_actual(request, model); }},
      {"GET",
       {"tasks"},
       [](const Request&, Duration, BbsModel& model, Time) { return list("tasks", values_of(model.tasks())); }},
      {"GET",
       {"cells"},
       [](const Request&, Duration, BbsModel& model, Time now) { return list("cells", model.cells(now)); }},
      {"PUT",
       {"cells", "*"},
       [](const Request& request, Duration ttl, BbsModel& model, Time now) {
         return put_cell(request, ttl, model, now);
       }},
      {"DELETE",
       {"cells", "*"},
       [](const Request& request, Duration, BbsModel& model, Time) {
         return model.remove_presence(request.path[1]) ? done() : answer(not_found());
       }},
      {"GET",
       {"domains"},
       [](const Request&, Duration, BbsModel& model, Time now) { return list_domains(model, now); }},
      {"PUT",
       {"domains", "*"},
       [](const Request& request, Duration, BbsModel& model, Time now) {
         const Duration ttl = ttl_of(request, Duration{0});
         model.upsert_domain(request.path[1], ttl == Duration{0} ? Time::max() : now + ttl);
         return done();
       }},
      {"POST",
       {"converge"},
       [](const Request&, Duration, BbsModel& model, Time now) {
         model.converge(now);
         return done();
       }},
  };
  return kRoutes;
}

}  // namespace

DoorAnswer answer_door(const DoorRequest& request, base::Duration presence_ttl, BbsModel& model, base::Time now) {
  std::string allow;
  for (const Route& route : all_routes()) {
    if (!route.fits(request.path)) continue;
    if (route.method == request.method) return route.act(request, presence_ttl, model, now);
    allow += (allow.empty() ? "" : ", ") + std::string(route.method);
  }
  if (allow.empty()) return fails(404, "there is no such route");
  DoorAnswer refused = fails(405, "only " + allow);
  refused.allow = allow;
  return refused;
}

}  // namespace local
