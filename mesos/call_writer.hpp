// HTTP/1.1 of the connection for calls, as bytes: requests out, answers in. Several requests may be
// on their way at once, so the end of each answer must be certain: what leaves a doubt (RFC 9112,
// section 11.2) ends the connection instead of being guessed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace mesos_client {

// What all calls of a connection have in common.
struct CallHead {
  std::string path;           // "/api/v1/scheduler"; empty means "/".
  std::string host;           // As Host wants it.
  std::string content_type;   // Also what is accepted. Mesos compares it to the letter.
  std::string authorization;  // Empty: none.
  std::string stream_id;      // Empty: none.
};

class CallWriter {
 public:
  // An error if a value could forge a header or a request (a control character, a blank in the path).
  static base::Result<CallWriter> make(const CallHead& head);

  // Appends the POST of `body`.
  void append(std::string_view body, std::string& out) const;

 private:
  explicit CallWriter(std::string head) : head_(std::move(head)) {}
  std::string head_;  // Up to and including "Content-Length: ".
};

struct Answer {
  int status = 0;
  std::string body;
  bool last = false;  // The peer closes the connection behind it.
};

// Reads answers to POSTs, fed as bytes come, in any split. Interim answers (1xx) are passed over.
class AnswerReader {
 public:
  explicit AnswerReader(std::size_t body_bytes_max) : body_bytes_max_(body_bytes_max) {}

  // Appends the answers that `bytes` complete. An error is final; answers before it are still there.
  base::Status feed(std::string_view bytes, std::vector<Answer>& answers);

  // The peer closed: appends an answer that had no other end. An error if one was cut.
  base::Status end(std::vector<Answer>& answers);

  // True between answers.
  bool at_boundary() const { return state_ == State::head && held_.empty() && !failed_; }

 private:
  enum class State { head, body, body_until_close, chunk_size, chunk, chunk_end, trailer };

  bool step(std::string_view& bytes, std::vector<Answer>& answers);
  bool read_head(std::string_view& bytes, std::vector<Answer>& answers);
  bool read_content(std::string_view& bytes, std::vector<Answer>& answers);
  bool read_chunk_line(std::string_view& bytes, std::vector<Answer>& answers);
  bool parse_head(std::string_view head);
  void finish(std::vector<Answer>& answers);
  bool fail(std::string text);

  const std::size_t body_bytes_max_;
  State state_ = State::head;
  std::string held_;        // The beginning of a head, or of a line between chunks, whose end is to come.
  Answer answer_;           // The one being read.
  std::uint64_t left_ = 0;  // Of the body or chunk.
  std::size_t trailer_bytes_ = 0;
  std::optional<base::Error> failed_;
};

}  // namespace mesos_client
