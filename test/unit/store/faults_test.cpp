// Every write of a scenario fails once, and the power goes out at every write of it.
#include <sqlite3.h>

#include <catch2/catch.hpp>
#include <optional>

#include "base/random.hpp"
#include "test/unit/store/content.hpp"
#include "test/unit/store/fault_vfs.hpp"

namespace {

constexpr int kCommits = 24;

void apply(Content& content, core::Journal* journal, const Instance& instance) {
  content.instances[instance.row.id] = instance;
  content.wishes[instance.row.wish] = core::wish_text(wish_of(instance.row.wish));
  if (journal != nullptr) journal->put(instance.view(), wish_of(instance.row.wish));
}

void apply_erase(Content& content, core::Journal* journal, std::uint32_t id) {
  content.instances.erase(id);
  if (journal != nullptr) journal->erase(id);
}

void apply_text(Content& content, core::Journal* journal, const std::string& name, const std::string& value) {
  content.texts.erase(name);
  if (!value.empty()) content.texts[name] = value;
  if (journal != nullptr) journal->text(name, value);
}

// The nth commit, on a model and, if given, a journal: new work, changes all over, ends, texts. Enough
// changes for the beginning of the log to be cleared.
void change(int nth, Content& content, core::Journal* journal) {
  const auto number = [nth](int each) { return static_cast<std::uint32_t>(nth * 10 + each); };
  if (nth % 6 == 0) apply_text(content, journal, "framework_id", "id-" + std::to_string(nth));
  if (nth % 6 == 3) apply_text(content, journal, "leader", nth % 12 == 3 ? "somebody" : "");
  for (int each = 0; each < 10; ++each) apply(content, journal, instance_of(number(each) + 1, 0));
  for (int each = 0; each < 20; ++each) {
    const auto id = 1 + static_cast<std::uint32_t>(each * 37 + nth * 11) % (number(9) + 1);
    if (content.instances.contains(id)) apply(content, journal, instance_of(id, 1 + nth));
  }
  for (int each = 0; nth > 3 && each < 4; ++each) apply_erase(content, journal, number(each * 2) - 30);
  // A row that comes back within the commit that erased it; and one refreshed by an auction.
  if (nth % 5 == 4) {
    apply_erase(content, journal, number(5));
    apply(content, journal, instance_of(number(5), nth));
    Instance refreshed = instance_of(number(6), nth);
    refreshed.trace_id = "another";
    refreshed.row.wish = 100 + static_cast<std::uint64_t>(nth);
    apply(content, journal, refreshed);
  }
}

std::vector<Content> states() {
  std::vector<Content> all(1);
  for (int nth = 0; nth < kCommits; ++nth) {
    all.push_back(all.back());
    change(nth, all.back(), nullptr);
  }
  return all;
}

base::Status commit(store::SqliteStore& store, int nth, const Content& before) {
  return store.commit([&](core::Journal& journal) {
    Content content = before;
    change(nth, content, &journal);
  });
}

// Opens, does all commits, each until it works, with a checkpoint here and there and one reopening.
// `done` is how many were said to be durable. The number of errors seen.
int run(const std::string& folder, const std::vector<Content>& states, int& done) {
  int errors = 0;
  std::unique_ptr<store::SqliteStore> store;
  const auto open = [&] {
    store.reset();
    while (store == nullptr && errors < 100) {
      auto opened = store::SqliteStore::open(folder);
      Content content;
      base::Status loaded = base::ok();
      if (opened) loaded = (*opened)->load(content, [&](const std::string&) { ++errors; });
      if (opened && loaded) {
        CHECK(content == states[static_cast<std::size_t>(done)]);
        store = std::move(*opened);
      } else {
        ++errors;
      }
    }
    REQUIRE(store != nullptr);
  };
  open();
  for (int nth = 0; nth < kCommits; ++nth) {
    while (!commit(*store, nth, states[static_cast<std::size_t>(nth)])) REQUIRE(++errors < 100);
    done = nth + 1;
    if (nth % 7 == 5) store->checkpoint();
    if (nth == 16) open();
  }
  return errors;
}

}  // namespace

TEST_CASE("a write, sync or truncation that fails fails its commit alone, whichever it is", "[store]") {
  const std::vector<Content> states = ::states();
  std::int64_t changes = 0;
  {
    const Folder folder;
    const FaultVfs disk(folder.path());
    int done = 0;
    CHECK(run(folder.path(), states, done) == 0);
    changes = disk.changes();
  }
  CHECK(changes > 300);
  const auto count = GENERATE(1, 3, 8);
  const int code = count == 1 ? SQLITE_FULL : SQLITE_IOERR_WRITE;
  int errors = 0;
  for (std::int64_t nth = 1; nth <= changes; ++nth) {
    CAPTURE(nth, count);
    const Folder folder;
    const Folder image;
    {
      FaultVfs disk(folder.path());
      disk.fail_changes(nth, count, code);
      int done = 0;
      errors += run(folder.path(), states, done);
      CHECK(disk.failed() > 0);
      disk.write_image(image.path(), [](std::size_t, std::size_t) { return 0; });
    }
    // What the disk has for certain, and what the process closed.
    REQUIRE(content_of(image.path()) == states.back());
    REQUIRE(content_of(folder.path()) == states.back());
  }
  // Most of them are seen by somebody; a checkpoint is tried again in silence.
  CHECK(errors > changes / 2);
}

TEST_CASE("a read that fails loses nothing, whichever it is", "[store]") {
  const std::vector<Content> states = ::states();
  std::int64_t reads = 0;
  {
    const Folder folder;
    const FaultVfs disk(folder.path());
    int done = 0;
    CHECK(run(folder.path(), states, done) == 0);
    reads = disk.reads();
  }
  CHECK(reads > 20);
  for (std::int64_t nth = 1; nth <= reads; ++nth) {
    CAPTURE(nth);
    const Folder folder;
    {
      FaultVfs disk(folder.path());
      disk.fail_reads(nth, 1, SQLITE_IOERR_READ);
      int done = 0;
      run(folder.path(), states, done);
      CHECK(disk.failed() == 1);
    }
    REQUIRE(content_of(folder.path()) == states.back());
  }
}

TEST_CASE("the power goes out at any write: what was durable is there, and commits are whole", "[store]") {
  const std::vector<Content> states = ::states();
  const auto mode = GENERATE(0, 1, 2, 3);
  const Folder folder;
  const Folder image;
  FaultVfs disk(folder.path());
  base::Random random(static_cast<std::uint64_t>(mode) + 1);
  int done = 0, images = 0, ahead = 0;
  disk.before_change = [&] {
    disk.write_image(image.path(), [&](std::size_t nth, std::size_t count) -> int {
      if (mode == 0) return 2;                         // All is there: as after kill -9.
      if (mode == 1) return nth + 1 == count ? 1 : 2;  // The last write is torn.
      if (mode == 2) return 0;                         // What was not synced is not there.
      return static_cast<int>(random.below(3));        // Any of it is, in any order.
    });
    // Of a commit under way nothing may be there yet, or all of it.
    const Content content = content_of(image.path());
    const auto at = static_cast<std::size_t>(done);
    const bool is_next = at < static_cast<std::size_t>(kCommits) && content == states[at + 1];
    CAPTURE(mode, images, done);
    if (!is_next) REQUIRE(content == states[at]);
    ahead += is_next ? 1 : 0;
    ++images;
  };
  CHECK(run(folder.path(), states, done) == 0);
  CHECK(images > 300);
  CHECK((mode == 2 || ahead > 0));  // Between the last write of a commit and its sync.
}

TEST_CASE("after a crash at any write the store goes on as if nothing had been", "[store]") {
  const std::vector<Content> states = ::states();
  const Folder folder;
  const Folder image;
  FaultVfs disk(folder.path());
  base::Random random(7);
  int done = 0, count = 0;
  disk.before_change = [&] {
    if (++count % 5 != 0) return;
    disk.write_image(image.path(), [&](std::size_t, std::size_t) { return static_cast<int>(random.below(3)); });
    auto store = open_store(image.path());
    const Content content = content_of(*store);
    int next = content == states[static_cast<std::size_t>(done)] ? done : done + 1;
    for (; next < kCommits; ++next) REQUIRE(commit(*store, next, states[static_cast<std::size_t>(next)]));
    store.reset();
    REQUIRE(content_of(image.path()) == states.back());
  };
  CHECK(run(folder.path(), states, done) == 0);
  CHECK(count > 300);
}
