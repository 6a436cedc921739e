// One call of the core to the BBS, over anything that has the functions of diego::BbsClient.
#pragma once

#include <optional>
#include <utility>
#include <variant>

#include "diego/bbs.hpp"
#include "scheduler/core/actions.hpp"
#include "scheduler/core/events.hpp"

namespace edge {

using BbsCall = std::variant<core::Report, core::ReadRows>;
using BbsCallAnswer = std::variant<core::ReportAnswered, core::RowsRead>;

namespace bbs_call {

// A rejection counts against the Task, so one that may have been taken is not sent blindly again. Nullopt:
// it is to be sent.
template <class Bbs>
std::optional<core::ReportAnswered> taken_before(Bbs& bbs, const core::Report& report) {
  if (!report.doubtful || report.key.kind != core::Kind::task) return std::nullopt;
  const auto row = bbs.task_by_guid(report.key.guid, report.trace_id);
  if (!row) return core::ReportAnswered{report.call, row.failure()};
  if (report.rejections < 0 || row->rejection_count > report.rejections) return core::ReportAnswered{report.call, {}};
  return std::nullopt;
}

template <class Bbs>
BbsCallAnswer make(Bbs& bbs, const core::Report& report) {
  if (auto answered = taken_before(bbs, report)) return *std::move(answered);
  const auto answered = [&report](const auto& answer) {
    return core::ReportAnswered{report.call, answer ? std::nullopt : std::optional(answer.failure())};
  };
  if (report.key.kind == core::Kind::task)
    return answered(bbs.reject_task(report.key.guid, report.text, report.trace_id));
  const diego::LrpKey key{report.key.guid, report.key.index, report.domain};
  return answered(bbs.fail_actual_lrp(key, report.text, report.trace_id));
}

// No row at all is an answer.
template <class Answer, class Take>
void read_into(core::RowsRead& read, const Answer& answer, Take take) {
  if (answer) {
    take(*answer);
  } else if (answer.failure().kind != diego::BbsFailure::Kind::gone) {
    read.failure = answer.failure();
  }
}

template <class Bbs>
BbsCallAnswer make(Bbs& bbs, const core::ReadRows& question) {
  core::RowsRead read{question.call, {}, {}, {}};
  if (question.kind == core::Kind::task) {
    read_into(read, bbs.task_by_guid(question.guid), [&read](const diego::TaskRow& row) { read.task = row; });
  } else {
    read_into(read, bbs.actual_lrps(question.guid),
              [&read](const std::vector<diego::LrpRow>& rows) { read.lrps = rows; });
  }
  return read;
}

}  // namespace bbs_call

template <class Bbs>
BbsCallAnswer make_bbs_call(Bbs& bbs, const BbsCall& call) {
  return std::visit([&bbs](const auto& one) { return bbs_call::make(bbs, one); }, call);
}

}  // namespace edge
