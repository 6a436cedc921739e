#include "scheduler/edge/operator_api.hpp"

#include "base/text.hpp"
#include "mesos/codec.hpp"
#include "mesos/session.hpp"

namespace edge {
namespace {

constexpr int kRedirectsMax = 5;
constexpr std::size_t kQuotedBytesMax = 200;

mesos_client::Codec codec_of(const MesosOptions& mesos) { return *mesos_client::parse_codec(mesos.codec); }

platform::ClientRequest request_of(const MesosOptions& mesos, const google::protobuf::Message& call) {
  const mesos_client::Codec codec = codec_of(mesos);
  const std::string type(mesos_client::content_type(codec));
  platform::ClientRequest request{"POST", "", {{"Content-Type", type}, {"Accept", type}}, ""};
  request.body = mesos_client::encode(codec, call);
  if (!mesos.principal.empty()) {
    request.headers.emplace_back("Authorization", "Basic " + base::base64_encode(mesos.principal + ":" + mesos.secret));
  }
  return request;
}

}  // namespace

OperatorApi::OperatorApi(const MesosOptions& mesos, OperatorLimits limits) : mesos_(mesos), limits_(limits) {}

base::Result<platform::ClientResponse> OperatorApi::post(const std::string& scheduler_url,
                                                         const google::protobuf::Message& call) {
  const platform::ClientRequest request = request_of(mesos_, call);
  std::string url = scheduler_url.substr(0, scheduler_url.rfind("/scheduler"));
  for (int hop = 0; hop < kRedirectsMax; ++hop) {
    const auto parsed = platform::parse_url("--master", url);
    if (!parsed) return parsed.error();
    auto response = send(*parsed, request);
    if (!response || response->status != 307) return response;
    const std::string* location = platform::find_header(response->headers, "Location");
    const auto target = location == nullptr ? std::nullopt : mesos_client::redirect_target(url, *location);
    if (!target) return base::Error{url, "redirects to nowhere"};
    url = *target;
  }
  return base::Error{url, "redirects without end"};
}

base::Result<platform::ClientResponse> OperatorApi::post_to(const platform::Url& url,
                                                            const google::protobuf::Message& call) {
  return send(url, request_of(mesos_, call));
}

base::Status OperatorApi::read(const std::string& where, const platform::ClientResponse& response,
                               google::protobuf::Message& answer) const {
  if (response.status != 200) {
    const std::string body(base::trim(response.body.substr(0, kQuotedBytesMax)));
    return base::Error{where, "answered " + std::to_string(response.status) + (body.empty() ? "" : " " + body)};
  }
  if (auto decoded = mesos_client::decode(codec_of(mesos_), response.body, answer); !decoded)
    return base::Error{where, decoded.error().message()};
  return base::ok();
}

base::Status OperatorApi::ask(const std::string& scheduler_url, const google::protobuf::Message& call,
                              google::protobuf::Message& answer) {
  const auto response = post(scheduler_url, call);
  if (!response) return response.error();
  return read(scheduler_url, *response, answer);
}

base::Result<platform::ClientResponse> OperatorApi::send(const platform::Url& url, platform::ClientRequest request) {
  platform::ClientOptions options;
  options.origin = url;
  options.ca_file = mesos_.ca_file;
  options.connect_timeout = std::min(options.connect_timeout, limits_.silence);
  options.read_timeout = limits_.silence;
  options.answer_timeout = limits_.answer;
  options.answer_bytes_max = limits_.bytes;
  const auto client = std::make_shared<platform::HttpClient>(options);
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return base::Error{url.origin(), "stopped"};
    client_ = client;
  }
  request.path = url.path;
  return client->send(request);
}

void OperatorApi::stop() {
  std::shared_ptr<platform::HttpClient> client;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    client = client_;
  }
  if (client) client->stop();
}

}  // namespace edge
