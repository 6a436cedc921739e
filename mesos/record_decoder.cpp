#include "mesos/record_decoder.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

namespace mesos_client {
namespace {

// Decimal digits of the longest 64-bit length.
constexpr std::size_t kLengthDigitsMax = 20;
// Room taken at once for a record: its length is only a promise of the peer's.
constexpr std::size_t kReserveMax = std::size_t{1} << 20U;

}  // namespace

bool RecordDecoder::read_length(std::string_view& bytes) {
  std::size_t at = 0;
  for (; at < bytes.size(); ++at) {
    const char c = bytes[at];
    if (c == '\n' && digits_ > 0) {
      if (length_ > record_bytes_max_) {
        failure_ = base::Error{"", "record is longer than allowed"};
        return false;
      }
      bytes.remove_prefix(at + 1);
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
  bytes = {};
  return true;  // The rest of the length is still to come.
}

std::optional<std::string_view> RecordDecoder::next(std::string_view& bytes) {
  if (std::exchange(body_handed_out_, false)) {
    // A record of unusual size must not keep its memory.
    if (body_.capacity() > kReserveMax) body_ = std::string();  // `{}` would keep the memory.
    body_.clear();
  }
  if (failure_ || (!in_body_ && !read_length(bytes)) || !in_body_) return std::nullopt;
  std::string_view record = bytes.substr(0, length_ - body_.size());
  bytes.remove_prefix(record.size());
  if (!body_.empty() || record.size() < length_) {
    if (body_.empty()) body_.reserve(std::min(length_, kReserveMax));
    body_.append(record);
    if (body_.size() < length_) return std::nullopt;
    record = body_;
    body_handed_out_ = true;
  }
  length_ = 0;
  in_body_ = false;
  return record;
}

base::Result<std::vector<std::string>> RecordDecoder::feed(std::string_view bytes) {
  if (failure_) return *failure_;
  std::vector<std::string> records;
  while (const auto record = next(bytes)) records.emplace_back(*record);
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
