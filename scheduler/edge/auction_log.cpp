#include "scheduler/edge/auction_log.hpp"

#include "diego/failures.hpp"
#include "platform/clock.hpp"
#include "scheduler/core/ids.hpp"

namespace edge {
namespace {

using platform::LogData;
using platform::LogLevel;

const char* word_of(core::Kind kind) { return kind == core::Kind::lrp ? "lrp" : "task"; }

// The instance as Diego names it, "<process_guid>.<index>" or the Task's guid.
LogData data_of(const core::Key& key) {
  return LogData().add(std::string(word_of(key.kind)) + "-guid", core::to_string(key));
}

}  // namespace

void AuctionLog::say(LogLevel level, const std::string& message, const LogData& data) const {
  say_(level, "auction." + message, data);
}

void AuctionLog::heard(const core::AuctionsSubmitted& event) {
  for (const core::Auction& auction : event.auctions) heard_.count(auction.key.kind);
}

void AuctionLog::say_heard() {
  if (heard_.none()) return;
  say(LogLevel::info, "fetching-auctions");
  say(LogLevel::info, "fetched-auctions",
      LogData().add("lrp-start-auctions", heard_.lrps).add("task-auctions", heard_.tasks));
  heard_ = {};
}

void AuctionLog::schedule() {
  say_heard();
  if (!std::exchange(scheduling_, true)) say(LogLevel::info, "scheduling");
}

void AuctionLog::placed(const core::Accept& accept, const std::string& cell_id) {
  for (const core::Launch& launch : accept.launches) {
    if (launch.task_id.starts_with(core::kBootTaskPrefix)) continue;
    schedule();
    placed_.count(launch.key.kind);
    say(LogLevel::info, std::string(word_of(launch.key.kind)) + "-added-to-cell",
        data_of(launch.key).add("cell-guid", cell_id).add_trace(launch.trace_id, platform::random_seed()));
  }
}

void AuctionLog::refused(const core::Refusal& refusal) {
  schedule();
  refused_.count(refusal.key.kind);
  LogData data = data_of(refusal.key).add_trace(refusal.trace_id, platform::random_seed());
  if (refusal.reason == diego::kExceededInflightCreation)
    return say(LogLevel::info, "exceeded-max-inflight-container-creation", data.add("max-inflight", starting_max_));
  say(LogLevel::error, std::string(word_of(refusal.key.kind)) + "-auction-failed", data.add("error", refusal.reason));
}

void AuctionLog::end_of_round() {
  say_heard();
  if (!std::exchange(scheduling_, false)) return;
  say(LogLevel::info, "scheduled",
      LogData()
          .add("successful-lrp-start-auctions", placed_.lrps)
          .add("successful-task-auctions", placed_.tasks)
          .add("failed-lrp-start-auctions", refused_.lrps)
          .add("failed-task-auctions", refused_.tasks));
  placed_ = refused_ = {};
}

}  // namespace edge
