#include "local/bbs/bbs_api.hpp"

#include <algorithm>
#include <cassert>
#include <functional>
#include <limits>
#include <map>

#include "diego/bbs.pb.h"

namespace local {
namespace {

using base::Time;

struct Context {
  BbsModel& model;
  const std::string& trace_id;
  Time now;
};
using Handler = std::function<std::string(const std::string& body, const Context& context)>;

// ---- Messages to values and back

LrpKey key_of(const models::ActualLRPKey& key) { return {key.process_guid(), key.index(), key.domain()}; }

InstanceKey instance_of(const models::ActualLRPInstanceKey& key) { return {key.instance_guid(), key.cell_id()}; }

// Diego's times are nanoseconds since 1970, and 0 where there is none.
std::int64_t nanoseconds(Time time) { return time.time_since_epoch().count(); }

template <class Response>
void set_error(Response& response, const Refusal& refusal) {
  if (!refusal) return;
  // Not every number has a name in the schema; a proto3 enum keeps it all the same.
  response.mutable_error()->set_type(static_cast<models::Error::Type>(refusal->type));
  response.mutable_error()->set_message(refusal->text);
}

// Sub-messages that Diego always writes, empty or not, are written.
void write(const ActualLrp& lrp, models::ActualLRP& out) {
  out.mutable_key()->set_process_guid(lrp.key.process_guid);
  out.mutable_key()->set_index(lrp.key.index);
  out.mutable_key()->set_domain(lrp.key.domain);
  out.mutable_instance_key()->set_instance_guid(lrp.instance.instance_guid);
  out.mutable_instance_key()->set_cell_id(lrp.instance.cell_id);
  out.mutable_net_info()->ParseFromString(lrp.net_info);
  out.set_crash_count(lrp.crash_count);
  out.set_crash_reason(lrp.crash_reason);
  out.set_state(name_of(lrp.state));
  out.set_placement_error(lrp.placement_error);
  out.set_since(nanoseconds(lrp.since));
  out.mutable_modification_tag()->set_epoch(lrp.epoch);
  out.mutable_modification_tag()->set_index(lrp.revision);
  out.set_presence(static_cast<models::ActualLRP::Presence>(lrp.presence));
}

void write(const TaskRow& task, models::Task& out) {
  out.mutable_task_definition()->ParseFromString(task.definition);
  out.set_task_guid(task.wanted.task_guid);
  out.set_domain(task.wanted.domain);
  out.set_created_at(nanoseconds(task.created));
  out.set_updated_at(nanoseconds(task.updated));
  out.set_first_completed_at(nanoseconds(task.first_completed));
  out.set_state(static_cast<models::Task::State>(task.state));
  out.set_cell_id(task.cell_id);
  out.set_result(task.result);
  out.set_failed(task.failed);
  out.set_failure_reason(task.failure_reason);
  out.set_rejection_count(task.rejection_count);
  out.set_rejection_reason(task.rejection_reason);
}

void write(const CellPresence& cell, models::CellPresence& out) {
  out.set_cell_id(cell.cell_id);
  out.set_rep_address(cell.rep_address);
  out.set_zone(cell.zone);
  out.mutable_capacity()->set_memory_mb(cell.memory_mb);
  out.mutable_capacity()->set_disk_mb(cell.disk_mb);
  out.mutable_capacity()->set_containers(cell.containers);
  for (const auto& [scheme, properties] : cell.rootfs_providers) {
    models::Provider& provider = *out.add_rootfs_providers();
    provider.set_name(scheme);
    for (const std::string& property : properties) provider.add_properties(property);
  }
  for (const std::string& tag : cell.placement_tags) out.add_placement_tags(tag);
  for (const std::string& tag : cell.optional_placement_tags) out.add_optional_placement_tags(tag);
  out.set_rep_url(cell.rep_url);
}

template <class Definition>
diego::PlacementConstraint constraint_of(const Definition& definition) {
  diego::PlacementConstraint constraint;
  constraint.rootfs = definition.root_fs();
  const std::vector<std::string> tags(definition.placement_tags().begin(), definition.placement_tags().end());
  if (!tags.empty()) constraint.placement_tags = tags;
  std::vector<std::string> drivers;
  for (const models::VolumeMount& mount : definition.volume_mounts()) drivers.push_back(mount.driver());
  constraint.volume_drivers = drivers;
  return constraint;
}

template <class Definition>
diego::Resource resource_of(const Definition& definition) {
  return {definition.memory_mb(), definition.disk_mb(), definition.max_pids()};
}

// ---- What makes a request invalid: the fields, in Diego's order and words

class Check {
 public:
  void that(bool holds, std::string_view field) {
    if (holds) return;
    if (!text_.empty()) text_ += ", ";
    text_ += "Invalid field: ";
    text_ += field;
  }
  Refusal refusal() const {
    if (text_.empty()) return std::nullopt;
    return BbsError{BbsError::Type::invalid_request, text_};
  }

 private:
  std::string text_;
};

template <class Request>
void check_key(Check& check, const Request& request) {
  if (!request.has_key()) return check.that(false, "actual_lrp_key");
  check.that(!request.key().process_guid().empty(), "process_guid");
  check.that(request.key().index() >= 0, "index");
  check.that(!request.key().domain().empty(), "domain");
}

template <class Request>
void check_instance(Check& check, const Request& request) {
  if (!request.has_instance_key()) return check.that(false, "actual_lrp_instance_key");
  check.that(!request.instance_key().cell_id().empty(), "cell_id");
  check.that(!request.instance_key().instance_guid().empty(), "instance_guid");
}

template <class Request>
void check_net_info(Check& check, const Request& request) {
  if (!request.has_net_info()) return check.that(false, "actual_lrp_net_info");
  check.that(!request.net_info().address().empty(), "address");
}

bool is_task_guid(const std::string& guid) {
  return !guid.empty() && std::all_of(guid.begin(), guid.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

bool has_scheme(const std::string& rootfs) {
  const std::size_t colon = rootfs.find(':');
  return colon != std::string::npos && colon > 0;
}

template <class Definition>
void check_definition(Check& check, const Definition& definition) {
  check.that(has_scheme(definition.root_fs()), "rootfs");
  check.that(definition.memory_mb() >= 0, "memory_mb");
  check.that(definition.disk_mb() >= 0, "disk_mb");
  check.that(definition.max_pids() >= 0, "max_pids");
}

template <class Request>
void check_both(Check& check, const Request& request) {
  check_key(check, request);
  check_instance(check, request);
}

// ---- Routes

// `check` looks at the request, `act` carries it out and fills the response but for the error it returns.
template <class Request, class Response, class CheckRequest, class Act>
Handler route(CheckRequest check_request, Act act) {
  return [check_request, act](const std::string& body, const Context& context) {
    Request request;
    Response response;
    if (!request.ParseFromString(body)) {
      set_error(response, BbsError{BbsError::Type::invalid_request, "the request received is invalid"});
      return response.SerializeAsString();
    }
    Check check;
    check_request(check, request);
    const Refusal invalid = check.refusal();
    set_error(response, invalid ? invalid : act(request, response, context));
    return response.SerializeAsString();
  };
}

const auto kAny = [](Check&, const auto&) {};

template <class Request, class Act>
Handler lrp_route(Act act) {
  return route<Request, models::ActualLRPLifecycleResponse>(
      check_both<Request>, [act](const Request& request, auto&, const Context& context) {
        return act(request, key_of(request.key()), instance_of(request.instance_key()), context);
      });
}

std::map<std::string, Handler, std::less<>> lrp_routes() {
  using namespace models;
  std::map<std::string, Handler, std::less<>> routes;
  routes["/v1/actual_lrps/list"] = route<ActualLRPsRequest, ActualLRPsResponse>(
      kAny, [](const ActualLRPsRequest& request, ActualLRPsResponse& response, const Context& context) {
        BbsModel::LrpFilter filter{request.domain(), request.cell_id(), request.process_guid(), {}};
        if (request.has_index()) filter.index = request.index();
        for (const ActualLrp& lrp : context.model.actual_lrps(filter)) write(lrp, *response.add_actual_lrps());
        return Refusal{};
      });
  routes["/v1/actual_lrps/claim"] = route<ClaimActualLRPRequest, ActualLRPLifecycleResponse>(
      [](Check& check, const ClaimActualLRPRequest& request) {
        check.that(!request.process_guid().empty(), "process_guid");
        check_instance(check, request);
      },
      [](const ClaimActualLRPRequest& request, auto&, const Context& context) {
        return context.model.claim_lrp(request.process_guid(), request.index(), instance_of(request.instance_key()),
                                       context.now);
      });
  routes["/v1/actual_lrps/start"] = routes["/v1/actual_lrps/start.r1"] =
      route<StartActualLRPRequest, ActualLRPLifecycleResponse>(
          [](Check& check, const StartActualLRPRequest& request) {
            check_both(check, request);
            check_net_info(check, request);
          },
          [](const StartActualLRPRequest& request, auto&, const Context& context) {
            return context.model.start_lrp(key_of(request.key()), instance_of(request.instance_key()),
                                           request.net_info().SerializeAsString(), context.now);
          });
  routes["/v1/actual_lrps/crash"] = lrp_route<CrashActualLRPRequest>(
      [](const CrashActualLRPRequest& request, const LrpKey& key, const InstanceKey& instance, const Context& context) {
        return context.model.crash_lrp(key, instance, request.error_message(), context.trace_id, context.now);
      });
  routes["/v1/actual_lrps/fail"] = route<FailActualLRPRequest, ActualLRPLifecycleResponse>(
      [](Check& check, const FailActualLRPRequest& request) {
        check_key(check, request);
        check.that(!request.error_message().empty(), "error_message");
      },
      [](const FailActualLRPRequest& request, auto&, const Context& context) {
        return context.model.fail_lrp(key_of(request.key()), request.error_message(), context.now);
      });
  routes["/v1/actual_lrps/remove"] = route<RemoveActualLRPRequest, ActualLRPLifecycleResponse>(
      [](Check& check, const RemoveActualLRPRequest& request) {
        check.that(!request.process_guid().empty(), "process_guid");
        check.that(request.index() >= 0, "index");
      },
      [](const RemoveActualLRPRequest& request, auto&, const Context& context) {
        std::optional<InstanceKey> instance;
        if (request.has_instance_key()) instance = instance_of(request.instance_key());
        return context.model.remove_lrp(request.process_guid(), request.index(), instance);
      });
  routes["/v1/actual_lrps/retire"] = route<RetireActualLRPRequest, ActualLRPLifecycleResponse>(
      check_key<RetireActualLRPRequest>, [](const RetireActualLRPRequest& request, auto&, const Context& context) {
        return context.model.retire_lrp(key_of(request.key()), context.trace_id, context.now);
      });
  return routes;
}

std::map<std::string, Handler, std::less<>> evacuation_routes() {
  using namespace models;
  std::map<std::string, Handler, std::less<>> routes;
  routes["/v1/actual_lrps/evacuate_claimed"] = route<EvacuateClaimedActualLRPRequest, EvacuationResponse>(
      check_both<EvacuateClaimedActualLRPRequest>,
      [](const EvacuateClaimedActualLRPRequest& request, EvacuationResponse& response, const Context& context) {
        const auto done = context.model.evacuate_claimed(key_of(request.key()), instance_of(request.instance_key()),
                                                         context.trace_id, context.now);
        response.set_keep_container(done.keep);
        return done.refusal;
      });
  routes["/v1/actual_lrps/evacuate_running"] = routes["/v1/actual_lrps/evacuate_running.r1"] =
      route<EvacuateRunningActualLRPRequest, EvacuationResponse>(
          [](Check& check, const EvacuateRunningActualLRPRequest& request) {
            check_both(check, request);
            check_net_info(check, request);
          },
          [](const EvacuateRunningActualLRPRequest& request, EvacuationResponse& response, const Context& context) {
            const auto done =
                context.model.evacuate_running(key_of(request.key()), instance_of(request.instance_key()),
                                               request.net_info().SerializeAsString(), context.trace_id, context.now);
            response.set_keep_container(done.keep);
            return done.refusal;
          });
  routes["/v1/actual_lrps/evacuate_stopped"] = route<EvacuateStoppedActualLRPRequest, EvacuationResponse>(
      check_both<EvacuateStoppedActualLRPRequest>,
      [](const EvacuateStoppedActualLRPRequest& request, auto&, const Context& context) {
        return context.model.evacuate_stopped(key_of(request.key()), instance_of(request.instance_key()));
      });
  routes["/v1/actual_lrps/evacuate_crashed"] = route<EvacuateCrashedActualLRPRequest, EvacuationResponse>(
      [](Check& check, const EvacuateCrashedActualLRPRequest& request) {
        check_both(check, request);
        check.that(!request.error_message().empty(), "error_message");
      },
      [](const EvacuateCrashedActualLRPRequest& request, auto&, const Context& context) {
        return context.model.evacuate_crashed(key_of(request.key()), instance_of(request.instance_key()),
                                              request.error_message(), context.now);
      });
  routes["/v1/actual_lrps/remove_evacuating"] =
      route<RemoveEvacuatingActualLRPRequest, RemoveEvacuatingActualLRPResponse>(
          check_both<RemoveEvacuatingActualLRPRequest>,
          [](const RemoveEvacuatingActualLRPRequest& request, auto&, const Context& context) {
            return context.model.remove_evacuating(key_of(request.key()), instance_of(request.instance_key()));
          });
  return routes;
}

template <class Act>
Handler task_route(Act act) {
  using models::TaskGuidRequest;
  return route<TaskGuidRequest, models::TaskLifecycleResponse>(
      [](Check& check, const TaskGuidRequest& request) { check.that(!request.task_guid().empty(), "task_guid"); },
      [act](const TaskGuidRequest& request, auto&, const Context& context) {
        return act(request.task_guid(), context);
      });
}

std::map<std::string, Handler, std::less<>> task_lists() {
  using namespace models;
  std::map<std::string, Handler, std::less<>> routes;
  routes["/v1/tasks/list.r3"] = route<TasksRequest, TasksResponse>(
      kAny, [](const TasksRequest& request, TasksResponse& response, const Context& context) {
        for (const auto& [guid, task] : context.model.tasks()) {
          if (!request.domain().empty() && task.wanted.domain != request.domain()) continue;
          if (!request.cell_id().empty() && task.cell_id != request.cell_id()) continue;
          write(task, *response.add_tasks());
        }
        return Refusal{};
      });
  routes["/v1/tasks/get_by_task_guid.r3"] = route<TaskByGuidRequest, TaskResponse>(
      [](Check& check, const TaskByGuidRequest& request) { check.that(!request.task_guid().empty(), "task_guid"); },
      [](const TaskByGuidRequest& request, TaskResponse& response, const Context& context) -> Refusal {
        const auto found = context.model.tasks().find(request.task_guid());
        if (found == context.model.tasks().end()) return not_found();
        write(found->second, *response.mutable_task());
        return std::nullopt;
      });
  return routes;
}

std::map<std::string, Handler, std::less<>> task_routes() {
  using namespace models;
  std::map<std::string, Handler, std::less<>> routes = task_lists();
  routes["/v1/tasks/desire.r2"] = route<DesireTaskRequest, TaskLifecycleResponse>(
      [](Check& check, const DesireTaskRequest& request) {
        check.that(is_task_guid(request.task_guid()), "task_guid");
        check.that(!request.domain().empty(), "domain");
        if (!request.has_task_definition()) return check.that(false, "task_definition");
        check_definition(check, request.task_definition());
      },
      [](const DesireTaskRequest& request, auto&, const Context& context) {
        const TaskDefinition& definition = request.task_definition();
        return context.model.desire_task(
            {request.task_guid(), request.domain(), constraint_of(definition), resource_of(definition)},
            definition.SerializeAsString(), context.trace_id, context.now);
      });
  routes["/v1/tasks/start"] = route<StartTaskRequest, StartTaskResponse>(
      [](Check& check, const StartTaskRequest& request) {
        check.that(is_task_guid(request.task_guid()), "task_guid");
        check.that(!request.cell_id().empty(), "cell_id");
      },
      [](const StartTaskRequest& request, StartTaskResponse& response, const Context& context) {
        const auto started = context.model.start_task(request.task_guid(), request.cell_id(), context.now);
        response.set_should_start(started.should_start);
        return started.refusal;
      });
  routes["/v1/tasks/complete"] = route<CompleteTaskRequest, TaskLifecycleResponse>(
      [](Check& check, const CompleteTaskRequest& request) {
        check.that(is_task_guid(request.task_guid()), "task_guid");
        check.that(!request.cell_id().empty(), "cell_id");
      },
      [](const CompleteTaskRequest& request, auto&, const Context& context) {
        return context.model.complete_task(request.task_guid(), request.cell_id(), request.failed(),
                                           request.failure_reason(), request.result(), context.now);
      });
  routes["/v1/tasks/reject"] = route<RejectTaskRequest, TaskLifecycleResponse>(
      [](Check& check, const RejectTaskRequest& request) {
        check.that(is_task_guid(request.task_guid()), "task_guid");
        check.that(!request.rejection_reason().empty(), "failure_reason");  // So Diego calls it.
      },
      [](const RejectTaskRequest& request, auto&, const Context& context) {
        return context.model.reject_task(request.task_guid(), request.rejection_reason(), context.now);
      });
  routes["/v1/tasks/cancel"] = task_route([](const std::string& guid, const Context& context) {
    return context.model.cancel_task(guid, context.trace_id, context.now);
  });
  routes["/v1/tasks/resolving"] = task_route(
      [](const std::string& guid, const Context& context) { return context.model.resolve_task(guid, context.now); });
  routes["/v1/tasks/delete"] =
      task_route([](const std::string& guid, const Context& context) { return context.model.delete_task(guid); });
  return routes;
}

std::map<std::string, Handler, std::less<>> desired_routes() {
  using namespace models;
  std::map<std::string, Handler, std::less<>> routes;
  routes["/v1/desired_lrp/desire.r2"] = route<DesireLRPRequest, DesiredLRPLifecycleResponse>(
      [](Check& check, const DesireLRPRequest& request) {
        if (!request.has_desired_lrp()) return check.that(false, "desired_lrp");
        check.that(!request.desired_lrp().domain().empty(), "domain");
        check.that(request.desired_lrp().instances() >= 0, "instances");
        check_definition(check, request.desired_lrp());
      },
      [](const DesireLRPRequest& request, auto&, const Context& context) {
        const DesiredLRP& lrp = request.desired_lrp();
        return context.model.desire_lrp(
            {lrp.process_guid(), lrp.domain(), lrp.instances(), constraint_of(lrp), resource_of(lrp)}, context.trace_id,
            context.now);
      });
  routes["/v1/desired_lrp/update"] = route<UpdateDesiredLRPRequest, DesiredLRPLifecycleResponse>(
      [](Check& check, const UpdateDesiredLRPRequest& request) {
        check.that(!request.process_guid().empty(), "process_guid");
        check.that(request.update().instances() >= 0, "instances");
      },
      [](const UpdateDesiredLRPRequest& request, auto&, const Context& context) -> Refusal {
        const auto& desired = context.model.desired_lrps();
        if (!request.update().has_instances() && desired.contains(request.process_guid())) return std::nullopt;
        return context.model.scale_lrp(request.process_guid(), request.update().instances(), context.trace_id,
                                       context.now);
      });
  routes["/v1/desired_lrp/remove"] = route<RemoveDesiredLRPRequest, DesiredLRPLifecycleResponse>(
      [](Check& check, const RemoveDesiredLRPRequest& request) {
        check.that(!request.process_guid().empty(), "process_guid");
      },
      [](const RemoveDesiredLRPRequest& request, auto&, const Context& context) {
        return context.model.remove_desired_lrp(request.process_guid(), context.trace_id, context.now);
      });
  return routes;
}

std::map<std::string, Handler, std::less<>> other_routes() {
  using namespace models;
  std::map<std::string, Handler, std::less<>> routes;
  routes["/v1/ping"] = [](const std::string&, const Context&) {
    PingResponse response;
    response.set_available(true);
    return response.SerializeAsString();
  };
  routes["/v1/cells/list.r1"] = [](const std::string&, const Context& context) {
    CellsResponse response;
    for (const local::CellPresence& cell : context.model.cells(context.now)) write(cell, *response.add_cells());
    return response.SerializeAsString();
  };
  routes["/v1/domains/list"] = [](const std::string&, const Context& context) {
    DomainsResponse response;
    for (const std::string& domain : context.model.fresh_domains(context.now)) response.add_domains(domain);
    return response.SerializeAsString();
  };
  routes["/v1/domains/upsert"] = route<UpsertDomainRequest, UpsertDomainResponse>(
      [](Check& check, const UpsertDomainRequest& request) { check.that(!request.domain().empty(), "domain"); },
      [](const UpsertDomainRequest& request, auto&, const Context& context) {
        const Time until = request.ttl() == 0 ? Time::max() : context.now + std::chrono::seconds(request.ttl());
        context.model.upsert_domain(request.domain(), until);
        return Refusal{};
      });
  return routes;
}

const std::map<std::string, Handler, std::less<>>& all_routes() {
  static const auto kRoutes = [] {
    auto routes = lrp_routes();
    routes.merge(evacuation_routes());
    routes.merge(task_routes());
    routes.merge(desired_routes());
    routes.merge(other_routes());
    return routes;
  }();
  return kRoutes;
}

}  // namespace

std::string task_definition(const diego::TaskStart& task) {
  models::TaskDefinition definition;
  definition.set_root_fs(task.constraint.rootfs);
  definition.set_memory_mb(task.resource.memory_mb);
  definition.set_disk_mb(task.resource.disk_mb);
  definition.set_max_pids(task.resource.max_pids);
  for (const std::string& tag : task.constraint.placement_tags) definition.add_placement_tags(tag);
  for (const std::string& driver : task.constraint.volume_drivers) definition.add_volume_mounts()->set_driver(driver);
  return definition.SerializeAsString();
}

std::string net_info_address(const std::string& net_info) {
  models::ActualLRPNetInfo message;
  return message.ParseFromString(net_info) ? message.address() : "";
}

bool is_bbs_route(std::string_view path) { return all_routes().contains(path); }

std::string answer_bbs(std::string_view path, const std::string& body, const std::string& trace_id, BbsModel& model,
                       base::Time now) {
  const auto route = all_routes().find(path);
  assert(route != all_routes().end());
  return route->second(body, {model, trace_id, now});
}

}  // namespace local
