#include "mesos/events.hpp"

#include <memory>

#include "mesos/v1/executor/executor.pb.h"
#include "mesos/v1/scheduler/scheduler.pb.h"

namespace mesos_client {
namespace {

// The memory of larger events is given back: offers of all agents after a failover come once.
constexpr std::size_t kKeptRecordBytesMax = std::size_t{64} << 10U;

}  // namespace

base::Result<const mesos::v1::scheduler::Event*> read_scheduler_event(Codec codec, std::string_view record) {
  struct Kept {
    std::unique_ptr<mesos::v1::scheduler::Event> event;
    bool large = false;
  };
  thread_local Kept kept;
  if (!kept.event || kept.large) kept.event = std::make_unique<mesos::v1::scheduler::Event>();
  kept.large = record.size() > kKeptRecordBytesMax;
  if (const auto decoded = decode(codec, record, *kept.event); !decoded) return decoded.error();
  return kept.event.get();
}

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
