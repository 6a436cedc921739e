// What a BBS says: whatever it is, it is a value or a failure with one bounded line, and saying it again
// changes nothing. The first byte chooses the call, the second the kind of HTTP answer.
#include "diego/bbs_wire.hpp"

#include "diego/utf8.hpp"
#include "fuzz.hpp"

namespace {

using fuzz::require;

constexpr std::size_t kLineBytesMax = 400;

void check_text(const std::string& text) { require(diego::valid_utf8(text) == text, "what we pass on is text"); }

void check(const diego::BbsTaken&) {}
void check(bool) {}
void check(const diego::TaskRow& row) {
  check_text(row.task_guid);
  check_text(row.rejection_reason);
  check_text(row.failure_reason);
}
void check(const diego::LrpRow& row) {
  check_text(row.process_guid);
  check_text(row.cell_id);
  check_text(row.placement_error);
}
void check(const diego::CellRow& row) { check_text(row.cell_id); }
template <class Row>
void check(const std::vector<Row>& rows) {
  for (const Row& row : rows) check(row);
}

template <class Value>
void read(diego::BbsAnswer<Value> (*reader)(const diego::BbsReply&), const diego::BbsReply& reply) {
  const auto answer = reader(reply);
  require(answer == reader(reply), "the same answer means the same");
  if (answer) {
    require(reply.router_error.empty(), "a router's error is no answer of the BBS");
    require(reply.content_type == diego::kBbsContentType, "only a message is read");
    return check(*answer);
  }
  const std::string& text = answer.failure().text;
  require(text.starts_with("POST /v1/") && text.size() < kLineBytesMax, "a failure says what was asked, in bounds");
  require(text.find_first_of("\r\n") == std::string::npos, "on one line");
  check_text(text);
}

// What a stranger said travels on in reports: it must come out readable by whoever reads protobuf.
void check_report(std::string_view bytes) {
  const auto call = diego::reject_task_call(bytes, bytes);
  require(!call.body.empty() && call.body.size() <= 3 * bytes.size() + diego::kReasonBytesMax + 64,
          "a report is bounded");
  const auto half = bytes.size() / 2;
  const diego::LrpKey key{std::string(bytes.substr(0, half)), static_cast<std::int32_t>(bytes.size()), ""};
  require(diego::fail_actual_lrp_call(key, bytes.substr(half)).body.size() > 2, "a report has a reason");
}

}  // namespace

void fuzz::bbs_answer(std::string_view bytes) {
  const unsigned call = take_byte(bytes);
  const unsigned kind = take_byte(bytes);
  constexpr int kStatus[] = {200, 200, 200, 200, 404, 503, 302, 0};
  diego::BbsReply reply{
      .status = kStatus[kind % 8], .content_type = "", .router_error = "", .body = std::string(bytes)};
  if (kind < 0xc0) reply.content_type = std::string(diego::kBbsContentType);
  if ((kind & 0x38U) == 0x38U) reply.router_error = std::string(bytes);
  switch (call % 7) {
    case 0:
      return read(diego::read_fail_actual_lrp, reply);
    case 1:
      return read(diego::read_reject_task, reply);
    case 2:
      return read(diego::read_cells, reply);
    case 3:
      return read(diego::read_actual_lrps, reply);
    case 4:
      return read(diego::read_task_by_guid, reply);
    case 5:
      return read(diego::read_ping, reply);
    default:
      return check_report(bytes);
  }
}
