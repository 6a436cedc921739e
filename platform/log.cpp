#include "platform/log.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

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

std::shared_ptr<spdlog::logger> make_logger(const std::string& program, LogLevel level) {
  auto logger = std::make_shared<spdlog::logger>(program, std::make_shared<spdlog::sinks::stderr_sink_mt>());
  const std::string name = program.empty() ? "" : "%n ";
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ " + name + "%-7l %v", spdlog::pattern_time_type::utc);
  logger->set_level(to_spdlog(level));
  logger->flush_on(spdlog::level::trace);
  return logger;
}

// Replaced only by start_log(), before threads start. Never destroyed: threads may log at exit.
std::shared_ptr<spdlog::logger>& logger() {
  static auto* const kept = new std::shared_ptr<spdlog::logger>(make_logger("", LogLevel::info));
  return *kept;
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

void start_log(std::string program, LogLevel level) { logger() = make_logger(program, level); }

bool log_enabled(LogLevel level) { return logger()->should_log(to_spdlog(level)); }

void log(LogLevel level, std::string_view line) {
  if (!log_enabled(level)) return;
  if (harmless(line)) {
    logger()->log(to_spdlog(level), spdlog::string_view_t(line.data(), line.size()));
  } else {
    logger()->log(to_spdlog(level), spdlog::string_view_t(escaped(line)));
  }
}

}  // namespace platform
