// A SQLite connection and its statements, as values that close themselves. Internal to this room.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace store {

// What follows an error that no retry can mend.
inline constexpr std::string_view kWhatToDo = "restore it from a backup, or move it and its -wal away to start empty";

// One prepared statement. Values are bound from the left; texts must stay where they are until run().
class Statement {
 public:
  Statement() = default;
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}

  Statement& add(std::int64_t value) {
    sqlite3_bind_int64(statement_.get(), ++bound_, value);
    return *this;
  }
  Statement& add(std::string_view text) {
    // A null pointer would be NULL.
    sqlite3_bind_text64(statement_.get(), ++bound_, text.data() == nullptr ? "" : text.data(), text.size(),
                        SQLITE_STATIC, SQLITE_UTF8);
    return *this;
  }

  // To its end, ready to be bound again: SQLITE_OK or what went wrong.
  int run() {
    bound_ = 0;
    int code = SQLITE_ROW;
    while (code == SQLITE_ROW) code = sqlite3_step(statement_.get());
    sqlite3_reset(statement_.get());
    return code == SQLITE_DONE ? SQLITE_OK : code;
  }

  // SQLITE_ROW: the columns can be read; SQLITE_DONE; or what went wrong. At the end: reset().
  int step() { return sqlite3_step(statement_.get()); }
  void reset() {
    bound_ = 0;
    sqlite3_reset(statement_.get());
  }

  // A value of another type than asked for gives 0 or "", and is_whole() false from then on.
  std::int64_t number(int column);
  std::string_view text(int column);  // Valid until the next step().
  bool is_whole() const { return whole_; }
  void begin_row() { whole_ = true; }

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  int bound_ = 0;
  bool whole_ = true;
};

class Database {
 public:
  // The file exists, or is created. Nothing of it is read or written yet.
  static base::Result<Database> open(const std::string& path);

  const std::string& path() const { return path_; }
  sqlite3* handle() const { return handle_.get(); }

  base::Result<Statement> prepare(std::string_view sql) const;
  base::Status execute(const std::string& sql) const;  // Several statements; rows are passed over.
  base::Result<std::int64_t> number(std::string_view sql) const;
  base::Result<std::string> text(std::string_view sql) const;

  bool in_transaction() const { return sqlite3_get_autocommit(handle_.get()) == 0; }

  // What that code means, naming the file. To be asked right after the call that failed.
  base::Error error(int code) const;

 private:
  struct Close {
    void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
  };
  Database(std::string path, sqlite3* handle) : path_(std::move(path)), handle_(handle) {}

  std::string path_;
  std::unique_ptr<sqlite3, Close> handle_;
};

}  // namespace store
