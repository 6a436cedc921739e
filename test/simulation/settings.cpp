#include "test/simulation/settings.hpp"

#include <array>
#include <utility>

namespace simulation {
namespace {

using namespace std::chrono_literals;

constexpr std::array<std::pair<std::string_view, Mutant>, 6> kMutants = {{{"none", Mutant::none},
                                                                          {"ack-before-save", Mutant::ack_before_save},
                                                                          {"resend-accept", Mutant::resend_accept},
                                                                          {"forget-rescind", Mutant::forget_rescind},
                                                                          {"idle-exit", Mutant::idle_exit},
                                                                          {"ignore-rows", Mutant::ignore_rows}}};

// Half of the kinds strike in a world, each at a rate of its own.
class Drawer {
 public:
  explicit Drawer(base::Random& random) : random_(random) {}

  std::uint64_t one_in(std::uint64_t often, std::uint64_t rarely) {
    if (random_.below(2) == 0) return 0;
    return often + random_.below(rarely - often + 1);
  }
  Duration gap(Duration often, Duration rarely) {
    if (random_.below(2) == 0) return {};
    return often +
           Duration(static_cast<Duration::rep>(random_.below(static_cast<std::uint64_t>((rarely - often).count()))));
  }

 private:
  base::Random& random_;
};

FaultRates draw_rates(base::Random& random) {
  Drawer draw(random);
  FaultRates rates;
  rates.stream_cut = draw.one_in(40, 400);
  rates.stream_mute = draw.one_in(200, 800);
  rates.call_cut = draw.one_in(40, 400);
  rates.refuse_subscribe = draw.one_in(2, 8);
  rates.refuse_call = draw.one_in(40, 400);
  rates.stale_stream_id = draw.one_in(100, 500);
  rates.drop = draw.one_in(10, 60);
  rates.duplicate = draw.one_in(5, 40);
  rates.delay = draw.one_in(10, 60);
  rates.master_failover = draw.gap(30s, 200s);
  rates.agent_partition = draw.gap(40s, 200s);
  rates.agent_restart = draw.gap(20s, 120s);
  rates.agent_death = draw.gap(60s, 300s);
  rates.agent_link_break = draw.gap(10s, 60s);
  rates.executor_crash = draw.gap(15s, 90s);
  rates.executor_hang = draw.gap(15s, 90s);
  rates.executor_stream_cut = draw.gap(5s, 60s);
  rates.rep_hang = draw.gap(20s, 90s);
  rates.rep_death = draw.gap(20s, 120s);
  rates.scheduler_crash = draw.gap(10s, 120s);
  rates.scheduler_pause = draw.gap(15s, 90s);
  rates.store_failure = draw.gap(20s, 120s);
  rates.clock_jump = draw.gap(30s, 200s);
  rates.lock_expiry = draw.gap(10s, 90s);
  rates.rescind = draw.gap(200ms, 5s);
  rates.crash_at_commit = draw.one_in(20, 200);
  rates.crash_at_send = draw.one_in(30, 300);
  rates.rep_slow = draw.one_in(5, 50);
  rates.rep_lie = draw.one_in(10, 100);
  rates.rep_refuse = draw.one_in(4, 20);
  rates.rep_answer_lost = draw.one_in(5, 40);
  rates.bbs_slow = draw.one_in(4, 40);
  rates.bbs_call_lost = draw.one_in(4, 40);
  rates.bbs_answer_lost = draw.one_in(4, 40);
  rates.bbs_outage = draw.gap(30s, 120s);
  rates.drain = draw.gap(20s, 120s);
  rates.new_cells = draw.gap(60s, 300s);
  return rates;
}

}  // namespace

std::optional<Mutant> parse_mutant(std::string_view name) {
  for (const auto& [text, mutant] : kMutants) {
    if (text == name) return mutant;
  }
  return std::nullopt;
}

std::string_view to_string(Mutant mutant) {
  for (const auto& [text, one] : kMutants) {
    if (one == mutant) return text;
  }
  return "";
}

std::vector<std::string> mutant_names() {
  std::vector<std::string> names;
  for (const auto& [text, mutant] : kMutants) {
    if (mutant != Mutant::none) names.emplace_back(text);
  }
  return names;
}

Settings draw_settings(base::Random& random) {
  const auto between = [&random](int low, int high) {
    return low + static_cast<int>(random.below(static_cast<std::uint64_t>(high - low + 1)));
  };
  Settings settings;
  settings.agents = between(2, 6);
  settings.schedulers = between(1, 3) == 1 ? 2 : 1;
  settings.master_addresses = between(1, 3);
  settings.detector = random.below(2) == 0;
  settings.codec = random.below(2) == 0 ? mesos_client::Codec::json : mesos_client::Codec::protobuf;
  settings.strategy = std::array{"binpack", "spread", "diego"}[random.below(3)];
  settings.zones = between(1, 3);
  settings.processes = between(1, 5);
  settings.instances = between(5, 30);
  settings.tasks = between(0, 12);
  // Room for everything once every agent is there, with some left over by bad luck in the order.
  settings.agent_mem_mb = 1536 + 400 * (settings.instances + settings.tasks) / settings.agents;
  settings.converge = random.below(2) == 0;
  // What one host has accepted another cannot know: across hosts it is the BBS that asks again.
  if (settings.schedulers > 1) settings.converge = true;
  settings.bbs = random.below(2) == 0;
  if (settings.bbs) settings.converge = true;
  settings.task_duration = std::array<Duration, 3>{200ms, 2s, 30s}[random.below(3)];
  settings.start_delay = std::array<Duration, 3>{0s, 100ms, 5s}[random.below(3)];
  settings.cell_idle_timeout = std::array<Duration, 2>{5s, 60s}[random.below(2)];
  settings.trouble = std::chrono::seconds(between(90, 300));
  settings.rates = draw_rates(random);
  const auto flag = [&](const char* name, const std::string& value) {
    if (random.below(4) == 0) settings.scheduler_flags.insert(settings.scheduler_flags.end(), {name, value});
  };
  flag("--cells-min", std::to_string(between(1, 2)));
  flag("--cells-starting-max", std::to_string(between(1, 2)));
  flag("--launch-rate", std::to_string(between(2, 20)));
  flag("--evacuation-timeout", "20s");
  flag("--quarantine-failures", std::to_string(between(0, 2)));
  // Last, so that what is drawn above stays what it is for each seed.
  settings.rates.sandbox_slow = 2 + random.below(6);
  settings.rates.sandbox_lost = 2 + random.below(6);
  if (random.below(3) == 0) {
    settings.tagged = between(1, settings.agents - 1);
    settings.agent_mem_mb = 1536 + 400 * (settings.instances + settings.tasks);  // All may want one agent.
  }
  return settings;
}

}  // namespace simulation
