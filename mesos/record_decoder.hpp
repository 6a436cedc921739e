// RecordIO, the framing of Mesos event streams: a record is its length in decimal, one '\n', then
// exactly that many bytes. Bytes may come in any split; HTTP chunk borders carry no meaning.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace mesos_client {

class RecordDecoder {
 public:
  // Longer records end the stream: there is no limit in the format, and a bad length must not make
  // us buffer for ever.
  explicit RecordDecoder(std::size_t record_bytes_max) : record_bytes_max_(record_bytes_max) {}

  // The next record that `bytes` completes, without a copy if it lies in them as a whole; takes from
  // `bytes` what it has read. The record is valid until the next call, and while the bytes are.
  // nullopt: more bytes are needed, or failure().
  std::optional<std::string_view> next(std::string_view& bytes);

  // The records that `bytes` completes, in order. A bad length is final, for there is no way to find
  // the next record: every later call returns the same error. Records completed before it by the
  // same call are still handed out; the error then comes with failure() and with the next call.
  base::Result<std::vector<std::string>> feed(std::string_view bytes);

  // True between records. False at the end of a stream means that the last record was cut.
  bool at_boundary() const { return !failure_ && !in_body_ && digits_ == 0; }

  const std::optional<base::Error>& failure() const { return failure_; }

 private:
  // Consumes the bytes of a header; false when the length is bad.
  bool read_length(std::string_view& bytes);

  std::size_t record_bytes_max_;
  std::size_t length_ = 0;  // Of the record whose header is being or was read.
  std::size_t digits_ = 0;  // Seen of the header.
  bool in_body_ = false;
  std::string body_;  // What has come of it, while it is incomplete.
  bool body_handed_out_ = false;
  std::optional<base::Error> failure_;
};

// The record as it goes onto the wire.
std::string encode_record(std::string_view bytes);

}  // namespace mesos_client
