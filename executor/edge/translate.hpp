// Between the core's values and Mesos's messages and ours.
#pragma once

#include <string>
#include <vector>

#include "executor/core/events.hpp"

namespace mesos::v1 {
class TaskInfo;
class TaskStatus;
}  // namespace mesos::v1
namespace mesos::v1::executor {
class Event;
}

namespace executor {

// What the core hears of a Mesos event; empty for what it needs not know (HEARTBEAT, garbage in a
// MESSAGE). `strip_defaults`: the event came as JSON, which shows unset fields with their defaults;
// an ExecutorInfo that repeats them as set can be refused by a master.
std::vector<Event> events_of(const mesos::v1::executor::Event& event, bool strip_defaults);

// The tasks a LAUNCH or LAUNCH_GROUP brings; they go back in SUBSCRIBE until acknowledged.
std::vector<mesos::v1::TaskInfo> tasks_of(const mesos::v1::executor::Event& event);

// The zone of SUBSCRIBED's agent: its attribute `zone`, or its fault domain's; "" if neither.
std::string zone_of(const mesos::v1::executor::Event& subscribed);

mesos::v1::TaskStatus status_of(const Update& update);

// ToScheduler messages, binary. Report and metrics are cut to 64 KiB.
std::string hello_message(const SendHello& hello);
std::string report_message(const CellReport& report);
std::string metrics_message(const SendMetrics& metrics);

}  // namespace executor
