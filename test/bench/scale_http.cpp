#include "test/bench/scale_http.hpp"

#include <strings.h>

#include <algorithm>
#include <charconv>

namespace scale {
namespace {

// Nobody reads the date.
constexpr std::string_view kDate = "Date: Sun, 22 Nov 2026 07:27:22 GMT\r\n";

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

bool is_header(std::string_view name, std::string_view wanted) {
  return name.size() == wanted.size() && strncasecmp(name.data(), wanted.data(), name.size()) == 0;
}

}  // namespace

Parsed parse(std::string_view bytes, Request& request) {
  const std::size_t end = bytes.find("\r\n\r\n");
  if (end == std::string_view::npos) return bytes.size() > 65536 ? Parsed::bad : Parsed::partial;
  std::string_view head = bytes.substr(0, end);
  request.line = head.substr(0, head.find("\r\n"));
  std::size_t length = 0;
  for (std::size_t at = request.line.size(); at < head.size();) {
    at += 2;
    const std::size_t stop = std::min(head.find("\r\n", at), head.size());
    const std::string_view line = head.substr(at, stop - at);
    at = stop;
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return Parsed::bad;
    const std::string_view name = line.substr(0, colon), value = trimmed(line.substr(colon + 1));
    if (is_header(name, "Content-Length")) {
      std::from_chars(value.data(), value.data() + value.size(), length);
    } else if (is_header(name, "Content-Type")) {
      request.content_type = value;
    } else if (is_header(name, "Mesos-Stream-Id")) {
      request.stream_id = value;
    } else if (is_header(name, "Transfer-Encoding")) {
      return Parsed::bad;  // Our scheduler sends whole bodies.
    }
  }
  request.bytes = end + 4 + length;
  if (bytes.size() < request.bytes) return Parsed::partial;
  request.body = bytes.substr(end + 4, length);
  return Parsed::complete;
}

void respond(Connection& peer, int status, std::string_view text) {
  if (status == 202) {
    peer.out.append("HTTP/1.1 202 Accepted\r\n").append(kDate).append("Content-Length: 0\r\n\r\n");
    return;
  }
  const std::string_view reason = status == 400 ? "Bad Request" : status == 403 ? "Forbidden" : "Not Found";
  peer.out.append("HTTP/1.1 " + std::to_string(status) + ' ').append(reason);
  peer.out.append("\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: " + std::to_string(text.size()));
  peer.out.append("\r\n\r\n").append(text);
}

void begin_stream(Connection& peer, std::string_view content_type) {
  peer.out.append("HTTP/1.1 200 OK\r\n").append(kDate).append("Transfer-Encoding: chunked\r\nMesos-Stream-Id: ");
  peer.out.append(peer.stream_id).append("\r\nContent-Type: ").append(content_type).append("\r\n\r\n");
}

}  // namespace scale
