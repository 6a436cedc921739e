// HTTP answers on the connection for calls: however the bytes are cut, the same answers come out.
#include <string>
#include <vector>

#include "base/random.hpp"
#include "fuzz.hpp"
#include "mesos/call_writer.hpp"

namespace {

struct Outcome {
  std::vector<mesos_client::Answer> answers;
  bool fed = true, ended = true;
};

template <class Size>
Outcome in_pieces(std::string_view bytes, std::size_t body_bytes_max, Size size) {
  mesos_client::AnswerReader reader(body_bytes_max);
  Outcome outcome;
  while (!bytes.empty()) {
    const std::string piece(bytes.substr(0, size()));
    bytes.remove_prefix(piece.size());
    const bool fed = static_cast<bool>(reader.feed(piece, outcome.answers));
    fuzz::require(outcome.fed || !fed, "an error is final");
    outcome.fed = fed;
  }
  const bool at_boundary = reader.at_boundary();
  outcome.ended = static_cast<bool>(reader.end(outcome.answers));
  if (at_boundary) fuzz::require(outcome.ended, "between answers the peer may close");
  return outcome;
}

bool same(const Outcome& a, const Outcome& b) {
  if (a.fed != b.fed || a.ended != b.ended || a.answers.size() != b.answers.size()) return false;
  for (std::size_t i = 0; i < a.answers.size(); ++i) {
    if (a.answers[i].status != b.answers[i].status || a.answers[i].body != b.answers[i].body ||
        a.answers[i].last != b.answers[i].last) {
      return false;
    }
  }
  return true;
}

}  // namespace

void fuzz::answers(std::string_view bytes) {
  const std::size_t body_bytes_max = 16 + take_byte(bytes) * 16;
  base::Random random(take_byte(bytes));
  const Outcome whole = in_pieces(bytes, body_bytes_max, [&] { return bytes.size(); });
  for (const auto& answer : whole.answers) {
    require(answer.status >= 200 && answer.status <= 999, "an answer has a final status");
    require(answer.body.size() <= body_bytes_max, "no body is longer than allowed");
  }
  require(same(in_pieces(bytes, body_bytes_max, [] { return std::size_t{1}; }), whole), "byte by byte the same");
  require(same(in_pieces(bytes, body_bytes_max, [&] { return std::size_t{1} + random.below(17); }), whole),
          "in pieces the same");
}
