#include "test/unit/store/fault_vfs.hpp"

#include <sqlite3.h>

#include <cassert>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <new>

namespace {

FaultVfs* active = nullptr;
sqlite3_vfs* real_vfs = nullptr;

}  // namespace

// The C side: each file is ours followed by the real one.
struct FaultVfsHooks {
  struct OpenFile {
    sqlite3_file base{};
    std::string* name = nullptr;
  };

  static sqlite3_file* real(sqlite3_file* file) {
    return reinterpret_cast<sqlite3_file*>(reinterpret_cast<char*>(file) + sizeof(OpenFile));
  }
  static FaultVfs::File& state(sqlite3_file* file) { return active->files_[*reinterpret_cast<OpenFile*>(file)->name]; }

  static int close(sqlite3_file* file) {
    delete reinterpret_cast<OpenFile*>(file)->name;
    return real(file)->pMethods->xClose(real(file));
  }
  static int read(sqlite3_file* file, void* to, int count, sqlite3_int64 offset) {
    if (active->read_fails()) return active->read_code_;
    return real(file)->pMethods->xRead(real(file), to, count, offset);
  }
  static int put(sqlite3_file* file, const void* from, int count, sqlite3_int64 offset) {
    state(file).since.push_back({offset, std::string(static_cast<const char*>(from), static_cast<std::size_t>(count))});
    return real(file)->pMethods->xWrite(real(file), from, count, offset);
  }
  static int write(sqlite3_file* file, const void* from, int count, sqlite3_int64 offset) {
    if (!active->change_fails()) return put(file, from, count, offset);
    put(file, from, count / 2, offset);
    return active->code_;
  }
  static int truncate(sqlite3_file* file, sqlite3_int64 size) {
    if (active->change_fails()) return SQLITE_IOERR_TRUNCATE;
    state(file).since.push_back({size, "", true});
    return real(file)->pMethods->xTruncate(real(file), size);
  }
  // Nothing reaches the real disk: a test must not wait for it.
  static int sync(sqlite3_file* file, int) {
    if (active->change_fails()) return SQLITE_IOERR_FSYNC;
    ++active->syncs_;
    FaultVfs::File& one = state(file);
    for (const FaultVfs::Write& write : one.since) FaultVfs::apply(one.synced, write);
    one.since.clear();
    return SQLITE_OK;
  }
  static int size(sqlite3_file* file, sqlite3_int64* size) { return real(file)->pMethods->xFileSize(real(file), size); }
  static int lock(sqlite3_file* file, int level) { return real(file)->pMethods->xLock(real(file), level); }
  static int unlock(sqlite3_file* file, int level) { return real(file)->pMethods->xUnlock(real(file), level); }
  static int check_lock(sqlite3_file* file, int* out) {
    return real(file)->pMethods->xCheckReservedLock(real(file), out);
  }
  // SQLite's file growth in chunks and the like would write past us; unknown is a fine answer.
  static int control(sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; }
  static int sector(sqlite3_file* file) { return real(file)->pMethods->xSectorSize(real(file)); }
  // No promise of atomic or ordered writes: the disk here gives none.
  static int traits(sqlite3_file*) { return 0; }

  static const sqlite3_io_methods* methods() {
    static const sqlite3_io_methods all = {1,       close,   read,       write,   truncate, sync,   size,
                                           lock,    unlock,  check_lock, control, sector,   traits, nullptr,
                                           nullptr, nullptr, nullptr,    nullptr, nullptr};
    return &all;
  }

  static int open(sqlite3_vfs*, const char* path, sqlite3_file* file, int flags, int* out_flags) {
    const std::string full = path == nullptr ? "" : path;
    const bool is_watched = active != nullptr && full.starts_with(active->folder_ + "/");
    if (!is_watched) return real_vfs->xOpen(real_vfs, path, file, flags, out_flags);
    file->pMethods = nullptr;
    const std::string name = full.substr(active->folder_.size() + 1);
    const bool is_new = !std::filesystem::exists(full);
    if (is_new && active->change_fails()) return SQLITE_CANTOPEN;
    const int code = real_vfs->xOpen(real_vfs, path, real(file), flags, out_flags);
    if (code != SQLITE_OK) return code;
    file->pMethods = methods();
    reinterpret_cast<OpenFile*>(file)->name = new std::string(name);
    active->files_.try_emplace(name);
    return SQLITE_OK;
  }
  static int remove(sqlite3_vfs*, const char* path, int sync_folder) {
    const std::string full = path;
    if (active != nullptr && full.starts_with(active->folder_ + "/")) {
      if (active->change_fails()) return SQLITE_IOERR_DELETE;
      active->files_.erase(full.substr(active->folder_.size() + 1));
    }
    return real_vfs->xDelete(real_vfs, path, sync_folder);
  }
};

FaultVfs::FaultVfs(std::string folder) : folder_(std::move(folder)) {
  assert(active == nullptr);
  if (real_vfs == nullptr) {
    real_vfs = sqlite3_vfs_find(nullptr);
    static sqlite3_vfs vfs = *real_vfs;
    vfs.pNext = nullptr;
    vfs.zName = "fault";
    vfs.szOsFile = static_cast<int>(sizeof(FaultVfsHooks::OpenFile)) + real_vfs->szOsFile;
    vfs.xOpen = FaultVfsHooks::open;
    vfs.xDelete = FaultVfsHooks::remove;
    sqlite3_vfs_register(&vfs, 1);
  }
  active = this;
}

FaultVfs::~FaultVfs() { active = nullptr; }

void FaultVfs::apply(std::string& content, const Write& write) {
  const auto offset = static_cast<std::size_t>(write.offset);
  if (write.is_truncation) return content.resize(offset);
  if (content.size() < offset + write.bytes.size()) content.resize(offset + write.bytes.size());
  content.replace(offset, write.bytes.size(), write.bytes);
}

bool FaultVfs::change_fails() {
  if (before_change) before_change();
  ++changes_;
  const bool fails = fail_at_ > 0 && changes_ >= fail_at_ && changes_ < fail_at_ + fail_count_;
  if (fails) ++failed_;
  return fails;
}

bool FaultVfs::read_fails() {
  ++reads_;
  const bool fails = fail_read_at_ > 0 && reads_ >= fail_read_at_ && reads_ < fail_read_at_ + fail_read_count_;
  if (fails) ++failed_;
  return fails;
}

void FaultVfs::write_image(const std::string& folder, const Keeps& keeps) const {
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  std::size_t count = 0, nth = 0;
  for (const auto& file : files_) count += file.second.since.size();
  for (const auto& [name, file] : files_) {
    std::string content = file.synced;
    for (Write write : file.since) {
      const int kept = keeps(nth++, count);
      if (kept == 1) write.bytes.resize(write.bytes.size() / 2);
      if (kept == 2 || (kept == 1 && !write.is_truncation)) apply(content, write);
    }
    std::ofstream(folder + "/" + name, std::ios::binary) << content;
  }
}
