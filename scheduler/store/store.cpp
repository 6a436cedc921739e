#include "scheduler/store/store.hpp"

#include <cassert>
#include <cerrno>
#include <filesystem>
#include <functional>

#include "scheduler/store/impl.hpp"
#include "scheduler/store/schema.hpp"

namespace store {
namespace {

constexpr const char* kFile = "/state.db";
constexpr std::int64_t kSpareMin = 100;  // Rows of the log that count no more, before it is worth clearing.

// Numbers of the file, whatever the order of the enum is to be one day.
std::int64_t state_number(core::State state) {
  switch (state) {
    case core::State::queued:
      return 0;
    case core::State::launching:
      return 1;
    case core::State::starting:
      return 2;
    case core::State::running:
      return 3;
    case core::State::stopping:
      return 4;
    case core::State::stopped:
      return 5;
    case core::State::failed:
      return 6;
    case core::State::lost:
      return 7;
    case core::State::rejected:
      return 8;
  }
  return 0;
}

std::int64_t flags_of(const core::InstanceRow& row) {
  return (row.heard ? kHeard : 0) | (row.started ? kStarted : 0) | (row.ran ? kRan : 0) |
         (row.stop_wanted ? kStopWanted : 0) | (row.queue_again ? kQueueAgain : 0) | (row.successor ? kSuccessor : 0);
}

// A log without the database it belongs to would be thrown away by SQLite.
base::Status guard_log(const std::string& path) {
  std::error_code gone;
  const auto log = std::filesystem::file_size(path + "-wal", gone);
  if (gone || log == 0) return base::ok();
  const auto size = std::filesystem::file_size(path, gone);
  if (!gone && size > 0) return base::ok();
  return base::Error{path, std::string(gone ? "is missing" : "is empty") + " though its log " + path +
                               "-wal is there; restore it from a backup, or move the log away to start empty"};
}

}  // namespace

std::uint64_t fingerprint(const core::InstanceRow& row) {
  std::uint64_t hash = 0;
  const auto mix = [&hash](std::uint64_t value) {
    hash = (hash ^ value) * 0x9e3779b97f4a7c15U;
    hash ^= hash >> 32U;
  };
  const auto mix_text = [&mix](std::string_view text) { mix(std::hash<std::string_view>{}(text)); };
  mix_text(row.guid);
  mix_text(row.trace_id);
  mix(static_cast<std::uint64_t>(row.index) << 2U | (row.kind == core::Kind::task ? 2U : 0U) |
      (row.auction_known ? 1U : 0U));
  mix(row.wish);
  mix(static_cast<std::uint64_t>(row.accepted.time_since_epoch().count()));
  return hash == 0 ? 1 : hash;
}

base::Status SqliteStore::Impl::prepare() {
  const struct {
    Statement& statement;
    std::string_view sql;
  } all[] = {
      {begin_, "BEGIN IMMEDIATE"},
      {commit_, "COMMIT"},
      {set_text_, "INSERT OR REPLACE INTO texts(name, value) VALUES(?, ?)"},
      {clear_text_, "DELETE FROM texts WHERE name = ?"},
      {put_wish_, "INSERT OR REPLACE INTO wishes(id, text) VALUES(?, ?)"},
      {put_cell_, "INSERT OR REPLACE INTO cells(id, agent_id, executor_id) VALUES(?, ?, ?)"},
      {put_accepted_,
       "INSERT OR REPLACE INTO accepted(id, kind, guid, idx, wish, trace_id, auction_known, accepted_ns)"
       " VALUES(?, ?, ?, ?, ?, ?, ?, ?)"},
      {put_standing_,
       "INSERT INTO standing(seq, id, state, since_ns, attempt, cell, mem_mb, disk_mb, cpus_milli, containers,"
       " attempts, failures, flags, reason) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"},
      {erase_accepted_, "DELETE FROM accepted WHERE id = ?"},
      {first_standings_, "SELECT seq, id FROM standing ORDER BY seq LIMIT ?"},
      {move_standing_, "UPDATE standing SET seq = ? WHERE seq = ?"},
      {erase_standings_, "DELETE FROM standing WHERE seq <= ?"},
  };
  for (const auto& one : all) {
    auto prepared = database.prepare(one.sql);
    if (!prepared) return prepared.error();
    one.statement = std::move(*prepared);
  }
  const auto first = database.number("SELECT ifnull(min(seq), 1) FROM standing");
  if (!first) return first.error();
  const auto last = database.number("SELECT ifnull(max(seq), 0) FROM standing");
  if (!last) return last.error();
  log_ = log_before_ = {*first, *last + 1};
  is_loaded = log_.begin == log_.end;
  return base::ok();
}

bool SqliteStore::Impl::did(int code) {
  if (code == SQLITE_OK) return true;
  if (!error_) error_ = database.error(code);
  return false;
}

bool SqliteStore::Impl::begin() {
  if (error_) return false;
  if (database.in_transaction()) return true;
  errno = 0;  // So that an error names its own cause.
  return did(begin_.run());
}

void SqliteStore::Impl::text(std::string_view name, std::string_view value) {
  if (!begin()) return;
  did(value.empty() ? clear_text_.add(name).run() : set_text_.add(name).add(value).run());
}

void SqliteStore::Impl::put(const core::InstanceRow& row, const core::Wish& wish) {
  assert(row.id != 0);
  if (!begin()) return;
  if (known.add_wish(row.wish)) {
    const std::string content = core::wish_text(wish);
    if (!did(put_wish_.add(static_cast<std::int64_t>(row.wish)).add(content).run())) return;
  }
  const Known::Cell cell = known.cell(row.agent_id, row.executor_id);
  if (cell.is_new && !did(put_cell_.add(cell.row).add(row.agent_id).add(row.executor_id).run())) return;

  const Known::Row now{fingerprint(row), log_.end};
  if (known.row(row.id).accepted != now.accepted) {
    put_accepted_.add(row.id).add(row.kind == core::Kind::task ? 1 : 0).add(row.guid).add(row.index);
    put_accepted_.add(static_cast<std::int64_t>(row.wish)).add(row.trace_id).add(row.auction_known ? 1 : 0);
    if (!did(put_accepted_.add(row.accepted.time_since_epoch().count()).run())) return;
  }
  put_standing_.add(log_.end)
      .add(row.id)
      .add(state_number(row.state))
      .add(row.since.time_since_epoch().count())
      .add(row.attempt);
  put_standing_.add(cell.row).add(row.charged.mem_mb).add(row.charged.disk_mb).add(row.charged.cpus_milli);
  put_standing_.add(row.charged.containers).add(row.attempts).add(row.failures).add(flags_of(row));
  if (!did(put_standing_.add(row.reason).run())) return;
  known.set_row(row.id, now);
  ++log_.end;
}

void SqliteStore::Impl::erase(std::uint32_t row_id) {
  // What the log says of it counts no more without the row.
  if (!begin() || !did(erase_accepted_.add(row_id).run())) return;
  known.set_row(row_id, {});
}

// Each commit passes over up to three times as many rows as it has added, so the log stays below some
// 2.5 rows an instance and no commit takes much longer than others.
void SqliteStore::Impl::clear_log() {
  const std::int64_t added = log_.end - log_before_.end;
  const std::int64_t spare = (log_.end - log_.begin) - known.rows();
  if (!is_loaded || added == 0 || spare <= known.rows() + kSpareMin) return;
  std::vector<std::int64_t> numbers;
  std::vector<std::uint32_t> ids;
  int code = first_standings_.add(3 * added).step();
  for (; code == SQLITE_ROW; code = first_standings_.step()) {
    numbers.push_back(first_standings_.number(0));
    ids.push_back(static_cast<std::uint32_t>(first_standings_.number(1)));
  }
  first_standings_.reset();
  if (did(code == SQLITE_DONE ? SQLITE_OK : code) && !numbers.empty()) pass_over(numbers, ids);
}

void SqliteStore::Impl::pass_over(const std::vector<std::int64_t>& numbers, const std::vector<std::uint32_t>& ids) {
  for (std::size_t at = 0; at < numbers.size(); ++at) {
    Known::Row row = known.row(ids[at]);
    if (row.standing != numbers[at]) continue;
    if (!did(move_standing_.add(log_.end).add(numbers[at]).run())) return;
    row.standing = log_.end++;
    known.set_row(ids[at], row);
  }
  if (did(erase_standings_.add(numbers.back()).run())) log_.begin = numbers.back() + 1;
}

void SqliteStore::Impl::probe() {
  if (!begin()) return;
  constexpr std::string_view kNobodys = "probe";
  did(set_text_.add(kNobodys).add("can it be written?").run());
  did(clear_text_.add(kNobodys).run());
}

base::Status SqliteStore::Impl::finish() {
  if (!error_ && database.in_transaction()) clear_log();
  if (!error_ && database.in_transaction()) did(commit_.run());
  if (!error_) {
    known.keep();
    log_before_ = log_;
    return base::ok();
  }
  const base::Error error = *error_;
  roll_back();
  return error;
}

void SqliteStore::Impl::roll_back() {
  if (database.in_transaction()) (void)database.execute("ROLLBACK");
  known.undo();
  log_ = log_before_;
  error_.reset();
}

base::Status SqliteStore::Impl::tidy() {
  auto done = database.execute(
      "BEGIN IMMEDIATE;"
      "DELETE FROM wishes WHERE id NOT IN (SELECT DISTINCT wish FROM accepted WHERE wish IS NOT NULL);"
      "DELETE FROM cells WHERE id NOT IN (SELECT DISTINCT cell FROM standing WHERE cell IS NOT NULL);"
      "COMMIT");
  if (!done && database.in_transaction()) (void)database.execute("ROLLBACK");
  return done;
}

base::Result<std::unique_ptr<SqliteStore>> SqliteStore::open(const std::string& folder) {
  const std::string path = folder + kFile;
  if (auto guarded = guard_log(path); !guarded) return guarded.error();
  auto database = Database::open(path);
  if (!database) return database.error();
  if (auto prepared = prepare_file(*database, steps()); !prepared) return prepared.error();
  auto impl = std::make_unique<Impl>(std::move(*database));
  if (auto prepared = impl->prepare(); !prepared) return prepared.error();
  return std::unique_ptr<SqliteStore>(new SqliteStore(std::move(impl)));
}

SqliteStore::SqliteStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SqliteStore::~SqliteStore() = default;

base::Status SqliteStore::commit(const Write& write) {
  // Whatever a failure before has left; and `write` may throw.
  impl_->roll_back();
  if (impl_->known.has_doubled()) forget_unnamed();
  write(*impl_);
  if (impl_->has_failed) impl_->probe();
  base::Status done = impl_->finish();
  impl_->has_failed = !done;
  return done;
}

void SqliteStore::checkpoint() {
  sqlite3_wal_checkpoint_v2(impl_->database.handle(), nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
}

}  // namespace store
