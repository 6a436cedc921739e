// What a session needs to know of the events on its stream.
#pragma once

#include "base/result.hpp"
#include "mesos/session.hpp"

namespace mesos::v1::scheduler {
class Event;
}
namespace mesos::v1::executor {
class Event;
}

namespace mesos_client {

StreamEvent stream_event(const mesos::v1::scheduler::Event& event);
StreamEvent stream_event(const mesos::v1::executor::Event& event);

// For a record that decode() refused.
StreamEvent unreadable_event(const base::Error& why);

}  // namespace mesos_client
