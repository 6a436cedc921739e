// bench-store: what the state store costs: instances accepted, launched and running, in commits of
// `batch` rows, then read back. CPU is of this process, kernel included.
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <random>
#include <vector>

#include "scheduler/core/wishes.hpp"
#include "scheduler/store/store.hpp"

namespace {

using Clock = std::chrono::steady_clock;

double cpu_s() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

struct Counter final : core::Recovery {
  std::size_t instances = 0;
  void text(std::string_view, std::string_view) override {}
  base::Status wish(std::uint64_t, std::string_view) override { return base::ok(); }
  base::Status instance(const core::InstanceRow&) override {
    ++instances;
    return base::ok();
  }
};

// What a process of 20 instances looks like; `step` 0: accepted, 1: launching, 2: running.
struct Instance {
  std::string guid, trace_id, agent_id, executor_id;
  core::InstanceRow row(std::uint32_t id, int step) const {
    core::InstanceRow row;
    row.id = id;
    row.guid = guid;
    row.index = static_cast<std::int32_t>(id % 20);
    row.wish = 1 + id / 20 % 200;
    row.trace_id = trace_id;
    row.accepted = row.since = base::Time(std::chrono::seconds(1'790'000'000) + std::chrono::microseconds(id));
    if (step == 0) return row;
    row.state = step == 1 ? core::State::launching : core::State::running;
    row.since += std::chrono::milliseconds(100 * step);
    row.attempt = "abcdefgh";
    row.agent_id = agent_id;
    row.executor_id = executor_id;
    row.charged = {256, 1024, 100, 1};
    row.attempts = 1;
    row.heard = row.started = row.ran = step == 2;
    return row;
  }
};

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("what the state store costs");
  std::uint32_t instances = 250'000, batch = 2'000;
  bool shuffled = false;
  std::string folder = "bench-store.tmp";
  app.add_option("--instances", instances);
  app.add_option("--batch", batch, "rows a commit");
  app.add_flag("--shuffled", shuffled, "launched in random order");
  app.add_option("--dir", folder, "created, and removed at the end");
  CLI11_PARSE(app, argc, argv);
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  auto opened = store::SqliteStore::open(folder);
  if (!opened) return std::fprintf(stderr, "%s\n", opened.error().message().c_str()), 1;
  auto store = std::move(*opened);

  std::vector<Instance> all(instances);
  for (std::uint32_t id = 0; id < instances; ++id) {
    char text[128];
    std::snprintf(text, sizeof text, "%08x-2f4e-4d1b-9c3a-5b1e6f7a8b9c-%08x-77aa-4b3c-8d2e-0f1a2b3c4d5e", id / 20,
                  id / 20);
    all[id].guid = text;
    std::snprintf(text, sizeof text, "%08x-0000-4000-8000-0123456789ab", id / 50);
    all[id].trace_id = text;
    std::snprintf(text, sizeof text, "6b2b7f6e-3f0c-4d6e-9a53-d9a0e2a1c7f4-S%u", id * 7919U % 10'000);
    all[id].agent_id = text;
    std::snprintf(text, sizeof text, "diego-cell-0123456789abcdef-%08x", id * 7919U % 10'000);
    all[id].executor_id = text;
  }
  core::Wish wish;
  wish.domain = "cf-apps";
  std::vector<std::uint32_t> order(instances);
  for (std::uint32_t at = 0; at < instances; ++at) order[at] = at;
  for (int step = 0; step < 3; ++step) {
    if (step == 1 && shuffled) std::shuffle(order.begin(), order.end(), std::mt19937(1));
    const auto begin = Clock::now();
    const double cpu = cpu_s();
    double longest_s = 0;
    for (std::uint32_t at = 0; at < instances; at += batch) {
      const auto commit_begin = Clock::now();
      const auto done = store->commit([&](core::Journal& journal) {
        for (std::uint32_t i = at; i < std::min(instances, at + batch); ++i)
          journal.put(all[order[i]].row(order[i] + 1, step), wish);
      });
      if (!done) return std::fprintf(stderr, "%s\n", done.error().message().c_str()), 1;
      longest_s = std::max(longest_s, seconds_since(commit_begin));
    }
    std::printf("%-10s %6.2f us CPU a put, %6.2f us wall, longest commit %.1f ms\n",
                step == 0   ? "accepted"
                : step == 1 ? "launching"
                            : "running",
                (cpu_s() - cpu) * 1e6 / instances, seconds_since(begin) * 1e6 / instances, longest_s * 1e3);
  }
  {
    const auto begin = Clock::now();
    const double cpu = cpu_s();
    for (int at = 0; at < 1'000; ++at)
      if (!store->commit([&](core::Journal& journal) { journal.put(all[0].row(1, 1 + at % 2), wish); })) return 1;
    std::printf("one row    %6.2f us CPU a commit, %.3f ms wall\n", (cpu_s() - cpu) * 1e6 / 1e3, seconds_since(begin));
  }
  std::printf("file %.1f MB\n", static_cast<double>(std::filesystem::file_size(folder + "/state.db")) / 1e6);
  store.reset();
  const auto begin = Clock::now();
  const double cpu = cpu_s();
  auto again = store::SqliteStore::open(folder);
  const double opened_s = seconds_since(begin);
  Counter counter;
  if (!again || !(*again)->load(counter, [](const std::string& text) { std::fprintf(stderr, "%s\n", text.c_str()); }))
    return 1;
  std::printf("open %.3f s, load %.3f s, both %.3f s CPU, %zu instances\n", opened_s, seconds_since(begin) - opened_s,
              cpu_s() - cpu, counter.instances);
  again->reset();
  std::filesystem::remove_all(folder);
  return counter.instances == instances ? 0 : 1;
}
