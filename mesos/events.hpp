// What a session needs to know of the events on its stream.
#pragma once

#include <string_view>

#include "base/result.hpp"
#include "mesos/codec.hpp"
#include "mesos/session.hpp"

namespace mesos::v1::scheduler {
class Event;
}
namespace mesos::v1::executor {
class Event;
}

namespace mesos_client {

// As decode(), into a message that each thread keeps for its next call: the event is valid until then.
// Most of what reading an event costs is memory for its parts, which is thus used again.
base::Result<const mesos::v1::scheduler::Event*> read_scheduler_event(Codec codec, std::string_view record);

StreamEvent stream_event(const mesos::v1::scheduler::Event& event);
StreamEvent stream_event(const mesos::v1::executor::Event& event);

// For a record that decode() refused.
StreamEvent unreadable_event(const base::Error& why);

}  // namespace mesos_client
