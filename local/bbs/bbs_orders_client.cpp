#include "local/bbs/bbs_orders_client.hpp"

#include <fmt/format.h>

#include "diego/rep_client.hpp"
#include "platform/http_client.hpp"
#include "platform/log.hpp"

namespace local {

base::Result<std::unique_ptr<BbsOrdersClient>> BbsOrdersClient::create(BbsOrdersOptions options) {
  platform::Url auctioneer;
  if (!options.auctioneer.empty()) {
    const auto url = platform::parse_url("--auctioneer", options.auctioneer);
    if (!url) return url.error();
    auctioneer = *url;
  }
  return std::unique_ptr<BbsOrdersClient>(new BbsOrdersClient(std::move(options), std::move(auctioneer)));
}

BbsOrdersClient::BbsOrdersClient(BbsOrdersOptions options, platform::Url auctioneer)
    : options_(std::move(options)), auctioneer_(std::move(auctioneer)), rep_thread_([this] { tell_reps(); }) {}

BbsOrdersClient::~BbsOrdersClient() {
  stop();
  rep_thread_.join();
}

void BbsOrdersClient::stop() {
  for_reps_.close();
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  for (platform::HttpClient* const client : busy_) client->stop();
}

void BbsOrdersClient::carry_out(BbsOrders orders) {
  for (BbsOrder& order : orders) {
    if (const auto* const lrps = std::get_if<PostLrpAuctions>(&order)) {
      post("/v1/lrps", diego::write_lrp_starts(lrps->starts), lrps->trace_id, lrps->starts.size());
    } else if (const auto* const tasks = std::get_if<PostTaskAuctions>(&order)) {
      post("/v1/tasks", diego::write_task_starts(tasks->starts), tasks->trace_id, tasks->starts.size());
    } else {
      for_reps_.post(std::move(order));
    }
  }
}

// ---- The auctioneer

BbsOrdersClient::Client BbsOrdersClient::borrow() {
  const std::lock_guard lock(mutex_);
  if (stopped_) return nullptr;
  Client client;
  if (!idle_.empty()) {
    client = std::move(idle_.back());
    idle_.pop_back();
  } else {
    client = std::make_unique<platform::HttpClient>(platform::ClientOptions{.origin = auctioneer_,
                                                                            .read_timeout = options_.timeout,
                                                                            .ca_file = options_.ca_file,
                                                                            .cert_file = options_.cert_file,
                                                                            .key_file = options_.key_file});
  }
  busy_.insert(client.get());
  return client;
}

void BbsOrdersClient::give_back(Client client, bool usable) {
  const std::lock_guard lock(mutex_);
  busy_.erase(client.get());
  if (usable) idle_.push_back(std::move(client));
}

void BbsOrdersClient::post(const std::string& path, const std::string& body, const std::string& trace_id,
                           std::size_t elements) {
  const auto tell = [&](platform::LogLevel level, const std::string& what) {
    platform::log(level, fmt::format("auctions {} path={} elements={} trace={}", what, path, elements, trace_id));
  };
  if (options_.auctioneer.empty()) return tell(platform::LogLevel::info, "not sent: there is no --auctioneer");
  Client client = borrow();
  if (client == nullptr) return;
  // The trace header is there even when it is empty.
  const auto response = client->send({.method = "POST",
                                      .path = path,
                                      .headers = {{"Content-Type", "application/json"},
                                                  {"X-Vcap-Request-Id", trace_id},
                                                  {"User-Agent", "Go-http-client/1.1"}},
                                      .body = body});
  give_back(std::move(client), static_cast<bool>(response));
  if (!response) return tell(platform::LogLevel::warning, "left to convergence: " + response.error().text);
  if (response->status != 202)
    return tell(platform::LogLevel::warning,
                fmt::format("left to convergence: http error: status code {}", response->status));
  tell(platform::LogLevel::info, "accepted");
}

// ---- Reps

void BbsOrdersClient::tell_reps() {
  while (!for_reps_.closed()) {
    for (const BbsOrder& order : for_reps_.take(std::nullopt)) {
      if (for_reps_.closed()) return;
      if (const auto* const stop = std::get_if<StopLrpAtRep>(&order)) {
        base::Status told = tell(*stop);
        for (int attempt = 1; !told && attempt < stop->attempts; ++attempt) told = tell(*stop);
        if (!told) platform::log_warning("stop failed: " + told.error().message() + " rep=" + stop->rep_url);
      } else if (const auto* const cancel = std::get_if<CancelTaskAtRep>(&order)) {
        if (const base::Status told = tell(*cancel); !told)
          platform::log_warning("cancel failed: " + told.error().message() + " rep=" + cancel->rep_url);
      }
    }
  }
}

base::Result<std::unique_ptr<diego::RepClient>> BbsOrdersClient::rep(const std::string& url) const {
  return diego::RepClient::create({.url = url,
                                   .ca_file = options_.ca_file,
                                   .cert_file = options_.cert_file,
                                   .key_file = options_.key_file,
                                   .timeout = options_.timeout});
}

base::Status BbsOrdersClient::tell(const StopLrpAtRep& order) const {
  const auto client = rep(order.rep_url);
  if (!client) return client.error();
  return (*client)->stop_lrp(order.process_guid, order.instance_guid, order.trace_id);
}

base::Status BbsOrdersClient::tell(const CancelTaskAtRep& order) const {
  const auto client = rep(order.rep_url);
  if (!client) return client.error();
  return (*client)->cancel_task(order.task_guid, order.trace_id);
}

}  // namespace local
