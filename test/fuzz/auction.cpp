// Auctions as the bridge takes them: 202 exactly when Diego's reading of the body succeeds; what is
// read is written and read to the same; no key is submitted twice.
#include "diego/auction.hpp"

#include <set>
#include <vector>

#include "auctionrunner_bridge/answer.hpp"
#include "diego/json.hpp"
#include "diego/rep.hpp"
#include "fuzz.hpp"
#include "scheduler/core/policy.hpp"

namespace {

using fuzz::require;

class RecordingDesk final : public bridge::Desk {
 public:
  base::Status submit(std::vector<core::Auction> auctions) override {
    require(!auctions.empty() && submitted.empty(), "a request submits once, and something");
    submitted = std::move(auctions);
    return base::ok();
  }
  std::vector<core::InstanceView> instances(const core::InstanceQuery&) override { return {}; }
  base::Result<std::vector<core::Key>> stop(const core::KeyPattern&) override { return std::vector<core::Key>{}; }
  std::vector<core::CellView> cells(const core::CellQuery&) override { return {}; }
  std::vector<core::ZoneTotals> zones() override { return {}; }
  base::Result<bool> drain(const std::string&, bool) override { return false; }
  base::Result<std::vector<core::ExplanationView>> explain(std::vector<core::Auction> auctions, std::size_t) override {
    require(auctions.size() <= core::kExplainedMax, "no more is explained at a time than may be");
    return std::vector<core::ExplanationView>{};
  }
  std::optional<core::ExplanationView> explain(const core::Key&, std::size_t) override { return std::nullopt; }
  Rebalanced rebalance(const core::RebalanceOrder& order, bool) override {
    require(order.max_moves >= 1 && order.max_moves <= core::kMovesMax, "no more moves are asked for than may be");
    ++rebalances;
    return core::RebalanceView{};
  }
  std::optional<core::RebalanceView> rebalance() override { return std::nullopt; }
  std::optional<core::RebalanceView> cancel_rebalance() override { return std::nullopt; }
  std::string policy() override { return "{}"; }
  std::optional<PolicyRefused> change_policy(const std::string&) override { return std::nullopt; }
  core::Health health() override { return {}; }
  Overview overview() override { return {}; }
  std::string history() override { return "{}"; }
  std::string metrics() override { return ""; }
  base::Result<platform::ServerResponse> events(const platform::ServerRequest&) override {
    return platform::ServerResponse{};
  }

  std::vector<core::Auction> submitted;
  int rebalances = 0;
};

void check_element(const diego::Element& element) {
  const std::string text = diego::write_element(element);
  const auto read = diego::parse_element(text);
  require(read && *read == element, "the element a rep is sent reads as what was asked for");
}

std::size_t check_start(const diego::LrpStart& start) {
  if (diego::validate(start)) return 0;
  for (const std::int32_t index : start.indices) check_element(diego::lrp_of(start, index));
  return start.indices.size();
}

std::size_t check_start(const diego::TaskStart& start) {
  if (diego::validate(start)) return 0;
  check_element(diego::task_of(start));
  return 1;
}

// How many instances its valid elements ask for, the doubled included.
template <class Start>
std::size_t check_starts(const std::vector<Start>& starts, const std::string& written,
                         base::Result<std::vector<Start>> (*parse)(std::string_view)) {
  const auto again = parse(written);
  require(again && *again == starts, "what is read is written and read to the same");
  std::size_t asked = 0;
  for (const Start& start : starts) asked += check_start(start);
  return asked;
}

void check_policy(std::string_view bytes) {
  const auto policy = core::merged({}, {}, bytes);
  if (!policy) return;
  const auto again = core::merged({}, {}, core::policy_json(*policy));
  require(again && *again == *policy, "a policy that is taken is written and read to the same");
}

void check_rebalance(std::string_view bytes) {
  RecordingDesk desk;
  platform::ServerRequest request;
  request.method = "POST";
  request.path = "/v1/rebalance";
  request.body = std::string(bytes);
  const int status = bridge::answer(request, desk, {}).status;
  require(status == (desk.rebalances == 1 ? 202 : 400), "a rebalance is asked for, or refused");
}

void check_submitted(const std::vector<core::Auction>& auctions, std::size_t asked) {
  require(auctions.size() <= asked, "nothing is submitted that was not asked for");
  std::set<core::Key> keys;
  for (const core::Auction& auction : auctions) {
    require(keys.insert(auction.key).second, "no key is submitted twice");
    require(auction.key.index >= 0 && !auction.key.guid.empty(), "every key is one");
    const auto cursor = core::parse_cursor(core::cursor(auction.key));
    require(cursor == auction.key, "a key survives a page's cursor");
  }
}

}  // namespace

void fuzz::auction(std::string_view bytes) {
  const bool lrps = take_byte(bytes) % 2 == 0;
  std::optional<std::size_t> asked;
  if (lrps) {
    if (const auto starts = diego::parse_lrp_starts(bytes)) {
      asked = check_starts(*starts, diego::write_lrp_starts(*starts), diego::parse_lrp_starts);
    }
  } else {
    if (const auto starts = diego::parse_task_starts(bytes)) {
      asked = check_starts(*starts, diego::write_task_starts(*starts), diego::parse_task_starts);
    }
  }
  if (asked) require(!diego::go_syntax_error(bytes), "what Go cannot read we do not read");

  check_policy(bytes);
  check_rebalance(bytes);
  RecordingDesk desk;
  platform::ServerRequest request;
  request.method = "POST";
  request.path = lrps ? "/v1/explain/lrps" : "/v1/explain/tasks";
  request.body = std::string(bytes);
  const int explained = bridge::answer(request, desk, {}).status;
  require(explained == 400 || (explained == 200 && asked), "what can be read is explained, or refused");
  require(desk.submitted.empty(), "nothing comes of an explanation");
  request.path = lrps ? "/v1/lrps" : "/v1/tasks";
  const auto response = bridge::answer(request, desk, {});
  require(response.status == (asked ? 202 : 400), "the bridge takes what can be read, and answers 400 to the rest");
  if (!asked) {
    require(desk.submitted.empty(), "what cannot be read is not submitted in part");
    require(static_cast<bool>(diego::parse_json(response.body)), "the refusal is JSON");
  } else {
    check_submitted(desk.submitted, *asked);
  }
}
