#include "local/rep/rep_model.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "diego/json.hpp"

namespace local {
namespace {

constexpr std::int64_t kMebibyte = 1024 * 1024;

const diego::Resource& resource_of(const diego::Element& element) {
  return std::visit([](const auto& one) -> const diego::Resource& { return one.resource; }, element);
}

const std::string& guid_of(const diego::Element& element) {
  const auto* const lrp = std::get_if<diego::Lrp>(&element);
  return lrp != nullptr ? lrp->process_guid : std::get<diego::Task>(element).task_guid;
}

bool says(const diego::Element& element, std::string_view word) {
  return guid_of(element).find(word) != std::string::npos;
}

// Go leaves a slice nil where nothing was appended; the rep's answers show it as null.
template <class T>
void append(diego::Slice<T>& slice, const T& item) {
  std::vector<T> items = slice;
  items.push_back(item);
  slice = diego::Slice<T>(std::move(items));
}

std::string quoted(std::string_view text) {
  diego::GoWriter out;
  out.string(text);
  return out.take();
}

diego::Slice<std::string> list(const std::vector<std::string>& items) { return diego::Slice<std::string>(items); }

}  // namespace

RepModel::RepModel(RepConfig config, base::Random random) : config_(std::move(config)), random_(random) {
  using Kind = diego::RootFsProvider::Kind;
  diego::RootFsProvider preloaded{Kind::fixed_set, {}};
  for (const std::string& stack : config_.stacks) preloaded.set.insert(stack.substr(0, stack.find(':')));
  providers_["preloaded"] = preloaded;
  providers_["preloaded+layer"] = preloaded;
  if (config_.docker) providers_["docker"] = {Kind::arbitrary, {}};
}

bool RepModel::Room::take(const diego::Resource& need) {
  if (need.memory_mb > memory_mb || need.disk_mb > disk_mb || containers < 1) return false;
  memory_mb -= need.memory_mb;
  disk_mb -= need.disk_mb;
  --containers;
  return true;
}

RepModel::Room RepModel::room() const {
  Room room{config_.memory_mb, config_.disk_mb, config_.containers};
  for (const Container& container : containers_) {
    const diego::Resource& used = resource_of(container.element);
    room.memory_mb -= used.memory_mb;
    room.disk_mb -= used.disk_mb;
    --room.containers;
  }
  return room;
}

bool RepModel::knows_rootfs(std::string_view rootfs) const { return diego::matches(providers_, rootfs); }

diego::Resource RepModel::with_proxy(diego::Resource resource) const {
  if (resource.memory_mb > 0) resource.memory_mb += static_cast<std::int32_t>(config_.proxy_memory_mb);
  return resource;
}

// Steps happen at the time they were due, so one late call and many early ones agree.
void RepModel::advance(base::Time now) {
  for (Container& container : containers_) {
    while ((container.phase == Phase::starting || container.phase == Phase::running) && container.due &&
           *container.due <= now) {
      const base::Time at = *container.due;
      const bool crashes = says(container.element, "CRASHME");
      if (container.phase == Phase::starting) {
        container.phase = Phase::running;
        container.due.reset();
        if (crashes) {
          container.due = at + config_.crash_delay;
        } else if (std::holds_alternative<diego::Task>(container.element)) {
          container.due = at + config_.task_duration;
        }
        say(container, at);
      } else {
        complete(container, crashes, at);
      }
    }
    if (container.say_at && *container.say_at <= now) say(container, now);
  }
  std::erase_if(containers_, [now](const Container& container) {
    const bool ends = container.phase == Phase::completed || container.phase == Phase::reserved;
    return ends && *container.due <= now;
  });
}

void RepModel::complete(Container& container, bool failed, base::Time at) {
  if (container.phase == Phase::completed) return;
  container.phase = Phase::completed;
  container.failed = failed;
  container.due = at + config_.end_delay;
  say(container, at);
}

void RepModel::add(diego::Element element, const std::string& trace_id, base::Time now) {
  Container container{std::move(element), Phase::starting, false, now + config_.start_delay};
  container.trace_id = trace_id;
  if (config_.bbs) {
    container.phase = Phase::reserved;
    container.due = now + config_.reserved_expiration;
  }
  containers_.push_back(std::move(container));
  say(containers_.back(), now);
}

diego::CellState RepModel::state(base::Time now) {
  advance(now);
  diego::CellState out;
  out.rep_url = config_.rep_url;
  out.cell_id = config_.cell_id;
  out.cell_index = config_.cell_index;
  out.rootfs_providers = providers_;
  const auto resources = [](const Room& room) {
    return diego::CellResources{static_cast<std::int32_t>(room.memory_mb), static_cast<std::int32_t>(room.disk_mb),
                                room.containers};
  };
  out.available = resources(room());
  out.total = resources({config_.memory_mb, config_.disk_mb, config_.containers});
  std::vector<diego::Lrp> lrps;
  std::vector<diego::Task> tasks;
  for (const Container& container : containers_) {
    const bool starting = container.phase == Phase::reserved || container.phase == Phase::starting;
    if (starting) ++out.starting_container_count;
    if (const auto* const lrp = std::get_if<diego::Lrp>(&container.element)) {
      lrps.push_back(*lrp);
      lrps.back().constraint.rootfs.clear();  // The rep does not know it by then.
      lrps.back().state = starting                            ? "CLAIMED"
                          : container.phase == Phase::running ? "RUNNING"
                          : container.failed                  ? "CRASHED"
                                                              : "SHUTDOWN";
    } else {
      tasks.push_back(std::get<diego::Task>(container.element));
      tasks.back().constraint.rootfs.clear();
      tasks.back().state = container.phase == Phase::completed ? "Completed" : "Running";
      tasks.back().failed = container.failed;
    }
  }
  out.lrps = diego::Slice<diego::Lrp>(std::move(lrps));
  out.tasks = diego::Slice<diego::Task>(std::move(tasks));
  out.zone = config_.zone;
  out.evacuating = evacuated_at_.has_value();
  out.volume_drivers = list(config_.volume_drivers);
  out.placement_tags = list(config_.placement_tags);
  out.optional_placement_tags = list(config_.optional_placement_tags);
  out.proxy_memory_allocation_mb = config_.proxy_memory_mb;
  return out;
}

std::optional<diego::Work> RepModel::work(const diego::Work& work, base::Time now, const std::string& trace_id) {
  advance(now);
  if (!work.cell_id.empty() && work.cell_id != config_.cell_id) return std::nullopt;
  if (evacuated_at_) return work;  // The whole of it, echoed.

  diego::Work refused;
  std::vector<diego::Lrp> lrps = work.lrps;
  std::stable_sort(lrps.begin(), lrps.end(), [](const diego::Lrp& a, const diego::Lrp& b) {
    return a.resource.memory_mb > b.resource.memory_mb;
  });
  // What the rep itself refuses comes before what its executor refuses.
  std::vector<diego::Lrp> refused_below;
  Room left = room();
  for (const diego::Lrp& lrp : lrps) {
    const diego::Resource need = with_proxy(lrp.resource);
    if (!knows_rootfs(lrp.constraint.rootfs) || !left.take(need)) {
      append(refused.lrps, lrp);
    } else if (says(lrp, "FAILME")) {
      refused_below.push_back(lrp);
    } else {
      diego::Lrp taken = lrp;
      taken.instance_guid = base::uuid_text(random_.uuid4()).substr(0, 28);
      taken.resource = need;
      add(std::move(taken), trace_id, now);
    }
  }
  for (const diego::Lrp& lrp : refused_below) append(refused.lrps, lrp);

  for (const diego::Task& task : work.tasks) {
    const bool here = std::any_of(containers_.begin(), containers_.end(), [&](const Container& container) {
      const auto* const other = std::get_if<diego::Task>(&container.element);
      return other != nullptr && other->task_guid == task.task_guid;
    });
    Room now_left = room();
    if (here || !knows_rootfs(task.constraint.rootfs) || says(task, "FAILME") || !now_left.take(task.resource)) {
      append(refused.tasks, task);
    } else {
      add(task, trace_id, now);
    }
  }
  return refused;
}

RepModel::Container* RepModel::find_lrp(std::string_view process_guid, std::string_view instance_guid) {
  for (Container& container : containers_) {
    const auto* const lrp = std::get_if<diego::Lrp>(&container.element);
    if (lrp != nullptr && lrp->process_guid == process_guid && lrp->instance_guid == instance_guid) return &container;
  }
  return nullptr;
}

bool RepModel::stop_lrp(std::string_view process_guid, std::string_view instance_guid, base::Time now) {
  advance(now);
  Container* const container = find_lrp(process_guid, instance_guid);
  if (container == nullptr) return false;
  complete(*container, false, now);
  advance(now);
  return true;
}

bool RepModel::update_lrp(std::string_view process_guid, std::string_view instance_guid, base::Time now) {
  advance(now);
  return find_lrp(process_guid, instance_guid) != nullptr;
}

void RepModel::cancel_task(std::string_view task_guid, base::Time now) {
  advance(now);
  std::erase_if(containers_, [task_guid](const Container& container) {
    const auto* const task = std::get_if<diego::Task>(&container.element);
    return task != nullptr && task->task_guid == task_guid;
  });
}

std::string RepModel::container_metrics(base::Time now) {
  advance(now);
  const auto usage = [](const diego::Resource& resource) {
    return fmt::format(R"("metric_guid":"","cpu_usage_fraction":0.01,"disk_usage_bytes":{},"disk_quota_bytes":{},)"
                       R"("memory_usage_bytes":{},"memory_quota_bytes":{})",
                       kMebibyte, resource.disk_mb * kMebibyte, resource.memory_mb * kMebibyte / 2,
                       resource.memory_mb * kMebibyte);
  };
  std::vector<std::string> lrps, tasks;
  for (const Container& container : containers_) {
    if (container.phase != Phase::running) continue;
    if (const auto* const lrp = std::get_if<diego::Lrp>(&container.element)) {
      lrps.push_back(fmt::format(R"({{"instance_guid":{},"process_guid":{},"index":{},{}}})",
                                 quoted(lrp->instance_guid), quoted(lrp->process_guid), lrp->index,
                                 usage(lrp->resource)));
    } else {
      const auto& task = std::get<diego::Task>(container.element);
      tasks.push_back(fmt::format(R"({{"task_guid":{},{}}})", quoted(task.task_guid), usage(task.resource)));
    }
  }
  return fmt::format(R"({{"cell_id":{},"lrps":[{}],"tasks":[{}]}})", quoted(config_.cell_id), fmt::join(lrps, ","),
                     fmt::join(tasks, ","));
}

void RepModel::evacuate(base::Time now) {
  advance(now);
  if (evacuated_at_) return;
  evacuated_at_ = now;
  for (Container& container : containers_) {
    if (container.phase != Phase::completed) say(container, now);
  }
  std::erase_if(containers_, [](const Container& container) {
    return container.phase < Phase::running && std::holds_alternative<diego::Lrp>(container.element);
  });
}

bool RepModel::finished(base::Time now) {
  advance(now);
  return evacuated_at_ && (containers_.empty() || now - *evacuated_at_ >= config_.evacuation_timeout);
}

std::optional<base::Time> RepModel::next_deadline() const {
  std::optional<base::Time> next;
  const auto consider = [&next](base::Time time) { next = next ? std::min(*next, time) : time; };
  if (evacuated_at_) consider(*evacuated_at_ + config_.evacuation_timeout);
  for (const Container& container : containers_) {
    if (container.due) consider(*container.due);
    if (container.say_at) consider(*container.say_at);
  }
  return next;
}

// ---- The BBS

RepModel::Containers::iterator RepModel::find(std::string_view guid) {
  return std::find_if(containers_.begin(), containers_.end(), [guid](const Container& container) {
    const auto* const lrp = std::get_if<diego::Lrp>(&container.element);
    return guid == (lrp != nullptr ? lrp->instance_guid : std::get<diego::Task>(container.element).task_guid);
  });
}

RepBbsCall RepModel::call_about(const Container& container) const {
  using Kind = RepBbsCall::Kind;
  RepBbsCall call;
  call.trace_id = container.trace_id;
  call.failed = container.failed;
  if (container.failed) call.reason = "Exited with status 1";
  const bool ended = container.phase == Phase::completed;
  const auto* const lrp = std::get_if<diego::Lrp>(&container.element);
  if (lrp == nullptr) {
    call.container = std::get<diego::Task>(container.element).task_guid;
    call.kind = ended ? Kind::complete_task : Kind::start_task;
    return call;
  }
  call.container = lrp->instance_guid;
  call.process_guid = lrp->process_guid;
  call.index = lrp->index;
  call.domain = lrp->domain;
  const Kind stays[] = {Kind::claim, Kind::start, container.failed ? Kind::crash : Kind::remove};
  const Kind leaves[] = {Kind::evacuate_claimed, Kind::evacuate_running,
                         container.failed ? Kind::evacuate_crashed : Kind::evacuate_stopped};
  call.kind = (evacuated_at_ ? leaves : stays)[ended ? 2 : container.phase == Phase::running ? 1 : 0];
  return call;
}

// A container's state is said when it is new and again and again, but for a Task that runs and for the
// end, which the BBS hears once.
void RepModel::say(Container& container, base::Time now) {
  container.say_at.reset();
  if (!config_.bbs) return;
  const bool task = std::holds_alternative<diego::Task>(container.element);
  if (task && (container.phase == Phase::starting || container.phase == Phase::running)) return;
  calls_.push_back(call_about(container));
  if (container.phase != Phase::completed)
    container.say_at = now + (evacuated_at_ ? config_.say_again_evacuating : config_.say_again);
}

void RepModel::bbs_answered(const RepBbsAnswer& answer, base::Time now) {
  using Kind = RepBbsCall::Kind;
  using Outcome = RepBbsAnswer::Outcome;
  advance(now);
  const auto at = find(answer.container);
  if (at == containers_.end()) return;
  switch (answer.kind) {
    case Kind::claim:
    case Kind::start_task:
      if (answer.outcome == Outcome::done && at->phase == Phase::reserved) {
        at->phase = Phase::starting;
        at->due = now + config_.start_delay;
        if (answer.kind == Kind::start_task) at->say_at.reset();
      }
      if (answer.outcome == Outcome::cannot_be_claimed ||
          (answer.kind == Kind::start_task &&
           (answer.outcome == Outcome::invalid_state_transition || answer.outcome == Outcome::not_found)))
        containers_.erase(at);
      break;
    case Kind::start:
      if (answer.outcome == Outcome::cannot_be_started) complete(*at, false, now);
      break;
    case Kind::evacuate_running:
      if (!answer.keep_container) containers_.erase(at);
      break;
    default:
      break;  // Ends and leave-takings are said once, whatever comes of it.
  }
  advance(now);
}

}  // namespace local
