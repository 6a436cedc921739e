#include "executor/edge/loop.hpp"

#include <algorithm>

#include "executor/edge/print.hpp"
#include "executor/edge/translate.hpp"
#include "mesos/calls.hpp"
#include "mesos/events.hpp"
#include "mesos/v1/executor/executor.pb.h"
#include "mesos/v1/mesos.pb.h"
#include "platform/clock.hpp"
#include "platform/log.hpp"

namespace executor {
namespace {

mesos_client::SessionConfig session_config(const AgentEnvironment& agent) {
  mesos_client::SessionConfig config;
  config.peer = mesos_client::SessionConfig::Peer::agent;
  config.urls = {agent.url};
  config.backoff_max = agent.backoff_max;
  config.recovery_timeout = agent.recovery_timeout;
  return config;
}

platform::LogLevel level_of(const Event& event) {
  return std::holds_alternative<RepAnswered>(event) || std::holds_alternative<RepFailed>(event) ||
                 std::holds_alternative<ClockTicked>(event) || std::holds_alternative<Acknowledged>(event) ||
                 std::holds_alternative<MetricsAnswered>(event)
             ? platform::LogLevel::debug
             : platform::LogLevel::info;
}

platform::LogLevel level_of(const Action& action) {
  if (const auto* log = std::get_if<Log>(&action)) {
    if (log->level == Log::Level::error) return platform::LogLevel::error;
    if (log->level == Log::Level::warning) return platform::LogLevel::warning;
  }
  return std::holds_alternative<PollState>(action) || std::holds_alternative<SendReport>(action) ||
                 std::holds_alternative<PollMetrics>(action) || std::holds_alternative<SendMetrics>(action)
             ? platform::LogLevel::debug
             : platform::LogLevel::info;
}

template <class Said>
void print(const Said& said) {
  const platform::LogLevel level = level_of(said);
  if (!platform::log_enabled(level)) return;
  const std::string* const trace_id = trace_of(said);
  if (!platform::logs_lager() || trace_id == nullptr) return platform::log(level, line_of(said));
  platform::LagerText text = platform::as_lager(line_of(said));
  platform::log(level, "", text.message, text.data.add_trace(*trace_id, platform::random_seed()));
}

}  // namespace

Loop::Loop(Flags flags, AgentEnvironment agent, std::map<std::string, std::string> environment)
    : flags_(std::move(flags)),
      agent_(std::move(agent)),
      environment_(std::move(environment)),
      codec_(*mesos_client::parse_codec(flags_.mesos_codec)),
      random_(platform::random_seed()),
      config_(core_config(flags_, agent_)),
      core_(config_, base::Random(platform::random_seed())),
      session_(session_config(agent_)) {}

Loop::~Loop() = default;

int Loop::run() {
  perform(session_.start(platform::now()));
  while (!exit_) {
    auto messages = mailbox_.take(wait());
    for (const Message& message : messages) {
      if (exit_) break;
      std::visit([&](const auto& one) { take(one); }, message);
    }
    if (const auto deadline = session_.next_deadline(); deadline && platform::now() >= *deadline && !exit_) {
      perform(session_.on_tick(platform::now(), random_));
    }
    if (!exit_) handle(ClockTicked{});
  }
  mailbox_.close();
  stream_.reset();
  calls_.reset();
  metrics_.reset();
  rep_.reset();
  cell_.reset();
  return exit_->code;
}

std::optional<base::Duration> Loop::wait() const {
  std::optional<base::Time> next = core_.next_deadline();
  const auto session = session_.next_deadline();
  if (session && (!next || *session < *next)) next = session;
  if (!next) return std::nullopt;
  return std::max(*next - platform::now(), base::Duration{0});
}

void Loop::take(const mesos_client::StreamReport& report) {
  const auto now = platform::now();
  if (const auto* head = std::get_if<mesos_client::StreamHead>(&report.what)) {
    perform(session_.on_head(report.generation, *head, now, random_));
  } else if (const auto* record = std::get_if<mesos_client::StreamReport::Record>(&report.what)) {
    take_record(report.generation, record->bytes);
  } else {
    const auto& ended = std::get<mesos_client::StreamReport::Ended>(report.what);
    perform(session_.on_stream_ended(report.generation, ended.reason, now, random_));
  }
}

void Loop::take_record(std::uint64_t generation, const std::string& bytes) {
  if (generation != session_.generation()) return;  // Of a stream we have left.
  const auto now = platform::now();
  mesos::v1::executor::Event event;
  if (const auto decoded = mesos_client::decode(codec_, bytes, event); !decoded) {
    return perform(session_.on_event(generation, mesos_client::unreadable_event(decoded.error()), now, random_));
  }
  if (event.type() == mesos::v1::executor::Event::SUBSCRIBED) zone_ = zone_of(event);
  perform(session_.on_event(generation, mesos_client::stream_event(event), now, random_));
  for (mesos::v1::TaskInfo& task : tasks_of(event)) tasks_.emplace(task.task_id().value(), std::move(task));
  // The session has just left a stream whose event it did not like.
  if (generation != session_.generation() && event.type() != mesos::v1::executor::Event::SHUTDOWN) return;
  for (const Event& heard : events_of(event, codec_ == mesos_client::Codec::json)) {
    if (const auto* acknowledged = std::get_if<Acknowledged>(&heard)) tasks_.erase(acknowledged->task_id);
    handle(heard);
  }
}

void Loop::take(const mesos_client::CallResult& result) {
  if (result.generation != session_.generation() || !session_.subscribed()) return;
  const auto now = platform::now();
  if (result.status == 0) {
    // What was lost is in the next SUBSCRIBE.
    perform(session_.restart(now, "a call had no answer: " + result.failure));
  } else if (result.status / 100 != 2) {
    platform::log_warning("the agent answered " + std::to_string(result.status) + ": " + result.body);
    perform(session_.on_call_refused(result.generation, result.status, result.body, now, random_));
  }
}

void Loop::handle(const Event& event) {
  if (!std::holds_alternative<ClockTicked>(event)) print(event);
  for (const Action& action : core_.handle(event, platform::now())) {
    print(action);
    perform(action);
  }
}

void Loop::perform(const mesos_client::SessionActions& actions) {
  for (const auto& action : actions) std::visit([&](const auto& one) { perform(one); }, action);
}

void Loop::perform(const mesos_client::Connect& connect) {
  std::vector<mesos::v1::TaskInfo> tasks;
  for (const std::string& id : core_.unacknowledged_tasks()) {
    if (const auto task = tasks_.find(id); task != tasks_.end()) tasks.push_back(task->second);
  }
  std::vector<mesos::v1::TaskStatus> updates;
  for (const Update& update : core_.carry_updates()) {
    updates.push_back(status_of(update));
  }
  const auto call = mesos_client::executor_subscribe_call(agent_.framework_id, agent_.executor_id, tasks, updates);
  stream_.reset();
  stream_ = std::make_unique<mesos_client::StreamConnection>(
      transport_options(), connect.url, mesos_client::encode(codec_, call), connect.generation,
      [this](mesos_client::StreamReport report) { mailbox_.post(std::move(report)); });
}

void Loop::perform(const mesos_client::Disconnect&) {
  calls_.reset();
  stream_.reset();
}

void Loop::perform(const mesos_client::Subscribed& subscribed) {
  calls_ = std::make_unique<mesos_client::CallConnection>(
      transport_options(), subscribed.url, subscribed.stream_id, subscribed.generation,
      [this](mesos_client::CallResult result) { mailbox_.post(std::move(result)); });
}

void Loop::perform(const mesos_client::Lost& lost) {
  platform::log_warning("lost the agent: " + lost.reason);
  calls_.reset();
  handle(StreamLost{});
}

void Loop::perform(const mesos_client::GivenUp& given_up) {
  if (given_up.cause == mesos_client::GivenUp::Cause::shutdown) return handle(ShutdownRequested{});
  handle(SessionEnded{given_up.reason});
}

void Loop::perform(const mesos_client::Warn& warn) { platform::log_warning(warn.text); }

void Loop::perform(const Action& action) {
  if (const auto* start = std::get_if<StartCell>(&action)) return start_cell(*start);
  if (const auto* stop = std::get_if<StopCell>(&action)) return stop_cell(*stop);
  if (const auto* update = std::get_if<SendUpdate>(&action)) {
    return call(mesos_client::executor_update_call(agent_.framework_id, agent_.executor_id, status_of(update->update)));
  }
  if (const auto* hello = std::get_if<SendHello>(&action)) {
    return call(mesos_client::executor_message_call(agent_.framework_id, agent_.executor_id, hello_message(*hello)));
  }
  if (const auto* report = std::get_if<SendReport>(&action)) {
    return call(
        mesos_client::executor_message_call(agent_.framework_id, agent_.executor_id, report_message(report->report)));
  }
  if (const auto* metrics = std::get_if<SendMetrics>(&action)) {
    return call(
        mesos_client::executor_message_call(agent_.framework_id, agent_.executor_id, metrics_message(*metrics)));
  }
  if (const auto* exit = std::get_if<Exit>(&action)) {
    exit_ = *exit;
  } else if (std::holds_alternative<PollMetrics>(action) && metrics_) {
    metrics_->order(action);
  } else if (!std::holds_alternative<Log>(action) && rep_) {
    rep_->order(action);
  }
}

void Loop::call(const google::protobuf::Message& message) {
  if (calls_) calls_->send(++calls_made_, mesos_client::encode(codec_, message));
}

void Loop::start_cell(const StartCell& start) {
  const auto ended = [this](std::string how) { mailbox_.post(Event(CellEnded{std::move(how)})); };
  FreePorts free;
  for (const auto& [url, port] :
       {std::pair(&flags_.rep_url, &free.rep), std::pair(&flags_.rep_admin_url, &free.admin)}) {
    if (!is_auto(*url)) continue;
    const auto found = free_loopback_port();
    if (!found) return ended("was not started: " + found.error().message());
    *port = *found;
  }
  const auto address = rep_address(flags_, free);
  if (!address) return ended("was not started: " + address.error().message());
  for (auto* worker : {&rep_, &metrics_}) {
    auto client = diego::RepClient::create({.url = address->url,
                                            .admin_url = address->admin_url,
                                            .ca_file = flags_.rep_ca,
                                            .cert_file = flags_.rep_cert,
                                            .key_file = flags_.rep_key,
                                            .server_name = rep_server_name(flags_, config_.cell_id),
                                            .cell_id = config_.cell_id});
    if (!client) return ended("was not started: " + client.error().message());
    *worker = std::make_unique<RepWorker>(*std::move(client), [this](Event event) { mailbox_.post(std::move(event)); });
  }
  if (flags_.cell_command.empty()) return;

  platform::Command command;
  command.argv = {"/bin/sh", "-c", flags_.cell_command};
  command.environment = environment_;
  command.environment.erase("MESOS_EXECUTOR_AUTHENTICATION_TOKEN");  // Ours alone.
  command.environment["CELL_ID"] = config_.cell_id;
  command.environment["CELL_MEMORY_MB"] = std::to_string(start.mem_mb);
  command.environment["CELL_DISK_MB"] = std::to_string(start.disk_mb);
  command.environment["CELL_ZONE"] = flags_.cell_zone.empty() ? zone_ : flags_.cell_zone;
  command.environment["REP_URL"] = address->url;
  command.environment["REP_LISTEN"] = address->listen;
  command.environment["REP_ADMIN_LISTEN"] = address->admin_listen;
  const std::string folder = agent_.sandbox.empty() ? "." : agent_.sandbox;
  command.stdout_file = folder + "/cell.stdout";
  command.stderr_file = folder + "/cell.stderr";
  command.die_with_parent = true;
  auto cell = CellProcess::start(command, ended);
  if (!cell) return ended("was not started: " + cell.error().message());
  cell_ = *std::move(cell);
}

void Loop::stop_cell(const StopCell& stop) {
  if (cell_) return cell_->stop(stop.grace);
  mailbox_.post(Event(CellEnded{"was not ours to stop"}));
}

mesos_client::TransportOptions Loop::transport_options() const {
  mesos_client::TransportOptions options;
  options.codec = codec_;
  options.credentials.bearer_token = agent_.token;
  options.unix_socket = agent_.domain_socket;
  options.ca_file = agent_.ca_file;
  options.cert_file = agent_.cert_file;
  options.key_file = agent_.key_file;
  // An agent's heartbeat comes every 30 minutes; silence means nothing.
  options.stream_read_timeout = std::chrono::hours(24);
  return options;
}

}  // namespace executor
