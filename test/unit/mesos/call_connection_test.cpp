// Calls sent one behind the other over real sockets, to a peer that plays by a script.
#include <catch2/catch.hpp>

#include <cstdlib>
#include <filesystem>
#include <future>

#include "mesos/http_transport.hpp"
#include "platform/child_process.hpp"
#include "platform/http_server.hpp"
#include "platform/mailbox.hpp"
#include "raw_peer.hpp"

using namespace mesos_client;
using namespace std::chrono_literals;

namespace {

// Reports as lines: "7 202 ", "7 unknown: ...", "7 not sent: ...", with " x3" if three were merged.
class Results {
 public:
  CallConnection::Report report() {
    return [this](CallResult result) {
      lines_.post(std::to_string(result.tag) + " " +
                  (result.status != 0 ? std::to_string(result.status) + " " + result.body
                                      : (result.surely_not_sent ? "not sent: " : "unknown: ") + result.failure) +
                  (result.calls == 1 ? "" : "x" + std::to_string(result.calls)));
    };
  }
  std::string next() {
    if (taken_.empty()) taken_ = lines_.take(10s);
    if (taken_.empty()) return "nothing within 10 s";
    auto line = std::move(taken_.front());
    taken_.pop_front();
    return line;
  }

 private:
  platform::Mailbox<std::string> lines_;
  std::deque<std::string> taken_;
};

std::string numbered(std::uint64_t tag) { return "call " + std::to_string(tag); }

// A first call shows that the peer keeps the connection; then `count` more are sent at once.
void send_all(CallConnection& calls, Results& results, std::uint64_t count) {
  REQUIRE(calls.send(0, numbered(0)));
  REQUIRE(results.next() == "0 202 ");
  for (std::uint64_t tag = 1; tag <= count; ++tag) REQUIRE(calls.send(tag, numbered(tag)));
}

// Answers the first call and reads the next `count`; true if they came in order.
void take(RawPeer& peer, std::uint64_t count) {
  peer.accept();
  if (peer.request() != numbered(0)) throw std::runtime_error("not the first call");
  peer.accepted();
  for (std::uint64_t tag = 1; tag <= count; ++tag) {
    if (peer.request() != numbered(tag)) throw std::runtime_error("out of order: " + numbered(tag));
  }
}

}  // namespace

TEST_CASE("calls do not wait for the answers before them, and keep their order", "[calls]") {
  constexpr std::uint64_t kCount = 300;  // All are read before one is answered.
  RawPeer peer([](RawPeer& self) {
    take(self, kCount);
    std::string answers;
    for (std::uint64_t tag = 1; tag <= kCount; ++tag) {
      const std::string body = "to " + std::to_string(tag);
      answers += "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    }
    self.say(answers);
    self.await_close();
  });
  Results results;
  {
    CallConnection calls({}, peer.url(), "s1", 1, results.report());
    send_all(calls, results, kCount);
    for (std::uint64_t tag = 1; tag <= kCount; ++tag)
      REQUIRE(results.next() == std::to_string(tag) + " 200 to " + std::to_string(tag));
    CHECK(calls.queued() == 0);
  }
  CHECK(peer.result() == "done");
}

TEST_CASE("no more than the window is without an answer", "[calls]") {
  RawPeer peer([](RawPeer& self) {
    self.accept();
    std::uint64_t next = 0;
    const auto read_one = [&] {
      if (self.request() != numbered(next++)) throw std::runtime_error("out of order");
    };
    read_one();  // One alone, until the peer has shown that it keeps the connection.
    if (!self.nothing_more()) throw std::runtime_error("more than one before the first answer");
    self.accepted();
    for (int i = 0; i < 3; ++i) read_one();
    for (int i = 0; i < 6; ++i) {
      if (!self.nothing_more()) throw std::runtime_error("more than the window");
      self.accepted();
      read_one();
    }
    for (int i = 0; i < 3; ++i) self.accepted();
    self.await_close();
  });
  Results results;
  TransportOptions options;
  const bool by_bytes = GENERATE(false, true);
  if (by_bytes) {
    const std::size_t one = 180 + numbered(0).size();  // Three of them, with their heads, and not four.
    options.unanswered_bytes_max = 2 * one + one / 2;
  } else {
    options.calls_unanswered_max = 3;
  }
  {
    CallConnection calls(options, peer.url(), "s1", 1, results.report());
    for (std::uint64_t tag = 0; tag < 10; ++tag) REQUIRE(calls.send(tag, numbered(tag)));
    for (std::uint64_t tag = 0; tag < 10; ++tag) REQUIRE(results.next() == std::to_string(tag) + " 202 ");
  }
  CHECK(peer.result() == "done");
}

TEST_CASE("a call refused in the middle concerns only itself", "[calls]") {
  RawPeer peer([](RawPeer& self) {
    take(self, 3);
    self.accepted();
    self.say("HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nForbidden\r\n0\r\n\r\n");
    self.accepted();
    self.await_close();
  });
  Results results;
  {
    CallConnection calls({}, peer.url(), "s1", 1, results.report());
    send_all(calls, results, 3);
    CHECK(results.next() == "1 202 ");
    CHECK(results.next() == "2 403 Forbidden");
    CHECK(results.next() == "3 202 ");
  }
  CHECK(peer.result() == "done");
}

TEST_CASE("a connection cut with calls on their way leaves their fate unknown and sends no other", "[calls]") {
  const std::string last_words =
      GENERATE(std::string(), std::string("HTTP/1.1 202 Acc"), std::string("garbage\r\n\r\n"));
  RawPeer peer([&](RawPeer& self) {
    take(self, 4);
    self.accepted();
    self.accepted();
    self.say(last_words);
    self.hang_up();
  });
  Results results;
  TransportOptions options;
  options.calls_unanswered_max = 4;
  CallConnection calls(options, peer.url(), "s1", 1, results.report());
  REQUIRE(calls.send(0, numbered(0)));
  REQUIRE(results.next() == "0 202 ");
  for (std::uint64_t tag = 1; tag <= 4; ++tag) REQUIRE(calls.send(tag, numbered(tag)));
  CHECK(results.next() == "1 202 ");
  CHECK(results.next() == "2 202 ");
  const std::string why =
      last_words.starts_with("garbage") ? "the answer is not HTTP" : "connection closed before the answer was complete";
  CHECK(results.next() == "3 unknown: " + why);
  CHECK(results.next() == "4 unknown: " + why);
  REQUIRE(calls.send(5, numbered(5)));
  CHECK(results.next() == "5 not sent: not sent: an earlier call got no answer (" + why + ")");
  CHECK(calls.queued() == 0);
  CHECK(peer.result() == "done");
  CHECK(peer.connections == 1);
}

TEST_CASE("calls that wait behind a cut connection's window were surely not sent", "[calls]") {
  RawPeer peer([](RawPeer& self) {
    take(self, 2);
    self.hang_up();
  });
  Results results;
  TransportOptions options;
  options.calls_unanswered_max = 2;
  CallConnection calls(options, peer.url(), "s1", 1, results.report());
  send_all(calls, results, 5);
  for (const char* tag : {"1", "2"})
    CHECK(results.next() == tag + std::string(" unknown: connection closed before the answer was complete"));
  for (const char* tag : {"3", "4", "5"}) CHECK_THAT(results.next(), Catch::StartsWith(tag + std::string(" not sent")));
}

TEST_CASE("a peer that closes behind each answer gets one connection per call", "[calls]") {
  const std::string answer =
      GENERATE(std::string("HTTP/1.1 202 Accepted\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"),
               std::string("HTTP/1.0 202 Accepted\r\nContent-Length: 0\r\n\r\n"));
  RawPeer peer([&](RawPeer& self) {
    for (std::uint64_t tag = 0; tag < 5; ++tag) {
      self.accept();
      if (self.request() != numbered(tag) || !self.nothing_more()) throw std::runtime_error("wrong call");
      self.say(answer);
      self.hang_up();
    }
  });
  Results results;
  CallConnection calls({}, peer.url(), "s1", 1, results.report());
  for (std::uint64_t tag = 0; tag < 5; ++tag) REQUIRE(calls.send(tag, numbered(tag)));
  for (std::uint64_t tag = 0; tag < 5; ++tag) CHECK(results.next() == std::to_string(tag) + " 202 ");
  CHECK(peer.result() == "done");
}

TEST_CASE("a peer that closes behind one of several calls fails those behind it", "[calls]") {
  RawPeer peer([](RawPeer& self) {
    take(self, 3);
    self.say("HTTP/1.1 202 Accepted\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    self.await_close();
  });
  Results results;
  CallConnection calls({}, peer.url(), "s1", 1, results.report());
  send_all(calls, results, 3);
  CHECK(results.next() == "1 202 ");
  for (const char* tag : {"2", "3"})
    CHECK(results.next() == tag + std::string(" unknown: the peer closed the connection behind an earlier answer"));
  CHECK(peer.result() == "done");
}

TEST_CASE("an idle connection that the peer closes is opened anew for the next call", "[calls]") {
  const std::string goodbye = GENERATE(std::string(), std::string("HTTP/1.1 408 Request Timeout\r\n\r\n"));
  std::promise<void> closed;
  RawPeer peer([&](RawPeer& self) {
    take(self, 0);
    self.say(goodbye);
    self.hang_up();
    closed.set_value();
    self.accept();
    if (self.request() != numbered(1)) throw std::runtime_error("wrong call");
    self.accepted();
    self.await_close();
  });
  Results results;
  {
    CallConnection calls({}, peer.url(), "s1", 1, results.report());
    send_all(calls, results, 0);
    closed.get_future().wait();
    REQUIRE(calls.send(1, numbered(1)));
    CHECK(results.next() == "1 202 ");
  }
  CHECK(peer.result() == "done");
}

TEST_CASE("stop() with calls on their way reports every call once", "[calls]") {
  std::promise<void> all_there;
  RawPeer peer([&](RawPeer& self) {
    take(self, 2);
    all_there.set_value();
    self.await_close();
  });
  Results results;
  TransportOptions options;
  options.calls_unanswered_max = 2;
  CallConnection calls(options, peer.url(), "s1", 1, results.report());
  send_all(calls, results, 3);
  all_there.get_future().wait();
  calls.stop();
  CHECK(results.next() == "1 unknown: stopped");
  CHECK(results.next() == "2 unknown: stopped");
  CHECK(results.next() == "3 not sent: stopped");
  CHECK_FALSE(calls.send(4, numbered(4)));
  CHECK(peer.result() == "done");
}

TEST_CASE("silence in the middle of an answer ends the connection", "[calls]") {
  std::promise<void> end;
  RawPeer peer([&](RawPeer& self) {
    take(self, 2);
    self.accepted();
    self.say("HTTP/1.1 202");
    end.get_future().wait();
  });
  Results results;
  TransportOptions options;
  options.call_timeout = 100ms;
  CallConnection calls(options, peer.url(), "s1", 1, results.report());
  send_all(calls, results, 2);
  CHECK(results.next() == "1 202 ");
  CHECK(results.next() == "2 unknown: silent for 100ms");
  end.set_value();
  CHECK(peer.result() == "done");
}

TEST_CASE("with merge_accepted plain successes that come together are one report", "[calls]") {
  RawPeer peer([](RawPeer& self) {
    take(self, 6);
    const std::string ok = "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n";
    self.say(ok + ok + ok + "HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\nno" + ok + ok);
    self.await_close();
  });
  Results results;
  TransportOptions options;
  options.merge_accepted = true;
  {
    CallConnection calls(options, peer.url(), "s1", 1, results.report());
    send_all(calls, results, 6);
    CHECK(results.next() == "3 202 x3");
    CHECK(results.next() == "4 400 no");
    CHECK(results.next() == "6 202 x2");
    CHECK(calls.queued() == 0);
  }
  CHECK(peer.result() == "done");
}

TEST_CASE("calls larger than the window's bytes and the socket's buffers go through", "[calls]") {
  const std::string large(3'000'000, 'x');
  RawPeer peer([&](RawPeer& self) {
    self.accept();
    for (int i = 0; i < 4; ++i) {
      if (self.request() != large) throw std::runtime_error("garbled");
      self.accepted();
    }
    self.await_close();
  });
  Results results;
  {
    CallConnection calls({}, peer.url(), "s1", 1, results.report());
    for (std::uint64_t tag = 0; tag < 4; ++tag) REQUIRE(calls.send(tag, large));
    for (std::uint64_t tag = 0; tag < 4; ++tag) CHECK(results.next() == std::to_string(tag) + " 202 ");
  }
  CHECK(peer.result() == "done");
}

TEST_CASE("calls go through a Unix socket, as agents offer it to executors", "[calls]") {
  std::string folder = "/tmp/diego-calls-XXXXXX";
  REQUIRE(::mkdtemp(folder.data()) != nullptr);
  std::string head;
  RawPeer peer(
      [&](RawPeer& self) {
        take(self, 2);
        head = self.head;
        self.accepted();
        self.accepted();
        self.await_close();
      },
      folder + "/agent.sock");
  Results results;
  TransportOptions options;
  options.unix_socket = folder + "/agent.sock";
  {
    CallConnection calls(options, peer.url(), "", 1, results.report());
    send_all(calls, results, 2);
    CHECK(results.next() == "1 202 ");
    CHECK(results.next() == "2 202 ");
  }
  CHECK(peer.result() == "done");
  CHECK_THAT(head, Catch::StartsWith("POST /api/v1/executor HTTP/1.1\r\nHost: localhost"));
  CHECK_THAT(head, !Catch::Contains("Mesos-Stream-Id"));
  std::filesystem::remove_all(folder);

  CallConnection gone(options, peer.url(), "", 2, results.report());
  REQUIRE(gone.send(9, "x"));
  CHECK(results.next() == "9 not sent: no such file or directory");
}

TEST_CASE("what would forge a header is never sent", "[calls]") {
  Results results;
  CallConnection calls({}, "http://127.0.0.1:1/api/v1/scheduler", "s1\r\nX: y", 1, results.report());
  REQUIRE(calls.send(1, "x"));
  CHECK(results.next() == "1 not sent: the stream id is not fit for a header");
}

namespace {

// A certificate for 127.0.0.1 that signs itself.
std::string make_certificate(const std::string& folder, const std::string& name) {
  platform::Command command;
  command.argv = {"openssl",  "req",
                  "-x509",    "-newkey",
                  "rsa:2048", "-nodes",
                  "-days",    "2",
                  "-subj",    "/CN=" + name,
                  "-addext",  "subjectAltName=IP:127.0.0.1",
                  "-keyout",  folder + "/" + name + ".key",
                  "-out",     folder + "/" + name + ".pem"};
  command.environment = platform::own_environment();
  command.stdout_file = command.stderr_file = folder + "/log";
  auto child = platform::ChildProcess::start(command);
  REQUIRE(child);
  REQUIRE(child->wait(60s) == 0);
  return folder + "/" + name + ".pem";
}

}  // namespace

TEST_CASE("over https calls keep their order too, and the peer must be the right one", "[calls]") {
  std::string folder = "/tmp/diego-calls-XXXXXX";
  REQUIRE(::mkdtemp(folder.data()) != nullptr);
  platform::ServerOptions server_options;
  server_options.listen = {"127.0.0.1", 0};
  server_options.cert_file = make_certificate(folder, "master");
  server_options.key_file = folder + "/master.key";
  std::vector<std::string> asked;
  platform::HttpServer server(server_options, [&](const platform::ServerRequest& request) {
    asked.push_back(request.body.substr(0, 20));
    return platform::ServerResponse{.status = 202, .headers = {}, .body = "", .stream = nullptr};
  });
  const auto port = server.start("test");
  REQUIRE(port);
  const std::string url = "https://127.0.0.1:" + std::to_string(*port) + "/api/v1/scheduler";
  Results results;
  TransportOptions options;
  options.ca_file = server_options.cert_file;
  std::vector<std::string> sent;
  {
    CallConnection calls(options, url, "s1", 1, results.report());
    for (std::uint64_t tag = 0; tag < 200; ++tag) {
      sent.push_back(numbered(tag));
      // Some of them do not fit into a record of TLS, nor into the socket's buffer.
      REQUIRE(calls.send(tag, tag % 50 == 7 ? numbered(tag) + std::string(500'000, ' ') : numbered(tag)));
      sent.back().resize(tag % 50 == 7 ? 20 : sent.back().size(), ' ');
    }
    for (std::uint64_t tag = 0; tag < 200; ++tag) REQUIRE(results.next() == std::to_string(tag) + " 202 ");
  }
  CHECK(asked == sent);

  options.ca_file = make_certificate(folder, "stranger");
  CallConnection wary(options, url, "s1", 2, results.report());
  REQUIRE(wary.send(1, "x"));
  CHECK(results.next() == "1 not sent: TLS: the peer's certificate is not signed by a certificate authority we trust");

  options.ca_file = server_options.cert_file;
  CallConnection elsewhere(options, "https://localhost:" + std::to_string(*port) + "/", "s1", 3, results.report());
  REQUIRE(elsewhere.send(1, "x"));
  CHECK_THAT(results.next(),
             Catch::StartsWith("1 not sent: TLS: the peer's certificate is not for localhost but for "));
  server.stop();
  CHECK(asked.size() == sent.size());
  std::filesystem::remove_all(folder);
}
