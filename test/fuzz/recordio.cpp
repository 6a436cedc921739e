// RecordIO: however the bytes are cut, the same records come out, the same error ends them, and the
// end is at a boundary or not.
#include <optional>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "fuzz.hpp"
#include "mesos/record_decoder.hpp"

namespace {

using mesos_client::RecordDecoder;

struct Outcome {
  std::vector<std::string> records;
  std::string failure;
  bool at_boundary = false;
  bool operator==(const Outcome&) const = default;
};

Outcome outcome(std::vector<std::string> records, const RecordDecoder& decoder) {
  return {std::move(records), decoder.failure() ? decoder.failure()->message() : "", decoder.at_boundary()};
}

Outcome one_by_one(std::string_view bytes, std::size_t record_bytes_max) {
  RecordDecoder decoder(record_bytes_max);
  std::vector<std::string> records;
  while (const auto record = decoder.next(bytes)) records.emplace_back(*record);
  return outcome(std::move(records), decoder);
}

// `size` says how long the next piece is.
template <class Size>
Outcome in_pieces(std::string_view bytes, std::size_t record_bytes_max, Size size) {
  RecordDecoder decoder(record_bytes_max);
  std::vector<std::string> records;
  while (!bytes.empty()) {
    // A copy: what the decoder keeps must not lie in bytes that are gone.
    const std::string piece(bytes.substr(0, size()));
    bytes.remove_prefix(piece.size());
    const auto some = decoder.feed(piece);
    if (!some) {
      fuzz::require(decoder.failure().has_value(), "an error of feed() is a failure()");
      fuzz::require(decoder.failure() == some.error(), "both are the same error");
      continue;  // And it stays: whatever follows must change nothing.
    }
    records.insert(records.end(), some->begin(), some->end());
  }
  return outcome(std::move(records), decoder);
}

}  // namespace

void fuzz::recordio(std::string_view bytes) {
  const std::size_t record_bytes_max = 1 + take_byte(bytes) * 4;
  base::Random random(take_byte(bytes));

  const Outcome whole = one_by_one(bytes, record_bytes_max);
  require(in_pieces(bytes, record_bytes_max, [&] { return bytes.size(); }) == whole, "feed() gives what next() gives");
  require(in_pieces(bytes, record_bytes_max, [] { return std::size_t{1}; }) == whole, "byte by byte the same");
  for (int round = 0; round < 3; ++round) {
    require(in_pieces(bytes, record_bytes_max, [&] { return std::size_t{1} + random.below(17); }) == whole,
            "in pieces the same");
  }

  std::string again;
  for (const std::string& record : whole.records) {
    require(record.size() <= record_bytes_max, "no record is longer than allowed");
    again += mesos_client::encode_record(record);
  }
  const Outcome reread = one_by_one(again, record_bytes_max);
  require(reread.records == whole.records && reread.at_boundary && reread.failure.empty(),
          "what was read can be written and read again");
  if (whole.at_boundary) require(again.size() <= bytes.size(), "nothing is read that was not there");
}
