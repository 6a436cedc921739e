// What Prometheus is told.
#include "scheduler/edge/metrics.hpp"

#include <catch2/catch.hpp>
#include <set>
#include <sstream>

using namespace std::chrono_literals;
using Catch::Contains;
using core::ChangeKind;

namespace {

core::Change of(ChangeKind kind, core::Kind work = core::Kind::lrp, std::string_view reason = "",
                std::optional<base::Duration> waited = {}) {
  return {.kind = kind, .key = core::KeyView(work, "p", 0), .reason = reason, .waited = waited};
}

std::string line(edge::Metrics& metrics, const std::string& start, const edge::Metrics::Now& now = {}) {
  std::istringstream lines(metrics.text(now));
  for (std::string one; std::getline(lines, one);) {
    if (one.starts_with(start)) return one.substr(start.size());
  }
  return "none";
}

}  // namespace

TEST_CASE("auctions and what became of them are counted by kind", "[metrics]") {
  edge::Metrics metrics("1.2.3");
  metrics.saw(core::Event(core::AuctionsSubmitted{{{{core::Kind::lrp, "p", 0}, {}, {}, {}, {}},
                                                   {{core::Kind::lrp, "p", 1}, {}, {}, {}, {}},
                                                   {{core::Kind::task, "t", 0}, {}, {}, {}, {}}}}));
  CHECK(line(metrics, "diego_scheduler_auctions_total{kind=\"lrp\"} ") == "2");
  CHECK(line(metrics, "diego_scheduler_auctions_total{kind=\"task\"} ") == "1");
  metrics.changed({of(ChangeKind::instance_launching, core::Kind::task, "", 20ms),
                   of(ChangeKind::instance_running, core::Kind::task, "", 40ms),
                   of(ChangeKind::instance_queued, core::Kind::lrp, "failed"), of(ChangeKind::instance_lost)});
  CHECK(line(metrics, "diego_scheduler_instances_launched_total{kind=\"task\"} ") == "1");
  CHECK(line(metrics, "diego_scheduler_instances_started_total{kind=\"task\"} ") == "1");
  CHECK(line(metrics, "diego_scheduler_launches_retried_total{kind=\"lrp\"} ") == "1");
  CHECK(line(metrics, "diego_scheduler_instances_ended_total{kind=\"lrp\",state=\"lost\"} ") == "1");
  CHECK(line(metrics, "diego_scheduler_auction_to_accept_seconds_bucket{le=\"0.01\"} ") == "0");
  CHECK(line(metrics, "diego_scheduler_auction_to_accept_seconds_bucket{le=\"0.025\"} ") == "1");
  CHECK(line(metrics, "diego_scheduler_auction_to_running_seconds_sum ") == "0.04");
  CHECK(line(metrics, "diego_scheduler_build_info{version=\"1.2.3\"} ") == "1");
}

TEST_CASE("refusals have one of few reasons", "[metrics]") {
  const auto [text, label] = GENERATE(table<std::string, std::string>({
      {"insufficient resources: memory", "memory"},
      {"insufficient resources: disk", "disk"},
      {"insufficient resources: containers, memory", "several"},
      {"insufficient resources", "other"},
      {"found no compatible cell for required rootfs", "stack_or_tag"},
      {"found no compatible cell with placement tag \"disk\"", "stack_or_tag"},
      {"unable to communicate to compatible cells", "no_cell"},
      {"waiting to start instance: reached in-flight start limit", "too_many_starting"},
      {"whatever", "other"},
  }));
  edge::Metrics metrics("v");
  metrics.changed({of(ChangeKind::instance_unplaced, core::Kind::lrp, text)});
  CHECK(line(metrics, "diego_scheduler_auctions_failed_total{kind=\"lrp\",reason=\"" + label + "\"} ") == "1");
}

TEST_CASE("calls, answers, commits and what is so now", "[metrics]") {
  edge::Metrics metrics("v");
  metrics.saw(core::Action(core::Kill{}));
  metrics.saw(core::Action(core::Evacuate{}));
  metrics.saw(core::Action(core::ReadRows{}));
  metrics.saw(core::Event(core::ExecutorEnded{"a", "e", 256}));
  metrics.saw(core::Event(core::ExecutorEnded{"a", "e", -1}));
  metrics.calls_answered(202, 3);
  metrics.calls_answered(0, 1);
  metrics.calls_answered(503, 1);
  metrics.committed(2ms, true);
  metrics.committed(2ms, false);
  CHECK(line(metrics, "diego_scheduler_mesos_calls_total{call=\"KILL\"} ") == "1");
  CHECK(line(metrics, "diego_scheduler_mesos_calls_total{call=\"MESSAGE\"} ") == "1");
  CHECK(line(metrics, "diego_scheduler_bbs_calls_total{call=\"read\"} ") == "1");
  CHECK(line(metrics, "diego_scheduler_executors_ended_total ") == "2");
  CHECK(line(metrics, "diego_scheduler_executors_failed_total ") == "1");
  CHECK(line(metrics, "diego_scheduler_mesos_call_answers_total{answer=\"accepted\"} ") == "3");
  CHECK(line(metrics, "diego_scheduler_mesos_call_answers_total{answer=\"none\"} ") == "1");
  CHECK(line(metrics, "diego_scheduler_mesos_call_answers_total{answer=\"error\"} ") == "1");
  CHECK(line(metrics, "diego_scheduler_store_commit_seconds_count ") == "2");
  CHECK(line(metrics, "diego_scheduler_store_commit_failures_total ") == "1");
  edge::Metrics::Now now;
  now.leading = true;
  now.event_readers = 4;
  now.figures.total.mem_mb = 2;
  now.figures.offer_seconds = 1.5;
  CHECK(line(metrics, "diego_scheduler_leader ", now) == "1");
  CHECK(line(metrics, "diego_scheduler_event_readers ", now) == "4");
  CHECK(line(metrics, "diego_scheduler_cells_memory_bytes{amount=\"total\"} ", now) == "2097152");
  CHECK(line(metrics, "diego_scheduler_offer_seconds_total ", now) == "1.5");
}

TEST_CASE("the number of series does not grow with what happens", "[metrics]") {
  edge::Metrics metrics("v");
  const auto series = [&metrics] {
    std::istringstream lines(metrics.text({}));
    std::size_t count = 0;
    for (std::string one; std::getline(lines, one);) count += one.starts_with("#") ? 0 : 1;
    return count;
  };
  const std::size_t before = series();
  for (int i = 0; i < 100; ++i) {
    const std::string number = std::to_string(i), reason = "reason " + number;
    core::Change change = of(ChangeKind::instance_rejected, core::Kind::task, reason);
    change.cell_id = change.agent_id = change.key->guid = number;
    metrics.changed({change});
  }
  CHECK(series() == before);
  CHECK(before < 300);
}
