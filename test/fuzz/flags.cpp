// Command lines and --config files of diego-scheduler: a refusal is one line and exit code 2, what is
// taken lies within its bounds. Input: arguments, one a line, then "\n==\n" and the file.
#include <sys/mman.h>
#include <unistd.h>

#include <vector>

#include "fuzz.hpp"
#include "mesos/codec.hpp"
#include "platform/flags.hpp"
#include "scheduler/edge/options.hpp"

namespace {

using fuzz::require;

// A file that lies in memory, always the same one.
std::string file_of(std::string_view content) {
  static const int file = memfd_create("config", MFD_CLOEXEC);
  require(file >= 0 && ftruncate(file, 0) == 0 &&
              pwrite(file, content.data(), content.size(), 0) == static_cast<ssize_t>(content.size()),
          "the test can write its file");
  return "/proc/self/fd/" + std::to_string(file);
}

void check_duration(base::Duration duration) {
  const auto again = platform::parse_duration("again", platform::format_duration(duration));
  require(again && *again == duration, "a duration survives its own text");
}

void check_taken(edge::Options options) {
  for (const auto duration : {options.mesos.failover_timeout, options.cell.idle_timeout, options.cell.shutdown_grace}) {
    require(duration >= base::Duration{0}, "no duration is negative");
    check_duration(duration);
  }
  require(options.cell.cpus_milli >= 0 && options.cell.mem_mb >= 0 && options.cell.disk_mb >= 0 &&
              options.cell.max_containers >= 0 && options.queue_max >= 0,
          "no amount is negative");
  require(static_cast<bool>(mesos_client::parse_codec(options.mesos.codec)), "a choice is one of those offered");
  // What names files is not to be tried out.
  if (!options.mesos.secret_file.empty() || !options.bridge.token_file.empty()) return;
  const auto finished = edge::finish(options);
  require(finished || !finished.error().message().empty(), "a refusal says why");
}

void check_refused(const platform::Flags::Outcome& outcome) {
  require(!outcome.text.empty() && outcome.text.ends_with('\n'), "there is something to print");
  require(outcome.code == 0 || outcome.code == 2, "help and version are 0, refusals 2");
  if (outcome.code == 0) return;
  require(outcome.text.starts_with("diego-scheduler: "), "a refusal says who speaks");
  require(outcome.text.find('\n') == outcome.text.size() - 1, "and is one line");
}

}  // namespace

void fuzz::flags(std::string_view bytes) {
  if (const auto duration = platform::parse_duration("duration", bytes)) check_duration(*duration);

  std::string_view lines = take_until(bytes, "\n==\n");
  std::vector<std::string> words = {"diego-scheduler"};
  while (!lines.empty()) words.emplace_back(take_until(lines, "\n"));
  for (const std::string& word : words) {
    // Files of the machine are not to be tried out, and an argument ends at its NUL.
    if (word.find("config") != std::string::npos || word.find('\0') != std::string::npos) return;
  }
  if (!bytes.empty()) words.push_back("--config=" + file_of(bytes));
  std::vector<const char*> argv;
  for (const std::string& word : words) argv.push_back(word.c_str());

  edge::Options options;
  platform::Flags flags("diego-scheduler", "takes auctions");
  edge::add_flags(flags, options);
  const auto outcome = flags.parse(static_cast<int>(argv.size()), argv.data());
  if (outcome.run) {
    check_taken(options);
  } else {
    check_refused(outcome);
  }
}
