#include "mesos/http_transport.hpp"

#include <algorithm>
#include <atomic>
#include <deque>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "base/text.hpp"
#include "mesos/record_decoder.hpp"
#include "platform/http_client.hpp"
#include "platform/mailbox.hpp"

namespace mesos_client {
namespace {

// Of the body of a refusal: it is one line of text.
constexpr std::size_t kRefusalBytesMax = 4096;

platform::ClientOptions client_options(const TransportOptions& options, const platform::Url& url,
                                       base::Duration read_timeout) {
  platform::ClientOptions client;
  client.origin = url;
  client.connect_timeout = options.connect_timeout;
  client.read_timeout = read_timeout;
  client.ca_file = options.ca_file;
  client.cert_file = options.cert_file;
  client.key_file = options.key_file;
  client.unix_socket = options.unix_socket;
  return client;
}

// Mesos compares Content-Type to the letter, and takes a User-Agent of libprocess/... for one of its
// own messages: none is sent.
platform::ClientRequest post_request(const TransportOptions& options, const platform::Url& url, std::string body) {
  platform::ClientRequest request;
  request.method = "POST";
  request.path = url.path.empty() ? "/" : url.path;
  request.body = std::move(body);
  const std::string type(content_type(options.codec));
  request.headers = {{"Content-Type", type}, {"Accept", type}};
  const Credentials& who = options.credentials;
  if (!who.bearer_token.empty()) {
    request.headers.emplace_back("Authorization", "Bearer " + who.bearer_token);
  } else if (!who.principal.empty()) {
    request.headers.emplace_back("Authorization", "Basic " + base::base64_encode(who.principal + ":" + who.secret));
  }
  return request;
}

std::string header_or_empty(const platform::Headers& headers, std::string_view name) {
  const std::string* const value = platform::find_header(headers, name);
  return value ? *value : std::string();
}

}  // namespace

// ---- StreamConnection

struct StreamConnection::Impl {
  Impl(TransportOptions stream_options, std::string stream_url, std::uint64_t stream_generation, Report to)
      : options(std::move(stream_options)),
        url(platform::parse_url("url", stream_url)),
        generation(stream_generation),
        report(std::move(to)),
        decoder(options.record_bytes_max) {
    if (url) stream.emplace(client_options(options, *url, options.stream_read_timeout));
  }

  void run(std::string subscribe);
  void on_bytes(std::string_view bytes);
  std::string end_reason(const base::Status& how);
  void tell(std::variant<StreamHead, StreamReport::Record, StreamReport::Ended> what) {
    report({generation, std::move(what)});
  }

  const TransportOptions options;
  const base::Result<platform::Url> url;
  const std::uint64_t generation;
  const Report report;
  std::optional<platform::HttpStream> stream;
  std::atomic<bool> stopped{false};

  // The thread's own.
  int status = 0;
  std::string refusal;
  RecordDecoder decoder;

  std::thread thread;
};

void StreamConnection::Impl::on_bytes(std::string_view bytes) {
  if (stopped) return stream->stop();
  if (status != 200) {
    refusal.append(bytes.substr(0, kRefusalBytesMax - std::min(kRefusalBytesMax, refusal.size())));
    return;
  }
  if (decoder.failure()) return;
  auto records = decoder.feed(bytes);
  if (records) {
    for (std::string& record : *records) tell(StreamReport::Record{std::move(record)});
  }
  if (decoder.failure()) stream->stop();
}

std::string StreamConnection::Impl::end_reason(const base::Status& how) {
  if (stopped) return "stopped";
  if (decoder.failure()) return "the stream is garbled: " + decoder.failure()->text;
  std::string reason = how ? "the peer ended the stream" : how.error().text;
  if (status == 0 || (status == 200 && decoder.at_boundary())) return reason;
  if (status == 200) return "the last record was cut: " + reason;
  if (how || !refusal.empty()) return std::string(base::trim(refusal));
  return reason;
}

void StreamConnection::Impl::run(std::string subscribe) {
  if (!url) return tell(StreamReport::Ended{url.error().message()});
  platform::HttpStream::Callbacks callbacks;
  callbacks.on_head = [this](int head_status, const platform::Headers& headers) {
    if (stopped) return stream->stop();
    status = head_status;
    tell(StreamHead{status, header_or_empty(headers, "Mesos-Stream-Id"), header_or_empty(headers, "Location")});
  };
  callbacks.on_bytes = [this](std::string_view bytes) { on_bytes(bytes); };
  const base::Status how = stopped ? base::Status(base::Error{"", "stopped"})
                                   : stream->run(post_request(options, *url, std::move(subscribe)), callbacks);
  tell(StreamReport::Ended{end_reason(how)});
}

StreamConnection::StreamConnection(TransportOptions options, std::string url, std::string subscribe,
                                   std::uint64_t generation, Report report)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(url), generation, std::move(report))) {
  impl_->thread =
      std::thread([impl = impl_.get(), body = std::move(subscribe)]() mutable { impl->run(std::move(body)); });
}

StreamConnection::~StreamConnection() {
  stop();
  impl_->thread.join();
}

void StreamConnection::stop() {
  impl_->stopped = true;
  if (impl_->stream) impl_->stream->stop();
}

// ---- CallConnection

struct CallConnection::Impl {
  struct Call {
    std::uint64_t tag = 0;
    std::string body;
  };

  Impl(TransportOptions call_options, std::string call_url, std::string id, std::uint64_t call_generation, Report to)
      : options(std::move(call_options)),
        url(platform::parse_url("url", call_url)),
        stream_id(std::move(id)),
        generation(call_generation),
        report(std::move(to)) {
    if (url) client.emplace(client_options(options, *url, options.call_timeout));
  }

  void run();
  CallResult perform(Call call);

  const TransportOptions options;
  const base::Result<platform::Url> url;
  const std::string stream_id;
  const std::uint64_t generation;
  const Report report;
  std::optional<platform::HttpClient> client;
  platform::Mailbox<Call> queue;
  std::atomic<std::size_t> open{0};  // Queued or under way.
  std::atomic<bool> stopped{false};
  std::string broken;  // The thread's own: why nothing is sent any more.
  std::thread thread;
};

CallResult CallConnection::Impl::perform(Call call) {
  CallResult result;
  result.generation = generation;
  result.tag = call.tag;
  if (!url && broken.empty()) broken = url.error().message();
  if (stopped && broken.empty()) broken = "stopped";
  if (!broken.empty()) {
    result.failure = broken;
    result.surely_not_sent = true;
    return result;
  }
  platform::ClientRequest request = post_request(options, *url, std::move(call.body));
  if (!stream_id.empty()) request.headers.emplace_back("Mesos-Stream-Id", stream_id);
  auto answer = client->send(request);
  if (answer) {
    result.status = answer->status;
    result.body = std::move(answer->body);
    return result;
  }
  result.failure = answer.error().text;
  result.surely_not_sent = result.failure.find("connection refused") != std::string::npos;
  broken = "not sent: an earlier call got no answer (" + result.failure + ")";
  return result;
}

void CallConnection::Impl::run() {
  for (;;) {
    std::deque<Call> calls = queue.take(std::nullopt);
    if (calls.empty()) return;  // Closed.
    for (Call& call : calls) {
      CallResult result = perform(std::move(call));
      open.fetch_sub(1);
      report(std::move(result));
    }
  }
}

CallConnection::CallConnection(TransportOptions options, std::string url, std::string stream_id,
                               std::uint64_t generation, Report report)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(url), std::move(stream_id), generation,
                                   std::move(report))) {
  impl_->thread = std::thread([impl = impl_.get()] { impl->run(); });
}

CallConnection::~CallConnection() {
  stop();
  impl_->thread.join();
}

bool CallConnection::send(std::uint64_t tag, std::string call) {
  if (impl_->stopped) return false;
  if (impl_->open.fetch_add(1) >= impl_->options.calls_queued_max) {
    impl_->open.fetch_sub(1);
    return false;
  }
  if (impl_->queue.post({tag, std::move(call)})) return true;
  impl_->open.fetch_sub(1);
  return false;
}

void CallConnection::stop() {
  impl_->stopped = true;
  if (impl_->client) impl_->client->stop();
  impl_->queue.close();
}

std::size_t CallConnection::queued() const { return impl_->open; }

}  // namespace mesos_client
