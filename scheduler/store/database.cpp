#include "scheduler/store/database.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace store {
namespace {

std::string why(sqlite3* handle, int code) {
  // SQLite forgets the number where a statement is reset after a failure.
  const int kept = sqlite3_system_errno(handle);
  const int number = kept != 0 ? kept : errno;
  const std::string system = number != 0 ? std::strerror(number) : "";
  switch (code & 0xff) {
    case SQLITE_FULL:
      return "the disk is full";
    case SQLITE_READONLY:
      return "it is read-only";
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return "it is in use by another process";
    case SQLITE_IOERR:
      if (number == ENOSPC) return "the disk is full";
      return system.empty() ? "input/output error" : system;
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return system.empty() ? sqlite3_errmsg(handle) : system;
    default:
      return sqlite3_errmsg(handle);
  }
}

}  // namespace

std::int64_t Statement::number(int column) {
  if (sqlite3_column_type(statement_.get(), column) == SQLITE_INTEGER)
    return sqlite3_column_int64(statement_.get(), column);
  whole_ = false;
  return 0;
}

std::string_view Statement::text(int column) {
  if (sqlite3_column_type(statement_.get(), column) == SQLITE_TEXT) {
    const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
    if (bytes != nullptr) return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
  }
  whole_ = false;
  return {};
}

base::Result<Database> Database::open(const std::string& path) {
  // SQLite would let everybody read it; its log takes over the mode of the database.
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd >= 0) {
    ::close(fd);
  } else if (errno != EEXIST) {
    return base::Error{path, std::string("cannot be created: ") + std::strerror(errno)};
  }
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  if (handle == nullptr) return base::Error{path, "cannot be opened: out of memory"};
  Database database(path, handle);
  if (code != SQLITE_OK) return base::Error{path, "cannot be opened: " + why(handle, code)};
  sqlite3_extended_result_codes(handle, 1);
  if (sqlite3_db_readonly(handle, "main") != 0) return base::Error{path, "cannot be written: it is read-only"};
  return database;
}

base::Error Database::error(int code) const {
  switch (code & 0xff) {
    case SQLITE_NOTADB:
      return {path_, "is not a database; " + std::string(kWhatToDo)};
    case SQLITE_CORRUPT:
    case SQLITE_ERROR:  // Statements of ours that the file does not fit.
    case SQLITE_MISMATCH:
    case SQLITE_CONSTRAINT:
    case SQLITE_TOOBIG:
      return {path_, "is corrupt (" + std::string(sqlite3_errmsg(handle_.get())) + "); " + std::string(kWhatToDo)};
    default:
      return {path_, "cannot be read or written: " + why(handle_.get(), code)};
  }
}

base::Result<Statement> Database::prepare(std::string_view sql) const {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(handle_.get(), sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) return error(code);
  return Statement(statement);
}

base::Status Database::execute(const std::string& sql) const {
  const int code = sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return error(code);
  return base::ok();
}

base::Result<std::int64_t> Database::number(std::string_view sql) const {
  auto statement = prepare(sql);
  if (!statement) return statement.error();
  const int code = statement->step();
  if (code == SQLITE_ROW) return statement->number(0);
  if (code == SQLITE_DONE) return std::int64_t{0};
  return error(code);
}

base::Result<std::string> Database::text(std::string_view sql) const {
  auto statement = prepare(sql);
  if (!statement) return statement.error();
  const int code = statement->step();
  if (code == SQLITE_ROW) return std::string(statement->text(0));
  if (code == SQLITE_DONE) return std::string();
  return error(code);
}

}  // namespace store
