// One open file. Internal to this room.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "scheduler/store/database.hpp"
#include "scheduler/store/known.hpp"
#include "scheduler/store/store.hpp"

namespace store {

// Bits of standing.flags.
inline constexpr std::int64_t kHeard = 1, kStarted = 2, kRan = 4, kStopWanted = 8, kQueueAgain = 16, kSuccessor = 32;
inline constexpr std::int64_t kAllFlags = 63;

// Of what a row says was accepted; never 0.
std::uint64_t fingerprint(const core::InstanceRow& row);

struct SqliteStore::Impl final : core::Journal {
  explicit Impl(Database opened) : database(std::move(opened)) {}

  base::Status prepare();

  // Changes within a transaction, which the first of them begins. After one that failed the others do
  // nothing: SQLite may have rolled back by then, and would take them as transactions of their own.
  void text(std::string_view name, std::string_view value) override;
  void put(const core::InstanceRow& row, const core::Wish& wish) override;
  void erase(std::uint32_t row_id) override;

  // Writes what changes nothing: that nothing is to be said does not mean that it could be.
  void probe();
  base::Status finish();
  void roll_back();

  // Deletes the wishes and cells that no row names.
  base::Status tidy();

  // The numbers of the log of standings.
  struct Bounds {
    std::int64_t begin = 1, end = 1;  // The next is `end`.
  };

  Database database;
  Known known;
  bool has_failed = false;  // The last commit.
  bool is_loaded = false;   // Known says of every row of the file where it stands.

 private:
  bool begin();
  bool did(int code);
  void clear_log();
  void pass_over(const std::vector<std::int64_t>& numbers, const std::vector<std::uint32_t>& ids);

  Statement begin_, commit_, set_text_, clear_text_, put_wish_, put_cell_, put_accepted_, put_standing_,
      erase_accepted_, first_standings_, move_standing_, erase_standings_;
  std::optional<base::Error> error_;
  Bounds log_, log_before_;
};

}  // namespace store
