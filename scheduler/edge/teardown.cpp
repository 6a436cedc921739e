#include "scheduler/edge/teardown.hpp"

#include <filesystem>

#include "mesos/master_detector.hpp"
#include "mesos/v1/master/master.pb.h"
#include "platform/clock.hpp"
#include "platform/mailbox.hpp"
#include "scheduler/edge/operator_api.hpp"
#include "scheduler/edge/state.hpp"

namespace edge {
namespace {

constexpr base::Duration kAnswerLimit = std::chrono::seconds(10);

mesos::v1::master::Call teardown_call(const std::string& framework_id) {
  mesos::v1::master::Call call;
  call.set_type(mesos::v1::master::Call::TEARDOWN);
  call.mutable_teardown()->mutable_framework_id()->set_value(framework_id);
  return call;
}

// The scheduler API of each master there may be; the first that is heard of within a while.
base::Result<std::vector<std::string>> find_masters(const Options& options) {
  constexpr base::Duration kPatience = std::chrono::seconds(15);
  const std::string where = "--master " + options.mesos.master;
  platform::Mailbox<mesos_client::MasterReport> reports;
  mesos_client::DetectorOptions detection;
  detection.tls = !options.mesos.ca_file.empty();
  const auto detector = mesos_client::start_master_detector(
      "--master", options.mesos.address, detection,
      [&reports](mesos_client::MasterReport report) { reports.post(std::move(report)); });
  if (!detector) return detector.error();
  std::string why = "no master found";
  const base::Time deadline = platform::now() + kPatience;
  for (base::Time now = platform::now(); now < deadline; now = platform::now()) {
    for (mesos_client::MasterReport& report : reports.take(deadline - now)) {
      if (auto* found = std::get_if<mesos_client::MasterDetected>(&report)) return std::move(found->urls);
      if (const auto* none = std::get_if<mesos_client::NoMaster>(&report)) why = none->reason;
      if (const auto* note = std::get_if<mesos_client::DetectorNote>(&report)) why = note->text;
    }
  }
  return base::Error{where, why};
}

}  // namespace

base::Result<std::string> teardown(const Options& options) {
  if (std::error_code none; !std::filesystem::exists(options.state_dir, none))
    return base::Error{"--state-dir " + options.state_dir, "is not there"};  // Opening would make it.
  auto state = open_state(options.state_dir);
  if (!state) return state.error();
  const auto found = contents(*state);
  if (!found) return found.error();
  const std::string& id = found->framework_id;
  if (id.empty())
    return base::Error{"--state-dir " + options.state_dir, "holds no framework id: there is nothing to tear down"};
  const auto urls = find_masters(options);
  if (!urls) return urls.error();
  base::Error last{"--master " + options.mesos.master, "no answer"};
  OperatorApi master(options.mesos, {.silence = kAnswerLimit});
  for (const std::string& url : *urls) {
    const auto response = master.post(url, teardown_call(id));
    if (!response) {
      last = response.error();
      continue;
    }
    const bool unknown = response->status == 400 && response->body.find("No framework found") != std::string::npos;
    if (response->status == 200 || unknown) {
      if (auto cleared = clear(*state, *found); !cleared) return cleared.error();
      return "framework " + id + (unknown ? " is unknown to the master: forgotten" : " is torn down");
    }
    last = {url, "answered " + std::to_string(response->status) + " " + response->body};
  }
  return last;
}

}  // namespace edge
