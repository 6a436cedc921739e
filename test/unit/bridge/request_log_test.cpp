// What operators of Diego look for in the auctioneer's log.
#include <catch2/catch.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <regex>
#include <vector>

#include "platform/log.hpp"
#include "test/unit/bridge/rig.hpp"

using namespace bridge;

namespace {

// The lines on stderr, in the lager form, without their time and spans.
std::vector<std::string> logged(const std::function<void()>& say) {
  char name[] = "/tmp/request-log-test-XXXXXX";
  const int file = ::mkstemp(name);
  REQUIRE(file >= 0);
  const int kept = ::dup(STDERR_FILENO);
  ::dup2(file, STDERR_FILENO);
  platform::start_log("p", platform::LogLevel::info, {.format = "lager", .source = "auctioneer"});
  say();
  platform::start_log("p", platform::LogLevel::info);
  ::dup2(kept, STDERR_FILENO);
  ::close(kept);
  ::close(file);
  std::vector<std::string> lines;
  std::ifstream in(name);
  for (std::string line; std::getline(in, line);) {
    line = std::regex_replace(line, std::regex(R"re(^.*"message":"auctioneer\.)re"), "");
    lines.push_back(std::regex_replace(line, std::regex(R"re(,"span-id":"[0-9a-f]{16}")re"), ""));
  }
  ::unlink(name);
  return lines;
}

constexpr const char* kServing = R"(request.serving","log_level":1,"data":{"method":"POST","request":"/v1/lrps"}})";
constexpr const char* kDone = R"(request.done","log_level":1,"data":{"method":"POST","request":"/v1/lrps"}})";

}  // namespace

TEST_CASE("auctions are logged as Diego's auctioneer logs them", "[bridge]") {
  FakeDesk desk;
  const auto lines = logged([&] {
    answer(request("POST", "/v1/lrps",
                   R"([{"process_guid":"p\"","domain":"d","indices":[1,0],"RootFs":"preloaded:fs"},)"
                   R"({"process_guid":"a","domain":"d","indices":[2],"RootFs":"preloaded:fs"},)"
                   R"({"process_guid":"p\"","domain":"d","indices":[5],"RootFs":"preloaded:fs"}])",
                   {{"X-Vcap-Request-Id", "7f461654-74d1-1ee5-8367-77d85df2cdab"}}),
           desk, {});
    answer(request("POST", "/v1/tasks", R"([{"TaskGuid":"t","Domain":"d","RootFs":"preloaded:fs"}])"), desk, {});
  });
  CHECK(lines == std::vector<std::string>{
                     kServing,
                     R"(request.lrp-auction-handler.create.submitted","log_level":1,)"
                     R"("data":{"trace-id":"7f46165474d11ee5836777d85df2cdab",)"
                     R"("lrps":[{"guid":"a","indices":[2]},{"guid":"p\"","indices":[1,0,5]}]}})",
                     kDone, R"(request.serving","log_level":1,"data":{"method":"POST","request":"/v1/tasks"}})",
                     R"(request.task-auction-handler.create.submitted","log_level":1,"data":{"tasks":["t"]}})",
                     R"(request.done","log_level":1,"data":{"method":"POST","request":"/v1/tasks"}})"});
}

TEST_CASE("what is wrong with a request is logged under Diego's names", "[bridge]") {
  const auto [body, refusal, expected] = GENERATE(table<std::string, std::string, std::vector<std::string>>({
      {"{",
       "",
       {R"(request.lrp-auction-handler.create.malformed-json","log_level":2,"data":{"error":"unexpected end of JSON input"}})"}},
      {R"([{"process_guid":"p","domain":"d","RootFs":"x"}])",
       "",
       {R"(request.lrp-auction-handler.create.start-validate-failed","log_level":2,)"
        R"("data":{"error":"indices must not be empty","process_guid":"p"}})",
        R"(request.lrp-auction-handler.create.submitted","log_level":1,"data":{"lrps":[]}})"}},
      {R"([{"process_guid":"p","domain":"d","indices":[-1],"RootFs":"x"}])",
       "",
       {R"(request.lrp-auction-handler.create.start-validate-failed","log_level":2,)"
        R"("data":{"error":"index -1 is negative","process_guid":"p"}})",
        R"(request.lrp-auction-handler.create.submitted","log_level":1,"data":{"lrps":[{"guid":"p","indices":[-1]}]}})"}},
      {R"([{"process_guid":"p","domain":"d","indices":[0],"RootFs":"x"}])",
       "the queue is full",
       {R"(request.lrp-auction-handler.create.refused","log_level":2,"data":{"error":"the queue is full"}})"}},
  }));
  FakeDesk desk;
  desk.refusal = refusal;
  const auto lines = logged([&, body = body] { answer(request("POST", "/v1/lrps", body), desk, {}); });
  std::vector<std::string> all{kServing};
  all.insert(all.end(), expected.begin(), expected.end());
  all.emplace_back(kDone);
  CHECK(lines == all);
}

TEST_CASE("who only looks is not logged", "[bridge]") {
  FakeDesk desk;
  CHECK(logged([&] {
          for (const auto* path : {"/healthz", "/v1/instances", "/v1/cells", "/nosuch"})
            answer(request("GET", path), desk, {});
        }).empty());
}
