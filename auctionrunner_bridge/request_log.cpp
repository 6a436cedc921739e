#include "auctionrunner_bridge/request_log.hpp"

#include <fmt/format.h>

#include <map>

#include "platform/clock.hpp"
#include "platform/log.hpp"

namespace bridge {
namespace {

using platform::LogData;
using platform::LogLevel;

void log_request(const platform::ServerRequest& request, std::string_view message) {
  if (!platform::logs_lager()) return;
  platform::log(LogLevel::info, "", message, LogData().add("method", request.method).add("request", request.target));
}

LogData traced(const std::string& trace_id) { return LogData().add_trace(trace_id, platform::random_seed()); }

}  // namespace

RequestLog::RequestLog(const platform::ServerRequest& request, std::string_view kind, const std::string& trace_id)
    : request_(request), kind_(kind), trace_id_(trace_id) {
  log_request(request_, "request.serving");
}

RequestLog::~RequestLog() { log_request(request_, "request.done"); }

std::string RequestLog::name(std::string_view message) const {
  return fmt::format("request.{}-auction-handler.create.{}", kind_, message);
}

void RequestLog::malformed(const std::string& error) const {
  platform::log(LogLevel::error, "", name("malformed-json"), traced(trace_id_).add("error", error));
}

void RequestLog::invalid(const diego::LrpStart& start, const std::string& why) const {
  platform::log(
      LogLevel::error, fmt::format("start-validate-failed error=\"{}\" process_guid={}", why, start.process_guid),
      name("start-validate-failed"), traced(trace_id_).add("error", why).add("process_guid", start.process_guid));
}

void RequestLog::invalid(const diego::TaskStart& start, const std::string& why) const {
  platform::log(LogLevel::error, fmt::format("task-validate-failed error=\"{}\" task_guid={}", why, start.task_guid),
                name("task-validate-failed"), traced(trace_id_).add("error", why).add("task_guid", start.task_guid));
}

void RequestLog::submitted(const std::vector<diego::LrpStart>& starts) const {
  if (!platform::logs_lager()) return;
  std::map<std::string_view, std::string> indices;
  for (const diego::LrpStart& start : starts) {
    std::string& list = indices[start.process_guid];
    for (const std::int32_t index : start.indices) list += (list.empty() ? "" : ",") + std::to_string(index);
  }
  std::string lrps;
  for (const auto& [guid, list] : indices) {
    lrps += lrps.empty() ? "" : ",";
    lrps += fmt::format(R"({{"guid":{},"indices":[{}]}})", platform::json_quoted(guid), list);
  }
  platform::log(LogLevel::info, "", name("submitted"), traced(trace_id_).add_json("lrps", "[" + lrps + "]"));
}

void RequestLog::submitted(const std::vector<diego::TaskStart>& starts) const {
  if (!platform::logs_lager()) return;
  std::string tasks;
  for (const diego::TaskStart& start : starts)
    tasks += (tasks.empty() ? "" : ",") + platform::json_quoted(start.task_guid);
  platform::log(LogLevel::info, "", name("submitted"), traced(trace_id_).add_json("tasks", "[" + tasks + "]"));
}

void RequestLog::refused(const std::string& why) const {
  platform::log(LogLevel::error, fmt::format("auctions refused path={} reason=\"{}\"", request_.path, why),
                name("refused"), traced(trace_id_).add("error", why));
}

}  // namespace bridge
