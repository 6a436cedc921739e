// The program's log, on stderr, one line per thing. Text: `2026-11-22T10:00:00.123Z info  what happened key=value`.
// Synchronous and thread-safe. spdlog lives behind it, in log.cpp.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace platform {

enum class LogLevel { debug, info, warning, error };

base::Result<LogLevel> parse_log_level(std::string_view where, std::string_view text);

// Once, before threads start. `program` is Diego's lager source name and the text log's first word.
void start_log(std::string program, LogLevel level);

bool log_enabled(LogLevel level);

// Control characters in `line` are escaped: a peer's text cannot forge a second line.
void log(LogLevel level, std::string_view line);

inline void log_debug(std::string_view line) { log(LogLevel::debug, line); }
inline void log_info(std::string_view line) { log(LogLevel::info, line); }
inline void log_warning(std::string_view line) { log(LogLevel::warning, line); }
inline void log_error(std::string_view line) { log(LogLevel::error, line); }

}  // namespace platform
