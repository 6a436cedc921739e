// A BBS with a cell, and verbs.
#pragma once

#include <map>
#include <string>
#include <variant>
#include <vector>

#include "local/bbs/bbs_model.hpp"

namespace local::bbs_test {

using namespace std::chrono_literals;
using Presence = ActualLrp::Presence;
using Type = BbsError::Type;

inline base::Time at(base::Duration since_start) { return base::Time(1000h) + since_start; }

inline DesiredLrp an_app(std::string guid, std::int32_t instances = 1) {
  DesiredLrp desired;
  desired.process_guid = std::move(guid);
  desired.domain = "cf-apps";
  desired.instances = instances;
  desired.constraint.rootfs = "preloaded:cflinuxfs4";
  desired.resource = {128, 512, 1024};
  return desired;
}

inline diego::TaskStart a_task(std::string guid) {
  diego::TaskStart task;
  task.task_guid = std::move(guid);
  task.domain = "cf-tasks";
  task.constraint.rootfs = "preloaded:cflinuxfs4";
  task.resource = {64, 256, 100};
  return task;
}

inline LrpKey key(std::string guid, std::int32_t index = 0) { return {std::move(guid), index, "cf-apps"}; }
inline InstanceKey on(std::string cell, std::string guid = "i-1") { return {std::move(guid), std::move(cell)}; }

struct Rig {
  explicit Rig(BbsConfig config = {}) : model(config, base::Random(1)) {
    model.upsert_domain("cf-apps", base::Time::max());
    cell("cell-a");
  }

  void cell(const std::string& id, base::Duration until = 10'000h) {
    CellPresence presence;
    presence.cell_id = id;
    presence.rep_url = "http://" + id;
    model.set_presence(presence, at(until));
  }
  void desire(const DesiredLrp& app, base::Duration now = 0s, const std::string& trace = "trace") {
    model.desire_lrp(app, trace, at(now));
  }
  // UNCLAIMED to RUNNING.
  void run(const std::string& guid, std::int32_t index, const InstanceKey& instance, base::Duration now = 0s) {
    model.claim_lrp(guid, index, instance, at(now));
    model.start_lrp(key(guid, index), instance, "net", at(now));
  }
  void converge(base::Duration now) { model.converge(at(now)); }

  // "guid.index state presence [cell]" of every row.
  std::vector<std::string> rows() const {
    std::vector<std::string> out;
    for (const ActualLrp& lrp : model.actual_lrps({})) {
      std::string text = lrp.key.process_guid + "." + std::to_string(lrp.key.index) + " " + name_of(lrp.state);
      if (lrp.presence != Presence::ordinary) text += std::string(" ") + name_of(lrp.presence);
      if (!lrp.instance.cell_id.empty()) text += " " + lrp.instance.cell_id;
      out.push_back(text);
    }
    return out;
  }
  ActualLrp only(const std::string& guid, std::int32_t index = 0, Presence presence = Presence::ordinary) const {
    for (const ActualLrp& lrp : model.actual_lrps({"", "", guid, index})) {
      if (lrp.presence == presence) return lrp;
    }
    return {};
  }
  const TaskRow& task(const std::string& guid) const { return model.tasks().at(guid); }

  // What was ordered since the last look, one line each: "lrps app.0,1 trace", "stop app i-1 at URL x5".
  std::vector<std::string> orders() {
    std::vector<std::string> out;
    for (const BbsOrder& order : model.take_orders()) out.push_back(line_of(order));
    return out;
  }
  static std::string line_of(const BbsOrder& order) {
    if (const auto* const lrps = std::get_if<PostLrpAuctions>(&order)) {
      std::string line = "lrps";
      for (const diego::LrpStart& start : lrps->starts) {
        line += " " + start.process_guid + ".";
        for (std::size_t i = 0; i < start.indices.size(); ++i)
          line += (i == 0 ? "" : ",") + std::to_string(start.indices[i]);
      }
      return line + (lrps->trace_id.empty() ? "" : " " + lrps->trace_id);
    }
    if (const auto* const tasks = std::get_if<PostTaskAuctions>(&order)) {
      std::string line = "tasks";
      for (const diego::TaskStart& start : tasks->starts) line += " " + start.task_guid;
      return line + (tasks->trace_id.empty() ? "" : " " + tasks->trace_id);
    }
    if (const auto* const stop = std::get_if<StopLrpAtRep>(&order))
      return "stop " + stop->process_guid + " " + stop->instance_guid + " at " + stop->rep_url + " x" +
             std::to_string(stop->attempts);
    const auto& cancel = std::get<CancelTaskAtRep>(order);
    return "cancel " + cancel.task_guid + " at " + cancel.rep_url;
  }

  BbsModel model;
};

using Lines = std::vector<std::string>;

inline Type type_of(const Refusal& refusal) { return refusal ? refusal->type : Type::unknown; }

}  // namespace local::bbs_test
