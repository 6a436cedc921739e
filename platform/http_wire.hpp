// HTTP/1.1 as bytes, for the server: request heads, chunked and compressed bodies, response heads.
// Strict where leniency lets two readers disagree about where a message ends (RFC 9112, section 11.2).
// Private to platform/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "platform/http_server.hpp"

namespace platform::wire {

// What is wrong with a request, as the status that says so. 0 is nothing.
using Refusal = int;

struct Head {
  ServerRequest request;  // Without the body.
  bool chunked = false;
  std::optional<std::uint64_t> content_length;
  bool http11 = true;
  bool keep_alive = true;
  bool expects_continue = false;
  enum class Coding { identity, gzip } coding = Coding::identity;  // gzip: gzip or zlib.
};

// `text` is the head with its empty line. On refusal `head.request` holds what was understood.
Refusal parse_head(std::string_view text, Head& head);

// Undoes chunked transfer coding, fed as bytes arrive. Trailers are read and dropped.
class ChunkedReader {
 public:
  explicit ChunkedReader(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  // Takes from the front of `input` what belongs to the body and appends its content to `body`.
  // 400 for bytes that are not chunks, 413 beyond the limit.
  Refusal feed(std::string& input, std::string& body);
  bool done() const { return state_ == State::done; }

 private:
  enum class State { size, content, content_end, trailer, done };
  const std::size_t bytes_max_;
  State state_ = State::size;
  std::uint64_t left_ = 0;
  std::size_t trailer_bytes_ = 0;
};

// gzip or zlib, by its first bytes. 400 for damaged data, 413 for more than `bytes_max`.
Refusal inflate(std::string_view packed, std::size_t bytes_max, std::string& body);

// Status line, headers, Date, and either Content-Length or chunked, up to the empty line. CR and LF
// in values become blanks, so a value cannot forge a header.
struct Framing {
  std::optional<std::size_t> content_length = {};
  bool chunked = false;
  bool keep_alive = true;
};
std::string response_head(int status, const Headers& headers, const Framing& framing);

std::string chunk(std::string_view bytes);
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

std::string_view reason(int status);

}  // namespace platform::wire
