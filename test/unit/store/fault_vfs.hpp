// The files of one folder as a disk that fails and loses power would treat them, below SQLite.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

class FaultVfs {
 public:
  // Every file that SQLite opens below `folder` from now on is watched; the others are left alone. One
  // at a time.
  explicit FaultVfs(std::string folder);
  ~FaultVfs();
  FaultVfs(const FaultVfs&) = delete;
  FaultVfs& operator=(const FaultVfs&) = delete;

  // Writes, syncs, truncations, and creations so far.
  std::int64_t changes() const { return changes_; }
  std::int64_t reads() const { return reads_; }
  std::int64_t syncs() const { return syncs_; }

  // The nth change from the beginning, and the `count` - 1 after it, fail with `code`; of a write the
  // first half is done.
  void fail_changes(std::int64_t nth, std::int64_t count, int code) {
    fail_at_ = nth, fail_count_ = count, code_ = code;
  }
  void fail_reads(std::int64_t nth, std::int64_t count, int code) {
    fail_read_at_ = nth, fail_read_count_ = count, read_code_ = code;
  }
  std::int64_t failed() const { return failed_; }

  // Called before every change.
  std::function<void()> before_change;

  // What the disk may hold if the power went out now: all that was synced, and of the writes since
  // those that `keeps` says, called with the number of each and their count: 0 nothing of it, 1 half, 2 all.
  using Keeps = std::function<int(std::size_t nth, std::size_t count)>;
  void write_image(const std::string& folder, const Keeps& keeps) const;

 private:
  friend struct FaultVfsHooks;
  struct Write {
    std::int64_t offset = 0;
    std::string bytes;
    bool is_truncation = false;
  };
  struct File {
    std::string synced;
    std::vector<Write> since;
  };
  static void apply(std::string& content, const Write& write);
  bool change_fails();
  bool read_fails();

  std::string folder_;
  std::map<std::string, File> files_;  // By name in the folder.
  std::int64_t changes_ = 0, reads_ = 0, syncs_ = 0, failed_ = 0;
  std::int64_t fail_at_ = 0, fail_count_ = 0, fail_read_at_ = 0, fail_read_count_ = 0;
  int code_ = 0, read_code_ = 0;
};
