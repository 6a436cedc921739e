#include "diego/bbs_wire.hpp"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <cstdint>

#include "diego/bbs.pb.h"
#include "diego/utf8.hpp"

namespace diego {
namespace {

constexpr const char* kFailPath = "/v1/actual_lrps/fail";
constexpr const char* kRejectPath = "/v1/tasks/reject";
constexpr const char* kCellsPath = "/v1/cells/list.r1";
constexpr const char* kActualLrpsPath = "/v1/actual_lrps/list";
constexpr const char* kTaskPath = "/v1/tasks/get_by_task_guid.r3";
constexpr const char* kPingPath = "/v1/ping";

constexpr std::size_t kShownBytesMax = 300;

using Kind = BbsFailure::Kind;

// At most `bytes_max` bytes of valid text, cut between characters.
std::string cut(std::string text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  std::size_t end = bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U) --end;
  text.resize(end);
  return text;
}

std::string reason_text(std::string_view reason) {
  if (reason.empty()) return std::string(kNoReason);
  return cut(valid_utf8(reason.substr(0, kReasonBytesMax + 4)), kReasonBytesMax);
}

template <class Message>
BbsCall call(const char* path, const Message& message) {
  return {path, message.SerializeAsString()};
}

BbsFailure failure(Kind kind, const char* path, std::string_view text) {
  return {kind, std::string("POST ") + path + ": " + one_line(text, kShownBytesMax)};
}

bool is_protobuf(const BbsReply& reply) {
  const std::string_view type = reply.content_type;
  return type.starts_with(kBbsContentType) &&
         (type.size() == kBbsContentType.size() || type[kBbsContentType.size()] == ';');
}

// What can be said of an answer before its message is read.
std::optional<BbsFailure> http_failure(const char* path, const BbsReply& reply) {
  if (!reply.router_error.empty())
    return failure(Kind::transient, path, "a router on the way to the BBS answered " + reply.router_error);
  if (is_protobuf(reply)) {
    if (reply.body.size() <= kBbsAnswerBytesMax) return std::nullopt;
    return failure(Kind::transient, path, "the answer is longer than " + std::to_string(kBbsAnswerBytesMax) + " bytes");
  }
  if (reply.status >= 200 && reply.status <= 299)
    return failure(Kind::transient, path,
                   "the answer is of type \"" + reply.content_type + "\", not " + std::string(kBbsContentType));
  // 503: migrations have not finished.
  const bool later = reply.status >= 500 || reply.status == 408 || reply.status == 429 || reply.status < 200;
  return failure(later ? Kind::transient : Kind::refused, path, "the BBS answered " + std::to_string(reply.status));
}

// An error is a name and a text for the log.
std::string error_text(const models::Error& error) {
  const std::string& name = models::Error::Type_Name(error.type());
  return (error.message().empty() ? "no text" : error.message()) + " (" +
         (name.empty() ? "error " + std::to_string(error.type()) : name) + ")";
}

// What an error means whatever the call was about.
Kind kind_of(const models::Error& error) {
  switch (error.type()) {
    case models::Error::ResourceNotFound:
      return Kind::gone;
    case models::Error::UnknownError:
    case models::Error::ResourceConflict:
    case models::Error::RouterError:
    case models::Error::Deadlock:
    case models::Error::Unrecoverable:  // Of its database: the BBS gives up its lock, and another takes over.
    case models::Error::LockCollision:
    case models::Error::Timeout:
      return Kind::transient;
    default:
      return Kind::refused;
  }
}

Kind kind_on_fail(const models::Error& error) {
  return error.type() == models::Error::ActualLRPCannotBeFailed ? Kind::gone : kind_of(error);
}

// A Task in another state is answered as if the request were broken, with the type that a broken one
// has; only the text of the latter names a field.
Kind kind_on_reject(const models::Error& error) {
  if (error.type() == models::Error::InvalidStateTransition) return Kind::gone;
  if (error.type() != models::Error::InvalidRequest) return kind_of(error);
  return error.message().find("Invalid field") == std::string::npos ? Kind::gone : Kind::refused;
}

// Rows before they are built: a few bytes of an answer can stand for a row of hundreds.
bool too_many_rows(const std::string& body) {
  using google::protobuf::internal::WireFormatLite;
  constexpr int kRowsField = 2;  // In every answer that has rows.
  google::protobuf::io::CodedInputStream input(reinterpret_cast<const std::uint8_t*>(body.data()),
                                               static_cast<int>(body.size()));
  std::size_t rows = 0;
  while (const std::uint32_t tag = input.ReadTag()) {
    if (WireFormatLite::GetTagFieldNumber(tag) == kRowsField && ++rows > kBbsRowsMax) return true;
    if (!WireFormatLite::SkipField(&input, tag)) return false;  // Unreadable: the parser will say so.
  }
  return false;
}

template <class Message>
std::optional<BbsFailure> read_message(const char* path, const BbsReply& reply, Message& message) {
  if (auto failed = http_failure(path, reply)) return failed;
  if (too_many_rows(reply.body))
    return failure(Kind::transient, path, "the answer has more than " + std::to_string(kBbsRowsMax) + " rows");
  if (message.ParseFromString(reply.body)) return std::nullopt;
  return failure(Kind::transient, path, "the answer is not the message expected");
}

// As read_message; the error that the message itself carries is a failure too.
template <class Message>
std::optional<BbsFailure> read_answer(const char* path, const BbsReply& reply, Message& message,
                                      Kind (*kind)(const models::Error&) = kind_of) {
  if (auto failed = read_message(path, reply, message)) return failed;
  if (!message.has_error()) return std::nullopt;
  return failure(kind(message.error()), path, error_text(message.error()));
}

template <class Texts>
std::vector<std::string> list_of(const Texts& texts) {
  return {texts.begin(), texts.end()};
}

CellRow row_of(const models::CellPresence& cell) {
  CellRow row{.cell_id = cell.cell_id(),
              .rep_address = cell.rep_address(),
              .rep_url = cell.rep_url(),
              .zone = cell.zone(),
              .memory_mb = cell.capacity().memory_mb(),
              .disk_mb = cell.capacity().disk_mb(),
              .containers = cell.capacity().containers(),
              .rootfs_providers = {},
              .placement_tags = list_of(cell.placement_tags()),
              .optional_placement_tags = list_of(cell.optional_placement_tags())};
  for (const auto& provider : cell.rootfs_providers())
    row.rootfs_providers[provider.name()] = list_of(provider.properties());
  return row;
}

LrpRow::State lrp_state(const std::string& text) {
  if (text == "UNCLAIMED") return LrpRow::State::unclaimed;
  if (text == "CLAIMED") return LrpRow::State::claimed;
  if (text == "RUNNING") return LrpRow::State::running;
  if (text == "CRASHED") return LrpRow::State::crashed;
  return LrpRow::State::unknown;
}

LrpRow::Presence presence_of(models::ActualLRP::Presence presence) {
  switch (presence) {
    case models::ActualLRP::EVACUATING:
      return LrpRow::Presence::evacuating;
    case models::ActualLRP::SUSPECT:
      return LrpRow::Presence::suspect;
    default:
      return LrpRow::Presence::ordinary;
  }
}

LrpRow row_of(const models::ActualLRP& lrp) {
  return {.process_guid = lrp.key().process_guid(),
          .domain = lrp.key().domain(),
          .index = lrp.key().index(),
          .state = lrp_state(lrp.state()),
          .presence = presence_of(lrp.presence()),
          .instance_guid = lrp.instance_key().instance_guid(),
          .cell_id = lrp.instance_key().cell_id(),
          .placement_error = valid_utf8(lrp.placement_error())};
}

TaskRow::State task_state(models::Task::State state) {
  switch (state) {
    case models::Task::Pending:
      return TaskRow::State::pending;
    case models::Task::Running:
      return TaskRow::State::running;
    case models::Task::Completed:
      return TaskRow::State::completed;
    case models::Task::Resolving:
      return TaskRow::State::resolving;
    default:
      return TaskRow::State::invalid;
  }
}

TaskRow row_of(const models::Task& task) {
  return {.task_guid = task.task_guid(),
          .domain = task.domain(),
          .state = task_state(task.state()),
          .cell_id = task.cell_id(),
          .rejection_count = task.rejection_count(),
          .rejection_reason = valid_utf8(task.rejection_reason()),
          .failure_reason = valid_utf8(task.failure_reason()),
          .failed = task.failed()};
}

template <class Row, class Messages>
std::vector<Row> rows_of(const Messages& messages) {
  std::vector<Row> rows;
  rows.reserve(static_cast<std::size_t>(messages.size()));
  for (const auto& message : messages) rows.push_back(row_of(message));
  return rows;
}

}  // namespace

BbsCall fail_actual_lrp_call(const LrpKey& key, std::string_view reason) {
  models::FailActualLRPRequest request;
  request.mutable_key()->set_process_guid(valid_utf8(key.process_guid));
  request.mutable_key()->set_index(key.index);
  request.mutable_key()->set_domain(valid_utf8(key.domain));
  request.set_error_message(reason_text(reason));
  return call(kFailPath, request);
}

BbsCall reject_task_call(std::string_view task_guid, std::string_view reason) {
  models::RejectTaskRequest request;
  request.set_task_guid(valid_utf8(task_guid));
  request.set_rejection_reason(reason_text(reason));
  return call(kRejectPath, request);
}

BbsCall cells_call() { return {kCellsPath, ""}; }

BbsCall actual_lrps_call(std::string_view process_guid, std::optional<std::int32_t> index) {
  models::ActualLRPsRequest request;
  request.set_process_guid(valid_utf8(process_guid));
  if (index) request.set_index(*index);
  return call(kActualLrpsPath, request);
}

BbsCall task_by_guid_call(std::string_view task_guid) {
  models::TaskByGuidRequest request;
  request.set_task_guid(valid_utf8(task_guid));
  return call(kTaskPath, request);
}

BbsCall ping_call() { return {kPingPath, ""}; }

BbsAnswer<BbsTaken> read_fail_actual_lrp(const BbsReply& reply) {
  models::ActualLRPLifecycleResponse message;
  if (auto failed = read_answer(kFailPath, reply, message, kind_on_fail)) return *std::move(failed);
  return BbsTaken{};
}

BbsAnswer<BbsTaken> read_reject_task(const BbsReply& reply) {
  models::TaskLifecycleResponse message;
  if (auto failed = read_answer(kRejectPath, reply, message, kind_on_reject)) return *std::move(failed);
  return BbsTaken{};
}

BbsAnswer<std::vector<CellRow>> read_cells(const BbsReply& reply) {
  models::CellsResponse message;
  if (auto failed = read_answer(kCellsPath, reply, message)) return *std::move(failed);
  return rows_of<CellRow>(message.cells());
}

BbsAnswer<std::vector<LrpRow>> read_actual_lrps(const BbsReply& reply) {
  models::ActualLRPsResponse message;
  if (auto failed = read_answer(kActualLrpsPath, reply, message)) {
    if (failed->kind == Kind::gone) return std::vector<LrpRow>{};
    return *std::move(failed);
  }
  return rows_of<LrpRow>(message.actual_lrps());
}

BbsAnswer<TaskRow> read_task_by_guid(const BbsReply& reply) {
  models::TaskResponse message;
  if (auto failed = read_answer(kTaskPath, reply, message)) return *std::move(failed);
  if (!message.has_task()) return failure(Kind::transient, kTaskPath, "the answer has no task");
  return row_of(message.task());
}

BbsAnswer<bool> read_ping(const BbsReply& reply) {
  models::PingResponse message;
  if (auto failed = read_message(kPingPath, reply, message)) return *std::move(failed);
  return message.available();
}

std::string one_line(std::string_view text, std::size_t bytes_max) {
  std::string line = cut(valid_utf8(text.substr(0, bytes_max + 4)), bytes_max);
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return line;
}

}  // namespace diego
