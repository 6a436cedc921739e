#include "mesos/record_decoder.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

namespace mesos_client {
namespace {

// Decimal digits of the longest 64-bit length.
constexpr std::size_t kLengthDigitsMax = 20;
// Room taken at once for a record: its length is only a promise of the peer's.
constexpr std::size_t kReserveMax = std::size_t{1} << 20U;

}  // namespace

bool RecordDecoder::read_length(std::string_view bytes, std::size_t& at) {
  for (; at < bytes.size(); ++at) {
    const char c = bytes[at];
    if (c == '\n' && digits_ > 0) {
      if (length_ > record_bytes_max_) {
        failure_ = base::Error{"", "record is longer than allowed"};
        return false;
      }
      ++at;
      in_body_ = true;
      digits_ = 0;
      return true;
    }
    const auto digit = static_cast<std::size_t>(c - '0');
    if (c < '0' || c > '9' || ++digits_ > kLengthDigitsMax ||
        length_ > (std::numeric_limits<std::size_t>::max() - digit) / 10) {
      failure_ = base::Error{"", "length is not a number"};
      return false;
    }
    length_ = length_ * 10 + digit;
  }
  return true;  // The rest of the length is still to come.
}

base::Result<std::vector<std::string>> RecordDecoder::feed(std::string_view bytes) {
  std::vector<std::string> records;
  if (failure_) return *failure_;

  std::size_t at = 0;
  while (at < bytes.size() || in_body_) {
    if (!in_body_) {
      if (!read_length(bytes, at)) break;
      if (!in_body_) continue;
      body_.reserve(std::min(length_, kReserveMax));
    }
    const std::string_view part = bytes.substr(at, length_ - body_.size());
    body_.append(part);
    at += part.size();
    if (body_.size() < length_) break;
    records.push_back(std::move(body_));
    body_ = {};
    length_ = 0;
    in_body_ = false;
  }
  if (failure_ && records.empty()) return *failure_;
  return records;
}

std::string encode_record(std::string_view bytes) {
  char length[kLengthDigitsMax + 1];
  char* const end = std::to_chars(length, length + kLengthDigitsMax, bytes.size()).ptr;
  *end = '\n';
  std::string record;
  record.reserve(static_cast<std::size_t>(end + 1 - length) + bytes.size());
  record.append(length, end + 1);
  record.append(bytes);
  return record;
}

}  // namespace mesos_client
