// The program's log, on stderr, one line per thing. Text: `2026-11-22T10:00:00.123Z info  what happened key=value`;
// or Diego's JSON (lager.hpp). Synchronous and thread-safe. spdlog lives behind it, in log.cpp.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "platform/lager.hpp"

namespace platform {

base::Result<LogLevel> parse_log_level(std::string_view where, std::string_view text);

// In which form lines are written: what --log-format and --log-time-format say.
struct LogForm {
  std::string format = "text";             // Or "lager".
  std::string time_format = "unix-epoch";  // Or "rfc3339". Of lager; text has its own.
  std::string source;                      // The name that lager lines carry; empty: the program's.
};

// Once, before threads start. `program` is the text log's first word.
void start_log(std::string program, LogLevel level, const LogForm& form = {});

bool log_enabled(LogLevel level);

// Whether lager lines are written: else what only they say need not be gathered.
bool logs_lager();

// Control characters in `line` are escaped: a peer's text cannot forge a second line.
void log(LogLevel level, std::string_view line);

// What Diego has a name for. As text it is `line`, nothing if that is empty; as lager `message` with `data`.
void log(LogLevel level, std::string_view line, std::string_view message, const LogData& data);

inline void log_debug(std::string_view line) { log(LogLevel::debug, line); }
inline void log_info(std::string_view line) { log(LogLevel::info, line); }
inline void log_warning(std::string_view line) { log(LogLevel::warning, line); }
inline void log_error(std::string_view line) { log(LogLevel::error, line); }

}  // namespace platform
