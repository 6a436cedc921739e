#include "mesos/http_transport.hpp"

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "base/text.hpp"
#include "mesos/record_decoder.hpp"
#include "platform/http_client.hpp"

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
  if (std::string value = authorization(options.credentials); !value.empty())
    request.headers.emplace_back("Authorization", std::move(value));
  return request;
}

std::string header_or_empty(const platform::Headers& headers, std::string_view name) {
  const std::string* const value = platform::find_header(headers, name);
  return value ? *value : std::string();
}

}  // namespace

std::string authorization(const Credentials& credentials) {
  if (!credentials.bearer_token.empty()) return "Bearer " + credentials.bearer_token;
  if (credentials.principal.empty()) return "";
  return "Basic " + base::base64_encode(credentials.principal + ":" + credentials.secret);
}

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
  while (const auto record = decoder.next(bytes)) tell(StreamReport::Record{std::string(*record)});
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

}  // namespace mesos_client
