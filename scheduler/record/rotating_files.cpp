#include "scheduler/record/rotating_files.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>

namespace record {
namespace {

namespace fs = std::filesystem;

// So long is gathered before it is written: what a kill -9 loses, and how seldom the loop wakes the thread.
constexpr std::chrono::milliseconds kGather{50};
// So large that writing one costs no more than copying it, so small that the allocator has it at hand.
constexpr std::size_t kChunkBytes = std::size_t{64} << 10U;

base::Error failed(const std::string& path, int error) { return {"--record " + path, std::strerror(error)}; }

base::Status write_all(int fd, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failed(path, errno);
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return base::ok();
}

}  // namespace

std::string file_name(const std::string& life, std::uint64_t segment) {
  const std::string number = std::to_string(segment);
  return life + "." + std::string(number.size() < 6 ? 6 - number.size() : 0, '0') + number + std::string(kSuffix);
}

base::Result<std::unique_ptr<RotatingFiles>> RotatingFiles::open(FilesOptions options, Tell tell) {
  std::error_code error;
  fs::create_directories(options.folder, error);
  if (error) return base::Error{"--record " + options.folder, error.message()};
  // What a recording holds is nobody else's business: what runs here, by name.
  const std::string probe = options.folder + "/" + options.life + ".probe";
  const int fd = ::open(probe.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return failed(options.folder, errno);
  auto written = write_all(fd, std::string(64 * 1024, '.'), options.folder);
  if (::close(fd) != 0 && written) written = failed(options.folder, errno);
  ::unlink(probe.c_str());
  if (!written) return written.error();

  std::unique_ptr<RotatingFiles> files(new RotatingFiles(std::move(options), std::move(tell)));
  for (const auto& entry : fs::directory_iterator(files->options_.folder, error)) {
    if (entry.path().extension() != kSuffix) continue;
    const auto size = entry.file_size(error);
    files->files_.push_back({entry.path().filename().string(), error ? 0 : static_cast<std::size_t>(size)});
  }
  if (error) return base::Error{"--record " + files->options_.folder, error.message()};
  std::sort(files->files_.begin(), files->files_.end(), [](const File& a, const File& b) { return a.name < b.name; });
  files->thread_ = std::thread([raw = files.get()] { raw->run(); });
  return files;
}

RotatingFiles::RotatingFiles(FilesOptions options, Tell tell) : options_(std::move(options)), tell_(std::move(tell)) {}

RotatingFiles::~RotatingFiles() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
  if (fd_ >= 0) ::close(fd_);
}

void RotatingFiles::begin_segment(std::uint64_t number, std::string_view begins) { append(number, begins); }
void RotatingFiles::write(std::string_view bytes) { append({}, bytes); }

void RotatingFiles::append(std::optional<std::uint64_t> begins, std::string_view bytes) {
  if (over()) return;
  bool wake = false, too_much = false;
  {
    const std::lock_guard lock(mutex_);
    wake = chunks_.empty();
    if (wake || begins || chunks_.back().bytes.size() + bytes.size() > kChunkBytes) {
      chunks_.push_back({begins, {}});
      chunks_.back().bytes.reserve(std::max(kChunkBytes, bytes.size()));
    }
    chunks_.back().bytes += bytes;
    waiting_ += bytes.size();
    too_much = waiting_ > options_.waiting_max;
  }
  if (too_much) return end("the disk does not keep up, " + std::to_string(options_.waiting_max >> 20U) + " MiB wait");
  if (wake) changed_.notify_one();
}

void RotatingFiles::run() {
  for (std::unique_lock lock(mutex_);;) {
    changed_.wait(lock, [this] { return closing_ || !chunks_.empty(); });
    if (chunks_.empty()) return;
    changed_.wait_for(lock, kGather, [this] { return closing_; });
    const std::vector<Chunk> chunks = std::exchange(chunks_, {});
    lock.unlock();
    std::size_t bytes = 0;
    for (const Chunk& chunk : chunks) {
      bytes += chunk.bytes.size();
      if (over()) break;
      if (auto stored = store(chunk); !stored) end(stored.error().message());
    }
    lock.lock();
    waiting_ -= bytes;
  }
}

base::Status RotatingFiles::store(const Chunk& chunk) {
  if (chunk.begins) {
    if (auto opened = next_file(*chunk.begins); !opened) return opened;
  }
  if (fd_ < 0) return base::ok();
  File& file = files_.back();
  file.bytes += chunk.bytes.size();
  return write_all(fd_, chunk.bytes, options_.folder + "/" + file.name);
}

base::Status RotatingFiles::next_file(std::uint64_t segment) {
  if (fd_ >= 0) ::close(fd_);
  make_room();
  const std::string name = file_name(options_.life, segment), path = options_.folder + "/" + name;
  fd_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
  if (fd_ < 0) return failed(path, errno);
  files_.push_back({name, 0});
  return base::ok();
}

// For one more segment.
void RotatingFiles::make_room() {
  std::size_t sum = options_.segment_bytes;
  for (const File& file : files_) sum += file.bytes;
  auto oldest = files_.begin();
  for (; oldest != files_.end() && sum > options_.bytes_max; ++oldest) {
    ::unlink((options_.folder + "/" + oldest->name).c_str());
    sum -= oldest->bytes;
  }
  files_.erase(files_.begin(), oldest);
}

// What is written stays, up to its last whole frame.
void RotatingFiles::end(const std::string& why) {
  if (over_.exchange(true)) return;
  if (tell_) tell_("recording ends, scheduling goes on reason=\"" + why + "\"");
}

}  // namespace record
