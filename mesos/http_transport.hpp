// The two connections of a subscription. Mesos executes requests of one connection in order and the
// answer to SUBSCRIBE never ends, so calls need a connection of their own (a TEARDOWN on the stream's
// connection aborts the master). Each has its own thread; nothing is retried here.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <variant>

#include "base/result.hpp"
#include "base/time.hpp"
#include "mesos/codec.hpp"
#include "mesos/session.hpp"

namespace mesos_client {

// How to authenticate; at most one of the two. Mesos wants it with every request.
struct Credentials {
  std::string principal, secret;  // Basic; a secret with ':' can never authenticate.
  std::string bearer_token;       // Executors: MESOS_EXECUTOR_AUTHENTICATION_TOKEN.
};

struct TransportOptions {
  Codec codec = Codec::json;
  Credentials credentials;
  std::string ca_file, cert_file, key_file;  // For https URLs.
  std::string unix_socket;                   // Executors: MESOS_DOMAIN_SOCKET.
  base::Duration connect_timeout = std::chrono::seconds(5);
  // Silence that ends the stream; the session's watchdog comes first. Executors: hours.
  base::Duration stream_read_timeout = std::chrono::hours(1);
  base::Duration call_timeout = std::chrono::seconds(75);
  std::size_t record_bytes_max = std::size_t{256} << 20U;
  std::size_t calls_queued_max = 100'000;
};

// What a stream reports, in order: Head, Records, one Ended.
struct StreamReport {
  struct Record {
    std::string bytes;
  };
  struct Ended {
    std::string reason;  // The body, for an answer other than 200.
  };
  std::uint64_t generation = 0;
  std::variant<StreamHead, Record, Ended> what;
};

class StreamConnection {
 public:
  // `report` is called on the stream's thread and should only post. It must outlive the connection.
  using Report = std::function<void(StreamReport)>;

  // POSTs `subscribe` (encoded with the codec) to `url` at once.
  StreamConnection(TransportOptions options, std::string url, std::string subscribe, std::uint64_t generation,
                   Report report);
  ~StreamConnection();  // stop(), then waits for the thread. Not from within `report`.
  StreamConnection(const StreamConnection&) = delete;
  StreamConnection& operator=(const StreamConnection&) = delete;

  // From any thread. The stream ends with "stopped".
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The answer to one call, or why there is none.
struct CallResult {
  std::uint64_t generation = 0;
  std::uint64_t tag = 0;
  int status = 0;                // 0: no answer.
  std::string body;              // Of the answer.
  std::string failure;           // Why there is no answer.
  bool surely_not_sent = false;  // Without an answer: true if the peer cannot have seen the call.
};

// Sends calls one after the other over one kept-alive connection, so that they arrive in order.
class CallConnection {
 public:
  using Report = std::function<void(CallResult)>;  // As for StreamConnection.

  // `stream_id` goes into Mesos-Stream-Id; empty at an agent.
  CallConnection(TransportOptions options, std::string url, std::string stream_id, std::uint64_t generation,
                 Report report);
  ~CallConnection();
  CallConnection(const CallConnection&) = delete;
  CallConnection& operator=(const CallConnection&) = delete;

  // Queues an encoded call; false (and no report) if the queue is full or the connection stopped.
  // After a call without an answer the ones queued behind it are not sent (they would overtake
  // what the caller does about it): they are reported as surely not sent, and so is every later one.
  bool send(std::uint64_t tag, std::string call);

  // From any thread. Calls without an answer are reported as failures first.
  void stop();

  std::size_t queued() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mesos_client
