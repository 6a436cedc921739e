// The two connections of a subscription. Mesos executes requests of one connection in order and the
// answer to SUBSCRIBE never ends, so calls need a connection of their own (a TEARDOWN on the stream's
// connection aborts the master). Each has its own thread; nothing is retried here. The stream goes
// through cpp-httplib (platform/http_client.hpp); calls have a writer of their own
// (mesos/call_writer.hpp), for one that waits for each answer before the next call costs ten times
// the processor time per call (test/bench/wire), and 250,000 instances take 500,000 acknowledgements.
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

// The value of the Authorization header; empty: none.
std::string authorization(const Credentials& credentials);

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

  // Calls: how many may be without an answer, one sent behind the other, and how many bytes of them
  // (one call may be longer). What became of these is unknown when the connection breaks.
  std::size_t calls_unanswered_max = 512;
  std::size_t unanswered_bytes_max = std::size_t{1} << 20U;
  // Calls: one report for 2xx answers without a body that follow each other and came together.
  bool merge_accepted = false;
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
  std::size_t calls = 1;         // With merge_accepted: so many were answered alike, up to that tag.
  int status = 0;                // 0: no answer.
  std::string body;              // Of the answer.
  std::string failure;           // Why there is no answer.
  bool surely_not_sent = false;  // Without an answer: true if the peer cannot have seen the call.
};

// Sends calls one after the other over one kept-alive connection, so that they arrive, are executed
// (Mesos: libprocess orders the requests of a connection) and are answered in order. Calls do not wait
// for the answers to those before them, once a first answer on the connection has shown that the peer
// keeps it open. Those that come while answers are awaited go out together with the next answer, or
// within kCoalesce. An idle connection that the peer closes is opened anew for the next call; one
// closed with calls on their way is a failure of all of these.
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
  // Those that were sent behind it without waiting get the same failure; their fate is unknown.
  bool send(std::uint64_t tag, std::string call);

  // From any thread. Calls without an answer are reported as failures first.
  void stop();

  std::size_t queued() const;

  static constexpr base::Duration kCoalesce = std::chrono::microseconds(100);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mesos_client
