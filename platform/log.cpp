#include "platform/log.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <memory>

namespace platform {
namespace {

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warning:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

struct Log {
  std::shared_ptr<spdlog::logger> logger;
  bool lager = false;
  LogTime time = LogTime::unix_epoch;
  std::string source;
};

Log make_log(const std::string& program, LogLevel level, const LogForm& form) {
  Log log;
  log.lager = form.format == "lager";
  log.time = form.time_format == "rfc3339" ? LogTime::rfc3339 : LogTime::unix_epoch;
  log.source = form.source.empty() ? program : form.source;
  log.logger = std::make_shared<spdlog::logger>(program, std::make_shared<spdlog::sinks::stderr_sink_mt>());
  const std::string name = program.empty() ? "" : "%n ";
  log.logger->set_pattern(log.lager ? "%v" : "%Y-%m-%dT%H:%M:%S.%eZ " + name + "%-7l %v",
                          spdlog::pattern_time_type::utc);
  log.logger->set_level(to_spdlog(level));
  log.logger->flush_on(spdlog::level::trace);
  return log;
}

// Replaced only by start_log(), before threads start. Never destroyed: threads may log at exit.
Log& the_log() {
  static auto* const kept = new Log(make_log("", LogLevel::info, {}));
  return *kept;
}

spdlog::logger* logger() { return the_log().logger.get(); }

void write(LogLevel level, std::string_view line) {
  logger()->log(to_spdlog(level), spdlog::string_view_t(line.data(), line.size()));
}

void write_lager(LogLevel level, std::string_view message, const LogData& data) {
  const base::Time now{std::chrono::system_clock::now().time_since_epoch()};
  write(level, lager_line(the_log().time, now, level, the_log().source, message, data));
}

bool harmless(std::string_view line) {
  for (const char c : line) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) return false;
  }
  return true;
}

std::string escaped(std::string_view line) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  for (const char c : line) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      out += "\\x";
      out += kHex[byte >> 4U];
      out += kHex[byte & 0xfU];
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

base::Result<LogLevel> parse_log_level(std::string_view where, std::string_view text) {
  if (text == "debug") return LogLevel::debug;
  if (text == "info") return LogLevel::info;
  if (text == "warning" || text == "warn") return LogLevel::warning;
  if (text == "error") return LogLevel::error;
  return base::Error{std::string(where), "\"" + std::string(text) + "\" is none of debug, info, warning, error"};
}

void start_log(std::string program, LogLevel level, const LogForm& form) { the_log() = make_log(program, level, form); }

bool logs_lager() { return the_log().lager; }

bool log_enabled(LogLevel level) { return logger()->should_log(to_spdlog(level)); }

void log(LogLevel level, std::string_view line) {
  if (!log_enabled(level)) return;
  if (logs_lager()) {
    const LagerText said = as_lager(line);
    write_lager(level, said.message, said.data);
  } else if (harmless(line)) {
    write(level, line);
  } else {
    write(level, escaped(line));
  }
}

void log(LogLevel level, std::string_view line, std::string_view message, const LogData& data) {
  if (!log_enabled(level)) return;
  if (logs_lager()) return write_lager(level, message, data);
  if (!line.empty()) log(level, line);
}

}  // namespace platform
