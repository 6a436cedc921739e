// An engine in a world that only writes down what is wanted of it.
#pragma once

#include <catch2/catch.hpp>

#include "scheduler/engine/engine.hpp"
#include "test/unit/core/memory_store.hpp"

namespace engine {

using namespace std::chrono_literals;

class PlainWire final : public Wire {
 public:
  std::string subscribe(const std::string& framework_id, const std::string& leader, bool) const override {
    subscribed_leader = leader;
    return "SUBSCRIBE " + framework_id;
  }
  mutable std::string subscribed_leader;
  std::string constrain(const std::string& framework_id, const std::string& leader,
                        const core::ConstrainOffers& action) const override {
    return framework_id + " UPDATE_FRAMEWORK leader=" + leader + " groups=" + std::to_string(action.any_of.size());
  }
  std::optional<std::string> call(const std::string& framework_id, const core::Action& action) const override {
    if (const auto* accept = std::get_if<core::Accept>(&action)) {
      std::string text = framework_id + " ACCEPT";
      for (const auto& launch : accept->launches) text += " " + to_string(launch.key);
      return text;
    }
    if (const auto* ack = std::get_if<core::Acknowledge>(&action)) return framework_id + " ACKNOWLEDGE " + ack->task_id;
    if (const auto* kill = std::get_if<core::Kill>(&action)) return framework_id + " KILL " + kill->task_id;
    if (std::holds_alternative<core::Decline>(action)) return framework_id + " DECLINE";
    if (std::holds_alternative<core::Revive>(action)) return framework_id + " REVIVE";
    return std::nullopt;  // The rest is not looked at here.
  }
};

class PlainCells final : public core::CellFactory {
 public:
  std::string executor_info(const core::CellSpec& spec) const override { return spec.executor_id; }
  std::string fingerprint() const override { return "f00d"; }
};

struct Rig : World {
  explicit Rig(bool with_lock = false, core::MemoryStore* shared_store = nullptr, std::uint64_t seed = 1)
      : store(shared_store == nullptr ? own_store : *shared_store),
        engine(config(with_lock), cells, std::move(*placement::make_strategy("binpack")), wire, *this, store,
               base::Random(seed)) {
    store.load(engine.recovery());
  }

  static EngineConfig config(bool with_lock) {
    EngineConfig config;
    config.with_lock = with_lock;
    config.core.cell_rootfs["preloaded"] = {diego::RootFsProvider::Kind::fixed_set, {"fs"}};
    return config;
  }

  // engine::World
  void open_stream(std::uint64_t generation, const std::string& url, std::string subscribe) override {
    said.push_back(subscribe + " at " + url);
    stream = generation;
  }
  void open_calls(std::uint64_t, const std::string&, const std::string& stream_id) override {
    said.push_back("calls " + stream_id);
  }
  void close_connections() override { said.push_back("close"); }
  bool send(std::uint64_t tag, std::string call, bool) override {
    if (!takes_calls) return false;
    tags.push_back(tag);
    said.push_back(call + " commits=" + std::to_string(store.commits));
    return true;
  }
  void share(std::string text) override { said.push_back("share " + text); }
  void resign() override { said.push_back("resign"); }
  bool lock_held() const override { return held; }
  void read_sandbox(const core::ReadSandbox& question) override { said.push_back("read " + question.agent_url); }
  void log(Level level, const std::string& text) override {
    if (level >= Level::error) errors.push_back(text);
  }

  // What happens. Without settle(): see there.
  void masters() { engine.on_masters({"http://m1/api/v1/scheduler"}, now); }
  void subscribed(const std::string& framework = "F") {
    engine.on_head(stream, {200, "S-" + std::to_string(stream), ""}, now);
    StreamRecord record;
    record.session.kind = mesos_client::StreamEvent::Kind::subscribed;
    record.session.heartbeat_interval_s = 15;
    record.core = core::Subscribed{framework, false, true};
    engine.on_record(stream, record, now);
  }
  void happen(core::Event event) {
    StreamRecord record;
    record.core = std::move(event);
    engine.on_record(stream, record, now);
  }
  void offer(const std::string& agent) {
    core::Offer offer;
    offer.id = "o" + std::to_string(++offers);
    offer.agent_id = agent;
    offer.ip = "10.0.0.1";
    offer.url = "http://10.0.0.1:5051/slave(1)";
    offer.pieces = {
        {core::Dimension::cpus, 4000, "c"}, {core::Dimension::mem, 4000, "m"}, {core::Dimension::disk, 9000, "d"}};
    happen(core::OffersArrived{{offer}});
  }
  void status(const std::string& task, core::TaskState state, const std::string& agent = "a1") {
    happen(core::StatusArrived{{task, state, core::StatusReason::none, "", "", "uuid-of-16-bytes", agent, "", true}});
  }
  void post(const std::string& guid) {
    core::Auction auction;
    auction.key = {core::Kind::lrp, guid, 0};
    auction.constraint.rootfs = "preloaded:fs";
    auction.resource.memory_mb = 100;
    engine.submit(
        {auction},
        [this, guid](const base::Status& answer) {
          said.push_back("answer " + guid + (answer ? " ok" : " " + answer.error().message()) +
                         " commits=" + std::to_string(store.commits));
        },
        now);
  }
  void error(const std::string& text) {
    StreamRecord record;
    record.session = {mesos_client::StreamEvent::Kind::error, 0, text};
    engine.on_record(stream, record, now);
  }
  void settle() { engine.settle(now); }
  void pass(base::Duration duration) {
    const base::Time end = now + duration;
    while (engine.next_deadline() && *engine.next_deadline() <= end) {
      now = std::max(now, *engine.next_deadline());
      settle();
    }
    now = end;
  }
  // Subscribed, settled, nothing said.
  void up() {
    engine.start(now);
    masters();
    subscribed();
    settle();
    said.clear();
  }
  // One LRP that runs on a1.
  void run_one(const std::string& guid) {
    post(guid);
    settle();
    offer("a1");
    settle();
    status(task(guid), core::TaskState::starting);
    status(task(guid), core::TaskState::running);
    settle();
    said.clear();
  }
  std::string task(const std::string& guid) const {
    for (const auto& view : engine.core().instances({})) {
      if (view.key.guid == guid) return view.task_id;
    }
    return "";
  }
  std::vector<std::string> with(const std::string& word) const {
    std::vector<std::string> found;
    for (const std::string& one : said) {
      if (one.find(word) != std::string::npos) found.push_back(one);
    }
    return found;
  }

  core::MemoryStore own_store;
  core::MemoryStore& store;
  PlainWire wire;
  PlainCells cells;
  base::Time now{std::chrono::hours(1)};
  std::vector<std::string> said, errors;
  std::vector<std::uint64_t> tags;
  std::uint64_t stream = 0;
  int offers = 0;
  bool held = true, takes_calls = true;
  Engine engine;
};

}  // namespace engine
