// Every request that a real auctioneer sent to a real BBS and to real reps, sent by our clients from the
// same values and answered as it was then.
#include <catch2/catch.hpp>

#include <map>

#include "bbs_rig.hpp"
#include "diego/bbs_wire.hpp"
#include "diego/rep_client.hpp"
#include "http_records.hpp"
#include "protobuf_bytes.hpp"

using namespace bbs_test;
using namespace diego;
using platform::ServerRequest;

namespace {

struct Exchange {
  std::string name;
  records::Message request, response;
};

std::vector<Exchange> exchanges(const std::string& prefix) {
  std::vector<Exchange> out;
  for (const auto& path : records::files(prefix, ".req")) {
    auto answer = path;
    out.push_back({path.filename(), records::parse(records::read_file(path)),
                   records::parse(records::read_file(answer.replace_extension(".resp")))});
  }
  return out;
}

// The place in the record: "auctioneer-to-bbs-007-..." is 7.
int number_of(const Exchange& exchange) {
  return std::stoi(exchange.name.substr(std::string("auctioneer-to-bbs-").size()));
}

// Answers as the record says, but for the headers that a server of ours sets itself.
FakeBbs::Handler replay(const Exchange& exchange) {
  platform::ServerResponse answer{.status = std::stoi(exchange.response.word(1)), .body = exchange.response.body};
  if (const std::string type = exchange.response.header("Content-Type"); !type.empty())
    answer.headers.emplace_back("Content-Type", type);
  return [answer](const ServerRequest&) { return answer; };
}

void compare_heads(const ServerRequest& sent, const Exchange& exchange, std::vector<std::string> aside = {}) {
  aside.insert(aside.end(), records::kOfTheSender.begin(), records::kOfTheSender.end());
  CHECK(sent.method + " " + sent.target + " HTTP/1.1" == exchange.request.first_line);
  CHECK(records::lines(sent.headers, aside) == records::lines(exchange.request.headers, aside));
}

CellRow cell(const std::string& number) {
  return {.cell_id = "cell-" + number,
          .rep_address = "https://127.0.0.1:1910" + number,
          .rep_url = "https://127.0.0.1:1910" + number,
          .zone = "z" + number,
          .memory_mb = 1024,
          .disk_mb = 8192,
          .containers = 20,
          .rootfs_providers = {{"docker", {}}, {"preloaded", {"cflinuxfs4"}}, {"preloaded+layer", {"cflinuxfs4"}}}};
}

struct Report {
  std::string guid;
  std::int32_t index = 0;
  std::string reason;
};

// What the auctioneer had to report, by the place in the record.
const std::map<int, Report> kFailedLrps{
    {4, {"app-toobig", 0, "insufficient resources: memory"}},
    {5, {"app-toobig", 1, "insufficient resources: memory"}},
    {7, {"app-badstack", 0, "found no compatible cell for required rootfs"}},
    {9, {"app-tag", 0, "found no compatible cell with placement tags \"iso-x\" and \"iso-y\""}},
    {11, {"app-vol", 0, "found no compatible cell with required volume drivers"}},
    {13, {"app-FAILME", 0, ""}},
};
const std::map<int, Report> kRejectedTasks{
    {18, {"task-toobig", 0, "insufficient resources: memory"}},
    {20, {"task-FAILME", 0, ""}},
};

// The auctioneer sent reports without a reason, which the BBS refused; ours have one.
const std::string kStandIn = wire_test::text(2, kNoReason);

void compare_report(const ServerRequest& sent, const Exchange& exchange, const Report& report) {
  const bool without_reason = report.reason.empty();
  CHECK(sent.body == exchange.request.body + (without_reason ? kStandIn : ""));
  compare_heads(sent, exchange,
                without_reason ? std::vector<std::string>{"Content-Length"} : std::vector<std::string>{});
}

void compare_taken(const BbsAnswer<BbsTaken>& answer, const std::string& refusal) {
  CHECK(answer == (refusal.empty() ? BbsAnswer<BbsTaken>(BbsTaken{})
                                   : BbsAnswer<BbsTaken>(BbsFailure{BbsFailure::Kind::refused, refusal})));
}

}  // namespace

TEST_CASE("every recorded call of an auctioneer to the BBS is ours, and its answer is read", "[captures]") {
  if (records::missing()) return;
  std::map<std::string, int> compared;
  for (const Exchange& exchange : exchanges("auctioneer-to-bbs-")) {
    CAPTURE(exchange.name);
    FakeBbs bbs(replay(exchange));
    const auto client = client_of("http://" + bbs.address());
    const std::string path = exchange.request.word(1);
    const std::string id = exchange.request.header("X-Vcap-Request-Id");
    ++compared[path];
    if (path == "/v1/cells/list.r1") {
      const auto cells = client->cells(id);
      REQUIRE(cells);
      REQUIRE(cells->size() == 2);
      const bool first_first = cells->front().cell_id == "cell-1";  // They have no order.
      CHECK(*cells == std::vector<CellRow>{cell(first_first ? "1" : "2"), cell(first_first ? "2" : "1")});
      CHECK(bbs.last().body.empty());
      compare_heads(bbs.last(), exchange);
    } else if (path == "/v1/actual_lrps/fail") {
      const Report& report = kFailedLrps.at(number_of(exchange));
      compare_taken(
          client->fail_actual_lrp({report.guid, report.index, "cf-apps"}, report.reason, id),
          report.reason.empty() ? "POST /v1/actual_lrps/fail: Invalid field: error_message (InvalidRequest)" : "");
      compare_report(bbs.last(), exchange, report);
    } else {
      REQUIRE(path == "/v1/tasks/reject");
      const Report& report = kRejectedTasks.at(number_of(exchange));
      compare_taken(
          client->reject_task(report.guid, report.reason, id),
          report.reason.empty() ? "POST /v1/tasks/reject: Invalid field: failure_reason (InvalidRequest)" : "");
      compare_report(bbs.last(), exchange, report);
    }
  }
  CHECK(compared ==
        std::map<std::string, int>{{"/v1/cells/list.r1", 19}, {"/v1/actual_lrps/fail", 6}, {"/v1/tasks/reject", 2}});
}

TEST_CASE("every recorded request to a rep is ours, and its answer is read", "[captures]") {
  if (records::missing()) return;
  std::map<std::string, int> compared;
  for (const Exchange& exchange : exchanges("to-rep")) {
    CAPTURE(exchange.name);
    FakeBbs rep(replay(exchange));
    const auto client = RepClient::create({.url = "http://" + rep.address()});
    REQUIRE(client);
    const std::string path = exchange.request.word(1);
    const std::string id = exchange.request.header("X-Vcap-Request-Id");
    if (path == "/state") {
      ++compared["state"];
      const auto state = (*client)->state(id);
      REQUIRE(state);
      CHECK(state->cell_id == (exchange.name.starts_with("to-rep1-") ? "cell-1" : "cell-2"));
      compare_heads(rep.last(), exchange);
    } else if (path == "/work") {
      ++compared["work"];
      const auto work = parse_work(exchange.request.body);
      REQUIRE(work);
      const auto refused = (*client)->work(*work, id);
      REQUIRE(refused);
      CHECK(write_work(*refused) + "\n" == exchange.response.body);
      compare_heads(rep.last(), exchange, {"Content-Type"});  // The auctioneer names none; reps do not look.
    } else {
      ++compared["stop"];
      const auto parts = base::split_list(path, '/');
      REQUIRE(parts.size() == 6);
      CHECK((*client)->stop_lrp(parts[2], parts[4], id));
      compare_heads(rep.last(), exchange);
    }
    CHECK(rep.last().body == exchange.request.body);
  }
  CHECK(compared == std::map<std::string, int>{{"state", 38}, {"work", 8}, {"stop", 2}});
}
