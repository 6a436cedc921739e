// A stream of server-sent events (HTML's "text/event-stream"), in pieces as they come.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ctl {

struct ServerEvent {
  std::string kind;  // "message" where the stream names none.
  std::string data;
  bool operator==(const ServerEvent&) const = default;
};

class EventReader {
 public:
  // The events that are complete with these bytes. A line or an event longer than 1 MiB is dropped.
  std::vector<ServerEvent> feed(std::string_view bytes);

  // The last id that came, of an event or alone; what a reader that comes back is to send. It may be set before.
  const std::string& last_id() const { return last_id_; }
  void set_last_id(std::string id) { last_id_ = std::move(id); }

  // A new connection: what was half read is forgotten.
  void begin();

 private:
  void take_line(std::string_view line, std::vector<ServerEvent>& events);

  std::string line_, last_id_;
  ServerEvent event_;
  bool has_data_ = false, too_long_ = false, after_return_ = false;
};

}  // namespace ctl
