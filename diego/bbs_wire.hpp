// Calls to Diego's BBS as the bytes that travel, and what its answers mean. Pure: whoever owns a
// connection sends a BbsCall and hands in what came back. Every text that is sent is valid UTF-8 and
// bounded; of what is read, only rows that count are bounded, by kBbsAnswerBytesMax and kBbsRowsMax.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "diego/bbs.hpp"

namespace diego {

inline constexpr std::string_view kBbsContentType = "application/x-protobuf";
inline constexpr std::size_t kBbsAnswerBytesMax = std::size_t{64} << 20U;
inline constexpr std::size_t kBbsRowsMax = 1'000'000;

// What stands for a reason where none is given: the BBS refuses a report without one.
inline constexpr std::string_view kNoReason = "insufficient resources";
inline constexpr std::size_t kReasonBytesMax = 4096;  // The BBS keeps 1024 of them.

// POST `path` with `body` of Content-Type kBbsContentType; the body may be empty.
struct BbsCall {
  std::string path;
  std::string body;
  bool operator==(const BbsCall&) const = default;
};

// The row must be UNCLAIMED; its placement error becomes `reason`, and nothing else changes.
BbsCall fail_actual_lrp_call(const LrpKey& key, std::string_view reason);

// The Task must be Pending or Running and becomes Pending; the fourth time (by default) it fails.
BbsCall reject_task_call(std::string_view task_guid, std::string_view reason);

BbsCall cells_call();

// The rows of one process, or of one of its instances.
BbsCall actual_lrps_call(std::string_view process_guid, std::optional<std::int32_t> index = std::nullopt);

BbsCall task_by_guid_call(std::string_view task_guid);
BbsCall ping_call();

// An HTTP answer, as far as it counts.
struct BbsReply {
  int status = 0;
  std::string content_type;
  std::string router_error;  // The header X-Cf-Routererror: a router on the way found no BBS.
  std::string body;
};

// Readers of the answers to the calls above. An answer that is no protobuf message of the expected
// type, or is none at all, is a transient failure: something else than a BBS in service answered.
BbsAnswer<BbsTaken> read_fail_actual_lrp(const BbsReply& reply);  // gone: placed or removed meanwhile.
BbsAnswer<BbsTaken> read_reject_task(const BbsReply& reply);      // gone: completed or deleted meanwhile.
BbsAnswer<std::vector<CellRow>> read_cells(const BbsReply& reply);
BbsAnswer<std::vector<LrpRow>> read_actual_lrps(const BbsReply& reply);  // Empty where there are none.
BbsAnswer<TaskRow> read_task_by_guid(const BbsReply& reply);
BbsAnswer<bool> read_ping(const BbsReply& reply);  // Whether it is available.

// `text` as one printable line of at most `bytes_max` bytes: what a stranger said, for a log or a header.
std::string one_line(std::string_view text, std::size_t bytes_max);

}  // namespace diego
