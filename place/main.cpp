// diego-place: the placement module as a tool. Places a workload file and says how well and how fast.

#include <cstdio>
#include <ctime>
#include <optional>
#include <utility>

#include "base/time.hpp"
#include "place/bench.hpp"
#include "place/figures.hpp"
#include "place/files.hpp"
#include "place/plan.hpp"
#include "place/print.hpp"
#include "place/print_explanation.hpp"
#include "platform/clock.hpp"
#include "platform/flags.hpp"
#include "scheduler/plugin/load.hpp"

namespace {

struct Options {
  std::string workload;
  std::string strategy = "binpack";
  placement::StrategyOptions weights;
  placement::Limits limits;
  std::int64_t repeat = 1;
  std::string out;
  std::string explain;
  bool json = false;
  bool bench = false;
};

void add_flags(platform::Flags& flags, Options& options) {
  flags.argument("WORKLOAD", options.workload, "a diego-place/1 file (schemas/workload.schema.json)");
  flags.group("Placement");
  std::string known;
  for (const std::string& name : placement::strategy_names()) known += (known.empty() ? "" : ", ") + name;
  flags.add("strategy", options.strategy, known + ", or a shared object as PATH or PATH:OPTIONS");
  flags.add("diego-bin-pack-weight", options.weights.diego_bin_pack_weight,
            "strategy diego: score per place of a cell in its zone", 0, 1);
  flags.add("diego-starting-weight", options.weights.diego_starting_weight,
            "strategy diego: score per starting container", 0, 1e6);
  constexpr std::int64_t kMost = 1'000'000'000;
  flags.add("starting-container-count-maximum", options.limits.starting_max,
            "containers that may start at once in all cells, 0 for any number; what is placed stays starting", 0,
            kMost);
  flags.add("cell-starting-max", options.limits.starting_per_cell_max, "the same in one cell", 0, kMost);
  flags.group("Output");
  flags.add("out", options.out, "file for the plan, lines of `key cell`; - for stdout");
  flags.add("json", options.json, "one JSON object on stdout instead of words");
  flags.add("explain", options.explain,
            "place what comes before this key in the auction, then say for every cell why or why not: "
            "<process_guid>.<index>, or a Task's guid");
  flags.group("Measuring");
  flags.add("repeat", options.repeat,
            "place so often, each time on fresh cells; the median counts. With --explain: explain so often", 1, 10'000);
  flags.add("bench", options.bench, "also measure single decisions on the full cluster");
  flags.check([&options]() -> base::Status {
    if (options.out == "-" && options.json) return base::Error{"--out - and --json", "both write to stdout"};
    if (options.explain.empty()) return base::ok();
    if (!options.out.empty()) return base::Error{"--explain and --out", "an explanation is no plan"};
    if (options.bench) return base::Error{"--explain and --bench", "one of them"};
    return base::ok();
  });
}

int fail(const base::Error& error) {
  std::fprintf(stderr, "diego-place: %s\n", error.message().c_str());
  return 2;
}

base::Result<placement::Cluster> fresh_cluster(const Options& options, const place::Workload& workload) {
  auto strategy = plugin::load_strategy(options.strategy, options.weights);
  if (!strategy) return strategy.error();
  return place::build_cluster(workload, *std::move(strategy), options.limits, options.strategy == "diego");
}

int say(const std::string& text) {
  auto out = place::OutFile::open("-");
  const base::Status written = out->write(text);
  return written ? 0 : fail(written.error());
}

int explain(const Options& options, const place::Workload& workload) {
  const auto item = workload.find(options.explain);
  if (!item) return fail({"--explain " + options.explain, "is no instance of " + options.workload});
  auto cluster = fresh_cluster(options, workload);
  if (!cluster) return fail(cluster.error());

  const std::size_t before = place::place_before(workload, *cluster, *item);
  place::Requests requests(workload);
  const placement::Request& request = requests.of(*item);
  std::vector<double> times_ms;
  std::optional<placement::Explanation> explanation;
  for (std::int64_t i = 0; i < options.repeat; ++i) {
    const base::Time begun = platform::now();
    explanation = cluster->explain(request);
    times_ms.push_back(base::to_seconds(platform::now() - begun) * 1e3);
  }
  const place::Explained explained{.workload = workload,
                                   .item = *item,
                                   .strategy = std::string(cluster->strategy().name()),
                                   .before = before,
                                   .cluster = *cluster,
                                   .request = request,
                                   .explanation = *explanation,
                                   .explain_ms = place::median(std::move(times_ms))};
  return say(options.json ? place::explanation_json(explained) : place::explanation_text(explained));
}

int place_and_report(const Options& options, const place::Workload& workload) {
  std::optional<place::OutFile> out;
  if (!options.out.empty()) {
    auto opened = place::OutFile::open(options.out);
    if (!opened) return fail(opened.error());
    out = *std::move(opened);
  }
  place::Plan plan;
  place::Report report{.repeats = static_cast<std::size_t>(options.repeat)};
  std::vector<double> times_s, cpu_times_s;
  for (std::int64_t i = 0; i < options.repeat; ++i) {
    auto cluster = fresh_cluster(options, workload);
    if (!cluster) return fail(cluster.error());
    place::CellNumbers numbers(workload);
    const base::Time begun = platform::now();
    const std::clock_t cpu_begun = std::clock();
    place::place_all(workload, *cluster, numbers, plan);
    cpu_times_s.push_back(static_cast<double>(std::clock() - cpu_begun) / CLOCKS_PER_SEC);
    times_s.push_back(base::to_seconds(platform::now() - begun));
    report.strategy = cluster->strategy().name();
    if (options.bench && i + 1 == options.repeat) report.bench = place::bench(workload, *cluster);
  }
  report.seconds = place::median(std::move(times_s));
  report.cpu_seconds = place::median(std::move(cpu_times_s));
  report.figures = place::figures_of(workload, plan);
  if (out) {
    if (auto written = out->write(place::plan_lines(workload, plan)); !written) return fail(written.error());
    if (options.out == "-") return 0;
  }
  report.peak_rss_mb = place::peak_rss_mb();
  return say(options.json ? place::report_json(workload, plan, report) : place::report_text(workload, plan, report));
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  platform::Flags flags("diego-place",
                        "Places a workload file as the scheduler would, and tells how well and how fast.");
  flags.version("diego-place " DIEGO_MESOS_VERSION);
  add_flags(flags, options);
  (void)platform::parse_or_exit(flags, argc, argv);

  // Before a large file is read: a misspelt strategy need not wait for it.
  if (auto strategy = plugin::load_strategy(options.strategy, options.weights); !strategy)
    return fail(strategy.error());
  const auto workload = place::load_workload(options.workload);
  if (!workload) return fail(workload.error());
  return options.explain.empty() ? place_and_report(options, *workload) : explain(options, *workload);
}
