#include "diego/bbs_client.hpp"

#include <algorithm>
#include <chrono>

#include "base/text.hpp"
#include "diego/bbs_wire.hpp"
#include "platform/http_client.hpp"

namespace diego {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr const char* kWhere = "--bbs-url";
constexpr std::size_t kRequestIdBytesMax = 1024;

base::Result<std::vector<platform::Url>> parse_addresses(const std::string& text) {
  std::vector<platform::Url> urls;
  for (std::string address : base::split_list(text)) {
    if (!urls.empty() && address.find("://") == std::string::npos) address = urls.back().scheme + "://" + address;
    auto url = platform::parse_url(kWhere, address);
    if (!url) return url.error();
    if (!url->path.empty() && url->path != "/") return base::Error{kWhere, "\"" + address + "\" has a path"};
    urls.push_back(*std::move(url));
  }
  if (urls.empty()) return base::Error{kWhere, "names no address"};
  if (urls.size() > kBbsAddressesMax)
    return base::Error{kWhere, "names more than " + std::to_string(kBbsAddressesMax) + " addresses"};
  return urls;
}

std::string header_of(const platform::ClientResponse& response, std::string_view name) {
  const std::string* const value = platform::find_header(response.headers, name);
  return value == nullptr ? "" : *value;
}

BbsReply reply_of(platform::ClientResponse response) {
  return {.status = response.status,
          .content_type = header_of(response, "Content-Type"),
          .router_error = header_of(response, "X-Cf-Routererror"),
          .body = std::move(response.body)};
}

}  // namespace

base::Result<std::unique_ptr<BbsClient>> BbsClient::create(const BbsClientOptions& options) {
  const auto urls = parse_addresses(options.url);
  if (!urls) return urls.error();
  std::vector<std::unique_ptr<platform::HttpClient>> addresses;
  for (const platform::Url& url : *urls) {
    addresses.push_back(std::make_unique<platform::HttpClient>(platform::ClientOptions{
        .origin = url,
        // One that is down must leave time for the next.
        .connect_timeout = std::min<base::Duration>(std::chrono::seconds(5), options.timeout / 2),
        .read_timeout = options.timeout,
        .ca_file = options.ca_file,
        .cert_file = options.cert_file,
        .key_file = options.key_file,
        .answer_bytes_max = kBbsAnswerBytesMax,
        .answer_timeout = options.timeout}));
  }
  return std::unique_ptr<BbsClient>(new BbsClient(std::move(addresses), options.timeout));
}

BbsClient::BbsClient(std::vector<std::unique_ptr<platform::HttpClient>> addresses, base::Duration timeout)
    : addresses_(std::move(addresses)), timeout_(timeout) {}

BbsClient::~BbsClient() = default;

// The first address that can be reached is asked, and no other: it may have done what the call says.
base::Result<BbsReply> BbsClient::send(const BbsCall& call, std::string_view request_id) {
  const platform::ClientRequest request{.method = "POST",
                                        .path = call.path,
                                        .headers = {{"Content-Type", std::string(kBbsContentType)},
                                                    {"X-Vcap-Request-Id", one_line(request_id, kRequestIdBytesMax)}},
                                        .body = call.body};
  const auto began = SteadyClock::now();
  std::string tried;
  for (std::size_t left = addresses_.size(); left > 0; --left) {
    platform::HttpClient& address = *addresses_[first_];
    auto response = address.send(request);
    if (response) return reply_of(*std::move(response));
    tried += (tried.empty() ? "" : "; ") + response.error().message();
    if (stopped_) break;
    first_ = (first_ + 1) % addresses_.size();
    if (address.sent() || SteadyClock::now() - began >= timeout_) break;
  }
  return base::Error{"POST " + call.path, tried};
}

template <class Value>
BbsAnswer<Value> BbsClient::ask(const BbsCall& call, std::string_view request_id,
                                BbsAnswer<Value> (*read)(const BbsReply&)) {
  const auto reply = send(call, request_id);
  if (!reply) return BbsFailure{BbsFailure::Kind::transient, reply.error().message()};
  return read(*reply);
}

BbsAnswer<BbsTaken> BbsClient::fail_actual_lrp(const LrpKey& key, std::string_view reason,
                                               std::string_view request_id) {
  return ask(fail_actual_lrp_call(key, reason), request_id, read_fail_actual_lrp);
}

BbsAnswer<BbsTaken> BbsClient::reject_task(std::string_view task_guid, std::string_view reason,
                                           std::string_view request_id) {
  return ask(reject_task_call(task_guid, reason), request_id, read_reject_task);
}

BbsAnswer<std::vector<CellRow>> BbsClient::cells(std::string_view request_id) {
  return ask(cells_call(), request_id, read_cells);
}

BbsAnswer<std::vector<LrpRow>> BbsClient::actual_lrps(std::string_view process_guid, std::optional<std::int32_t> index,
                                                      std::string_view request_id) {
  return ask(actual_lrps_call(process_guid, index), request_id, read_actual_lrps);
}

BbsAnswer<TaskRow> BbsClient::task_by_guid(std::string_view task_guid, std::string_view request_id) {
  return ask(task_by_guid_call(task_guid), request_id, read_task_by_guid);
}

BbsAnswer<bool> BbsClient::ping(std::string_view request_id) { return ask(ping_call(), request_id, read_ping); }

void BbsClient::stop() {
  stopped_ = true;
  for (const auto& address : addresses_) address->stop();
}

}  // namespace diego
