#include "test/simulation/cell.hpp"

#include <algorithm>
#include <utility>

#include "executor/edge/print.hpp"
#include "executor/edge/translate.hpp"
#include "mesos/calls.hpp"
#include "mesos/events.hpp"
#include "mesos/v1/executor/executor.pb.h"
#include "mesos/v1/mesos.pb.h"
#include "test/simulation/world.hpp"

namespace simulation {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kRecordBytesMax = std::size_t{64} << 20U;
constexpr int kSigkill = 9;
constexpr Duration kIdleExit = 3s;  // Of the mutant.

executor::AgentEnvironment environment_of(const std::map<std::string, std::string>& variables) {
  auto environment = executor::read_agent_environment(variables);
  assert(environment);
  return *environment;
}

executor::Flags flags_of(const std::map<std::string, std::string>& variables) {
  const auto value = [&variables](const std::string& name) {
    const auto found = variables.find("DIEGO_MESOS_" + name);
    return found == variables.end() ? std::string() : found->second;
  };
  executor::Flags flags;
  flags.cell_command = value("CELL_COMMAND");
  flags.cell_id = value("CELL_ID");
  flags.cell_zone = value("CELL_ZONE");
  flags.cell_mem_mb = std::stoll(value("CELL_MEM_MB"));
  flags.cell_disk_mb = std::stoll(value("CELL_DISK_MB"));
  flags.mesos_codec = value("MESOS_CODEC");
  return flags;
}

mesos_client::SessionConfig session_config(const executor::AgentEnvironment& environment) {
  mesos_client::SessionConfig config;
  config.peer = mesos_client::SessionConfig::Peer::agent;
  config.urls = {environment.url};
  config.backoff_max = environment.backoff_max;
  config.recovery_timeout = environment.recovery_timeout;
  return config;
}

}  // namespace

Cell::Cell(World& world, AgentHost& agent, std::string container_id,
           const std::map<std::string, std::string>& environment)
    : world_(world),
      agent_(agent),
      container_id_(std::move(container_id)),
      environment_(environment_of(environment)),
      flags_(flags_of(environment)),
      codec_(*mesos_client::parse_codec(flags_.mesos_codec)),
      name_("cell " + environment_.executor_id),
      random_(world.sim().fork()),
      core_(executor::core_config(flags_, environment_), world.sim().fork()),
      session_(session_config(environment_)),
      started_(world.now()) {}

Cell::~Cell() = default;

// ---- The executor's process (executor/edge/loop.cpp)

void Cell::start() {
  if (world_.sim().told()) world_.sim().tell(name_, "starts in container " + container_id_);
  in_process([this] { perform(session_.start(world_.now())); });
}

void Cell::in_process(std::function<void()> what) {
  if (!alive_) return;
  if (world_.now() < hung_until_) {
    waiting_.push_back(std::move(what));
    return;
  }
  what();
  settle_soon();
}

void Cell::settle_soon() {
  if (settle_wanted_ || !alive_) return;
  settle_wanted_ = true;
  auto& sim = world_.sim();
  sim.after(sim.one_in(3) ? sim.between(0s, 2ms) : Duration{20us}, [this] {
    settle_wanted_ = false;
    settle();
  });
}

void Cell::settle() {
  if (!alive_ || world_.now() < hung_until_) return;
  if (const auto due = session_.next_deadline(); due && *due <= world_.now())
    perform(session_.on_tick(world_.now(), random_));
  if (alive_) handle(executor::ClockTicked{});
  watch_idleness();
  deadline_.reset();
}

std::optional<Time> Cell::next_deadline() const {
  if (!alive_) return std::nullopt;
  std::optional<Time> next = rep_next_;
  const auto by = [&next](std::optional<Time> time) {
    if (time && (!next || *time < *next)) next = time;
  };
  if (settle_wanted_) return next;
  if (world_.now() < hung_until_) {
    by(hung_until_);
    return next;
  }
  if (!waiting_.empty()) return world_.now();
  if (!deadline_) {  // Asking the core is not cheap.
    deadline_ = core_.next_deadline().value_or(Time::max());
    if (const auto session = session_.next_deadline(); session && *session < *deadline_) deadline_ = session;
    if (idle_since_ && *idle_since_ + kIdleExit < *deadline_) deadline_ = *idle_since_ + kIdleExit;
  }
  if (*deadline_ != Time::max()) by(std::max(*deadline_, settled_ + 20us));
  return next;
}

void Cell::run_due() {
  if (!alive_) return;
  if (rep_next_ && *rep_next_ <= world_.now()) look_at_rep();
  if (world_.now() < hung_until_) return;
  for (const auto& message : std::exchange(waiting_, {})) {
    if (alive_) message();
  }
  settled_ = world_.now();
  settle();
}

void Cell::handle(const executor::Event& event) {
  if (!alive_) return;
  deadline_.reset();
  if (world_.sim().told() && !std::holds_alternative<executor::ClockTicked>(event))
    world_.sim().tell(name_, "<- " + executor::line_of(event));
  note(event);
  for (const executor::Action& action : core_.handle(event, world_.now())) {
    if (world_.sim().told() && !std::holds_alternative<executor::PollState>(action))
      world_.sim().tell(name_, "-> " + executor::line_of(action));
    if (alive_) perform(action);
  }
  if (session_.subscribed()) return;
  // What it has to say and cannot: the next SUBSCRIBE carries it.
  for (const executor::Update& update : core_.unacknowledged_updates()) note(update);
}

void Cell::note(const executor::Update& update) {
  TaskHeld& task = tasks_[update.task_id];
  if (task.state && update.state <= *task.state) return;  // Known; they come in the order of a life.
  task.state = update.state;
  task.since = world_.now();
}

// What a checker may see of the tasks.
void Cell::note(const executor::Event& event) {
  if (const auto* launched = std::get_if<executor::TasksLaunched>(&event)) {
    for (const auto& task : launched->tasks)
      tasks_.try_emplace(task.task_id, TaskHeld{world_.now(), task.data, {}, world_.now(), false});
  } else if (const auto* kill = std::get_if<executor::KillRequested>(&event)) {
    if (const auto found = tasks_.find(kill->task_id); found != tasks_.end()) found->second.stop_wanted = true;
  } else if (std::holds_alternative<executor::ShutdownRequested>(event) ||
             std::holds_alternative<executor::Terminated>(event) ||
             std::holds_alternative<executor::SessionEnded>(event)) {
    told_to_shut_down_ = true;
  } else if (std::holds_alternative<executor::DrainRequested>(event)) {
    told_to_drain_ = true;
  }
}

void Cell::watch_idleness() {
  if (world_.options().mutant != Mutant::idle_exit || !alive_) return;
  const bool idle = !tasks_.empty() && std::all_of(tasks_.begin(), tasks_.end(), [](const auto& one) {
    return one.second.state && executor::terminal(*one.second.state);
  });
  if (!idle) return idle_since_.reset();
  if (!idle_since_) idle_since_ = world_.now();
  if (world_.now() >= *idle_since_ + kIdleExit) exit(0, "idle", true);
}

// ---- Its end

void Cell::exit(int code, const std::string& reason, bool by_itself) {
  if (!std::exchange(alive_, false)) return;
  if (world_.sim().told()) world_.sim().tell(name_, "ends: " + reason);
  exited_ = by_itself;
  exit_code_ = code;
  ended_ = world_.now();
  end_reason_ = reason;
  waiting_.clear();
  if (stream_) stream_->hang_up();
  if (calls_) calls_->hang_up(true);
  stream_.reset();
  calls_.reset();
  end_rep();
  agent_.container_exited(container_id_, by_itself ? code << 8 : kSigkill);
}

void Cell::kill(const std::string& why) { exit(0, why, false); }

void Cell::terminate() {
  in_process([this] { handle(executor::Terminated{}); });
}

void Cell::hang(Duration how_long) {
  if (!alive_) return;
  world_.sim().fault("executor_hang", name_);
  hung_until_ = world_.now() + how_long;
}

void Cell::cut_stream() {
  if (!stream_ || !stream_->open()) return;
  world_.sim().fault("executor_stream_cut", name_);
  stream_->cut();
}

void Cell::cut_calls() {
  if (!calls_ || !calls_->open()) return;
  world_.sim().fault("executor_calls_cut", name_);
  calls_->cut(Duration{0});
}

void Cell::agent_gone() {
  if (calls_) calls_->abort();
}

// ---- The session with the agent

void Cell::perform(const mesos_client::SessionActions& actions) {
  deadline_.reset();
  for (const auto& action : actions) {
    if (alive_) std::visit([this](const auto& one) { perform(one); }, action);
  }
}

void Cell::perform(const mesos_client::Connect& connect) {
  std::vector<mesos::v1::TaskInfo> tasks;
  for (const std::string& id : core_.unacknowledged_tasks()) {
    const auto found = task_infos_.find(id);
    if (found == task_infos_.end()) continue;
    tasks.emplace_back();
    tasks.back().ParseFromString(found->second);
  }
  std::vector<mesos::v1::TaskStatus> updates;
  for (const executor::Update& update : core_.carry_updates()) updates.push_back(executor::status_of(update));
  const std::string body = mesos_client::encode(
      codec_,
      mesos_client::executor_subscribe_call(environment_.framework_id, environment_.executor_id, tasks, updates));
  if (stream_) stream_->hang_up();
  stream_status_ = 0;
  stream_refusal_.clear();
  decoder_.emplace(kRecordBytesMax);
  const std::uint64_t generation = connect.generation;
  Stream::Client client;
  client.on_head = [this, generation](const mesos_client::StreamHead& head) {
    stream_status_ = head.status;
    in_process([this, generation, head] { perform(session_.on_head(generation, head, world_.now(), random_)); });
  };
  client.on_bytes = [this, generation](std::string_view bytes) { on_bytes(generation, bytes); };
  client.on_end = [this, generation](const std::string& reason) {
    const std::string why = stream_status_ != 0 && stream_status_ != 200 ? stream_refusal_ : reason;
    in_process([this, generation, why] { perform(session_.on_stream_ended(generation, why, world_.now(), random_)); });
  };
  stream_ = std::make_shared<Stream>(world_.sim(), Latency{50us, 500us}, std::move(client));
  // Behind what a call connection before this one may still carry.
  world_.sim().after(world_.sim().between(500us, 1ms),
                     [this, body, stream = stream_] { agent_.subscribe(body, codec_, stream); });
}

void Cell::perform(const mesos_client::Disconnect&) {
  if (calls_) calls_->hang_up(true);
  if (stream_) stream_->hang_up();
  calls_.reset();
  stream_.reset();
}

void Cell::perform(const mesos_client::Subscribed& subscribed) {
  calls_ = std::make_shared<Calls>(
      world_.sim(), Latency{50us, 500us}, [this](const std::string& body) { return agent_.call(body, codec_); },
      [this, generation = subscribed.generation](std::uint64_t, const Calls::Answer& answer) {
        if (answer.status / 100 == 2) return;
        in_process([this, generation, answer] { on_call_result(generation, answer); });
      });
}

void Cell::perform(const mesos_client::Lost&) {
  if (calls_) calls_->hang_up(true);
  calls_.reset();
  handle(executor::StreamLost{});
}

void Cell::perform(const mesos_client::GivenUp& given_up) {
  if (given_up.cause == mesos_client::GivenUp::Cause::shutdown) return handle(executor::ShutdownRequested{});
  handle(executor::SessionEnded{given_up.reason});
}

void Cell::perform(const mesos_client::Warn& warn) { world_.sim().tell(name_, "WARNING " + warn.text); }

void Cell::on_bytes(std::uint64_t generation, std::string_view bytes) {
  if (stream_status_ != 200) {
    stream_refusal_ += bytes;
    return;
  }
  const auto stream = stream_;
  while (alive_ && stream == stream_) {
    const auto record = decoder_->next(bytes);
    if (!record) break;
    in_process([this, generation, text = std::string(*record)] { on_record(generation, text); });
  }
}

void Cell::on_record(std::uint64_t generation, std::string_view record) {
  if (generation != session_.generation()) return;
  mesos::v1::executor::Event event;
  if (const auto decoded = mesos_client::decode(codec_, record, event); !decoded) {
    world_.violation(name_ + " reads an unreadable record: " + decoded.error().message());
    return;
  }
  if (event.type() == mesos::v1::executor::Event::SUBSCRIBED) zone_ = executor::zone_of(event);
  perform(session_.on_event(generation, mesos_client::stream_event(event), world_.now(), random_));
  for (const mesos::v1::TaskInfo& task : executor::tasks_of(event))
    task_infos_.emplace(task.task_id().value(), task.SerializeAsString());
  if (generation != session_.generation() && event.type() != mesos::v1::executor::Event::SHUTDOWN) return;
  for (const executor::Event& heard : executor::events_of(event, codec_ == mesos_client::Codec::json)) {
    if (const auto* acknowledged = std::get_if<executor::Acknowledged>(&heard))
      task_infos_.erase(acknowledged->task_id);
    handle(heard);
  }
}

void Cell::on_call_result(std::uint64_t generation, const Calls::Answer& answer) {
  if (generation != session_.generation() || !session_.subscribed()) return;
  if (answer.status == 0) return perform(session_.restart(world_.now(), "a call had no answer: " + answer.text));
  perform(session_.on_call_refused(generation, answer.status, answer.text, world_.now(), random_));
}

void Cell::call(const google::protobuf::Message& message) {
  if (calls_) calls_->send(++calls_made_, mesos_client::encode(codec_, message));
}

// ---- The core's actions

void Cell::perform(const executor::Action& action) {
  const std::string& framework = environment_.framework_id;
  const std::string& id = environment_.executor_id;
  if (const auto* start = std::get_if<executor::StartCell>(&action)) return start_rep(*start);
  if (const auto* stop = std::get_if<executor::StopCell>(&action)) return stop_rep(stop->grace);
  if (const auto* sent = std::get_if<executor::SendUpdate>(&action)) {
    note(sent->update);
    return call(mesos_client::executor_update_call(framework, id, executor::status_of(sent->update)));
  }
  if (const auto* hello = std::get_if<executor::SendHello>(&action))
    return call(mesos_client::executor_message_call(framework, id, executor::hello_message(*hello)));
  if (const auto* report = std::get_if<executor::SendReport>(&action))
    return call(mesos_client::executor_message_call(framework, id, executor::report_message(report->report)));
  if (const auto* metrics = std::get_if<executor::SendMetrics>(&action))
    return call(mesos_client::executor_message_call(framework, id, executor::metrics_message(*metrics)));
  if (const auto* left = std::get_if<executor::Exit>(&action))
    return exit(left->code, "exit " + std::to_string(left->code) + ": " + left->reason, true);
  if (!std::holds_alternative<executor::Log>(action)) order_rep(action);
}

}  // namespace simulation
