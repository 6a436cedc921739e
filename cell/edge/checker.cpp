#include "cell/edge/checker.hpp"

#include "platform/child_process.hpp"
#include "platform/client_socket.hpp"
#include "platform/http_client.hpp"
#include "platform/socket.hpp"
#include "platform/tls.hpp"

namespace cell {
namespace {

using namespace std::chrono_literals;

constexpr base::Duration kPatience = 2s;

base::Status check_http(const Check& what) {
  auto url = platform::parse_url("check", what.target);
  if (!url) return url.error();
  platform::ClientOptions options;
  options.origin = *url;
  options.connect_timeout = options.read_timeout = options.answer_timeout = kPatience;
  options.unix_socket = what.unix_socket;
  options.ca_file = what.certificates.ca;
  options.cert_file = what.certificates.cert;
  options.key_file = what.certificates.key;
  options.answer_bytes_max = 1U << 20U;
  const auto answer = platform::HttpClient(options).send({.path = url->path.empty() ? "/" : url->path});
  if (!answer) return answer.error();
  if (answer->status / 100 != 2) return base::Error{what.target, "answered " + std::to_string(answer->status)};
  return base::ok();
}

base::Status check_command(const std::string& text) {
  auto child = platform::ChildProcess::start({.argv = {"/bin/sh", "-c", text},
                                              .environment = platform::own_environment(),
                                              .stdout_file = "/dev/null",
                                              .stderr_file = "/dev/null",
                                              .die_with_parent = true});
  if (!child) return child.error();
  const bool in_time = child->wait(kPatience).has_value();
  const int status = child->stop(0ms);
  if (!in_time) return base::Error{text, "takes longer than 2 s"};
  if (status != 0) return base::Error{text, platform::describe_wait_status(status)};
  return base::ok();
}

}  // namespace

base::Status check_tcp(const std::string& address) {
  const auto url = platform::parse_url(address, "http://" + address);
  if (!url) return url.error();
  platform::TlsClient no_tls({});
  const platform::WakeFd never;
  const auto connected = platform::connect_socket({.url = *url, .connect_timeout = kPatience}, no_tls, never.fd());
  if (!connected) return connected.error();
  return base::ok();
}

base::Status check(const Check& what) {
  switch (what.kind) {
    case Check::Kind::none:
      return base::ok();
    case Check::Kind::http:
      return check_http(what);
    case Check::Kind::tcp:
      return check_tcp(what.target);
    case Check::Kind::command:
      return check_command(what.target);
  }
  return base::ok();
}

Checker::Checker(Answer answer) : answer_(std::move(answer)), thread_([this] { serve(); }) {}

Checker::~Checker() {
  orders_.close();
  thread_.join();
}

void Checker::serve() {
  while (!orders_.closed()) {
    for (const Order& order : orders_.take(std::nullopt)) {
      if (orders_.closed()) return;
      answer_(order.index, check(order.what));
    }
  }
}

}  // namespace cell
