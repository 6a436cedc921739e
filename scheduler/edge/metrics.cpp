#include "scheduler/edge/metrics.hpp"

#include <dirent.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <ctime>
#include <fstream>
#include <map>
#include <mutex>
#include <sstream>

#include "diego/failures.hpp"
#include "platform/clock.hpp"

namespace edge {
namespace {

using prometheus::Counter;
using prometheus::Family;
using prometheus::Gauge;
using prometheus::Histogram;

const Histogram::BucketBoundaries kWaits = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300};
const Histogram::BucketBoundaries kWork = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5};

constexpr std::array<const char*, 2> kKinds = {"lrp", "task"};
constexpr std::array<core::CellState, 4> kCellStates = {core::CellState::starting, core::CellState::up,
                                                        core::CellState::idle, core::CellState::stopping};
constexpr std::size_t kStates = 9;

const char* call_of(const core::Action& action) {
  struct Name {
    const char* operator()(const core::Accept&) const { return "ACCEPT"; }
    const char* operator()(const core::Decline&) const { return "DECLINE"; }
    const char* operator()(const core::AcceptInverseOffers&) const { return "ACCEPT_INVERSE_OFFERS"; }
    const char* operator()(const core::DeclineInverseOffers&) const { return "DECLINE_INVERSE_OFFERS"; }
    const char* operator()(const core::Revive&) const { return "REVIVE"; }
    const char* operator()(const core::Suppress&) const { return "SUPPRESS"; }
    const char* operator()(const core::ConstrainOffers&) const { return "UPDATE_FRAMEWORK"; }
    const char* operator()(const core::Acknowledge&) const { return "ACKNOWLEDGE"; }
    const char* operator()(const core::Kill&) const { return "KILL"; }
    const char* operator()(const core::Reconcile&) const { return "RECONCILE"; }
    const char* operator()(const core::ShutdownExecutor&) const { return "SHUTDOWN"; }
    const char* operator()(const core::RequestReport&) const { return "MESSAGE"; }
    const char* operator()(const core::Evacuate&) const { return "MESSAGE"; }
    const char* operator()(const core::Report&) const { return nullptr; }
    const char* operator()(const core::ReadRows&) const { return nullptr; }
    const char* operator()(const core::ReadSandbox&) const { return nullptr; }
    const char* operator()(const core::Note&) const { return nullptr; }
  };
  return std::visit(Name{}, action);
}

constexpr std::array<const char*, 12> kCalls = {"ACCEPT",
                                                "DECLINE",
                                                "ACCEPT_INVERSE_OFFERS",
                                                "DECLINE_INVERSE_OFFERS",
                                                "REVIVE",
                                                "SUPPRESS",
                                                "UPDATE_FRAMEWORK",
                                                "ACKNOWLEDGE",
                                                "KILL",
                                                "RECONCILE",
                                                "SHUTDOWN",
                                                "MESSAGE"};

// One of few words for Diego's texts of refusals.
constexpr std::array<const char*, 9> kReasons = {
    "memory", "disk", "cpu", "containers", "several", "stack_or_tag", "too_many_starting", "no_cell", "other"};
std::size_t reason_of(std::string_view text) {
  const auto has = [text](std::string_view word) { return text.find(word) != std::string_view::npos; };
  if (has("found no compatible cell")) return 5;
  if (text == diego::kExceededInflightCreation) return 6;
  if (text == diego::kCellCommunication) return 7;
  if (!text.starts_with(diego::kInsufficientResources)) return 8;
  std::size_t found = 8, count = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    if (!has(kReasons[i])) continue;
    found = i;
    ++count;
  }
  return count > 1 ? 4 : found;
}

std::size_t answer_of(int status) { return status == 0 ? 0 : status < 300 ? 1 : status < 500 ? 2 : 3; }
constexpr std::array<const char*, 4> kAnswers = {"none", "accepted", "refused", "error"};

double resident_bytes() {
  std::ifstream in("/proc/self/statm");
  double all = 0, resident = 0;
  in >> all >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE));
}

double open_descriptors() {
  DIR* const folder = opendir("/proc/self/fd");
  if (folder == nullptr) return 0;
  double count = -3;  // ".", ".." and its own.
  while (readdir(folder) != nullptr) ++count;
  closedir(folder);
  return count;
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace

struct Metrics::Impl {
  prometheus::Registry registry;

  Family<Counter>& counter(const char* name, const char* help) {
    return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
  }
  Family<Gauge>& gauge(const char* name, const char* help) {
    return prometheus::BuildGauge().Name(name).Help(help).Register(registry);
  }
  Histogram& histogram(const char* name, const char* help, const Histogram::BucketBoundaries& buckets) {
    return prometheus::BuildHistogram().Name(name).Help(help).Register(registry).Add({}, buckets);
  }
  template <std::size_t count>
  static std::array<Counter*, count> each(Family<Counter>& family, const char* label,
                                          const std::array<const char*, count>& values) {
    std::array<Counter*, count> counters;
    for (std::size_t i = 0; i < count; ++i) counters[i] = &family.Add({{label, values[i]}});
    return counters;
  }

  // ---- What happened
  std::array<Counter*, 2> auctions =
      each(counter("diego_scheduler_auctions_total", "Instances that were auctioned to us, each time"), "kind", kKinds);
  Family<Counter>& failed_family = counter("diego_scheduler_auctions_failed_total",
                                           "Instances without a place for --placement-timeout, and rejected Tasks");
  std::array<std::array<Counter*, kReasons.size()>, 2> failed;
  std::array<Counter*, 2> launched =
      each(counter("diego_scheduler_instances_launched_total", "Launches, each attempt"), "kind", kKinds);
  std::array<Counter*, 2> started =
      each(counter("diego_scheduler_instances_started_total", "Instances that came to run"), "kind", kKinds);
  Family<Counter>& ended_family =
      counter("diego_scheduler_instances_ended_total", "Instances that ended, by their last state");
  std::array<std::array<Counter*, kStates>, 2> ended{};
  std::array<Counter*, 2> retried = each(
      counter("diego_scheduler_launches_retried_total", "Instances queued again after an attempt"), "kind", kKinds);
  Histogram& to_accept = histogram("diego_scheduler_auction_to_accept_seconds",
                                   "From the first auction until the ACCEPT that launches", kWaits);
  Histogram& to_running =
      histogram("diego_scheduler_auction_to_running_seconds", "From the first auction until TASK_RUNNING", kWaits);
  Histogram& rounds = histogram("diego_scheduler_placement_round_seconds",
                                "Placing, committing and sending, each round of the loop", kWork);
  Histogram& commits = histogram("diego_scheduler_store_commit_seconds", "Commits of the state store", kWork);
  Counter& commits_failed =
      counter("diego_scheduler_store_commit_failures_total", "Commits that the disk did not take").Add({});
  Counter& offers = counter("diego_scheduler_offers_received_total", "Offers").Add({});
  Counter& rescinded = counter("diego_scheduler_offers_rescinded_total", "Offers that were taken back").Add({});
  Family<Counter>& calls_family = counter("diego_scheduler_mesos_calls_total", "Calls to the master, by type");
  std::map<std::string_view, Counter*> calls;
  std::array<Counter*, kAnswers.size()> answers =
      each(counter("diego_scheduler_mesos_call_answers_total", "Answers to calls; none: the connection broke"),
           "answer", kAnswers);
  Counter& updates = counter("diego_scheduler_mesos_updates_total", "Status updates").Add({});
  Counter& subscriptions = counter("diego_scheduler_subscriptions_total", "Accepted subscriptions").Add({});
  Counter& disconnections = counter("diego_scheduler_disconnections_total", "Subscriptions that were lost").Add({});
  Counter& executors_ended = counter("diego_scheduler_executors_ended_total", "Executors that ended").Add({});
  Counter& executors_failed =
      counter("diego_scheduler_executors_failed_total", "Of them those with a status that is not 0").Add({});
  Counter& reps_silent =
      counter("diego_scheduler_rep_silent_reports_total", "Reports of cells whose rep does not answer").Add({});
  Counter& cells_started = counter("diego_scheduler_cells_started_total", "Cells started").Add({});
  Counter& quarantines = counter("diego_scheduler_quarantines_total", "Agents put into quarantine").Add({});
  Family<Counter>& moves_family =
      counter("diego_scheduler_rebalance_moves_total", "Cells that rebalances emptied, or not");
  Counter& moved = moves_family.Add({{"outcome", "moved"}});
  Counter& not_moved = moves_family.Add({{"outcome", "skipped"}});
  Family<Counter>& bbs_family = counter("diego_scheduler_bbs_calls_total", "Calls to the BBS");
  Counter& bbs_reports = bbs_family.Add({{"call", "report"}});
  Counter& bbs_questions = bbs_family.Add({{"call", "read"}});
  Family<Counter>& bbs_failed_family = counter("diego_scheduler_bbs_call_failures_total", "Of them those that failed");
  Counter& bbs_reports_failed = bbs_failed_family.Add({{"call", "report"}});
  Counter& bbs_questions_failed = bbs_failed_family.Add({{"call", "read"}});
  Counter& offer_seconds = counter("diego_scheduler_offer_seconds_total", "Offers held, times how long").Add({});
  Counter& cpu = counter("process_cpu_seconds_total", "User and system time of this process").Add({});

  // ---- What is so
  Gauge& leader = gauge("diego_scheduler_leader", "1: it leads").Add({});
  Gauge& subscribed = gauge("diego_scheduler_subscribed", "1: it is subscribed to a master").Add({});
  Family<Gauge>& instances_family = gauge("diego_scheduler_instances", "Instances, by state");
  std::array<std::array<Gauge*, kStates>, 2> instances{};
  Gauge& oldest = gauge("diego_scheduler_queue_oldest_seconds", "Age of the oldest waiting instance's auction").Add({});
  Family<Gauge>& cells_family = gauge("diego_scheduler_cells", "Cells, by state");
  std::array<Gauge*, kCellStates.size()> cells{};
  Family<Gauge>& memory_family = gauge("diego_scheduler_cells_memory_bytes", "Of all cells, for instances");
  Gauge& memory_total = memory_family.Add({{"amount", "total"}});
  Gauge& memory_used = memory_family.Add({{"amount", "used"}});
  Family<Gauge>& disk_family = gauge("diego_scheduler_cells_disk_bytes", "Of all cells, for instances");
  Gauge& disk_total = disk_family.Add({{"amount", "total"}});
  Gauge& disk_used = disk_family.Add({{"amount", "used"}});
  Family<Gauge>& containers_family = gauge("diego_scheduler_cells_containers", "Of all cells");
  Gauge& containers_total = containers_family.Add({{"amount", "total"}});
  Gauge& containers_used = containers_family.Add({{"amount", "used"}});
  Gauge& agents = gauge("diego_scheduler_agents", "Agents known").Add({});
  Gauge& quarantined = gauge("diego_scheduler_agents_quarantined", "Agents that take no work for now").Add({});
  Gauge& leaving =
      gauge("diego_scheduler_agents_leaving", "Agents drained, under maintenance, or being replaced").Add({});
  Gauge& offers_held = gauge("diego_scheduler_offers_held", "Offers in hand").Add({});
  Gauge& unanswered = gauge("diego_scheduler_tasks_unanswered", "Tasks that the master is asked about").Add({});
  Gauge& reports_waiting = gauge("diego_scheduler_bbs_reports_waiting", "Reports the BBS has not taken yet").Add({});
  Gauge& event_readers = gauge("diego_scheduler_event_readers", "Open streams of GET /v1/events").Add({});
  Gauge& resident = gauge("process_resident_memory_bytes", "Memory of this process").Add({});
  Gauge& descriptors = gauge("process_open_fds", "Open descriptors of this process").Add({});

  std::mutex mutex;  // Of one text() at a time.

  explicit Impl(const std::string& version) {
    for (std::size_t kind = 0; kind < kKinds.size(); ++kind) {
      for (std::size_t reason = 0; reason < kReasons.size(); ++reason)
        failed[kind][reason] = &failed_family.Add({{"kind", kKinds[kind]}, {"reason", kReasons[reason]}});
      for (std::size_t state = 0; state < kStates; ++state) {
        const std::string name(core::to_string(static_cast<core::State>(state)));
        instances[kind][state] = &instances_family.Add({{"kind", kKinds[kind]}, {"state", name}});
        if (core::is_ended(static_cast<core::State>(state)))
          ended[kind][state] = &ended_family.Add({{"kind", kKinds[kind]}, {"state", name}});
      }
    }
    for (const char* call : kCalls) calls[call] = &calls_family.Add({{"call", call}});
    for (std::size_t i = 0; i < kCellStates.size(); ++i)
      cells[i] = &cells_family.Add({{"state", std::string(core::to_string(kCellStates[i]))}});
    gauge("diego_scheduler_build_info", "1, with the version").Add({{"version", version}}).Set(1);
    gauge("process_start_time_seconds", "When this process began, since 1970")
        .Add({})
        .Set(static_cast<double>(base::to_millis(platform::now().time_since_epoch())) / 1e3);
  }

  void changed(const core::Change& change);
};

Metrics::Metrics(const std::string& version) : impl_(std::make_unique<Impl>(version)) {}
Metrics::~Metrics() = default;

void Metrics::saw(const core::Event& event) {
  if (const auto* submitted = std::get_if<core::AuctionsSubmitted>(&event)) {
    std::array<double, 2> count{};
    for (const core::Auction& auction : submitted->auctions) ++count[static_cast<std::size_t>(auction.key.kind)];
    for (std::size_t kind = 0; kind < count.size(); ++kind) {
      if (count[kind] > 0) impl_->auctions[kind]->Increment(count[kind]);
    }
  } else if (const auto* arrived = std::get_if<core::OffersArrived>(&event)) {
    impl_->offers.Increment(static_cast<double>(arrived->offers.size()));
  } else if (std::holds_alternative<core::OfferRescinded>(event)) {
    impl_->rescinded.Increment();
  } else if (std::holds_alternative<core::StatusArrived>(event)) {
    impl_->updates.Increment();
  } else if (const auto* over = std::get_if<core::ExecutorEnded>(&event)) {
    impl_->executors_ended.Increment();
    if (over->wait_status > 0) impl_->executors_failed.Increment();
  } else if (const auto* report = std::get_if<core::CellReported>(&event)) {
    if (!report->rep_answers) impl_->reps_silent.Increment();
  } else if (const auto* answered = std::get_if<core::ReportAnswered>(&event)) {
    if (answered->failure) impl_->bbs_reports_failed.Increment();
  } else if (const auto* rows = std::get_if<core::RowsRead>(&event)) {
    if (rows->failure) impl_->bbs_questions_failed.Increment();
  }
}

void Metrics::saw(const core::Action& action) {
  if (const char* call = call_of(action)) {
    impl_->calls.at(call)->Increment();
  } else if (std::holds_alternative<core::Report>(action)) {
    impl_->bbs_reports.Increment();
  } else if (std::holds_alternative<core::ReadRows>(action)) {
    impl_->bbs_questions.Increment();
  }
}

void Metrics::changed(const core::Changes& changes) {
  for (const core::Change change : changes) impl_->changed(change);
}

void Metrics::Impl::changed(const core::Change& change) {
  using Kind = core::ChangeKind;
  const std::size_t kind = change.key ? static_cast<std::size_t>(change.key->kind) : 0;
  const auto end = [&](core::State state) { ended[kind][static_cast<std::size_t>(state)]->Increment(); };
  switch (change.kind) {
    case Kind::instance_queued:
      if (!change.reason.empty()) retried[kind]->Increment();
      break;
    case Kind::instance_launching:
      launched[kind]->Increment();
      if (change.waited) to_accept.Observe(base::to_seconds(*change.waited));
      break;
    case Kind::instance_running:
      started[kind]->Increment();
      if (change.waited) to_running.Observe(base::to_seconds(*change.waited));
      break;
    case Kind::instance_unplaced:
      failed[kind][reason_of(change.reason)]->Increment();
      break;
    case Kind::instance_rejected:
      failed[kind][reason_of(change.reason)]->Increment();
      end(core::State::rejected);
      break;
    case Kind::instance_stopped:
      end(core::State::stopped);
      break;
    case Kind::instance_failed:
      end(core::State::failed);
      break;
    case Kind::instance_lost:
      end(core::State::lost);
      break;
    case Kind::cell_starting:
      cells_started.Increment();
      break;
    case Kind::agent_quarantined:
      quarantines.Increment();
      break;
    case Kind::rebalance_moved:
      moved.Increment();
      break;
    case Kind::rebalance_skipped:
      not_moved.Increment();
      break;
    case Kind::master_subscribed:
      subscriptions.Increment();
      break;
    case Kind::master_lost:
      disconnections.Increment();
      break;
    default:
      break;
  }
}

void Metrics::calls_answered(int status, std::size_t calls) {
  impl_->answers[answer_of(status)]->Increment(static_cast<double>(calls));
}

void Metrics::settled(base::Duration took) { impl_->rounds.Observe(base::to_seconds(took)); }

void Metrics::committed(base::Duration took, bool saved) {
  impl_->commits.Observe(base::to_seconds(took));
  if (!saved) impl_->commits_failed.Increment();
}

std::string Metrics::text(const Now& now) {
  Impl& to = *impl_;
  const std::lock_guard lock(to.mutex);
  constexpr double kMiB = 1024 * 1024;
  const core::Figures& figures = now.figures;
  to.leader.Set(now.leading ? 1 : 0);
  to.subscribed.Set(now.subscribed ? 1 : 0);
  for (std::size_t kind = 0; kind < kKinds.size(); ++kind) {
    for (std::size_t state = 0; state < kStates; ++state)
      to.instances[kind][state]->Set(static_cast<double>(figures.instances[kind][state]));
  }
  to.oldest.Set(base::to_seconds(figures.oldest_waiting));
  for (std::size_t i = 0; i < kCellStates.size(); ++i)
    to.cells[i]->Set(static_cast<double>(figures.cells[static_cast<std::size_t>(kCellStates[i])]));
  to.memory_total.Set(static_cast<double>(figures.total.mem_mb) * kMiB);
  to.memory_used.Set(static_cast<double>(figures.used.mem_mb) * kMiB);
  to.disk_total.Set(static_cast<double>(figures.total.disk_mb) * kMiB);
  to.disk_used.Set(static_cast<double>(figures.used.disk_mb) * kMiB);
  to.containers_total.Set(static_cast<double>(figures.total.containers));
  to.containers_used.Set(static_cast<double>(figures.used.containers));
  to.agents.Set(static_cast<double>(figures.agents));
  to.quarantined.Set(static_cast<double>(figures.agents_quarantined));
  to.leaving.Set(static_cast<double>(figures.agents_leaving));
  to.offers_held.Set(static_cast<double>(figures.offers_held));
  to.offer_seconds.Increment(std::max(0.0, figures.offer_seconds - to.offer_seconds.Value()));
  to.unanswered.Set(static_cast<double>(figures.unanswered));
  to.reports_waiting.Set(static_cast<double>(figures.reports_waiting));
  to.event_readers.Set(static_cast<double>(now.event_readers));
  to.resident.Set(resident_bytes());
  to.descriptors.Set(open_descriptors());
  to.cpu.Increment(std::max(0.0, cpu_seconds() - to.cpu.Value()));
  return prometheus::TextSerializer().Serialize(to.registry.Collect());
}

base::Status MeasuredStore::commit(const Write& write) {
  const base::Time begun = platform::now();
  base::Status done = store_.commit(write);
  metrics_.committed(platform::now() - begun, static_cast<bool>(done));
  return done;
}

}  // namespace edge
