// A recording as files of a directory: one for each segment, the oldest removed to make room. Written by a thread of
// its own, so that a slow disk costs the loop nothing; where it cannot be written, the recording ends.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/result.hpp"
#include "scheduler/record/tape.hpp"

namespace record {

// "<life>.<segment>.rec": sorted by name they are in order.
inline constexpr std::string_view kSuffix = ".rec";
std::string file_name(const std::string& life, std::uint64_t segment);

struct FilesOptions {
  std::string folder;
  std::string life;
  std::size_t bytes_max = std::size_t{256} << 20U;     // Of all recordings in the folder; the newest stays.
  std::size_t segment_bytes = std::size_t{32} << 20U;  // What a segment is expected to take.
  std::size_t waiting_max = std::size_t{64} << 20U;    // Not yet written; beyond it the disk is too slow.
};

class RotatingFiles final : public Output {
 public:
  // Called once, if recording ends before its time, with one line; from any thread.
  using Tell = std::function<void(const std::string& line)>;

  // Makes the folder if it is missing, and proves that it can be written. An error names it and --record.
  static base::Result<std::unique_ptr<RotatingFiles>> open(FilesOptions options, Tell tell);
  // Writes what waits.
  ~RotatingFiles() override;

  // On one thread. What is written is in the file some hundredths of a second later.
  void begin_segment(std::uint64_t number, std::string_view begins) override;
  void write(std::string_view bytes) override;
  bool over() const override { return over_.load(std::memory_order_relaxed); }

 private:
  struct Chunk {
    std::optional<std::uint64_t> begins;  // A segment.
    std::string bytes;
  };
  struct File {
    std::string name;
    std::size_t bytes = 0;
  };

  RotatingFiles(FilesOptions options, Tell tell);
  void append(std::optional<std::uint64_t> begins, std::string_view bytes);
  void run();
  base::Status store(const Chunk& chunk);
  base::Status next_file(std::uint64_t segment);
  void make_room();
  void end(const std::string& why);

  const FilesOptions options_;
  const Tell tell_;
  std::atomic<bool> over_ = false;

  // Of the writing thread.
  std::vector<File> files_;  // Oldest first; the last is being written.
  int fd_ = -1;

  std::mutex mutex_;  // Of what follows.
  std::condition_variable changed_;
  std::vector<Chunk> chunks_;
  std::size_t waiting_ = 0;  // Bytes in `chunks_`, and of those being written.
  bool closing_ = false;
  std::thread thread_;
};

}  // namespace record
