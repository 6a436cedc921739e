#include "mesos/call_writer.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/text.hpp"

namespace mesos_client {
namespace {

constexpr std::size_t kHeadBytesMax = std::size_t{64} << 10U;
constexpr std::size_t kChunkLineBytesMax = 4096;
constexpr std::string_view kLineEnd = "\r\n";
constexpr std::string_view kHeadEnd = "\r\n\r\n";

bool printable(std::string_view text, char least) {
  return std::all_of(text.begin(), text.end(), [least](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= static_cast<unsigned char>(least) && byte != 0x7f;
  });
}

template <class Number>
bool parse_number(std::string_view text, Number& number, int base) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  return !text.empty() && error == std::errc{} && end == text.data() + text.size();
}

bool lists(std::string_view value, std::string_view item) {
  const auto items = base::split_list(value);
  return std::any_of(items.begin(), items.end(),
                     [item](const std::string& one) { return base::equal_ignoring_case(one, item); });
}

// What the head of an answer says about where the answer ends.
struct Framing {
  std::optional<std::uint64_t> length;
  bool chunked = false;
  bool close = false;
  bool keep_alive = false;
};

// False if the header makes the end of the answer doubtful.
bool apply_header(std::string_view name, std::string_view value, Framing& framing) {
  if (base::equal_ignoring_case(name, "Content-Length")) {
    std::uint64_t length = 0;
    if (!parse_number(value, length, 10) || (framing.length && *framing.length != length)) return false;
    framing.length = length;
  } else if (base::equal_ignoring_case(name, "Transfer-Encoding")) {
    if (framing.chunked || !base::equal_ignoring_case(value, "chunked")) return false;
    framing.chunked = true;
  } else if (base::equal_ignoring_case(name, "Connection")) {
    framing.close = framing.close || lists(value, "close");
    framing.keep_alive = framing.keep_alive || lists(value, "keep-alive");
  }
  return true;
}

}  // namespace

// ---- CallWriter

base::Result<CallWriter> CallWriter::make(const CallHead& head) {
  const std::string path = head.path.empty() ? "/" : head.path;
  if (!printable(path, '!') || path[0] != '/') return base::Error{"", "the path is not fit for a request"};
  std::string text = "POST " + path + " HTTP/1.1\r\n";
  const auto add = [&text](std::string_view name, const std::string& value) {
    if (value.empty()) return true;
    text.append(name).append(": ").append(value).append(kLineEnd);
    return printable(value, ' ');
  };
  // No User-Agent: Mesos takes one of libprocess/... for a message of its own kind.
  if (!add("Host", head.host)) return base::Error{"", "the host is not fit for a header"};
  if (!add("Content-Type", head.content_type) || !add("Accept", head.content_type))
    return base::Error{"", "the content type is not fit for a header"};
  if (!add("Authorization", head.authorization)) return base::Error{"", "the credentials are not fit for a header"};
  if (!add("Mesos-Stream-Id", head.stream_id)) return base::Error{"", "the stream id is not fit for a header"};
  return CallWriter(text + "Content-Length: ");
}

void CallWriter::append(std::string_view body, std::string& out) const {
  std::array<char, 24> digits;
  const char* const end = std::to_chars(digits.data(), digits.data() + digits.size(), body.size()).ptr;
  out.append(head_);
  out.append(digits.data(), static_cast<std::size_t>(end - digits.data()));
  out.append(kHeadEnd);
  out.append(body);
}

// ---- AnswerReader

bool AnswerReader::fail(std::string text) {
  failed_ = base::Error{"", std::move(text)};
  return false;
}

void AnswerReader::finish(std::vector<Answer>& answers) {
  answers.push_back(std::move(answer_));
  answer_ = Answer{};
  state_ = State::head;
}

base::Status AnswerReader::feed(std::string_view bytes, std::vector<Answer>& answers) {
  while (!failed_ && step(bytes, answers)) {
  }
  if (failed_) return *failed_;
  return base::ok();
}

base::Status AnswerReader::end(std::vector<Answer>& answers) {
  if (!failed_ && state_ == State::body_until_close) finish(answers);
  if (!failed_ && !at_boundary()) fail("connection closed before the answer was complete");
  if (failed_) return *failed_;
  return base::ok();
}

// One head, body or chunk line; false if it needs more bytes or failed.
bool AnswerReader::step(std::string_view& bytes, std::vector<Answer>& answers) {
  switch (state_) {
    case State::head:
      return read_head(bytes, answers);
    case State::body:
    case State::body_until_close:
    case State::chunk:
      return read_content(bytes, answers);
    default:
      return read_chunk_line(bytes, answers);
  }
}

bool AnswerReader::read_head(std::string_view& bytes, std::vector<Answer>& answers) {
  if (bytes.empty()) return false;
  std::string_view head;
  if (held_.empty()) {  // The usual case: a head that has come as a whole, read in place.
    const std::size_t end = bytes.find(kHeadEnd);
    if (end == std::string_view::npos) {
      held_.assign(bytes);
      bytes = {};
      return held_.size() <= kHeadBytesMax ? false : fail("the head of the answer is too long");
    }
    head = bytes.substr(0, end + kHeadEnd.size());
    bytes.remove_prefix(head.size());
    if (head.size() > kHeadBytesMax) return fail("the head of the answer is too long");
    if (!parse_head(head)) return false;
  } else {
    const std::size_t before = held_.size();
    // Its end may lie across the border.
    held_.append(bytes.substr(0, kHeadBytesMax + 1 - std::min(before, kHeadBytesMax)));
    const std::size_t end = held_.find(kHeadEnd, before - std::min(before, kHeadEnd.size() - 1));
    if (end == std::string::npos) {
      if (held_.size() > kHeadBytesMax) return fail("the head of the answer is too long");
      bytes = {};
      return false;
    }
    held_.resize(end + kHeadEnd.size());
    bytes.remove_prefix(held_.size() - before);
    const std::string whole = std::move(held_);
    held_.clear();
    if (!parse_head(whole)) return false;
  }
  if (answer_.status < 200) {  // Interim: the answer is still to come.
    answer_ = Answer{};
    state_ = State::head;
  } else if (state_ == State::body && left_ == 0) {
    finish(answers);
  }
  return true;
}

// Sets the status, and the state the head leads to.
bool AnswerReader::parse_head(std::string_view head) {
  const bool http11 = head.starts_with("HTTP/1.1 ");
  std::size_t at = head.find(kLineEnd);
  const std::string_view line = head.substr(0, at);
  if ((!http11 && !head.starts_with("HTTP/1.0 ")) || line.size() < 12 || (line.size() > 12 && line[12] != ' ') ||
      !parse_number(line.substr(9, 3), answer_.status, 10) || answer_.status < 100) {
    return fail("the answer is not HTTP");
  }
  Framing framing;
  for (at += kLineEnd.size(); at + kLineEnd.size() < head.size();) {
    const std::size_t end = head.find(kLineEnd, at);
    const std::string_view header = head.substr(at, end - at);
    at = end + kLineEnd.size();
    const std::size_t colon = header.find(':');
    // Folded lines, and line ends that only some readers take for one.
    if (colon == std::string_view::npos || colon == 0 || header[colon - 1] == ' ' || header[0] == ' ' ||
        header[0] == '\t' || header.find('\n') != std::string_view::npos ||
        header.find('\r') != std::string_view::npos ||
        !apply_header(header.substr(0, colon), base::trim(header.substr(colon + 1)), framing)) {
      return fail("the head of the answer is garbled");
    }
  }
  if (framing.chunked && (framing.length || !http11)) return fail("the head of the answer is garbled");
  if (answer_.status == 101) return fail("the peer changes the protocol");
  answer_.last = framing.close || (!http11 && !framing.keep_alive);
  left_ = 0;
  if (answer_.status < 200 || answer_.status == 204 || answer_.status == 304) {
    state_ = State::body;
  } else if (framing.chunked) {
    state_ = State::chunk_size;
  } else if (framing.length) {
    if (*framing.length > body_bytes_max_)
      return fail("the answer is longer than " + std::to_string(body_bytes_max_) + " bytes");
    left_ = *framing.length;
    state_ = State::body;
  } else {
    answer_.last = true;
    state_ = State::body_until_close;
  }
  return true;
}

bool AnswerReader::read_content(std::string_view& bytes, std::vector<Answer>& answers) {
  const bool until_close = state_ == State::body_until_close;
  const std::string_view part =
      until_close ? bytes : bytes.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size())));
  if (part.size() > body_bytes_max_ - answer_.body.size())
    return fail("the answer is longer than " + std::to_string(body_bytes_max_) + " bytes");
  answer_.body.append(part);
  bytes.remove_prefix(part.size());
  if (until_close) return false;
  left_ -= part.size();
  if (left_ > 0) return false;
  if (state_ == State::body) {
    finish(answers);
  } else {
    state_ = State::chunk_end;
  }
  return true;
}

// The lines around chunks: a size, the end of a chunk, and the trailer.
bool AnswerReader::read_chunk_line(std::string_view& bytes, std::vector<Answer>& answers) {
  if (bytes.empty()) return false;
  const std::size_t newline = bytes.find('\n');
  held_.append(bytes.substr(0, newline == std::string_view::npos ? newline : newline + 1));
  bytes.remove_prefix(newline == std::string_view::npos ? bytes.size() : newline + 1);
  if (held_.size() > kChunkLineBytesMax) return fail("the chunks of the answer are garbled");
  if (held_.back() != '\n') return false;
  const std::string line = std::move(held_);
  held_.clear();
  if (!line.ends_with(kLineEnd)) return fail("the chunks of the answer are garbled");
  const std::string_view text = std::string_view(line).substr(0, line.size() - kLineEnd.size());
  if (state_ == State::chunk_end) {
    state_ = State::chunk_size;
    return text.empty() || fail("the chunks of the answer are garbled");
  }
  if (state_ == State::trailer) {
    trailer_bytes_ += line.size();
    if (trailer_bytes_ > kHeadBytesMax) return fail("the trailer of the answer is too long");
    if (text.empty()) finish(answers);
    return true;
  }
  if (!parse_number(base::trim(text.substr(0, text.find(';'))), left_, 16))
    return fail("the chunks of the answer are garbled");
  trailer_bytes_ = 0;
  state_ = left_ == 0 ? State::trailer : State::chunk;
  return true;
}

}  // namespace mesos_client
