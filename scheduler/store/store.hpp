// The state of one scheduler in a SQLite database (WAL, synchronous=FULL): every commit() is one
// transaction, durable when it returns. Rooms that include it: scheduler/edge, and tests.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/result.hpp"
#include "scheduler/core/journal.hpp"

namespace store {

// The schema this program writes. A file of an older one is migrated when it is opened; one of a newer
// one is refused, for what it says could be misread.
inline constexpr int kSchemaVersion = 2;

class SqliteStore final : public core::Store {
 public:
  // Opens or creates `folder`/state.db; the folder exists and its lock is held (edge::StateDir). Errors
  // name the file, what is wrong with it and what to do: not a database, corrupt (integrity is checked),
  // of a newer version, unreadable, read-only, disk full. Nothing is ever thrown away by itself.
  static base::Result<std::unique_ptr<SqliteStore>> open(const std::string& folder);
  ~SqliteStore() override;
  SqliteStore(const SqliteStore&) = delete;
  SqliteStore& operator=(const SqliteStore&) = delete;

  // Once, before the first commit. Rows that `recovery` refuses, or that make no sense, are counted,
  // reported by `warn` (the first few one by one, then how many), and stay in the file. An error: the
  // file cannot be read.
  base::Status load(core::Recovery& recovery, const std::function<void(const std::string&)>& warn);

  // A failed commit leaves nothing behind in this process. Where only the sync failed the disk may have all
  // of it even so: if the process dies before a commit succeeds, the next start may find it, whole.
  base::Status commit(const Write& write) override;

  // Copies the log into the database and truncates it, when there is time; SQLite does it at 4 MB anyway.
  void checkpoint();

 private:
  struct Impl;
  explicit SqliteStore(std::unique_ptr<Impl> impl);
  void forget_unnamed();
  std::unique_ptr<Impl> impl_;
};

}  // namespace store
