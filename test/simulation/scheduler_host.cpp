#include "test/simulation/scheduler_host.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "mesos/v1/scheduler/scheduler.pb.h"
#include "scheduler/edge/print.hpp"
#include "scheduler/placement/strategy.hpp"
#include "test/simulation/looking.hpp"
#include "test/simulation/world.hpp"

namespace simulation {
namespace {

using namespace std::chrono_literals;
using MesosCall = mesos::v1::scheduler::Call;
using MesosEvent = mesos::v1::scheduler::Event;

constexpr std::size_t kRecordBytesMax = std::size_t{64} << 20U;
constexpr std::size_t kSegmentBytes = std::size_t{32} << 10U;  // So that an hour is several of them.
constexpr Duration kWork = 50us;  // A pass of the engine takes some time: it cannot spin at one moment.

// The calls as diego::BbsClient has them, over the simulation's wire.
struct WireBbs {
  Bbs& bbs;

  diego::BbsReply send(const diego::BbsCall& call) const { return bbs.serve(call).value_or(diego::BbsReply{}); }
  auto fail_actual_lrp(const diego::LrpKey& key, const std::string& reason, const std::string&) const {
    return diego::read_fail_actual_lrp(send(diego::fail_actual_lrp_call(key, reason)));
  }
  auto reject_task(const std::string& guid, const std::string& reason, const std::string&) const {
    return diego::read_reject_task(send(diego::reject_task_call(guid, reason)));
  }
  auto actual_lrps(const std::string& guid) const {
    return diego::read_actual_lrps(send(diego::actual_lrps_call(guid)));
  }
  auto task_by_guid(const std::string& guid, const std::string& = {}) const {
    return diego::read_task_by_guid(send(diego::task_by_guid_call(guid)));
  }
};

edge::Options options_for(const Settings& settings, const std::vector<std::string>& flags) {
  edge::Options options;
  options.mesos.codec = std::string(mesos_client::codec_name(settings.codec));
  options.cell.containerizer = "none";
  options.cell.executor = "/opt/diego/diego-executor";
  options.cell.command = "cell";
  options.cell.mem_mb = 256;
  options.cell.disk_mb = 512;
  options.cell.idle_timeout = settings.cell_idle_timeout;
  options.cell.zone = "";
  options.state_dir = "/var/lib/diego-scheduler";
  options.strategy = settings.strategy;
  if (settings.bbs) options.bbs.url = "http://bbs.service.cf.internal:8889";
  options.core.agent_reregister_timeout = 2min;
  options.core.implicit_reconcile_interval = 3min;
  options.core.ended_keep = 30min;  // Longer than clocks jump while the store is full.
  platform::Flags parser("diego-scheduler", "");
  edge::add_flags(parser, options);
  std::vector<const char*> words{"diego-scheduler"};
  for (const std::string& word : flags) words.push_back(word.c_str());
  const auto parsed = parser.parse(static_cast<int>(words.size()), words.data());
  if (!parsed.run) throw std::logic_error(parsed.text);
  const auto finished = edge::finish(options);
  if (!finished) throw std::logic_error(finished.error().message());
  return options;
}

}  // namespace

SchedulerHost::SchedulerHost(simulation::World& world, int index)
    : world_(world),
      index_(index),
      name_("scheduler-" + std::to_string(index)),
      flags_(world.settings().scheduler_flags),
      options_(options_for(world.settings(), flags_)),
      store_(world.options().mutant) {
  store_.fate = [this] {
    const bool full = world_.sim().now() < commits_fail_until_;
    if (full) world_.sim().fault("commit_failed", name_);
    if (full) return SimStore::Fate::fails;
    if (crash_at_commit_ > 0 && --crash_at_commit_ == 0) return SimStore::Fate::crash_after;
    if (!world_.sim().one_in(world_.rates().crash_at_commit)) return SimStore::Fate::well;
    return world_.sim().one_in(2) ? SimStore::Fate::crash_before : SimStore::Fate::crash_after;
  };
  store_.complain = [this](const std::string& text) { world_.violation(name_ + "'s store: " + text); };
}

SchedulerHost::~SchedulerHost() = default;

// ---- The process

Time SchedulerHost::clock() const { return world_.now() + clock_ahead_; }

bool SchedulerHost::paused() const { return world_.now() < paused_until_; }

bool SchedulerHost::acting() const { return engine_ && engine_->health().subscribed; }

void SchedulerHost::start() {
  if (engine_) return;
  ++life_;
  auto& sim = world_.sim();
  sim.tell(name_, "starts, life " + std::to_string(life_));
  const bool with_lock = world_.settings().schedulers > 1;
  options_ = options_for(world_.settings(), flags_);
  translator_ = std::make_unique<edge::Translator>(options_);
  cells_ = std::make_unique<edge::ExecutorCells>(options_);
  auto strategy = placement::make_strategy(options_.strategy, options_.weights);
  assert(strategy);
  engine::EngineConfig config;
  config.core = options_.core;
  config.core.strategy = options_.strategy;
  config.core.weights = options_.weights;
  config.with_lock = with_lock;
  config.core.fence_max = 2s;  // As scheduler/edge has it.
  record::Tape* const tape = start_tape();
  engine_ = std::make_unique<engine::Engine>(std::move(config), tape == nullptr ? *cells_ : tape->watch(*cells_),
                                             *std::move(strategy), *translator_, static_cast<engine::World&>(*this),
                                             store_, sim.fork(), tape);
  paused_until_ = busy_until_ = {};
  store_.load(engine_->recovery());
  in_process([this](engine::Engine& engine) { engine.start(clock()); });
  if (with_lock) world_.lock().campaign(index_);
  masters_changed();
}

record::Tape* SchedulerHost::start_tape() {
  if (!world_.options().record) return nullptr;
  record::TapeOptions options{"simulated", name_ + " life " + std::to_string(life_)};
  options.segment_bytes = kSegmentBytes;
  recorded_.push_back(std::make_unique<RecordedLife>(std::move(options)));
  return &recorded_.back()->tape;
}

void SchedulerHost::crash(const std::string& where, std::optional<Duration> down) {
  if (!engine_) return;
  auto& sim = world_.sim();
  sim.fault("scheduler_crash", name_ + " " + where);
  world_.add(CrashSeen{world_.now(), index_, life_, where});
  if (stream_) stream_->hang_up();
  if (calls_) calls_->hang_up(true);
  stream_.reset();
  calls_.reset();
  decoder_.reset();
  engine_.reset();
  waiting_.clear();
  settle_wanted_ = told_leading_ = false;
  sandboxes_read_.clear();
  last_accept_.clear();
  store_.process_died();
  if (world_.settings().schedulers > 1) world_.lock().gone(index_);
  if (!down) down = sim.one_in(4) ? sim.between(1s, 25s) : sim.between(50ms, 1s);
  sim.after(*down, [this] { start(); });
}

void SchedulerHost::restart_with(const std::vector<std::string>& flags, std::optional<Duration> down) {
  flags_.insert(flags_.end(), flags.begin(), flags.end());
  crash("to be started with other flags", down);
}

void SchedulerHost::guarded(const std::function<void()>& what) {
  try {
    what();
  } catch (const Crash& died) {
    crash(died.where);
    return;
  }
  if (!engine_ || !engine_->ended()) return;
  world_.sim().tell(name_, "ends: " + engine_->ended()->message());
  crash("exit 2");
}

void SchedulerHost::in_process(std::function<void(engine::Engine&)> what) {
  if (!engine_) return;
  if (world_.now() < paused_until_) {
    waiting_.push_back(std::move(what));
    return;
  }
  guarded([&] { what(*engine_); });
  settle_soon();
}

void SchedulerHost::settle_soon() {
  if (settle_wanted_ || !engine_) return;
  settle_wanted_ = true;
  auto& sim = world_.sim();
  // What comes in the meantime is in the same burst.
  const Duration wait = sim.one_in(3) ? sim.between(0s, 3ms) : kWork;
  sim.after(wait, [this, life = life_] {
    if (life == life_ && engine_) settle();
  });
}

void SchedulerHost::settle() {
  settle_wanted_ = false;
  if (world_.now() < paused_until_) return;  // run_due() does it then.
  busy_until_ = world_.now() + kWork;
  guarded([this] { engine_->settle(clock()); });
}

std::optional<Time> SchedulerHost::next_deadline() const {
  if (!engine_ || settle_wanted_) return std::nullopt;
  if (world_.now() < paused_until_) return paused_until_;
  if (!waiting_.empty()) return world_.now();
  const auto due = engine_->next_deadline();
  if (!due) return std::nullopt;
  // Long past means at once.
  const Time mine = *due < Time{clock_ahead_} ? Time{} : *due - clock_ahead_;
  return std::max(mine, busy_until_);
}

void SchedulerHost::run_due() {
  if (!engine_) return;
  const auto messages = std::exchange(waiting_, {});
  const std::uint64_t life = life_;
  for (const auto& message : messages) {
    if (!engine_ || life != life_) return;
    guarded([&] { message(*engine_); });
  }
  if (engine_ && life == life_) settle();
}

void SchedulerHost::pause(Duration how_long) {
  if (!engine_) return;
  world_.sim().fault("scheduler_pause", name_);
  paused_until_ = world_.now() + how_long;
}

void SchedulerHost::jump_clock(Duration ahead) {
  world_.sim().fault("clock_jump", name_);
  clock_ahead_ += ahead;
}

void SchedulerHost::masters_changed() {
  auto& sim = world_.sim();
  sim.after(sim.between(5ms, 500ms), [this, life = life_] {
    if (life == life_)
      in_process([this](engine::Engine& engine) { engine.on_masters(world_.master().urls(), clock()); });
  });
}

void SchedulerHost::lock_report(base::LockReport report) {
  if (!engine_) return;
  in_process([this, report](engine::Engine& engine) {
    if (std::holds_alternative<base::LockAcquired>(report)) {
      told_leading_ = true;
      sandboxes_read_.clear();  // The next term knows nothing of the last one's.
      world_.sim().tell(name_, "has the lock");
    } else if (const auto* lost = std::get_if<base::LockLost>(&report)) {
      told_leading_ = false;
      world_.sim().tell(name_, "has lost the lock: " + lost->reason);
    }
    engine.on_lock(report, clock());
  });
}

void SchedulerHost::submit(std::vector<core::Auction> auctions, std::function<void(base::Status)> answer) {
  in_process([this, what = std::move(auctions), answer](engine::Engine& engine) mutable {
    engine.submit(std::move(what), answer, clock());
  });
}

void SchedulerHost::stop(const core::KeyPattern& pattern,
                         std::function<void(base::Result<engine::Engine::Keys>)> answer) {
  in_process([this, pattern, answer](engine::Engine& engine) { engine.stop(pattern, answer, clock()); });
}

void SchedulerHost::drain(const std::string& agent_id, bool wanted) {
  in_process(
      [this, agent_id, wanted](engine::Engine& engine) { static_cast<void>(engine.drain(agent_id, wanted, clock())); });
}

void SchedulerHost::change_policy(const std::string& json) {
  in_process([this, json](engine::Engine& engine) {
    engine.change_policy(
        json, [](const base::Status&) {}, clock());
  });
}

void SchedulerHost::rebalance(const core::RebalanceOrder& order) {
  in_process([this, order](engine::Engine& engine) { (void)engine.rebalance(order, clock()); });
}

// ---- The connections

void SchedulerHost::open_stream(std::uint64_t generation, const std::string& url, std::string subscribe) {
  close_connections();
  stream_generation_ = generation;
  stream_status_ = 0;
  stream_refusal_.clear();
  decoder_.emplace(kRecordBytesMax);
  if (world_.sim().told()) world_.sim().tell(name_, "subscribes at " + url);
  Stream::Client client;
  client.on_head = [this, generation](const mesos_client::StreamHead& head) {
    stream_status_ = head.status;
    in_process([this, generation, head](engine::Engine& engine) { engine.on_head(generation, head, clock()); });
  };
  client.on_bytes = [this, generation](std::string_view bytes) { on_bytes(generation, bytes); };
  client.on_end = [this, generation](const std::string& reason) { on_stream_end(generation, reason); };
  stream_ = std::make_shared<Stream>(world_.sim(), Latency{}, std::move(client));
  world_.master().subscribe({index_, life_, generation}, url, std::move(subscribe), stream_);
}

void SchedulerHost::on_bytes(std::uint64_t generation, std::string_view bytes) {
  if (stream_status_ != 200) {
    stream_refusal_ += bytes;
    return;
  }
  const auto stream = stream_;  // The engine may leave it meanwhile.
  const std::uint64_t life = life_;
  while (life == life_ && decoder_ && stream == stream_) {
    const auto record = decoder_->next(bytes);
    if (!record) break;
    auto event = std::make_shared<MesosEvent>();
    if (const auto read = mesos_client::decode(translator_->codec(), *record, *event); !read)
      world_.violation("an unreadable record: " + read.error().message());
    in_process([this, generation, text = std::string(*record), event](engine::Engine& engine) {
      world_.add(EventSeen{world_.now(), index_, life_, generation, event});
      if (world_.options().mutant == Mutant::forget_rescind && event->type() == MesosEvent::RESCIND) return;
      engine.on_record(generation, translator_->read(text), clock());
    });
    if (world_.sim().one_in(world_.rates().stream_cut)) cut_stream();
    if (world_.sim().one_in(world_.rates().stream_mute)) mute_stream();
  }
}

void SchedulerHost::on_stream_end(std::uint64_t generation, const std::string& reason) {
  std::string why = reason;
  if (stream_status_ == 200 && decoder_ && !decoder_->at_boundary()) {
    world_.sim().fault("partial_record", name_);
    why = "the last record was cut: " + reason;
  }
  if (stream_status_ != 0 && stream_status_ != 200) why = stream_refusal_;
  in_process([this, generation, why](engine::Engine& engine) { engine.on_stream_ended(generation, why, clock()); });
}

void SchedulerHost::open_calls(std::uint64_t generation, const std::string& url, const std::string& stream_id) {
  const MasterHost::Asker asker{index_, life_, generation};
  answered_well_ = false;
  calls_ = std::make_shared<Calls>(
      world_.sim(), Latency{},
      [this, asker, url, stream_id](const std::string& body) {
        return world_.master().call(asker, url, stream_id, body);
      },
      [this, generation](std::uint64_t tag, const Calls::Answer& answer) {
        const bool well = answer.status / 100 == 2;
        if (tag == last_accept_tag_ && answer.status != 0) last_accept_.clear();
        answered_well_ = answered_well_ || well;
        if (well) return;
        in_process([this, generation, tag, answer](engine::Engine& engine) {
          engine.on_call_result(generation, tag, answer.status, answer.text, std::exchange(answered_well_, false),
                                clock());
        });
      });
  if (world_.options().mutant == Mutant::resend_accept && !last_accept_.empty()) {
    calls_->send(last_accept_tag_, std::exchange(last_accept_, {}));
  }
}

void SchedulerHost::close_connections() {
  if (stream_) stream_->hang_up();
  if (calls_) calls_->hang_up(world_.sim().one_in(2));
  stream_.reset();
  calls_.reset();
}

void SchedulerHost::maybe_crash(std::uint64_t one_in, const char* where) {
  if (world_.sim().one_in(one_in)) throw Crash{where};
}

bool SchedulerHost::send(std::uint64_t tag, std::string call, bool accept) {
  if (!calls_) return true;
  maybe_crash(world_.rates().crash_at_send, "before a call");
  auto decoded = std::make_shared<MesosCall>();
  if (const auto read = mesos_client::decode(translator_->codec(), call, *decoded); !read)
    world_.violation("an unreadable call: " + read.error().message());
  CallSent sent{world_.now(), index_, life_, stream_generation_, tag, decoded, {}};
  for (const auto* task : launches_of(*decoded)) {
    const auto parsed = attempt_of(task->task_id().value());
    if (parsed && engine_->core().has_two_attempts(parsed->key)) sent.moving.insert(parsed->key);
  }
  world_.add(std::move(sent));
  if (accept && world_.options().mutant == Mutant::resend_accept) {
    last_accept_ = call;
    last_accept_tag_ = tag;
  }
  calls_->send(tag, std::move(call));
  if (world_.sim().one_in(world_.rates().call_cut)) cut_calls();
  maybe_crash(world_.rates().crash_at_send, "after a call");
  return true;
}

void SchedulerHost::cut_stream() {
  if (!stream_ || !stream_->open()) return;
  world_.sim().fault("stream_cut", name_);
  stream_->cut();
}

void SchedulerHost::mute_stream() {
  if (!stream_ || !stream_->open()) return;
  world_.sim().fault("stream_half_open", name_);
  stream_->mute();
}

void SchedulerHost::cut_calls() {
  if (!calls_ || !calls_->open()) return;
  world_.sim().fault("calls_cut", name_);
  // What was on its way may arrive after the next subscription.
  calls_->cut(world_.sim().one_in(2) ? world_.sim().between(1ms, 2s) : Duration{0});
}

// It goes out also if the process dies meanwhile.
void SchedulerHost::call_bbs_with(edge::BbsCall call) {
  auto& sim = world_.sim();
  Duration there = sim.between(500us, 20ms);
  if (sim.one_in(world_.rates().bbs_slow)) {
    sim.fault("bbs_slow", name_);
    there += sim.between(100ms, 9s);
  }
  sim.after(there, [this, call = std::move(call), life = life_] {
    WireBbs bbs{world_.bbs()};
    edge::BbsCallAnswer answer = edge::make_bbs_call(bbs, call);
    if (auto* read = std::get_if<core::RowsRead>(&answer);
        read != nullptr && world_.options().mutant == Mutant::ignore_rows) {
      for (diego::LrpRow& row : read->lrps) row.state = diego::LrpRow::State::unclaimed;
    }
    world_.sim().after(world_.sim().between(500us, 20ms), [this, answer, life] {
      if (life != life_) return;
      in_process([this, answer](engine::Engine& engine) {
        std::visit([&](const auto& one) { engine.on_bbs(one, clock()); }, answer);
      });
    });
  });
}

// As scheduler/edge/sandbox_desk.cpp: an answer always comes, however the agent is.
void SchedulerHost::read_sandbox(const core::ReadSandbox& question) {
  auto& sim = world_.sim();
  if (!sandboxes_read_.insert(question.executor_id).second)
    world_.violation(name_ + " reads the sandbox of " + question.executor_id + " again");
  core::SandboxRead answer{question.agent_id, question.executor_id, {}, {}, {}};
  Duration there = sim.between(1ms, 40ms);
  if (sim.one_in(world_.rates().sandbox_slow)) {
    sim.fault("sandbox_slow", question.agent_id);
    there += sim.between(100ms, 20s);
  }
  if (sim.one_in(world_.rates().sandbox_lost)) {
    sim.fault("sandbox_lost", question.agent_id);
    answer.failure = question.agent_url + "/api/v1: no answer within 5 s";
  } else {
    answer.file = question.cell_first ? "cell.stderr" : "stderr";
    answer.line = words_of(question.executor_id);
  }
  sim.after(there, [this, answer, life = life_] {
    if (life != life_) return;
    in_process([this, answer](engine::Engine& engine) { engine.on_sandbox(answer, clock()); });
  });
}

// ---- The lock, and the trace

void SchedulerHost::share(std::string text) { world_.lock().share(index_, std::move(text)); }
void SchedulerHost::resign() { world_.lock().resign(index_); }
bool SchedulerHost::lock_held() const { return world_.lock().held(index_); }

void SchedulerHost::log(engine::Level level, const std::string& text) {
  if (!world_.sim().told()) return;
  static constexpr const char* kNames[] = {"", "", "WARNING ", "ERROR "};
  world_.sim().tell(name_, kNames[static_cast<int>(level)] + text);
}

void SchedulerHost::saw(const core::Event& event) {
  if (world_.sim().told()) world_.sim().tell(name_, "<- " + edge::print(event));
}

void SchedulerHost::saw(const core::Action& action) {
  if (world_.sim().told()) world_.sim().tell(name_, "-> " + edge::print(action));
}

}  // namespace simulation
