#include "mesos/events.hpp"

#include "mesos/v1/executor/executor.pb.h"
#include "mesos/v1/scheduler/scheduler.pb.h"

namespace mesos_client {

StreamEvent stream_event(const mesos::v1::scheduler::Event& event) {
  using Event = mesos::v1::scheduler::Event;
  switch (event.type()) {
    case Event::SUBSCRIBED:
      return {StreamEvent::Kind::subscribed, event.subscribed().heartbeat_interval_seconds(), ""};
    case Event::HEARTBEAT:
      return {StreamEvent::Kind::heartbeat, 0, ""};
    case Event::ERROR:
      return {StreamEvent::Kind::error, 0, event.error().message()};
    default:
      return {};
  }
}

StreamEvent stream_event(const mesos::v1::executor::Event& event) {
  using Event = mesos::v1::executor::Event;
  switch (event.type()) {
    case Event::SUBSCRIBED:
      // Without its body the event is that of some other API.
      if (!event.subscribed().has_executor_info()) {
        return {StreamEvent::Kind::unreadable, 0, "SUBSCRIBED has no executor_info"};
      }
      return {StreamEvent::Kind::subscribed, 0, ""};
    case Event::HEARTBEAT:
      return {StreamEvent::Kind::heartbeat, 0, ""};
    case Event::ERROR:
      return {StreamEvent::Kind::error, 0, event.error().message()};
    case Event::SHUTDOWN:
      return {StreamEvent::Kind::shutdown, 0, ""};
    default:
      return {};
  }
}

StreamEvent unreadable_event(const base::Error& why) { return {StreamEvent::Kind::unreadable, 0, why.message()}; }

}  // namespace mesos_client
