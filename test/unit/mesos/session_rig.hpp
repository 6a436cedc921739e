// A session with a clock and a die of its own; its actions come back as lines, so that tests compare
// transcripts.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "mesos/session.hpp"

namespace mesos_client::test {

using Lines = std::vector<std::string>;

inline std::string line(const SessionAction& action) {
  struct Print {
    std::string operator()(const Connect& a) const { return "connect " + std::to_string(a.generation) + " " + a.url; }
    std::string operator()(const Disconnect& a) const { return "disconnect " + std::to_string(a.generation); }
    std::string operator()(const Subscribed& a) const {
      return "subscribed " + std::to_string(a.generation) + " " + a.url + " [" + a.stream_id + "]";
    }
    std::string operator()(const Lost& a) const { return "lost: " + a.reason; }
    std::string operator()(const GivenUp& a) const {
      return "given up (" + std::to_string(static_cast<int>(a.cause)) + "): " + a.reason;
    }
    std::string operator()(const Warn& a) const { return "warn: " + a.text; }
  };
  return std::visit(Print{}, action);
}

class SessionRig {
 public:
  explicit SessionRig(SessionConfig config) : session(std::move(config)) {}

  Lines start() { return lines(session.start(now)); }
  Lines restart(const std::string& reason) { return lines(session.restart(now, reason)); }
  Lines masters(std::vector<std::string> urls) { return lines(session.masters_changed(std::move(urls), now)); }
  Lines head(int status, std::string stream_id = "", std::string location = "") {
    return lines(
        session.on_head(session.generation(), {status, std::move(stream_id), std::move(location)}, now, random));
  }
  Lines event(StreamEvent event) { return lines(session.on_event(session.generation(), event, now, random)); }
  Lines subscribed_event(double interval = 15) { return event({StreamEvent::Kind::subscribed, interval, ""}); }
  Lines error_event(const std::string& text) { return event({StreamEvent::Kind::error, 0, text}); }
  Lines ended(const std::string& reason) {
    return lines(session.on_stream_ended(session.generation(), reason, now, random));
  }
  // An answer that is not 200, with its body.
  Lines answer(int status, const std::string& body, const std::string& location = "") {
    Lines all = head(status, "", location);
    for (auto& more : ended(body)) all.push_back(more);
    return all;
  }
  Lines call_refused(int status, const std::string& text) {
    return lines(session.on_call_refused(session.generation(), status, text, now, random));
  }
  // Lets time pass up to the next deadline.
  Lines tick() {
    const auto due = session.next_deadline();
    if (!due) return {"nothing is due"};
    if (*due > now) now = *due;
    return lines(session.on_tick(now, random));
  }
  base::Duration until_due() const { return *session.next_deadline() - now; }

  Session session;
  base::Time now{std::chrono::hours(1)};
  base::Random random{7};

 private:
  static Lines lines(const SessionActions& actions) {
    Lines all;
    for (const auto& action : actions) all.push_back(line(action));
    return all;
  }
};

}  // namespace mesos_client::test
