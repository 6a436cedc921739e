// Log lines as Diego's programs write them (its logger is called lager): one JSON object a line. Pure.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/time.hpp"

namespace platform {

enum class LogLevel { debug, info, warning, error };

// How lager writes time: {"timestamp":"1522171784.100530624",...,"log_level":1} or
// {"timestamp":"2018-03-27T19:49:44.100530624Z","level":"info",...}.
enum class LogTime { unix_epoch, rfc3339 };

// `text` in quotes, escaped as Go escapes; what is not UTF-8 becomes U+FFFD.
std::string json_quoted(std::string_view text);

// The data of a line: a JSON object, its members in the order in which they were added. Keys are written as
// they are.
class LogData {
 public:
  LogData& add(std::string_view key, std::string_view text) { return add_json(key, json_quoted(text)); }
  LogData& add(std::string_view key, const char* text) { return add(key, std::string_view(text)); }
  LogData& add(std::string_view key, std::integral auto number) { return add_json(key, std::to_string(number)); }
  LogData& add_json(std::string_view key, std::string_view json);

  // trace-id and span-id, as Diego derives them from X-Vcap-Request-Id: its hex digits, dashes left out, are
  // the trace's number of 128 bits. Nothing if it is no such number.
  LogData& add_trace(std::string_view request_id, std::uint64_t span);

  bool empty() const { return members_.empty(); }
  std::string json() const { return "{" + members_ + "}"; }

 private:
  std::string members_;
};

// One line, without a newline. `message` is prefixed with the source: "auctioneer.started". lager has no
// warnings: they are of level info, and their data says {"warning":true}.
std::string lager_line(LogTime format, base::Time now, LogLevel level, std::string_view source,
                       std::string_view message, LogData data);

// A line of our text log, `what happened key=value key="a b": more`, as lager would have it: message
// "what-happened"; each key a member of the data (an array if it comes more than once), and what remains the
// member "text".
struct LagerText {
  std::string message;
  LogData data;
};
LagerText as_lager(std::string_view line);

}  // namespace platform
