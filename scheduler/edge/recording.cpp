#include "scheduler/edge/recording.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>

#include "platform/clock.hpp"
#include "platform/log.hpp"

namespace edge {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20U;
constexpr std::size_t kSegmentsMin = 8;  // So that an eighth goes at a time.
constexpr std::size_t kSegmentBytesMax = 32 * kMiB;

// When it began, and whose it is; sorts by the first.
std::string life_name() {
  const auto millis = base::to_millis(platform::now().time_since_epoch());
  const std::time_t seconds = millis / 1000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  return fmt::format("{:04}{:02}{:02}T{:02}{:02}{:02}.{:03}Z-{}", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
                     utc.tm_hour, utc.tm_min, utc.tm_sec, millis % 1000, getpid());
}

}  // namespace

base::Result<std::unique_ptr<Recording>> Recording::start(const Options& options, const std::string& version) {
  record::FilesOptions files;
  files.folder = options.record_dir;
  files.life = life_name();
  files.bytes_max = static_cast<std::size_t>(options.record_max_mb) * kMiB;
  files.segment_bytes = std::min(files.bytes_max / kSegmentsMin, kSegmentBytesMax);
  record::TapeOptions tape{version, files.life};
  tape.segment_bytes = tape.snapshot_bytes_max = files.segment_bytes / 2;
  auto opened = record::RotatingFiles::open(std::move(files), platform::log_warning);
  if (!opened) return opened.error();
  return std::unique_ptr<Recording>(new Recording(std::move(tape), *std::move(opened)));
}

Recording::Recording(record::TapeOptions options, std::unique_ptr<record::RotatingFiles> files)
    : files_(std::move(files)), tape_(std::move(options), *files_, base::Random(platform::random_seed())) {}

}  // namespace edge
