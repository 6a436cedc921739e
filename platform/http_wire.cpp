#include "platform/http_wire.hpp"

#include <zlib.h>

#include <algorithm>
#include <cassert>
#include <charconv>
#include <ctime>

#include "base/text.hpp"

namespace platform::wire {
namespace {

bool is_token(std::string_view text) {
  if (text.empty()) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

bool is_target(std::string_view text) {
  if (text.empty()) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte > ' ' && byte != 0x7f && c != '#';
  });
}

bool is_value(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return c == '\t' || (byte >= ' ' && byte != 0x7f);
  });
}

// '+' is a blank in a query, as forms and Go's url package write it.
std::optional<std::string> decode_query_part(std::string_view text) {
  std::string plain(text);
  std::replace(plain.begin(), plain.end(), '+', ' ');
  return base::percent_decode(plain);
}

bool parse_query(std::string_view text, std::map<std::string, std::string>& query) {
  while (!text.empty()) {
    const std::string_view pair = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(pair.size() + 1, text.size()));
    if (pair.empty()) continue;
    const std::size_t equals = pair.find('=');
    const auto name = decode_query_part(pair.substr(0, equals));
    const auto value = decode_query_part(equals == std::string_view::npos ? "" : pair.substr(equals + 1));
    if (!name || !value) return false;
    query.emplace(*name, *value);  // The first of a name counts, as Go's Values.Get.
  }
  return true;
}

Refusal parse_request_line(std::string_view line, Head& head) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return 400;
  const std::string_view method = line.substr(0, first);
  std::string_view target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  if (!is_token(method) || !is_target(target)) return 400;
  if (version != "HTTP/1.1" && version != "HTTP/1.0") {
    return version.starts_with("HTTP/") && version.size() == 8 ? 505 : 400;
  }
  head.http11 = version == "HTTP/1.1";
  head.keep_alive = head.http11;
  head.request.method = std::string(method);
  head.request.target = std::string(target);
  if (target.starts_with("http://") || target.starts_with("https://")) {  // Absolute form: RFC 9112 3.2.2.
    const std::size_t path = target.find('/', target.find("://") + 3);
    target = path == std::string_view::npos ? "/" : target.substr(path);
  }
  if (target[0] != '/' && target != "*") return 400;
  const std::size_t question = target.find('?');
  head.request.path = std::string(target.substr(0, question));
  if (question != std::string_view::npos && !parse_query(target.substr(question + 1), head.request.query)) return 400;
  return 0;
}

// Headers that decide where the message ends, and what follows it.
Refusal apply_framing(Head& head) {
  const bool http11 = head.http11;
  int hosts = 0, lengths = 0, codings = 0;
  for (const auto& [name, value] : head.request.headers) {
    if (base::equal_ignoring_case(name, "Host")) {
      ++hosts;
    } else if (base::equal_ignoring_case(name, "Content-Length")) {
      ++lengths;
      std::uint64_t length = 0;
      const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), length);
      if (value.empty() || error != std::errc{} || end != value.data() + value.size()) return 400;
      head.content_length = length;
    } else if (base::equal_ignoring_case(name, "Transfer-Encoding")) {
      ++codings;
      if (!base::equal_ignoring_case(value, "chunked")) return 501;
      head.chunked = true;
    } else if (base::equal_ignoring_case(name, "Content-Encoding")) {
      if (base::equal_ignoring_case(value, "gzip") || base::equal_ignoring_case(value, "deflate") ||
          base::equal_ignoring_case(value, "x-gzip")) {
        head.coding = Head::Coding::gzip;
      } else if (!value.empty() && !base::equal_ignoring_case(value, "identity")) {
        return 415;
      }
    } else if (base::equal_ignoring_case(name, "Expect")) {
      if (!base::equal_ignoring_case(value, "100-continue")) return 417;
      head.expects_continue = http11;
    } else if (base::equal_ignoring_case(name, "Connection")) {
      for (const std::string& item : base::split_list(value)) {
        if (base::equal_ignoring_case(item, "close")) head.keep_alive = false;
        if (base::equal_ignoring_case(item, "keep-alive") && !http11) head.keep_alive = true;
      }
    }
  }
  // Two readers could see two different ends here: the root of request smuggling.
  if (lengths > 1 || codings > 1 || (lengths > 0 && codings > 0)) return 400;
  if (codings > 0 && !http11) return 400;
  if (hosts > 1 || (http11 && hosts == 0)) return 400;
  return 0;
}

// The line at `at`, without its end, moving `at` behind it; nullopt where CRLF is missing.
std::optional<std::string_view> next_line(std::string_view text, std::size_t& at) {
  const std::size_t end = text.find("\r\n", at);
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view line = text.substr(at, end - at);
  at = end + 2;
  return line;
}

}  // namespace

Refusal parse_head(std::string_view text, Head& head) {
  std::size_t at = 0;
  const auto request_line = next_line(text, at);
  if (!request_line) return 400;
  if (const Refusal refusal = parse_request_line(*request_line, head); refusal != 0) return refusal;
  for (;;) {
    const auto line = next_line(text, at);
    if (!line) return 400;
    if (line->empty()) break;
    const std::size_t colon = line->find(':');
    if (colon == std::string_view::npos) return 400;
    const std::string_view name = line->substr(0, colon);
    const std::string_view value = base::trim(line->substr(colon + 1));
    // A name with a blank, or a line that starts with one (folding), is not a token.
    if (!is_token(name) || !is_value(value)) return 400;
    head.request.headers.emplace_back(name, value);
  }
  return apply_framing(head);
}

Refusal ChunkedReader::feed(std::string& input, std::string& body) {
  std::size_t used = 0;
  Refusal refusal = 0;
  while (refusal == 0 && state_ != State::done) {
    const std::string_view rest = std::string_view(input).substr(used);
    if (state_ == State::content) {
      const std::size_t take = static_cast<std::size_t>(std::min<std::uint64_t>(left_, rest.size()));
      body.append(rest.substr(0, take));
      used += take;
      left_ -= take;
      if (left_ > 0) break;
      state_ = State::content_end;
      continue;
    }
    const std::size_t end = rest.find("\r\n");
    if (end == std::string_view::npos) {
      if (rest.size() > 4096 || (state_ == State::content_end && rest.size() > 1)) refusal = 400;
      break;
    }
    const std::string_view line = rest.substr(0, end);
    used += end + 2;
    if (state_ == State::content_end) {
      if (!line.empty()) refusal = 400;
      state_ = State::size;
    } else if (state_ == State::size) {
      const std::string_view digits = base::trim(line.substr(0, line.find(';')));
      const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), left_, 16);
      if (digits.empty() || error != std::errc{} || stop != digits.data() + digits.size() || line.size() > 1024) {
        refusal = 400;
      } else if (left_ > bytes_max_ - std::min(bytes_max_, body.size())) {
        refusal = 413;
      } else {
        state_ = left_ == 0 ? State::trailer : State::content;
      }
    } else {
      trailer_bytes_ += line.size() + 2;
      if (line.empty()) state_ = State::done;
      if (trailer_bytes_ > 16 * 1024) refusal = 400;
    }
  }
  input.erase(0, used);
  return refusal;
}

Refusal inflate(std::string_view packed, std::size_t bytes_max, std::string& body) {
  z_stream stream{};
  constexpr int kGzipOrZlib = 15 + 32;
  if (inflateInit2(&stream, kGzipOrZlib) != Z_OK) return 400;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  Refusal refusal = 0;
  int result = Z_OK;
  char buffer[16 * 1024];
  while (refusal == 0 && result != Z_STREAM_END) {
    stream.next_out = reinterpret_cast<Bytef*>(buffer);
    stream.avail_out = sizeof buffer;
    result = ::inflate(&stream, Z_NO_FLUSH);
    if (result != Z_OK && result != Z_STREAM_END) refusal = 400;
    const std::size_t got = sizeof buffer - stream.avail_out;
    if (body.size() + got > bytes_max) refusal = 413;
    if (refusal == 0) body.append(buffer, got);
  }
  if (refusal == 0 && stream.avail_in > 0) refusal = 400;
  inflateEnd(&stream);
  return refusal;
}

std::string response_head(int status, const Headers& headers, const Framing& framing) {
  std::string out = "HTTP/1.1 " + std::to_string(status) + " " + std::string(reason(status)) + "\r\n";
  for (const auto& [name, value] : headers) {
    assert(is_token(name));  // Names are ours; values may quote a peer.
    out += name + ": ";
    for (const char c : value) out += c == '\r' || c == '\n' || c == '\0' ? ' ' : c;
    out += "\r\n";
  }
  const std::time_t seconds = std::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  char date[64];
  out.append(date, std::strftime(date, sizeof date, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &utc));
  if (framing.chunked) out += "Transfer-Encoding: chunked\r\n";
  if (framing.content_length) out += "Content-Length: " + std::to_string(*framing.content_length) + "\r\n";
  if (!framing.keep_alive) out += "Connection: close\r\n";
  return out + "\r\n";
}

std::string chunk(std::string_view bytes) {
  char size[20];
  const auto end = std::to_chars(size, size + sizeof size, bytes.size(), 16).ptr;
  std::string out(size, end);
  out += "\r\n";
  out += bytes;
  out += "\r\n";
  return out;
}

std::string_view reason(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 413:
      return "Request Entity Too Large";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 422:
      return "Unprocessable Entity";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Status";
  }
}

}  // namespace platform::wire
