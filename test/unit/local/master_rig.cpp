#include "master_rig.hpp"

#include <catch2/catch.hpp>

#include <regex>

#include "local/model/resources.hpp"
#include "local/model/scheduler_api.hpp"
#include "mesos/codec.hpp"
#include "mesos/record_decoder.hpp"
#include "mesos/v1/mesos.pb.h"
#include "mesos/v1/scheduler/scheduler.pb.h"

namespace local_test {

using mesos::v1::scheduler::Event;

namespace {

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; !from.empty() && (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

std::string status_text(const mesos::v1::TaskStatus& status) {
  std::string text = status.task_id().value() + " " + mesos::v1::TaskState_Name(status.state());
  if (status.source() != mesos::v1::TaskStatus::SOURCE_MASTER)
    text += " from " + mesos::v1::TaskStatus::Source_Name(status.source()).substr(7);
  if (status.has_reason()) text += " " + mesos::v1::TaskStatus::Reason_Name(status.reason()).substr(7);
  if (status.has_message()) text += " '" + status.message() + "'";
  if (status.has_agent_id()) text += " @" + status.agent_id().value();
  if (status.has_executor_id()) text += " executor " + status.executor_id().value();
  if (status.has_unreachable_time()) text += " since";
  if (status.has_uuid()) text += " uuid";
  return text;
}

std::string event_text(const Event& event) {
  switch (event.type()) {
    case Event::SUBSCRIBED:
      return "SUBSCRIBED " + event.subscribed().framework_id().value();
    case Event::OFFERS: {
      std::string text = "OFFERS";
      for (const auto& offer : event.offers().offers()) {
        text += " " + offer.id().value() + "@" + offer.agent_id().value() + " " +
                local::Resources::of(offer.resources()).text("");
        for (const auto& executor : offer.executor_ids()) text += " +" + executor.value();
      }
      return text;
    }
    case Event::RESCIND:
      return "RESCIND " + event.rescind().offer_id().value();
    case Event::UPDATE:
      return "UPDATE " + status_text(event.update().status());
    case Event::MESSAGE:
      return "MESSAGE " + event.message().executor_id().value() + " " + event.message().data();
    case Event::FAILURE:
      return "FAILURE " + event.failure().agent_id().value() +
             (event.failure().has_executor_id()
                  ? " " + event.failure().executor_id().value() + " " + std::to_string(event.failure().status())
                  : "");
    case Event::ERROR:
      return "ERROR " + event.error().message();
    case Event::UPDATE_OPERATION_STATUS:
      return "OPERATION " + event.update_operation_status().status().operation_id().value() + " " +
             mesos::v1::OperationState_Name(event.update_operation_status().status().state());
    default:
      return Event::Type_Name(event.type());
  }
}

struct MessageText {
  std::string operator()(const local::MasterAppeared&) const { return "MasterAppeared"; }
  std::string operator()(const local::RegisteredAck& ack) const {
    std::string text = ack.reregistered ? "Reregistered" : "Registered";
    for (const auto& task : ack.expected) text += " expected " + task.task_id;
    return text;
  }
  std::string operator()(const local::RunTask& run) const {
    std::string text = run.group ? "RunGroup" : "RunTask";
    for (const auto& task : run.tasks) text += " " + task->task_id().value();
    if (run.executor) text += (run.launch_executor ? " on new " : " on ") + run.executor->executor_id().value();
    return text;
  }
  std::string operator()(const local::KillTask& kill) const {
    return "KillTask " + kill.task_id + (kill.kill_policy ? " with policy" : "");
  }
  std::string operator()(const local::ShutdownExecutor& shutdown) const {
    return "ShutdownExecutor " + shutdown.executor_id;
  }
  std::string operator()(const local::AckStatus& ack) const { return "AckStatus " + ack.task_id; }
  std::string operator()(const local::ShutdownFramework& shutdown) const {
    return "ShutdownFramework " + shutdown.framework_id;
  }
  std::string operator()(const local::FrameworkMessage& message) const {
    return "FrameworkMessage " + message.executor_id + " " + message.data;
  }
  std::string operator()(const local::UpdateFramework& update) const {
    return "UpdateFramework " + update.framework->name();
  }
  std::string operator()(const local::ShutdownAgent&) const { return "ShutdownAgent"; }
};

}  // namespace

MasterRig::MasterRig(local::MasterConfig config, std::uint64_t seed)
    : master_(std::make_unique<local::Master>(std::move(config), base::Random(seed), now_)) {}

std::string MasterRig::full(const std::string& text) const {
  std::string out = replaced(text, "\"F\"", "\"" + framework_id_ + "\"");
  return std::regex_replace(out, std::regex("\"([SO][0-9]+)\""), "\"" + master_->id() + "-$1\"");
}

std::string MasterRig::brief(std::string text) const { return replaced(std::move(text), master_->id() + "-", ""); }

local::HttpAnswer MasterRig::post(const std::string& path, const std::string& json,
                                  std::vector<std::pair<std::string, std::string>> headers) {
  local::HttpRequest request{
      .method = "POST", .path = path, .query = "", .headers = std::move(headers), .body = full(json)};
  const local::StreamId stream = next_stream_++;
  local::Master::HttpResult result = master_->http(request, stream, now_);
  note(result.actions);
  if (result.answer.stream) {
    for (const auto& [name, value] : result.answer.headers) {
      if (name == "Mesos-Stream-Id") stream_uuid_ = value;
    }
    stream_ = stream;
  }
  return result.answer;
}

local::HttpAnswer MasterRig::call(const std::string& json) {
  return post("/api/v1/scheduler", json, {{"Content-Type", "application/json"}, {"Mesos-Stream-Id", stream_uuid_}});
}

local::HttpAnswer MasterRig::subscribe(const std::string& extra, const std::string& beside) {
  std::string info =
      R"("user":"u","name":"n","roles":["r"],"checkpoint":true,"failover_timeout":10,)"
      R"("capabilities":[{"type":"MULTI_ROLE"},{"type":"PARTITION_AWARE"},{"type":"RESERVATION_REFINEMENT"}])";
  if (extra.find("\"roles\"") != std::string::npos) info = replaced(info, R"("roles":["r"],)", "");
  if (!extra.empty()) info += "," + extra;
  return post("/api/v1/scheduler",
              R"({"type":"SUBSCRIBE")" + beside + R"(,"subscribe":{"framework_info":{)" + info + "}}}");
}

local::HttpAnswer MasterRig::launch(const std::string& offer, const std::string& task, const std::string& more,
                                    double refuse_seconds) {
  return call(R"({"type":"ACCEPT","framework_id":{"value":"F"},"accept":{"offer_ids":[{"value":")" + offer +
              R"("}],"operations":[{"type":"LAUNCH","launch":{"task_infos":[{"name":"t","task_id":{"value":")" + task +
              R"("},"agent_id":{"value":"S0"},"resources":[{"name":"cpus","type":"SCALAR","scalar":{"value":1}},)"
              R"({"name":"mem","type":"SCALAR","scalar":{"value":64}}],)" +
              more + R"(}]}}],"filters":{"refuse_seconds":)" + std::to_string(refuse_seconds) + "}}}");
}

void MasterRig::close_stream() { note(master_->stream_closed(stream_, now_)); }

void MasterRig::add_agent(const std::string& resources, local::AgentLink link, const std::string& attribute) {
  auto info = std::make_shared<mesos::v1::AgentInfo>();
  info->set_hostname("host");
  const auto parsed = local::parse_resources("test", resources);
  REQUIRE(parsed);
  for (const auto& resource : *parsed) *info->add_resources() = resource;
  if (const auto colon = attribute.find(':'); colon != std::string::npos) {
    auto& added = *info->add_attributes();
    added.set_name(attribute.substr(0, colon));
    added.set_type(mesos::v1::Value::TEXT);
    added.mutable_text()->set_value(attribute.substr(colon + 1));
  }
  if (link == 0) link = next_link_;
  next_link_ = link + 1;
  agent_says(link, local::RegisterAgent{
                       .info = info, .pid = "slave(1)@10.0.0.1:5051", .tasks = {}, .executors = {}, .frameworks = {}});
}

void MasterRig::agent_says(local::AgentLink link, local::FromAgent message) {
  note(master_->agent_says(link, message, now_));
}
void MasterRig::lose_agent(local::AgentLink link) { note(master_->agent_lost(link, now_)); }

void MasterRig::status(const std::string& task, int state, const std::string& uuid, const std::string& latest,
                       local::AgentLink link) {
  auto status = std::make_shared<mesos::v1::TaskStatus>();
  status->mutable_task_id()->set_value(task);
  status->set_state(static_cast<mesos::v1::TaskState>(state));
  status->set_source(mesos::v1::TaskStatus::SOURCE_EXECUTOR);
  status->set_uuid(uuid);
  mesos::v1::TaskState newest = status->state();
  if (!latest.empty()) REQUIRE(mesos::v1::TaskState_Parse(latest, &newest));
  agent_says(link, local::ForwardStatus{framework_id_, status, newest});
}

void MasterRig::pass(base::Duration time) {
  const base::Time end = now_ + time;
  while (master_->next_deadline() <= end) {
    now_ = std::max(now_, master_->next_deadline());
    note(master_->tick(now_));
  }
  now_ = end;
}

void MasterRig::note_record(local::StreamId stream, const std::string& bytes) {
  mesos_client::RecordDecoder decoder(1U << 20U);
  const auto records = decoder.feed(bytes);
  REQUIRE(records);
  REQUIRE(records->size() == 1);
  Event event;
  REQUIRE(mesos_client::decode(mesos_client::Codec::json, records->front(), event));
  if (event.type() == Event::SUBSCRIBED) framework_id_ = event.subscribed().framework_id().value();
  std::string text = event_text(event);
  if (event.type() == Event::ERROR || event.type() == Event::SUBSCRIBED) text += " on " + std::to_string(stream);
  lines_.push_back(brief(text));
}

void MasterRig::note(const local::MasterActions& actions) {
  for (const local::MasterAction& action : actions) {
    if (const auto* record = std::get_if<local::SendRecord>(&action)) {
      note_record(record->stream, record->bytes);
    } else if (const auto* close = std::get_if<local::CloseStream>(&action)) {
      lines_.push_back("CLOSE " + std::to_string(close->stream));
    } else if (const auto* tell = std::get_if<local::TellAgent>(&action)) {
      lines_.push_back(std::to_string(tell->link) + "<- " + brief(std::visit(MessageText{}, tell->message)));
    }
  }
}

Lines MasterRig::take() { return std::exchange(lines_, {}); }

Lines MasterRig::take_of(const std::string& prefix) {
  Lines some;
  for (const std::string& line : take()) {
    if (line.rfind(prefix, 0) == 0) some.push_back(line);
  }
  return some;
}

}  // namespace local_test
