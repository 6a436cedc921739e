#include "test/bench/scale_model.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <limits>
#include <utility>

namespace scale {
namespace {

constexpr Nanos kSecond = 1'000'000'000;
constexpr Nanos kResendAfter = 10 * kSecond;
constexpr Nanos kHeartbeat = 15 * kSecond;
constexpr Nanos kRefusedMost = Nanos{365} * 24 * 3600 * kSecond;
constexpr std::string_view kMasterId = "5ca1e000-0000-4000-8000-000000000001";

// Sixteen bytes that name the status they stand for: version 4, variant 1, task and number.
std::string uuid_of(std::uint32_t task, std::uint8_t status) {
  std::string uuid("\x5c\xa1\xe0\x00\x00\x00\x40\x00\x80\x00\x00\x00\x00\x00\x00\x00", 16);
  std::memcpy(uuid.data() + 12, &task, sizeof task);
  uuid[9] = static_cast<char>(status);
  return uuid;
}

bool is_ours(const std::string& uuid) { return uuid.size() == 16 && uuid.compare(0, 9, uuid_of(0, 0), 0, 9) == 0; }

// "GUID.INDEX" of "GUID.INDEX.ATTEMPT".
std::string_view key_of(std::string_view task_id) { return task_id.substr(0, task_id.rfind('.')); }

// The scheduler's own, which bring up a cell: each is another one.
bool is_boot_task(std::string_view task_id) { return task_id.starts_with('~'); }

std::string with_number(std::string_view prefix, std::size_t number) {
  return std::string(prefix) + std::to_string(number);
}

}  // namespace

std::uint64_t Figures::violated() const {
  std::uint64_t sum = 0;
  for (const std::uint64_t count : violations) sum += count;
  return sum;
}

Model::Model(const ModelOptions& options)
    : options_(options), master_id_(kMasterId), framework_id_(master_id_ + "-0000"), writer_(options.codec) {
  agents_.resize(options.agents);
  for (std::size_t i = 0; i < agents_.size(); ++i) {
    Agent& agent = agents_[i];
    agent.id = with_number(master_id_ + "-S", i);
    agent.ip = "10." + std::to_string(i / 65536) + '.' + std::to_string(i / 256 % 256) + '.' + std::to_string(i % 256);
    agent.hostname = with_number("agent-", i) + ".example.internal";
    const std::string zone = with_number("z", i % options.zones + 1);
    agent.face = encode_face(options.codec, {agent.id, agent.hostname, agent.ip, zone, "local", 5051});
  }
  by_id_.reserve(options.expected_tasks + options.expected_tasks / 8);
  by_key_.reserve(options.expected_tasks + options.expected_tasks / 8);
}

void Model::violated(Violation what, std::string_view about) {
  ++figures_.violations[static_cast<std::size_t>(what)];
  if (!figures_.first_violation.empty()) return;
  figures_.first_violation = std::string(kViolationNames[static_cast<std::size_t>(what)]) + ": " + std::string(about);
}

void Model::unreadable(std::string_view body) {
  violated(Violation::odd_call, "unreadable call " + std::string(body.substr(0, 200)));
}

// ---- Subscription

void Model::subscribe(const Call& call, int port, Nanos now, double) {
  ++figures_.calls[static_cast<std::size_t>(CallType::subscribe)];
  ++figures_.subscriptions;
  if (!figures_.subscribed) figures_.subscribed = now;
  // Mesos: what was outstanding is discarded without RESCIND, filters are cleared.
  for (Agent& agent : agents_) {
    for (const std::uint32_t number : agent.offers) offers_[number].state = Offer::State::discarded;
    agent.offers.clear();
    agent.offered = {};
    agent.refused_until = 0;
  }
  open_offers_ = 0;
  subscribed_ = true;
  suppressed_ = call.suppressed;
  role_ = call.role;
  writer_.out.clear();
  writer_.subscribed(framework_id_, master_id_, port);
  writer_.heartbeat();
  count(EventKind::subscribed);
  count(EventKind::heartbeat);
  next_heartbeat_ = now + kHeartbeat;
  next_allocation_ = now;
  // Agents resend what is unacknowledged when the framework is back.
  for (auto& queue : resends_) queue.clear();
  for (std::uint32_t i = 0; i < tasks_.size(); ++i) {
    if (tasks_[i].in_flight) resends_[0].push_back({now, i, tasks_[i].status});
  }
}

std::string Model::goodbye() {
  EventWriter last(options_.codec);
  last.error("Framework failed over");
  return last.out + "0\r\n\r\n";
}

void Model::disconnect() {
  subscribed_ = false;
  writer_.out.clear();
}

// ---- Time

Nanos Model::next_deadline() const {
  if (!subscribed_) return std::numeric_limits<Nanos>::max();
  Nanos next = std::min(next_allocation_, next_heartbeat_);
  if (revived_) next = std::min(next, *revived_);
  for (const auto& queue : resends_) {
    if (!queue.empty()) next = std::min(next, queue.front().due);
  }
  return next;
}

void Model::tick(Nanos now, double wall_s) {
  if (!subscribed_) return;
  if (next_heartbeat_ <= now) {
    writer_.heartbeat();
    count(EventKind::heartbeat);
    next_heartbeat_ += kHeartbeat;
  }
  if (revived_ && *revived_ <= now) {
    revived_.reset();
    allocate(now);
  }
  if (next_allocation_ <= now) {
    allocate(now);
    next_allocation_ = std::max(next_allocation_ + options_.allocation_interval, now);
  }
  for (std::size_t level = 0; level < resends_.size(); ++level) {
    while (!resends_[level].empty() && resends_[level].front().due <= now) {
      const Resend resend = resends_[level].front();
      resends_[level].pop_front();
      Task& task = tasks_[resend.task];
      if (!task.in_flight || task.status != resend.status) continue;
      ++figures_.updates_resent;
      send(resend.task, wall_s);
      const std::size_t next = std::min(level + 1, resends_.size() - 1);
      resends_[next].push_back({now + (kResendAfter << next), resend.task, resend.status});
    }
  }
}

void Model::allocate(Nanos now) {
  if (suppressed_) return;
  bool any = false;
  for (std::uint32_t i = 0; i < agents_.size(); ++i) {
    Agent& agent = agents_[i];
    Amounts room = options_.agent_total;
    room -= agent.used;
    room -= agent.offered;
    // Mesos: at least 0.01 cpus or 32 MiB are worth an offer.
    if (room.cpus < 10 && room.mem < 32'000) continue;
    if (agent.refused_until > now && room.fits_in(agent.refused)) continue;
    if (!any) writer_.begin_offers(framework_id_, role_);
    any = true;
    const auto number = static_cast<std::uint32_t>(offers_.size());
    offers_.push_back({i, Offer::State::open, room});
    ++open_offers_;
    agent.offers.push_back(number);
    agent.offered += room;
    ++figures_.offers_made;
    writer_.offer(with_number(master_id_ + "-O", number), agent.face, room, agent.executor_id);
  }
  if (!any) return;
  writer_.end_offers();
  count(EventKind::offers);
}

// ---- Offers

std::optional<std::uint32_t> Model::offer_number(std::string_view id) const {
  const std::size_t prefix = master_id_.size() + 2;
  if (id.size() <= prefix || id.substr(prefix - 2, 2) != "-O" || !id.starts_with(master_id_)) return std::nullopt;
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(id.data() + prefix, id.data() + id.size(), number);
  if (error != std::errc{} || end != id.data() + id.size() || number >= offers_.size()) return std::nullopt;
  return number;
}

std::optional<std::uint32_t> Model::agent_of(std::string_view id) const {
  const std::size_t prefix = master_id_.size() + 2;
  if (id.size() <= prefix) return std::nullopt;
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(id.data() + prefix, id.data() + id.size(), number);
  if (error != std::errc{} || end != id.data() + id.size() || number >= agents_.size()) return std::nullopt;
  if (agents_[number].id != id) return std::nullopt;
  return number;
}

// nullptr where it cannot be used; wrong use is counted, an offer that a new subscription voided is none.
Model::Offer* Model::open_offer(std::string_view id, std::string_view call) {
  const auto number = offer_number(id);
  if (!number) {
    violated(Violation::unknown_offer, std::string(call) + " of offer " + std::string(id) + " that was never made");
    return nullptr;
  }
  Offer& offer = offers_[*number];
  if (offer.state == Offer::State::answered)
    violated(Violation::unknown_offer, std::string(call) + " of offer " + std::string(id) + " answered before");
  return offer.state == Offer::State::open ? &offer : nullptr;
}

void Model::close_offer(Offer& offer, std::uint32_t number) {
  Agent& agent = agents_[offer.agent];
  offer.state = Offer::State::answered;
  --open_offers_;
  agent.offered -= offer.amounts;
  std::erase(agent.offers, number);
}

void Model::filter(Agent& agent, const Amounts& amounts, double refuse_s, Nanos now) {
  if (refuse_s == 0 || amounts.empty()) return;
  const double seconds = refuse_s < 0 ? 5 : refuse_s;
  const auto wanted = static_cast<Nanos>(std::min(seconds, 365.0 * 24 * 3600) * 1e9);
  agent.refused = amounts;
  agent.refused_until = now + std::clamp(wanted, options_.allocation_interval, kRefusedMost);
}

void Model::decline(const Call& call, Nanos now) {
  for (const std::string_view id : call.offer_ids) {
    Offer* const offer = open_offer(id, "DECLINE");
    if (offer == nullptr) continue;
    close_offer(*offer, *offer_number(id));
    filter(agents_[offer->agent], offer->amounts, call.refuse_s, now);
  }
}

void Model::accept(const Call& call, Nanos now, double wall_s) {
  if (!figures_.first_accept) figures_.first_accept = now;
  figures_.last_accept = now;
  figures_.tasks_per_accept_max = std::max<std::uint64_t>(figures_.tasks_per_accept_max, call.tasks.size());
  if (call.odd_operations) violated(Violation::odd_call, "ACCEPT with an operation other than LAUNCH");
  std::string why;
  std::optional<std::uint32_t> where;
  Amounts room;
  std::vector<std::uint32_t> good;
  if (call.offer_ids.empty()) why = "No offers specified";
  for (const std::string_view id : call.offer_ids) {
    Offer* const offer = open_offer(id, "ACCEPT");
    if (offer == nullptr) {
      why = "Offer " + std::string(id) + " is no longer valid";
      continue;
    }
    const auto number = *offer_number(id);
    if (where && *where != offer->agent) {
      why = "Aggregated offers must belong to one single agent. Offer " + std::string(id) + " uses another";
      violated(Violation::bad_launch, why);
    }
    where = offer->agent;
    room += offer->amounts;
    good.push_back(number);
    close_offer(*offer, number);
  }
  if (!why.empty()) {
    for (const Launched& task : call.tasks)
      refuse(task, TaskState::dropped, Reason::invalid_offers, "Task launched with invalid offers: " + why, wall_s);
    return;
  }
  for (const Launched& task : call.tasks) launch(call, task, *where, room, now, wall_s);
  filter(agents_[*where], room, call.refuse_s, now);
}

// ---- Launches

std::string Model::why_not(const Call& call, const Launched& launched, const Agent& agent, const Amounts& room,
                           Violation& kind) const {
  kind = Violation::bad_launch;
  const std::string id(launched.task_id);
  if (id.empty() || id.size() > 255 || id.find_first_of("/\\") != std::string::npos) return "Task has a bad ID: " + id;
  if (by_id_.contains(launched.task_id)) {
    kind = Violation::duplicate_task_id;
    return "Task has duplicate ID: " + id;
  }
  if (launched.agent_id != agent.id)
    return "Task uses invalid agent " + std::string(launched.agent_id) + " while agent " + agent.id + " is expected";
  if (launched.needs.empty()) return "Task uses no resources";
  if (launched.needs.negative()) return "Task uses invalid resources";
  if ((launched.executor != Launched::kNone) == launched.has_command)
    return "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present";
  Amounts needs = launched.needs;
  if (launched.executor != Launched::kNone) {
    const Executor& executor = call.executors[launched.executor];
    if (executor.id == agent.executor_id) {
      if (executor.raw != agent.executor_raw) {
        kind = Violation::executor_mismatch;
        return "ExecutorInfo is not compatible with existing ExecutorInfo with same ExecutorID.";
      }
    } else {
      needs += executor.needs;
    }
  }
  if (needs.fits_in(room)) return {};
  kind = Violation::over_launch;
  return "Total resources required by task and its executor is more than available";
}

void Model::refuse(const Launched& launched, TaskState state, Reason reason, const std::string& why, double wall_s) {
  Update update;
  update.task_id = launched.task_id;
  update.state = state;
  update.source = Source::master;
  update.reason = reason;
  update.message = why;
  update.agent_id = launched.agent_id;
  update.timestamp = wall_s;
  writer_.update(update);
  count(EventKind::refused);
}

void Model::launch(const Call& call, const Launched& launched, std::uint32_t where, Amounts& room, Nanos now,
                   double wall_s) {
  Agent& agent = agents_[where];
  Violation kind{};
  if (const std::string why = why_not(call, launched, agent, room, kind); !why.empty()) {
    violated(kind, "task " + std::string(launched.task_id) + ": " + why);
    return refuse(launched, TaskState::error, Reason::task_invalid, why, wall_s);
  }
  if (launched.executor != Launched::kNone && call.executors[launched.executor].id != agent.executor_id) {
    const Executor& executor = call.executors[launched.executor];
    if (!agent.executor_id.empty())
      violated(Violation::second_executor, std::string(executor.id) + " beside " + agent.executor_id);
    agent.executor_id = executor.id;
    agent.executor_raw = executor.raw;
    agent.executor_needs = executor.needs;
    agent.container_id = with_number("c0117a19-0000-4000-8000-", 100'000'000'000 + figures_.cells_started++);
    agent.used += executor.needs;
    room -= executor.needs;
  }
  agent.used += launched.needs;
  room -= launched.needs;

  const auto number = static_cast<std::uint32_t>(tasks_.size());
  Task& task = tasks_.emplace_back();
  task.id = launched.task_id;
  task.agent = where;
  task.needs = launched.needs;
  by_id_.emplace(task.id, number);
  agent.tasks.push_back(number);
  ++figures_.launched;
  if (!is_boot_task(task.id)) {
    auto [known, is_new] = by_key_.emplace(key_of(task.id), number);
    if (!is_new) {
      if (!is_terminal(tasks_[known->second].state))
        violated(Violation::double_launch, task.id + " while " + tasks_[known->second].id + " lives");
      known->second = number;
    }
  }
  follow_with(number, TaskState::starting, now, wall_s);
  follow_with(number, TaskState::running, now, wall_s);
}

// ---- Statuses

void Model::follow_with(std::uint32_t number, TaskState state, Nanos now, double wall_s) {
  Task& task = tasks_[number];
  if (task.waiting == task.follow.size()) return;
  task.follow[task.waiting++] = state;
  if (!task.in_flight) send_next(number, now, wall_s);
}

void Model::send_next(std::uint32_t number, Nanos now, double wall_s) {
  Task& task = tasks_[number];
  if (task.waiting == 0) return;
  task.state = task.follow[0];
  task.follow = {task.follow[1], task.follow[2], task.follow[2]};
  --task.waiting;
  ++task.status;
  task.in_flight = true;
  task.sent = task.acknowledged = 0;
  figures_.unacknowledged_max = std::max(figures_.unacknowledged_max, ++figures_.unacknowledged);
  send(number, wall_s);
  resends_[0].push_back({now + kResendAfter, number, task.status});
  if (is_terminal(task.state)) settle(number);
}

void Model::send(std::uint32_t number, double wall_s) {
  Task& task = tasks_[number];
  const Agent& agent = agents_[task.agent];
  ++task.sent;
  const std::string uuid = uuid_of(number, task.status);
  Update update;
  update.task_id = task.id;
  update.state = task.state;
  update.source = task.state == TaskState::failed ? Source::agent : Source::executor;
  if (task.state == TaskState::failed) update.reason = Reason::executor_terminated;
  update.agent_id = agent.id;
  update.executor_id = agent.executor_id;
  update.container_id = agent.container_id;
  update.executor_pid = 10'000 + task.agent;
  update.ip = agent.ip;
  update.timestamp = wall_s;
  update.uuid = uuid;
  writer_.update(update);
  switch (task.state) {
    case TaskState::starting:
      count(EventKind::starting);
      break;
    case TaskState::running:
      count(EventKind::running);
      break;
    default:
      count(EventKind::ended);
  }
}

void Model::settle(std::uint32_t number) {
  Task& task = tasks_[number];
  if (std::exchange(task.charged, false)) agents_[task.agent].used -= task.needs;
}

void Model::acknowledge(const Call& call, Nanos now, double wall_s) {
  std::uint32_t number = 0;
  if (is_ours(call.uuid)) std::memcpy(&number, call.uuid.data() + 12, sizeof number);
  if (!is_ours(call.uuid) || number >= tasks_.size() || tasks_[number].id != call.task_id ||
      agents_[tasks_[number].agent].id != call.agent_id) {
    return violated(Violation::bad_acknowledgement, "of task " + std::string(call.task_id));
  }
  Task& task = tasks_[number];
  const auto status = static_cast<std::uint8_t>(call.uuid[9]);
  if (status > task.status) return violated(Violation::bad_acknowledgement, "too early, of task " + task.id);
  // A status that was resent is rightly acknowledged for each time it came.
  if (status < task.status || ++task.acknowledged > task.sent) {
    if (figures_.updates_resent == 0) violated(Violation::acknowledged_twice, task.id);
    return;
  }
  if (!std::exchange(task.in_flight, false)) return;
  --figures_.unacknowledged;
  if (task.state == TaskState::running && !is_boot_task(task.id)) acknowledged_running(now);
  send_next(number, now, wall_s);
}

void Model::acknowledged_running(Nanos now) {
  ++figures_.running_acknowledged;
  figures_.last_running_acknowledged = now;
  const std::size_t next = figures_.tenths.size() + 1;
  if (next <= 10 && figures_.running_acknowledged * 10 >= next * options_.expected_tasks)
    figures_.tenths.push_back(now);
}

void Model::kill(const Call& call, Nanos now, double wall_s) {
  const auto found = by_id_.find(call.task_id);
  if (found == by_id_.end()) return answer_about(call.task_id, call.agent_id, wall_s);
  if (is_terminal(tasks_[found->second].state)) return;
  follow_with(found->second, TaskState::killed, now, wall_s);
}

void Model::shutdown(const Call& call, Nanos now, double wall_s) {
  const auto number = agent_of(call.agent_id);
  if (!number || agents_[*number].executor_id != call.executor_id) return;
  Agent& agent = agents_[*number];
  writer_.failure(agent.id, agent.executor_id, 0);
  count(EventKind::failure);
  for (const std::uint32_t task : agent.tasks) {
    if (!is_terminal(tasks_[task].state)) follow_with(task, TaskState::failed, now, wall_s);
  }
  agent.used -= agent.executor_needs;
  agent.executor_needs = {};
  agent.executor_id.clear();
  agent.executor_raw.clear();
}

void Model::answer_about(std::string_view task_id, std::string_view agent_id, double wall_s) {
  Update update;
  update.task_id = task_id;
  update.reason = Reason::reconciliation;
  update.agent_id = agent_id;
  update.timestamp = wall_s;
  if (const auto found = by_id_.find(task_id); found != by_id_.end()) {
    const Task& task = tasks_[found->second];
    update.state = task.state;
    update.message = "Reconciliation: Latest task state";
    update.agent_id = agents_[task.agent].id;
  } else {
    const bool agent_known = agent_of(agent_id).has_value();
    update.state = agent_known ? TaskState::gone : TaskState::unknown;
    update.message = agent_known ? "Reconciliation: Task is unknown to the agent" : "Reconciliation: Task is unknown";
  }
  writer_.update(update);
  count(EventKind::reconciled);
}

void Model::reconcile(const Call& call, double wall_s) {
  for (const AskedTask& asked : call.asked) answer_about(asked.task_id, asked.agent_id, wall_s);
  if (!call.asked.empty()) return;
  for (const Task& task : tasks_) {
    if (!is_terminal(task.state) || task.in_flight) answer_about(task.id, {}, wall_s);
  }
}

// ---- Calls

Answer Model::handle(const Call& call, Nanos now, double wall_s) {
  if (call.framework_id != framework_id_) return {400, "Framework cannot be found"};
  if (!subscribed_) return {403, "Framework is not subscribed"};
  ++figures_.calls[static_cast<std::size_t>(call.type)];
  switch (call.type) {
    case CallType::accept:
      accept(call, now, wall_s);
      break;
    case CallType::decline:
      decline(call, now);
      break;
    case CallType::acknowledge:
      acknowledge(call, now, wall_s);
      break;
    case CallType::suppress:
      suppressed_ = true;
      break;
    case CallType::revive:
      suppressed_ = false;
      for (Agent& agent : agents_) agent.refused_until = 0;
      if (!revived_) revived_ = now + options_.revive_latency;
      break;
    case CallType::kill:
      kill(call, now, wall_s);
      break;
    case CallType::shutdown:
      shutdown(call, now, wall_s);
      break;
    case CallType::reconcile:
      reconcile(call, wall_s);
      break;
    case CallType::message:
      break;  // There is no executor to hear it.
    default:
      violated(Violation::odd_call, kCallNames[static_cast<std::size_t>(call.type)]);
  }
  return {};
}

}  // namespace scale
