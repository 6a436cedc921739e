// The state database, in whatever condition it is found: it opens or the refusal names it and leaves it
// as it is; what can be read of it never breaks the core; what is then saved is there the next time.
//
// The first byte says what the rest is: the whole file; changes to a good one, each of three bytes for
// where and one for what; the write-ahead log beside a good one; or how much is left of a good one.
#include <stdlib.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "fuzz.hpp"
#include "scheduler/core/core.hpp"
#include "scheduler/store/store.hpp"

namespace {

using fuzz::require;
using namespace std::chrono_literals;

constexpr base::Time kStart{base::Duration(1'700'000'000s)};

class Cells final : public core::CellFactory {
 public:
  std::string executor_info(const core::CellSpec& spec) const override { return spec.executor_id; }
  std::string fingerprint() const override { return "f"; }
};
const Cells kCells;

core::Core make_core() {
  core::Config config;
  config.cell_rootfs["preloaded"] = {diego::RootFsProvider::Kind::fixed_set, {"fs"}};
  return {config, kCells, std::move(*placement::make_strategy("binpack")), base::Random(1)};
}

// Where the file is; in memory if the machine has a place for that.
const std::string& folder() {
  static const std::string name = [] {
    std::string pattern = (access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp") + std::string("/diego-fuzz-XXXXXX");
    require(mkdtemp(pattern.data()) != nullptr, "the test has a folder");
    static const std::string made = pattern;
    std::atexit([] { std::filesystem::remove_all(made); });
    return pattern;
  }();
  return name;
}

void clear_folder() {
  for (const auto& entry : std::filesystem::directory_iterator(folder())) std::filesystem::remove(entry.path());
}

void write_file(const std::string& name, std::string_view bytes) {
  std::ofstream(folder() + "/" + name, std::ios::binary) << bytes;
}

std::string read_file(const std::string& name) {
  std::ifstream file(folder() + "/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Puts what a store holds into a core.
class Into final : public core::Recovery {
 public:
  explicit Into(core::Core& core) : core_(core) {}
  void text(std::string_view name, std::string_view value) override {
    if (name == core::kFrameworkText) core_.remember_framework(std::string(value));
  }
  base::Status wish(std::uint64_t id, std::string_view text) override { return core_.restore_wish(id, text); }
  void missing_wish(std::uint64_t id) override { core_.reserve_wish(id); }
  base::Status instance(const core::InstanceRow& row) override {
    require(row.id != 0, "a row has a number");
    require(row.kind == core::Kind::lrp || row.kind == core::Kind::task, "an instance is of a kind");
    require(row.state >= core::State::queued && row.state <= core::State::lost, "and in a state");
    return core_.restore(row);
  }

 private:
  core::Core& core_;
};

base::Status load(store::SqliteStore& store, core::Core& core) {
  Into into(core);
  auto loaded = store.load(into, [](const std::string& line) { require(!line.empty(), "a warning says something"); });
  core.recovered(kStart);
  return loaded;
}

base::Status save(store::SqliteStore& store, core::Core& core) {
  auto saved = store.commit([&core](core::Journal& journal) { core.write_changes(journal); });
  if (saved) core.changes_saved();
  return saved;
}

core::Auction wanted(const std::string& guid, std::int32_t index) {
  core::Auction auction;
  auction.key = {core::Kind::lrp, guid, index};
  auction.domain = "d";
  auction.constraint.rootfs = "preloaded:fs";
  auction.resource.memory_mb = 64;
  return auction;
}

core::Offer offer(const std::string& agent) {
  core::Offer offer;
  offer.id = "O-" + agent;
  offer.agent_id = agent;
  offer.hostname = "h";
  offer.pieces = {{core::Dimension::cpus, 8000, "", false},
                  {core::Dimension::mem, 8192, "", false},
                  {core::Dimension::disk, 8192, "", false}};
  return offer;
}

// Work of all kinds: waiting, launched, running, refused.
const std::string& good_file() {
  static const std::string bytes = [] {
    clear_folder();
    auto store = store::SqliteStore::open(folder());
    require(static_cast<bool>(store), "a new file can be made");
    core::Core core = make_core();
    require(static_cast<bool>(load(**store, core)), "and read");
    core.handle(core::Subscribed{"F", false}, kStart);
    core.handle(core::AuctionsSubmitted{{wanted("app", 0), wanted("app", 1), wanted("other", 0)}}, kStart);
    core.handle(core::OffersArrived{{offer("S0")}}, kStart);
    core.settle(kStart + 3s);
    core.handle(core::AuctionsSubmitted{{wanted("later", 7)}}, kStart + 3s);
    require(static_cast<bool>(save(**store, core)), "and written");
    (*store).reset();
    return read_file("state.db");
  }();
  return bytes;
}

void prepare(std::string_view bytes) {
  const unsigned choice = fuzz::take_byte(bytes) % 4;
  std::string file = good_file();
  clear_folder();
  if (choice == 0) {
    file = bytes;
  } else if (choice == 1) {
    while (!bytes.empty()) {
      std::size_t at = fuzz::take_byte(bytes);
      at = at << 8U | fuzz::take_byte(bytes);
      at = at << 8U | fuzz::take_byte(bytes);
      file[at % file.size()] = static_cast<char>(fuzz::take_byte(bytes));
    }
  } else if (choice == 2) {
    write_file("state.db-wal", bytes);
  } else {
    const std::size_t high = fuzz::take_byte(bytes);
    file.resize(file.size() * (high << 8U | fuzz::take_byte(bytes)) / 65536);
  }
  write_file("state.db", file);
}

// What the core would act on, as one text.
std::string known(const core::Core& core) {
  std::string all;
  core::InstanceQuery query;
  query.limit = 100'000;
  for (const core::InstanceView& view : core.instances(query)) {
    all += core::cursor(view.key) + " " + std::string(core::to_string(view.state)) + " " + view.task_id + " " +
           view.agent_id + " " + std::to_string(view.attempts) + "\n";
  }
  return all;
}

// A life of some minutes, for the core's own asserts.
void live(core::Core& core) {
  base::Time now = kStart;
  core.handle(core::Subscribed{"F", core.wants_suppressed(now)}, now);
  core.handle(core::OffersArrived{{offer("S0"), offer("S1")}}, now);
  for (int step = 0; step < 30; ++step) {
    core.settle(now);
    now += 7s;
  }
}

}  // namespace

void fuzz::state_file(std::string_view bytes) {
  prepare(bytes);
  const std::string before = read_file("state.db");
  std::string expected;
  {
    auto store = store::SqliteStore::open(folder());
    if (!store) {
      require(store.error().message().find("state.db") != std::string::npos, "a refusal names the file");
      require(read_file("state.db") == before, "and leaves it as it is");
      return;
    }
    core::Core core = make_core();
    if (!load(**store, core)) return;
    expected = known(core);
    core.handle(core::AuctionsSubmitted{{wanted("brand new", 3)}}, kStart);
    if (!save(**store, core)) return;
    expected = known(core);
  }
  auto store = store::SqliteStore::open(folder());
  require(static_cast<bool>(store), "what was written to can be opened");
  core::Core core = make_core();
  require(static_cast<bool>(load(**store, core)), "and read");
  require(known(core) == expected, "what was saved is there the next time");
  live(core);
}
