// As much of an HTTP/1.1 server as a scheduler needs: pipelined requests with whole bodies.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace scale {

constexpr std::size_t kReadAtOnce = std::size_t{256} << 10U;

struct Connection {
  int fd = -1;
  std::vector<char> in = std::vector<char>(2 * kReadAtOnce);
  std::size_t from = 0, to = 0;  // What of `in` is filled and not yet read.
  std::string out;
  std::size_t sent = 0;
  bool stream = false, broken = false, waits_for_room = false;
  std::string stream_id;
};

struct Request {
  std::string_view line, content_type, stream_id, body;
  std::size_t bytes = 0;  // In all.
};

enum class Parsed { complete, partial, bad };

// The first request of `bytes`; its views point into them.
Parsed parse(std::string_view bytes, Request& request);

// Appends the answer to what the connection has to send.
void respond(Connection& peer, int status, std::string_view text);

// What comes before the events.
void begin_stream(Connection& peer, std::string_view content_type);

}  // namespace scale
