#include "scheduler/edge/auction_log.hpp"

#include <catch2/catch.hpp>

#include <vector>

#include "diego/failures.hpp"

namespace {

using platform::LogLevel;

struct Rig {
  std::vector<std::string> lines;
  edge::AuctionLog log{5, [this](LogLevel level, const std::string& message, const platform::LogData& data) {
                         std::string text = data.json();
                         // A span is a number of its own each time.
                         if (const auto span = text.find(",\"span-id\":\""); span != std::string::npos)
                           text.erase(span, 29);
                         lines.push_back((level == LogLevel::error ? "E " : "") + message + " " + text);
                       }};

  static core::Auction auction(core::Key key) {
    core::Auction auction;
    auction.key = std::move(key);
    return auction;
  }
  static core::Launch launch(const std::string& task_id, core::Key key, const std::string& trace_id = "") {
    core::Launch launch;
    launch.task_id = task_id;
    launch.key = std::move(key);
    launch.trace_id = trace_id;
    return launch;
  }
};

const core::Key kLrp{core::Kind::lrp, "p", 3};
const core::Key kTask{core::Kind::task, "t", 0};

}  // namespace

TEST_CASE("a batch is told as an auctioneer tells it", "[auction_log]") {
  Rig rig;
  rig.log.heard({{Rig::auction(kLrp), Rig::auction({core::Kind::lrp, "p", 4}), Rig::auction(kTask)}});
  rig.log.heard({{Rig::auction({core::Kind::lrp, "q", 0})}});
  rig.log.refused({{core::Kind::lrp, "q", 0}, "insufficient resources: memory", "ab"});
  core::Accept accept;
  accept.agent_id = "S0";
  accept.launches = {Rig::launch("p.3.aaaaaaaa", kLrp, "cd"), Rig::launch("t.aaaaaaaa", kTask)};
  rig.log.placed(accept, "cell-1");
  rig.log.end_of_round();
  CHECK(
      rig.lines ==
      std::vector<std::string>{
          "auction.fetching-auctions {}", R"(auction.fetched-auctions {"lrp-start-auctions":3,"task-auctions":1})",
          "auction.scheduling {}",
          R"(E auction.lrp-auction-failed {"lrp-guid":"q.0","trace-id":"00000000000000ab","error":"insufficient resources: memory"})",
          R"(auction.lrp-added-to-cell {"lrp-guid":"p.3","cell-guid":"cell-1","trace-id":"00000000000000cd"})",
          R"(auction.task-added-to-cell {"task-guid":"t","cell-guid":"cell-1"})",
          R"(auction.scheduled {"successful-lrp-start-auctions":1,"successful-task-auctions":1,)"
          R"("failed-lrp-start-auctions":1,"failed-task-auctions":0})"});
  rig.lines.clear();
  rig.log.end_of_round();
  CHECK(rig.lines.empty());
}

TEST_CASE("auctions that only wait are fetched, and nothing is scheduled", "[auction_log]") {
  Rig rig;
  rig.log.heard({{Rig::auction(kTask)}});
  rig.log.end_of_round();
  CHECK(rig.lines ==
        std::vector<std::string>{"auction.fetching-auctions {}",
                                 R"(auction.fetched-auctions {"lrp-start-auctions":0,"task-auctions":1})"});
}

TEST_CASE("the in-flight limit has its own name", "[auction_log]") {
  Rig rig;
  rig.log.refused({kTask, std::string(diego::kExceededInflightCreation), ""});
  REQUIRE(rig.lines.size() == 2);
  CHECK(rig.lines[1] == R"(auction.exceeded-max-inflight-container-creation {"task-guid":"t","max-inflight":5})");
}

TEST_CASE("a task that only boots a cell is no auction", "[auction_log]") {
  Rig rig;
  core::Accept accept;
  accept.launches = {Rig::launch("~cell.aaaaaaaa", {})};
  rig.log.placed(accept, "cell-1");
  rig.log.end_of_round();
  CHECK(rig.lines.empty());
}
