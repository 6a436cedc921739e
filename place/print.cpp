#include "place/print.hpp"

#include <fmt/format.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <cmath>

namespace place {
namespace {

// Figures of time: to a nanosecond, which is what the clock gives.
double to_places(double value, double places) { return std::round(value * places) / places; }

class Json {
 public:
  Json() { writer_.StartObject(); }

  template <class Value>
  void member(const char* name, const Value& value) {
    writer_.Key(name);
    put(value);
  }
  void object(const char* name) {
    writer_.Key(name);
    writer_.StartObject();
  }
  void end() { writer_.EndObject(); }
  void member(const char* name, const Distribution& distribution) {
    object(name);
    member("mean", rounded(distribution.mean));
    member("stddev", rounded(distribution.stddev));
    member("min", rounded(distribution.min));
    member("max", rounded(distribution.max));
    end();
  }
  void member(const char* name, const Percentiles& percentiles) {
    object(name);
    member("p50", to_places(percentiles.p50, 1e3));
    member("p99", to_places(percentiles.p99, 1e3));
    end();
  }
  std::string take() {
    writer_.EndObject();
    return std::string(buffer_.GetString(), buffer_.GetSize()) + "\n";
  }

 private:
  void put(double value) { writer_.Double(value); }
  void put(std::size_t value) { writer_.Uint64(value); }
  void put(const std::string& value) { writer_.String(value.data(), static_cast<rapidjson::SizeType>(value.size())); }

  rapidjson::StringBuffer buffer_;
  rapidjson::Writer<rapidjson::StringBuffer> writer_{buffer_};
};

void add_bench(Json& json, const Bench& bench) {
  json.member("one_more_us", bench.one_more_us);
  json.member("release_us", bench.release_us);
  json.member("one_more_refused", bench.one_more_refused);
  json.member("unplaceable_100k_s", to_places(bench.unplaceable_100k_s, 1e6));
  json.member("unplaceable_placed", bench.unplaceable_placed);
  json.member("explain_ms", to_places(bench.explain_ms, 1e3));
  json.member("app_of_10000_s", to_places(bench.app_of_10000_s, 1e6));
  json.member("app_of_10000_placed", bench.app_of_10000_placed);
}

std::string bench_text(const Bench& bench) {
  return fmt::format(
      "one more instance {:.2f} us (p99 {:.2f}), its release {:.2f} us (p99 {:.2f})\n"
      "{} that fit nowhere {:.3f} s; explaining one {:.2f} ms; an app of {} in {:.3f} s\n",
      bench.one_more_us.p50, bench.one_more_us.p99, bench.release_us.p50, bench.release_us.p99, grouped(kUnplaceable),
      bench.unplaceable_100k_s, bench.explain_ms, grouped(bench.app_of_10000_placed), bench.app_of_10000_s);
}

std::string cases(std::size_t count, const char* one) { return grouped(count) + " " + one + (count == 1 ? "" : "s"); }

}  // namespace

std::string grouped(std::size_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, ",");
  return text;
}

std::string report_json(const Workload& workload, const Plan& plan, const Report& report) {
  Json json;
  json.member("workload", workload.name);
  json.member("strategy", report.strategy);
  json.member("seconds", to_places(report.seconds, 1e9));
  json.member("cpu_seconds", to_places(report.cpu_seconds, 1e6));
  json.member("repeats", report.repeats);
  json.member("placed_lrps", plan.placed_lrps);
  json.member("placed_tasks", plan.placed_tasks);
  json.object("failed");
  for (const auto& [reason, count] : plan.failed) json.member(reason.c_str(), count);
  json.end();
  const Figures& figures = report.figures;
  json.member("instances_per_cell", figures.instances_per_cell);
  json.member("memory_utilisation", figures.memory_utilisation);
  json.member("cells_used", figures.cells_used);
  json.member("app_zone_spread_mean", rounded(figures.app_zone_spread_mean));
  json.member("app_zone_spread_max", figures.app_zone_spread_max);
  json.member("app_colocated_instances", figures.app_colocated_instances);
  if (report.bench) add_bench(json, *report.bench);
  json.member("peak_rss_mb", to_places(report.peak_rss_mb, 10));
  return json.take();
}

std::string report_text(const Workload& workload, const Plan& plan, const Report& report) {
  const std::size_t lrps = workload.lrps, tasks = workload.items.size() - workload.lrps;
  const std::size_t all = workload.items.size(), placed = plan.placed_lrps + plan.placed_tasks;
  const Figures& figures = report.figures;
  std::string out =
      fmt::format("{}: {} in {}, {} and {}, strategy {}\n", workload.name, cases(workload.cells.size(), "cell"),
                  cases(workload.zones.size(), "zone"), cases(lrps, "LRP"), cases(tasks, "Task"), report.strategy);
  out += fmt::format("placed {} of {} in {:.6f} s{}", grouped(placed), grouped(all), report.seconds,
                     report.repeats > 1 ? fmt::format(" (median of {})", report.repeats) : "");
  out += all == 0 ? "\n" : fmt::format(", {:.3f} us each\n", report.seconds * 1e6 / static_cast<double>(all));
  for (const auto& [reason, count] : plan.failed)
    out += fmt::format("  not placed {:>9}: {}\n", grouped(count), reason);
  const Distribution& instances = figures.instances_per_cell;
  const Distribution& memory = figures.memory_utilisation;
  out += fmt::format("{} used, instances per cell {:.2f} on average (sd {:.2f}, {:.0f} to {:.0f})\n",
                     cases(figures.cells_used, "cell"), instances.mean, instances.stddev, instances.min, instances.max);
  out += fmt::format("memory of a cell in use {:.1f} % on average (sd {:.1f}, {:.1f} to {:.1f})\n", memory.mean * 100,
                     memory.stddev * 100, memory.min * 100, memory.max * 100);
  out += fmt::format(
      "an app's instances differ between zones by {:.2f} on average, {} at most; {} on a cell with another\n",
      figures.app_zone_spread_mean, figures.app_zone_spread_max, grouped(figures.app_colocated_instances));
  if (report.bench) out += bench_text(*report.bench);
  return out + fmt::format("peak memory {:.1f} MB\n", report.peak_rss_mb);
}

std::string plan_lines(const Workload& workload, const Plan& plan) {
  std::string lines;
  for (std::size_t item = 0; item < workload.items.size(); ++item) {
    if (plan.cell_of[item] == kNone) continue;
    lines += workload.key(item);
    lines += ' ';
    lines += workload.cells[plan.cell_of[item]].id;
    lines += '\n';
  }
  return lines;
}

}  // namespace place
