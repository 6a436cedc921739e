// Virtual HTTP/1.1 connections with latency, order, and the ways in which they break. A connection
// lives as long as one of its two ends holds it; callbacks of an end that has left are not called.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "mesos/session.hpp"
#include "test/simulation/sim.hpp"

namespace simulation {

struct Latency {
  Duration min = std::chrono::microseconds(100);
  Duration max = std::chrono::milliseconds(2);
};

// The answer to one request, that may go on for ever: from server to client.
class Stream : public std::enable_shared_from_this<Stream> {
 public:
  // What the client hears.
  struct Client {
    std::function<void(const mesos_client::StreamHead&)> on_head;
    std::function<void(std::string_view)> on_bytes;  // In any split.
    std::function<void(const std::string&)> on_end;  // Once, the last.
  };
  Stream(Sim& sim, Latency latency, Client client) : sim_(sim), latency_(latency), client_(std::move(client)) {}

  // The server's end. `on_closed`: the client is gone, or seems so.
  std::function<void()> on_closed;
  void head(mesos_client::StreamHead head);
  void push(std::string bytes);
  void finish();  // After what was pushed.
  void abort();   // The server's process dies: what is on its way may or may not arrive.

  // The client leaves; it hears nothing more.
  void hang_up();

  // Faults. cut: broken at some byte, both ends notice. mute: half-open, neither notices.
  void cut();
  void mute() { muted_ = true; }

  bool open() const { return open_ && !finished_ && !muted_; }

 private:
  void schedule();
  void deliver();
  void end(const std::string& reason);
  void tell_server();

  Sim& sim_;
  const Latency latency_;
  Client client_;
  bool open_ = true;  // The client is there.
  bool finished_ = false, muted_ = false, scheduled_ = false, told_server_ = false;
  std::deque<std::function<void()>> first_;  // The head, before bytes.
  std::string bytes_;                        // On their way.
  std::string end_reason_;
  Time last_;
};

// Calls one behind the other, answered in order.
class Calls : public std::enable_shared_from_this<Calls> {
 public:
  struct Answer {
    int status = 0;  // 0: none.
    std::string text;
  };
  // The server: carries one request out.
  using Serve = std::function<Answer(const std::string& body)>;
  // What the client hears of each call, in order.
  using Report = std::function<void(std::uint64_t tag, const Answer& answer)>;
  Calls(Sim& sim, Latency latency, Serve serve, Report report)
      : sim_(sim), latency_(latency), serve_(std::move(serve)), report_(std::move(report)) {}

  void send(std::uint64_t tag, std::string body);
  std::size_t unanswered() const { return unanswered_.size(); }

  // The client leaves. What it wrote arrives still, all or (where `may_lose`) the first part of it.
  void hang_up(bool may_lose);

  // Fault: breaks; of what is on its way some may arrive, `late`. The client hears of no answers.
  void cut(Duration late);
  // The server's process dies.
  void abort();

  bool open() const { return open_; }

 private:
  struct Sent {
    std::uint64_t tag;
    bool arrived = false;
  };
  void arrive(std::uint64_t tag, const std::string& body);
  void lose_some(Duration late);
  void fail_all(const std::string& why);

  Sim& sim_;
  const Latency latency_;
  Serve serve_;
  Report report_;
  bool open_ = true, server_there_ = true;
  std::string broken_;
  std::deque<Sent> unanswered_;
  std::uint64_t lost_from_ = ~std::uint64_t{0};  // Tags from here never arrive.
  Duration late_{};
  Time last_request_, last_answer_;
};

}  // namespace simulation
