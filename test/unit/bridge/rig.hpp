// A desk that records, and requests written short.
#pragma once

#include <algorithm>
#include <mutex>
#include <string>
#include <vector>

#include "auctionrunner_bridge/answer.hpp"
#include "auctionrunner_bridge/event_hub.hpp"

struct FakeDesk final : bridge::Desk {
  base::Status submit(std::vector<core::Auction> auctions) override {
    const std::lock_guard lock(mutex);
    if (!refusal.empty()) return base::Error{"", refusal};
    ++submissions;
    for (core::Auction& auction : auctions) submitted.push_back(std::move(auction));
    return base::ok();
  }
  std::vector<core::InstanceView> instances(const core::InstanceQuery& query) override {
    last_query = query;
    std::vector<core::InstanceView> out;
    for (const core::InstanceView& view : views) {
      if (query.state && view.state != *query.state) continue;
      if (query.process_guid && view.key.guid != *query.process_guid) continue;
      if (query.after && view.key <= *query.after) continue;
      if (out.size() < query.limit) out.push_back(view);
    }
    return out;
  }
  base::Result<std::vector<core::Key>> stop(const core::KeyPattern& pattern) override {
    std::vector<core::Key> out;
    for (const core::InstanceView& view : views) {
      if (pattern.matches(view.key)) out.push_back(view.key);
    }
    stopped.insert(stopped.end(), out.begin(), out.end());
    return out;
  }
  std::vector<core::CellView> cells(const core::CellQuery& query) override {
    last_cell_query = query;
    return {cell_views.begin(),
            cell_views.begin() + static_cast<std::ptrdiff_t>(std::min(query.limit, cell_views.size()))};
  }
  std::vector<core::ZoneTotals> zones() override { return zone_totals; }
  base::Result<bool> drain(const std::string& agent_id, bool wanted) override {
    drains.emplace_back(agent_id, wanted);
    return agent_id == "A1";
  }
  base::Result<std::vector<core::ExplanationView>> explain(std::vector<core::Auction> auctions,
                                                           std::size_t cells_max) override {
    if (!refusal.empty()) return base::Error{"", refusal};
    cells_asked = cells_max;
    for (core::Auction& auction : auctions) explained.push_back(std::move(auction));
    return explanations;
  }
  std::optional<core::ExplanationView> explain(const core::Key& key, std::size_t cells_max) override {
    cells_asked = cells_max;
    for (const core::ExplanationView& one : explanations) {
      if (one.key == key) return one;
    }
    return std::nullopt;
  }
  Rebalanced rebalance(const core::RebalanceOrder& order, bool dry_run) override {
    rebalances.emplace_back(order, dry_run);
    if (rebalance_refused) return *rebalance_refused;
    return rebalance_shown.value();
  }
  std::optional<core::RebalanceView> rebalance() override { return rebalance_shown; }
  std::optional<core::RebalanceView> cancel_rebalance() override {
    ++rebalances_cancelled;
    return rebalance_shown;
  }
  std::string policy() override { return policy_text; }
  std::optional<PolicyRefused> change_policy(const std::string& json) override {
    if (policy_refused) return policy_refused;
    policy_text = json;
    return std::nullopt;
  }
  core::Health health() override { return state; }
  Overview overview() override { return shown; }
  std::string history() override { return "{}"; }
  std::string metrics() override { return "up 1\n"; }
  base::Result<platform::ServerResponse> events(const platform::ServerRequest& asked) override {
    return hub.open(asked);
  }

  std::mutex mutex;
  std::string refusal;
  int submissions = 0;
  std::vector<core::Auction> submitted;
  std::vector<core::InstanceView> views;
  std::vector<core::Key> stopped;
  std::vector<core::CellView> cell_views;
  std::vector<core::ZoneTotals> zone_totals;
  std::vector<std::pair<std::string, bool>> drains;
  std::vector<core::Auction> explained;
  std::vector<core::ExplanationView> explanations;
  std::size_t cells_asked = 0;
  std::vector<std::pair<core::RebalanceOrder, bool>> rebalances;
  std::optional<RebalanceRefused> rebalance_refused;
  std::optional<core::RebalanceView> rebalance_shown;
  int rebalances_cancelled = 0;
  Overview shown;
  bridge::EventHub hub{{.epoch = "e", .round = std::chrono::milliseconds(5)}};
  std::string policy_text = "{}";
  std::optional<PolicyRefused> policy_refused;
  core::Health state;
  core::InstanceQuery last_query;
  core::CellQuery last_cell_query;
};

inline platform::ServerRequest request(std::string method, std::string path, std::string body = "",
                                       platform::Headers headers = {}) {
  platform::ServerRequest out;
  out.method = std::move(method);
  out.target = path;
  out.path = std::move(path);
  out.headers = std::move(headers);
  out.body = std::move(body);
  return out;
}

inline core::Key lrp(std::string guid, std::int32_t index) { return {core::Kind::lrp, std::move(guid), index}; }
inline core::Key task(std::string guid) { return {core::Kind::task, std::move(guid), 0}; }

inline core::InstanceView view_of(core::Key key, core::State state = core::State::running) {
  core::InstanceView view;
  view.key = std::move(key);
  view.state = state;
  return view;
}
