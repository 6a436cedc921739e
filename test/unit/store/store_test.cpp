#include "scheduler/store/store.hpp"

#include <catch2/catch.hpp>
#include <filesystem>
#include <limits>
#include <stdexcept>

#include "scheduler/store/database.hpp"
#include "test/unit/store/content.hpp"
#include "test/unit/store/fault_vfs.hpp"

namespace {

void put(store::SqliteStore& store, const std::vector<Instance>& instances) {
  const auto done = store.commit([&](core::Journal& journal) {
    for (const Instance& one : instances) journal.put(one.view(), wish_of(one.row.wish));
  });
  if (!done) FAIL(done.error().message());
}

void erase(store::SqliteStore& store, std::uint32_t id) {
  REQUIRE(store.commit([&](core::Journal& journal) { journal.erase(id); }));
}

std::int64_t number(const Folder& folder, const std::string& sql) {
  auto database = store::Database::open(folder.database());
  REQUIRE(database);
  auto found = database->number(sql);
  REQUIRE(found);
  return *found;
}

}  // namespace

TEST_CASE("every field of an instance comes back", "[store]") {
  Instance one = instance_of(4'294'967'295U, 1);
  const auto which = GENERATE(range(0, 10));
  CAPTURE(which);
  switch (which) {
    case 0:  // As it is first accepted: no attempt, no cell, no charge.
      one = instance_of(1, 0);
      break;
    case 1:
      one.row.kind = core::Kind::task;
      one.row.index = std::numeric_limits<std::int32_t>::max();
      break;
    case 2:
      one.row.wish = std::numeric_limits<std::uint64_t>::max();
      break;
    case 3:
      one.row.accepted = base::Time(base::Duration(-1));
      one.row.since = base::Time::max();
      break;
    case 4:
      one.guid = std::string("a\0b", 3) + "\xff\xfe'\"";
      one.reason = std::string(100'000, 'r');
      one.trace_id = "";
      break;
    case 5:
      one.row.charged = {std::numeric_limits<std::int64_t>::max(), 0, 1, 2};
      break;
    case 6:
      one.row.attempts = one.row.failures = std::numeric_limits<std::int32_t>::max();
      break;
    case 7:
      one.row.heard = one.row.started = one.row.ran = one.row.stop_wanted = one.row.queue_again = true;
      break;
    case 8:
      one.agent_id = "";
      one.row.auction_known = false;
      break;
    case 9:
      one.agent_id = "agent-1executor";
      one.executor_id = "-1";
      break;
  }
  const Folder folder;
  put(*open_store(folder.path()), {one, instance_of(2, 9)});
  const Content content = content_of(folder.path());
  REQUIRE(content.instances.size() == 2);
  CHECK(content.instances.at(one.row.id) == one);
  CHECK(content.instances.at(2) == instance_of(2, 9));
  CHECK(content.wishes.at(one.row.wish) == core::wish_text(wish_of(one.row.wish)));
}

TEST_CASE("every state and every flag keeps its number in the file", "[store]") {
  // What a file written today says must be read tomorrow.
  const auto [state, expected] = GENERATE(table<core::State, int>({{core::State::queued, 0},
                                                                   {core::State::launching, 1},
                                                                   {core::State::starting, 2},
                                                                   {core::State::running, 3},
                                                                   {core::State::stopping, 4},
                                                                   {core::State::stopped, 5},
                                                                   {core::State::failed, 6},
                                                                   {core::State::lost, 7}}));
  const auto flag = GENERATE(0, 1, 2, 3, 4);
  Instance one = instance_of(1, 0);
  one.row.state = state;
  one.row.heard = flag == 0;
  one.row.started = flag == 1;
  one.row.ran = flag == 2;
  one.row.stop_wanted = flag == 3;
  one.row.queue_again = flag == 4;
  const Folder folder;
  put(*open_store(folder.path()), {one});
  CHECK(content_of(folder.path()).instances.at(1) == one);
  CHECK(number(folder, "SELECT state FROM standing") == expected);
  CHECK(number(folder, "SELECT flags FROM standing") == 1 << flag);
}

TEST_CASE("the last that was said of an instance counts, whatever the number of commits between", "[store]") {
  const Folder folder;
  const auto commits = GENERATE(true, false);
  {
    const auto store = open_store(folder.path());
    if (commits) {
      for (int variant = 0; variant < 20; ++variant) put(*store, {instance_of(1, variant), instance_of(2, variant)});
    } else {
      std::vector<Instance> all;
      for (int variant = 0; variant < 20; ++variant) all.push_back(instance_of(1, variant));
      all.push_back(instance_of(2, 19));
      put(*store, all);
    }
  }
  const auto store = open_store(folder.path());
  CHECK(content_of(*store).instances ==
        std::map<std::uint32_t, Instance>{{1, instance_of(1, 19)}, {2, instance_of(2, 19)}});
  put(*store, {instance_of(1, 3)});  // As known from the file.
}

TEST_CASE("an auction that refreshes an instance changes what was accepted", "[store]") {
  const Folder folder;
  Instance one = instance_of(1, 3);
  put(*open_store(folder.path()), {one});
  const auto field = GENERATE(0, 1, 2, 3);
  if (field == 0) one.trace_id = "another";
  if (field == 1) one.row.wish = 77;
  if (field == 2) one.row.auction_known = !one.row.auction_known;
  if (field == 3) one.row.accepted += std::chrono::nanoseconds(1);
  {
    const auto store = open_store(folder.path());
    content_of(*store);
    put(*store, {one});
  }
  CHECK(content_of(folder.path()).instances.at(1) == one);
}

TEST_CASE("an instance erased is gone, and its row may come back", "[store]") {
  const Folder folder;
  auto store = open_store(folder.path());
  put(*store, {instance_of(1, 1), instance_of(2, 2)});
  erase(*store, 1);
  erase(*store, 999);
  const auto reopened = GENERATE(false, true);
  const auto reload = [&] {
    store.reset();
    store = open_store(folder.path());
    return content_of(*store);
  };
  if (reopened) CHECK(reload().instances == std::map<std::uint32_t, Instance>{{2, instance_of(2, 2)}});
  put(*store, {instance_of(1, 1)});
  CHECK(reload().instances == std::map<std::uint32_t, Instance>{{1, instance_of(1, 1)}, {2, instance_of(2, 2)}});
  REQUIRE(store->commit([](core::Journal& journal) {
    journal.erase(2);
    journal.put(instance_of(2, 2).view(), wish_of(3));
    journal.put(instance_of(3, 1).view(), wish_of(4));
    journal.erase(3);
  }));
  CHECK(reload().instances == std::map<std::uint32_t, Instance>{{1, instance_of(1, 1)}, {2, instance_of(2, 2)}});
}

TEST_CASE("a text is set, replaced and cleared", "[store]") {
  const Folder folder;
  auto store = open_store(folder.path());
  const auto texts_after = [&](std::string_view name, std::string_view value) {
    REQUIRE(store->commit([&](core::Journal& journal) { journal.text(name, value); }));
    store.reset();
    store = open_store(folder.path());
    return content_of(*store).texts;
  };
  using Texts = std::map<std::string, std::string>;
  CHECK(texts_after(core::kFrameworkText, "id-1") == Texts{{"framework_id", "id-1"}});
  CHECK(texts_after(core::kLeaderText, "me") == Texts{{"framework_id", "id-1"}, {"leader", "me"}});
  CHECK(texts_after(core::kFrameworkText, "id-2") == Texts{{"framework_id", "id-2"}, {"leader", "me"}});
  CHECK(texts_after(core::kLeaderText, "") == Texts{{"framework_id", "id-2"}});
  CHECK(texts_after(core::kLeaderText, {}) == Texts{{"framework_id", "id-2"}});
}

TEST_CASE("a wish is written at its first instance, and dropped when a start finds none", "[store]") {
  const Folder folder;
  {
    const auto store = open_store(folder.path());
    Instance one = instance_of(1, 1);
    for (const std::uint64_t wish : {7U, 8U, 9U}) {
      one.row.wish = wish;
      put(*store, {one});
    }
    // Its content never changes: this one is not even looked at.
    REQUIRE(store->commit([&](core::Journal& journal) { journal.put(one.view(), wish_of(1000)); }));
    CHECK(content_of(*store).wishes.size() == 3);
  }
  CHECK(content_of(folder.path()).wishes == std::map<std::uint64_t, std::string>{{9, core::wish_text(wish_of(9))}});
  CHECK(number(folder, "SELECT count(*) FROM wishes") == 1);
  CHECK(number(folder, "SELECT count(*) FROM cells") == 1);
  // One that was dropped is written again when it is wanted again.
  const auto store = open_store(folder.path());
  content_of(*store);
  Instance again = instance_of(2, 1);
  again.row.wish = 7;
  put(*store, {again});
  CHECK(content_of(*store).wishes.at(7) == core::wish_text(wish_of(7)));
}

TEST_CASE("a process that runs for long drops wishes and cells that no instance names", "[store]") {
  const Folder folder;
  const auto store = open_store(folder.path());
  std::vector<Instance> batch;
  for (std::uint32_t nth = 1; nth <= 40'000; ++nth) {
    Instance one = instance_of(1 + nth % 10, 1);
    one.row.wish = nth;
    one.agent_id = "agent-" + std::to_string(nth);
    batch.push_back(one);
    if (batch.size() < 1000) continue;
    put(*store, batch);
    batch.clear();
  }
  const Content before = content_of(*store);
  CHECK(before.instances.size() == 10);
  CHECK(before.wishes.size() < 35'000);
  put(*store, {instance_of(1, 5)});
  CHECK(content_of(*store).instances.at(1) == instance_of(1, 5));
}

TEST_CASE("a commit that failed is as if it had not been, wishes and cells included", "[store]") {
  const Folder folder;
  FaultVfs disk(folder.path());
  auto store = open_store(folder.path());
  put(*store, {instance_of(1, 1)});
  disk.fail_changes(disk.changes() + 1, 1000, SQLITE_FULL);
  const auto failed = store->commit([](core::Journal& journal) {
    journal.text("leader", "me");
    journal.erase(1);
    for (std::uint32_t id = 2; id < 50; ++id) journal.put(instance_of(id, 1).view(), wish_of(1 + id % 5));
  });
  REQUIRE(!failed);
  CHECK(failed.error().message() == folder.database() + ": cannot be read or written: the disk is full");
  disk.fail_changes(0, 0, 0);
  put(*store, {instance_of(7, 1)});
  store.reset();
  const Content content = content_of(folder.path());
  CHECK(content.texts.empty());
  CHECK(content.instances == std::map<std::uint32_t, Instance>{{1, instance_of(1, 1)}, {7, instance_of(7, 1)}});
}

TEST_CASE("a write that throws leaves nothing", "[store]") {
  const Folder folder;
  const auto store = open_store(folder.path());
  CHECK_THROWS(store->commit([](core::Journal& journal) {
    journal.put(instance_of(1, 1).view(), wish_of(2));
    throw std::runtime_error("out of memory");
  }));
  put(*store, {instance_of(2, 1)});
  CHECK(content_of(*store).instances == std::map<std::uint32_t, Instance>{{2, instance_of(2, 1)}});
}

TEST_CASE("a commit of nothing costs nothing, a small one a single sync", "[store]") {
  const Folder folder;
  const FaultVfs disk(folder.path());
  const auto store = open_store(folder.path());
  put(*store, {instance_of(1, 0)});
  const std::int64_t changes = disk.changes(), syncs = disk.syncs();
  REQUIRE(store->commit([](core::Journal&) {}));
  CHECK(disk.changes() == changes);
  put(*store, {instance_of(1, 3)});
  CHECK(disk.syncs() == syncs + 1);
}

TEST_CASE("neither the log nor the file grows with the number of changes", "[store]") {
  const Folder folder;
  const auto store = open_store(folder.path());
  constexpr std::uint32_t kInstances = 2'000;
  std::vector<Instance> all;
  for (std::uint32_t id = 1; id <= kInstances; ++id) all.push_back(instance_of(id, 0));
  put(*store, all);
  // Half of them never change again: they must be carried along.
  for (int round = 1; round < 120; ++round) {
    std::vector<Instance> some;
    for (std::uint32_t id = 1; id <= kInstances; id += 2) some.push_back(all[id - 1] = instance_of(id, round));
    put(*store, some);
  }
  const auto size_of = [&](const std::string& name) { return std::filesystem::file_size(folder.path() + name); };
  CHECK(size_of("/state.db-wal") < 8U << 20U);
  store->checkpoint();
  CHECK(size_of("/state.db-wal") == 0);
  CHECK(size_of("/state.db") < 1U << 20U);
  const Content content = content_of(*store);
  REQUIRE(content.instances.size() == kInstances);
  for (const Instance& one : all) CHECK(content.instances.at(one.row.id) == one);
}

TEST_CASE("two stores of one folder: the second is refused", "[store]") {
  const Folder folder;
  const auto store = open_store(folder.path());
  const auto second = store::SqliteStore::open(folder.path());
  REQUIRE(!second);
  CHECK(second.error().message() == folder.database() + ": cannot be read or written: it is in use by another process");
  put(*store, {instance_of(1, 1)});
}
