// What is found where the state should be: older, newer, foreign, damaged, not allowed.
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/random.hpp"
#include "scheduler/store/database.hpp"
#include "scheduler/store/schema.hpp"
#include "scheduler/store/store.hpp"
#include "test/unit/store/content.hpp"

namespace {

std::string read(const std::string& path) {
  std::stringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

void write(const std::string& path, const std::string& bytes) { std::ofstream(path, std::ios::binary) << bytes; }

void execute(const Folder& folder, const std::string& sql) {
  const auto database = store::Database::open(folder.database());
  REQUIRE(database);
  const auto done = database->execute(sql);
  if (!done) FAIL(done.error().message());
}

Content fill(const Folder& folder, std::uint32_t count) {
  const auto store = open_store(folder.path());
  REQUIRE(store->commit([&](core::Journal& journal) {
    journal.text(core::kFrameworkText, "id-1");
    for (std::uint32_t id = 1; id <= count; ++id)
      journal.put(instance_of(id, 1 + static_cast<int>(id % 20)).view(), wish_of(1 + id % 5));
  }));
  return content_of(*store);
}

std::string refusal(const Folder& folder) {
  const auto opened = store::SqliteStore::open(folder.path());
  return opened ? "" : opened.error().message();
}

// Whether root's rights are in the way of a test about rights; while it lives we are somebody else.
class Nobody {
 public:
  Nobody() : was_root_(geteuid() == 0 && seteuid(65534) == 0) {}
  ~Nobody() {
    if (was_root_ && seteuid(0) != 0) std::abort();
  }
  Nobody(const Nobody&) = delete;
  Nobody& operator=(const Nobody&) = delete;

 private:
  bool was_root_;
};

}  // namespace

TEST_CASE("a new store is empty, ours alone to read, and says whose it is", "[store]") {
  const Folder folder;
  CHECK(content_of(folder.path()) == Content{});
  struct stat found {};
  REQUIRE(stat(folder.database().c_str(), &found) == 0);
  CHECK((found.st_mode & 0777) == 0600);
  const auto database = store::Database::open(folder.database());
  REQUIRE(database);
  CHECK(*database->number("PRAGMA application_id") == store::kApplicationId);
  CHECK(*database->number("PRAGMA user_version") == store::kSchemaVersion);
}

TEST_CASE("an older file is brought forward with all it holds, step by step", "[store]") {
  const Folder folder;
  const Content before = fill(folder, 100);
  std::vector<std::string> steps(store::steps().begin(), store::steps().end());
  steps.push_back("ALTER TABLE accepted ADD COLUMN colour DEFAULT 'red'; CREATE TABLE more(id INTEGER PRIMARY KEY);");
  steps.push_back("UPDATE accepted SET colour = 'blue' WHERE id = 7;");
  {
    const auto database = store::Database::open(folder.database());
    REQUIRE(database);
    REQUIRE(store::prepare_file(*database, steps));
    CHECK(*database->number("PRAGMA user_version") == store::kSchemaVersion + 2);
    CHECK(*database->number("SELECT count(*) FROM accepted WHERE colour = 'red'") == 99);
    CHECK(*database->number("SELECT count(*) FROM accepted WHERE colour = 'blue'") == 1);
  }
  // And what this program does not know yet is refused.
  CHECK(refusal(folder) ==
        folder.database() +
            ": was written by a newer diego-scheduler (version 4 of the file, this one knows 2); run "
            "that one, or move the file and its -wal away to start empty");
  execute(folder, "PRAGMA user_version = 2; ALTER TABLE accepted DROP COLUMN colour");
  CHECK(content_of(folder.path()) == before);
}

TEST_CASE("a step that fails leaves the file of the older version", "[store]") {
  const Folder folder;
  const Content before = fill(folder, 10);
  std::vector<std::string> steps(store::steps().begin(), store::steps().end());
  steps.push_back("DELETE FROM accepted;");
  steps.push_back("INSERT INTO no_such_table VALUES(1);");
  {
    const auto database = store::Database::open(folder.database());
    REQUIRE(database);
    CHECK(!store::prepare_file(*database, steps));
  }
  CHECK(content_of(folder.path()) == before);
}

TEST_CASE("what is not ours is refused and left as it is", "[store]") {
  const Folder folder;
  const auto what = GENERATE(0, 1, 2, 3);
  std::string expected;
  if (what == 0) {
    write(folder.database(), std::string(10'000, 'x'));
    expected = ": is not a database; restore it from a backup, or move it and its -wal away to start empty";
  } else if (what == 1) {
    write(folder.database(), "framework-1\n");
    expected = ": is not a database; restore it from a backup, or move it and its -wal away to start empty";
  } else if (what == 2) {
    execute(folder, "CREATE TABLE somebody(name); INSERT INTO somebody VALUES('else')");
    expected = ": is a database of another program; move it away";
  } else {
    execute(folder, "PRAGMA application_id = 17; PRAGMA user_version = 1");
    expected = ": is a database of another program; move it away";
  }
  const std::string before = read(folder.database());
  CHECK(refusal(folder) == folder.database() + expected);
  CHECK(read(folder.database()) == before);
}

TEST_CASE("a file of ours without our tables is refused", "[store]") {
  const Folder folder;
  fill(folder, 3);
  execute(folder, GENERATE(as<std::string>{}, "DROP TABLE standing", "ALTER TABLE accepted RENAME COLUMN wish TO w",
                           "PRAGMA user_version = 0", "PRAGMA user_version = -5"));
  CHECK_THAT(refusal(folder), Catch::StartsWith(folder.database() + ": is corrupt ("));
}

TEST_CASE("a log without its database is not thrown away", "[store]") {
  const Folder folder;
  write(folder.database() + "-wal", std::string(5'000, 'w'));
  const auto is_empty = GENERATE(false, true);
  if (is_empty) write(folder.database(), "");
  CHECK(refusal(folder) == folder.database() + (is_empty ? ": is empty" : ": is missing") + " though its log " +
                               folder.database() +
                               "-wal is there; restore it from a backup, or move the log away to start empty");
  CHECK(read(folder.database() + "-wal") == std::string(5'000, 'w'));
}

TEST_CASE("a file that may not be written is refused", "[store]") {
  const Folder folder;
  fill(folder, 3);
  REQUIRE(chmod(folder.path().c_str(), 0755) == 0);
  REQUIRE(chmod(folder.database().c_str(), 0444) == 0);
  const Nobody nobody;
  CHECK(refusal(folder) == folder.database() + ": cannot be written: it is read-only");
}

TEST_CASE("a folder that may not be written, or is none, is refused", "[store]") {
  const Folder folder;
  REQUIRE(chmod(folder.path().c_str(), 0555) == 0);
  {
    const Nobody nobody;
    CHECK(refusal(folder) == folder.database() + ": cannot be created: Permission denied");
  }
  const auto missing = store::SqliteStore::open(folder.path() + "/no/such");
  REQUIRE(!missing);
  CHECK(missing.error().message() == folder.path() + "/no/such/state.db: cannot be created: No such file or directory");
  std::filesystem::create_directory(folder.database());
  CHECK_THAT(refusal(folder), Catch::StartsWith(folder.database() + ": cannot be "));
}

TEST_CASE("a limit of the file size fails the commit, and later ones work", "[store]") {
  const Folder folder;
  fill(folder, 100);
  const auto store = open_store(folder.path());
  Content before = content_of(*store);
  rlimit unlimited{};
  REQUIRE(getrlimit(RLIMIT_FSIZE, &unlimited) == 0);
  const auto was = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit limited{64 * 1024, unlimited.rlim_max};
  REQUIRE(setrlimit(RLIMIT_FSIZE, &limited) == 0);
  const auto big = [](core::Journal& journal) {
    for (std::uint32_t id = 1; id <= 3'000; ++id) journal.put(instance_of(id, 5).view(), wish_of(1 + id % 5));
  };
  const auto failed = store->commit(big);
  REQUIRE(setrlimit(RLIMIT_FSIZE, &unlimited) == 0);
  std::signal(SIGXFSZ, was);
  REQUIRE(!failed);
  CHECK(failed.error().message() == folder.database() + ": cannot be read or written: File too large");
  CHECK(content_of(*store) == before);
  REQUIRE(store->commit(big));
  CHECK(content_of(*store).instances.size() == 3'000);
}

TEST_CASE("entries that make no sense are reported and passed over, and stay in the file", "[store]") {
  const Folder folder;
  Content expected = fill(folder, 20);
  const auto [sql, warning] = GENERATE(table<std::string, std::string>({
      {"UPDATE standing SET state = 9 WHERE id = 7", "its state is unknown"},
      {"UPDATE standing SET state = -1 WHERE id = 7", "its state is unknown"},
      {"UPDATE standing SET state = 'running' WHERE id = 7", "a value is missing or of a wrong type"},
      {"UPDATE standing SET since_ns = 1.5 WHERE id = 7", "a value is missing or of a wrong type"},
      {"UPDATE standing SET attempt = 'short' WHERE id = 7", "its attempt is not 8 letters"},
      {"UPDATE standing SET attempt = 'ABCDEFGH' WHERE id = 7", "its attempt is not 8 letters"},
      {"UPDATE standing SET attempt = x'6162' WHERE id = 7", "a value is missing or of a wrong type"},
      {"UPDATE standing SET cell = 4711 WHERE id = 7", "its cell is unknown"},
      {"UPDATE standing SET mem_mb = -1 WHERE id = 7", "what it is charged is negative"},
      {"UPDATE standing SET attempts = 4294967296 WHERE id = 7", "its attempts are out of range"},
      {"UPDATE standing SET flags = 64 WHERE id = 7", "its flags are unknown"},
      {"UPDATE standing SET reason = NULL WHERE id = 7", "a value is missing or of a wrong type"},
      {"DELETE FROM standing WHERE id = 7", "it does not say how it stands"},
      {"UPDATE accepted SET kind = 2 WHERE id = 7", "its kind is unknown"},
      {"UPDATE accepted SET guid = NULL WHERE id = 7", "a value is missing or of a wrong type"},
      {"UPDATE accepted SET idx = 2147483648 WHERE id = 7", "its index is out of range"},
      {"UPDATE accepted SET wish = 4711 WHERE id = 7", "what it asks for is unknown"},
      {"UPDATE accepted SET auction_known = 2 WHERE id = 7", "it is neither auctioned nor adopted"},
      {"UPDATE accepted SET guid = 'refused' WHERE id = 7", "guid: is empty"},
  }));
  CAPTURE(sql);
  execute(folder, sql);
  expected.instances.erase(7);
  for (int time = 0; time < 2; ++time) {
    const auto store = open_store(folder.path());
    Content content;
    content.refused_guid = "refused";
    std::vector<std::string> warnings;
    REQUIRE(store->load(content, [&](const std::string& text) { warnings.push_back(text); }));
    CHECK(content == expected);
    CHECK(warnings == std::vector{folder.database() + ": instance 7 is passed over: " + warning});
    // Enough changes for the log to be cleared of what does not count.
    for (int round = 1; round < 30; ++round)
      REQUIRE(store->commit([&](core::Journal& journal) {
        for (auto& [id, one] : expected.instances) {
          one = instance_of(id, round);
          journal.put(one.view(), wish_of(one.row.wish));
        }
      }));
  }
  // What it stood in the way of nothing: its row can be written anew.
  const auto store = open_store(folder.path());
  Content content;
  REQUIRE(store->load(content, [](const std::string&) {}));
  REQUIRE(store->commit([](core::Journal& journal) { journal.put(instance_of(7, 2).view(), wish_of(3)); }));
  CHECK(content_of(*store).instances.at(7) == instance_of(7, 2));
}

TEST_CASE("an instance of a number that no row can have is passed over", "[store]") {
  const Folder folder;
  const Content expected = fill(folder, 5);
  execute(folder,
          GENERATE(as<std::string>{}, "4294967296", "0", "-3") == "0"
              ? "UPDATE accepted SET id = 0 WHERE id = 5; UPDATE standing SET id = 0 WHERE id = 5"
              : "UPDATE accepted SET id = 4294967296 WHERE id = 5; UPDATE standing SET id = 4294967296 WHERE id = 5");
  Content content;
  int warnings = 0;
  REQUIRE(open_store(folder.path())->load(content, [&](const std::string& text) {
    CHECK_THAT(text, Catch::EndsWith("its number is out of range"));
    ++warnings;
  }));
  CHECK(warnings == 1);
  CHECK(content.instances.size() == 4);
}

TEST_CASE("a wish that cannot be read takes its instances along; many warnings are summed up", "[store]") {
  const Folder folder;
  Content expected = fill(folder, 100);
  const auto store = open_store(folder.path());
  Content content;
  content.refused_wish = "domain-2";
  std::vector<std::string> warnings;
  REQUIRE(store->load(content, [&](const std::string& text) { warnings.push_back(text); }));
  std::erase_if(expected.instances, [](const auto& one) { return one.second.row.wish == 2; });
  CHECK(content == expected);
  REQUIRE(warnings.size() == 11);
  CHECK(warnings.front() == folder.database() + ": wish 2 is passed over: wish: no JSON");
  CHECK(warnings.back() == folder.database() + ": 21 entries in all make no sense and are passed over");
}

TEST_CASE("a damaged file is never a crash: an error, or warnings", "[store]") {
  const Folder folder;
  const auto with_log = GENERATE(false, true);
  std::string database, log;
  {
    fill(folder, 400);
    const auto store = open_store(folder.path());
    content_of(*store);
    REQUIRE(store->commit([](core::Journal& journal) {
      for (std::uint32_t id = 1; id <= 100; ++id) journal.put(instance_of(id, 9).view(), wish_of(1 + id % 5));
    }));
    database = read(folder.database());
    log = with_log ? read(folder.database() + "-wal") : "";
    CHECK(log.empty() != with_log);
  }
  base::Random random(with_log ? 1 : 2);
  int refused = 0, read_it = 0;
  for (int round = 0; round < 400; ++round) {
    CAPTURE(with_log, round);
    std::string bad = database, bad_log = log;
    std::string& victim = with_log && round % 2 == 0 ? bad_log : bad;
    if (round % 4 == 1) {
      victim.resize(random.below(victim.size()));
    } else {
      const auto begin = static_cast<std::size_t>(random.below(victim.size()));
      const auto size =
          std::min(victim.size() - begin, static_cast<std::size_t>(1 + random.below(round % 3 == 0 ? 1 : 5000)));
      for (std::size_t at = 0; at < size; ++at) victim[begin + at] = static_cast<char>(random.below(256));
    }
    std::filesystem::remove(folder.database() + "-wal");
    write(folder.database(), bad);
    if (with_log) write(folder.database() + "-wal", bad_log);
    auto opened = store::SqliteStore::open(folder.path());
    Content content;
    base::Status loaded = opened ? (*opened)->load(content, [](const std::string&) {}) : opened.error();
    if (loaded) {
      ++read_it;
      (void)(*opened)->commit([](core::Journal& journal) { journal.put(instance_of(1, 3).view(), wish_of(2)); });
    } else {
      ++refused;
      CHECK_THAT(loaded.error().message(), Catch::StartsWith(folder.database() + ": "));
      CHECK_THAT(loaded.error().message(), Catch::Contains("move"));
    }
  }
  CHECK(refused > 50);
  CHECK(read_it > 10);
}
