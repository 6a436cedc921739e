#include "scheduler/store/schema.hpp"

#include <vector>

#include "scheduler/store/store.hpp"

namespace store {
namespace {

// Ids are rowids and there is no index: a row is found by its id only. What was accepted hardly ever
// changes. How an instance stands changes some three times in its life, and in no order of ids: written
// in place, each change would rewrite a page of its own. So `standing` is a log: a change is a new row
// at its end, the last row of an id counts, and the store clears the beginning as it goes. Columns have
// no type, for SQLite to convert nothing; load() checks what it finds.
const std::vector<std::string> kSteps = {
    R"(
CREATE TABLE texts(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE wishes(id INTEGER PRIMARY KEY, text);
CREATE TABLE cells(id INTEGER PRIMARY KEY, agent_id, executor_id);
CREATE TABLE accepted(id INTEGER PRIMARY KEY,
  kind,           -- 0: LRP, 1: Task.
  guid, idx,
  wish,           -- wishes.id
  trace_id,
  auction_known,  -- 0: adopted from Mesos.
  accepted_ns);   -- Since 1970.
CREATE TABLE standing(seq INTEGER PRIMARY KEY,
  id,             -- accepted.id
  state,          -- 0 queued, 1 launching, 2 starting, 3 running, 4 stopping, 5 stopped, 6 failed, 7 lost.
  since_ns, attempt,
  cell,           -- cells.id; 0: on none.
  mem_mb, disk_mb, cpus_milli, containers,
  attempts, failures,
  flags,          -- 1 heard, 2 started, 4 ran, 8 stop wanted, 16 queue again.
  reason);
)",
    // Version 2 has the same tables: state 8 (rejected), flag 32 (a successor is wanted), and texts named
    // "report ...", none of which a program of version 1 would understand.
    "",
};

static_assert(kSchemaVersion == 2, "a new version is a new step");

base::Error damaged(const Database& database, const std::string& what) {
  return {database.path(), "is corrupt (" + what + "); " + std::string(kWhatToDo)};
}

// The version of the file: 0 for an empty one.
base::Result<std::int64_t> version_of(const Database& database, std::size_t newest) {
  const auto application = database.number("PRAGMA application_id");
  if (!application) return application.error();
  const auto version = database.number("PRAGMA user_version");
  if (!version) return version.error();
  const auto tables = database.number("SELECT count(*) FROM sqlite_master");
  if (!tables) return tables.error();
  if (*application == 0 && *version == 0 && *tables == 0) return std::int64_t{0};
  if (*application != kApplicationId)
    return base::Error{database.path(), "is a database of another program; move it away"};
  if (*version > static_cast<std::int64_t>(newest))
    return base::Error{database.path(), "was written by a newer diego-scheduler (version " + std::to_string(*version) +
                                            " of the file, this one knows " + std::to_string(newest) +
                                            "); run that one, or move the file and its -wal away to start empty"};
  if (*version < 1) return damaged(database, "version " + std::to_string(*version));
  return version;
}

base::Status check(const Database& database) {
  const auto verdict = database.text("PRAGMA quick_check(1)");
  if (!verdict) return verdict.error();
  if (*verdict != "ok") return damaged(database, verdict->substr(0, verdict->find('\n')));
  return base::ok();
}

base::Status migrate(const Database& database, std::span<const std::string> steps, std::size_t from) {
  if (from == steps.size()) return base::ok();
  std::string sql = "BEGIN IMMEDIATE;";
  for (const std::string& step : steps.subspan(from)) sql += step;
  sql += "PRAGMA application_id = " + std::to_string(kApplicationId) + ";";
  sql += "PRAGMA user_version = " + std::to_string(steps.size()) + ";COMMIT;";
  auto done = database.execute(sql);
  if (!done && database.in_transaction()) (void)database.execute("ROLLBACK");
  return done;
}

}  // namespace

std::span<const std::string> steps() { return kSteps; }

base::Status prepare_file(const Database& database, std::span<const std::string> steps) {
  // Exclusive: the folder is ours alone, so the index of the log needs no shared memory file and no
  // locks. Untrusted: a damaged schema runs nothing.
  if (auto set = database.execute("PRAGMA locking_mode = EXCLUSIVE; PRAGMA trusted_schema = OFF;"
                                  "PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0; PRAGMA cache_size = -2000;"
                                  "PRAGMA temp_store = MEMORY; PRAGMA secure_delete = OFF; PRAGMA synchronous = FULL;");
      !set)
    return set;
  const auto version = version_of(database, steps.size());
  if (!version) return version.error();
  if (*version > 0)
    if (auto sound = check(database); !sound) return sound;

  const auto mode = database.text("PRAGMA journal_mode = WAL");
  if (!mode) return mode.error();
  if (*mode != "wal")
    return base::Error{database.path(), "cannot have a write-ahead log; its file system lacks what that needs"};
  if (auto set = database.execute("PRAGMA wal_autocheckpoint = 1000; PRAGMA journal_size_limit = 4194304;"); !set)
    return set;
  return migrate(database, steps, static_cast<std::size_t>(*version));
}

}  // namespace store
