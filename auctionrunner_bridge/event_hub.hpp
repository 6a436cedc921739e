// The readers of GET /v1/events. Whoever tells of changes is never held up by them: each reader is given what it has
// room for, on a thread of the hub's own, so many bytes at a time for all together.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "platform/http_server.hpp"
#include "scheduler/core/changes.hpp"

namespace bridge {

struct EventHubOptions {
  std::string epoch;                          // As EventWindow's.
  std::size_t events_max = 50'000;            // Kept for those who come back.
  std::size_t reader_bytes_max = 256 * 1024;  // Waiting to be read by one.
  std::size_t round_bytes_max = 512 * 1024;   // Given to all in a round: what they may cost who schedules.
  base::Duration round = std::chrono::milliseconds(100);
  base::Duration heartbeat = std::chrono::seconds(15);  // A comment, so that proxies keep quiet connections.
};

class EventHub {
 public:
  explicit EventHub(EventHubOptions options);
  ~EventHub();  // Ends all streams.
  EventHub(const EventHub&) = delete;
  EventHub& operator=(const EventHub&) = delete;

  // From any thread. Quick.
  void publish(core::Changes changes);

  // A stream from now on, from `?recent=N` events ago, or from where the request's Last-Event-ID says. An error
  // names the parameter. From any thread.
  base::Result<platform::ServerResponse> open(const platform::ServerRequest& request);

  std::size_t readers() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bridge
