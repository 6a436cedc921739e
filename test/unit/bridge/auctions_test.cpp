// POST /v1/lrps and /v1/tasks: what the BBS relies on.
#include <catch2/catch.hpp>
#include <fstream>
#include <iostream>
#include <sstream>

#include "rig.hpp"

using bridge::answer;
using platform::Headers;

namespace {

constexpr const char* kLrps =
    R"([{"process_guid":"app-ok","domain":"cf-apps","indices":[2,0,1],"PlacementTags":null,"VolumeDrivers":[],"RootFs":"preloaded:cflinuxfs4","MemoryMB":128,"DiskMB":512,"MaxPids":1024}])";
constexpr const char* kTasks =
    R"([{"TaskGuid":"task-ok","Domain":"cf-tasks","PlacementTags":null,"VolumeDrivers":[],"RootFs":"preloaded:cflinuxfs4","MemoryMB":64,"DiskMB":256,"MaxPids":100,"state":"Invalid","failed":false}])";
const Headers kJson{{"Content-Type", "application/json"}};

std::vector<core::Key> keys_of(const FakeDesk& desk) {
  std::vector<core::Key> out;
  for (const core::Auction& auction : desk.submitted) out.push_back(auction.key);
  return out;
}

// Lines of a fixture, cut at tabs.
std::vector<std::vector<std::string>> table_of(const std::string& name) {
  std::ifstream in(std::string(DATA_DIR) + "/" + name);
  REQUIRE(in);
  std::vector<std::vector<std::string>> rows;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with('#')) continue;
    std::vector<std::string> fields;
    std::istringstream rest(line);
    for (std::string field; std::getline(rest, field, '\t');) fields.push_back(field);
    rows.push_back(fields);
  }
  REQUIRE_FALSE(rows.empty());
  return rows;
}

}  // namespace

TEST_CASE("auctions are taken and answered as Diego's auctioneer answers", "[bridge]") {
  FakeDesk desk;
  const auto response = answer(request("POST", "/v1/lrps", kLrps, {{"X-Vcap-Request-Id", "trace::1"}}), desk, {});
  CHECK(response.status == 202);
  CHECK(response.body == "{}");
  CHECK(response.headers == kJson);
  CHECK(desk.submissions == 1);
  REQUIRE(keys_of(desk) == std::vector<core::Key>{lrp("app-ok", 2), lrp("app-ok", 0), lrp("app-ok", 1)});
  const core::Auction& auction = desk.submitted[0];
  CHECK(auction.domain == "cf-apps");
  CHECK(auction.constraint.rootfs == "preloaded:cflinuxfs4");
  CHECK(auction.resource == diego::Resource{128, 512, 1024});
  CHECK(auction.trace_id == "trace::1");
}

TEST_CASE("a task is one auction, and the trace id may be missing", "[bridge]") {
  FakeDesk desk;
  const auto response = answer(request("POST", "/v1/tasks", kTasks), desk, {});
  CHECK(response.status == 202);
  CHECK(response.body == "{}");
  REQUIRE(keys_of(desk) == std::vector<core::Key>{task("task-ok")});
  CHECK(desk.submitted[0].resource == diego::Resource{64, 256, 100});
  CHECK(desk.submitted[0].trace_id.empty());
}

TEST_CASE("nothing to place is 202 and asks nothing of the scheduler", "[bridge]") {
  const auto [path, body] = GENERATE(table<std::string, std::string>({
      {"/v1/lrps", "[]"},
      {"/v1/lrps", "null"},
      {"/v1/lrps", "[null]"},
      {"/v1/tasks", "[]"},
      {"/v1/tasks", "null"},
      {"/v1/tasks", R"([{"process_guid":1}])"},
      {"/v1/lrps",
       R"([{"process_guid":"","indices":[0],"RootFs":"preloaded:x"},{"process_guid":"a","indices":[],"RootFs":"preloaded:x"},)"
       R"({"process_guid":"a","domain":"d","indices":[0],"RootFs":"","MemoryMB":-1}])"},
  }));
  CAPTURE(path, body);
  FakeDesk desk;
  const auto response = answer(request("POST", path, body), desk, {});
  CHECK(response.status == 202);
  CHECK(response.body == "{}");
  CHECK(response.headers == kJson);
  CHECK(desk.submissions == 0);
}

TEST_CASE("an invalid element does not take the valid ones with it", "[bridge]") {
  FakeDesk desk;
  answer(
      request(
          "POST", "/v1/lrps",
          R"([{"process_guid":"bad","indices":[0]},{"process_guid":"good","domain":"d","indices":[1,-1,1],"RootFs":"preloaded:x"},)"
          R"({"process_guid":"good","domain":"other","indices":[1],"RootFs":"preloaded:x"}])"),
      desk, {});
  REQUIRE(keys_of(desk) == std::vector<core::Key>{lrp("good", 1)});
  CHECK(desk.submitted[0].domain == "d");  // Of one key the first counts, as in Diego's batch.
}

TEST_CASE("bad bodies are answered with Go's words", "[bridge]") {
  for (const auto& row : table_of("go_errors.txt")) {
    REQUIRE(row.size() == 3);
    CAPTURE(row[0], row[1]);
    FakeDesk desk;
    const auto response = answer(request("POST", row[0], row[1]), desk, {});
    CHECK(response.status == 400);
    CHECK(response.headers == kJson);
    std::string text = row[2];
    if (const auto at = text.find('<'); at != std::string::npos) text.replace(at, 1, "\\u003c");  // As Go's encoder.
    CHECK(response.body == "{\"error\":\"" + text + "\"}");
    CHECK(desk.submissions == 0);
  }
}

TEST_CASE("at the scheduler's bound auctions are refused with the bound's name", "[bridge]") {
  FakeDesk desk;
  desk.refusal = "the queue is full (--queue-max 2)";
  const auto response = answer(request("POST", "/v1/lrps", kLrps), desk, {});
  CHECK(response.status == 503);
  CHECK(response.body == R"~({"error":"the queue is full (--queue-max 2)"})~");
}

TEST_CASE("other methods on Diego's routes are refused as Go refuses them", "[bridge]") {
  const auto path = GENERATE("/v1/lrps", "/v1/tasks");
  const auto method = GENERATE("GET", "PUT", "DELETE", "HEAD", "REPORT");
  FakeDesk desk;
  const auto response = answer(request(method, path), desk, {});
  CHECK(response.status == 405);
  CHECK(response.body == "Method Not Allowed\n");
  CHECK(response.headers == Headers{{"Content-Type", "text/plain; charset=utf-8"},
                                    {"X-Content-Type-Options", "nosniff"},
                                    {"Allow", "POST"}});
}

TEST_CASE("below Diego's routes there is Go's 404 for an empty name", "[bridge]") {
  FakeDesk desk;
  const auto response = answer(request("POST", "/v1/lrps/", kLrps), desk, {});
  CHECK(response.status == 404);
  CHECK(response.body == "404 page not found\n");
}

// Every captured answer to an input the capture shows, against ours.
TEST_CASE("the captured answers of Diego's auctioneer are ours", "[bridge][captures]") {
  const char* const given = std::getenv("DIEGO_MESOS_CAPTURES");
  const std::string folder = std::string(given != nullptr ? given : CAPTURES_DIR) + "/diego/bbs/auctioneer-answer-";
  if (!std::ifstream(folder + "lrps-ok.txt")) {
    std::cerr << "SKIPPED: no captures at " << folder << "*\n";
    return;
  }
  const auto name =
      GENERATE("lrps-badtype", "lrps-invalid-item", "lrps-malformed", "lrps-null", "lrps-object", "lrps-ok",
               "tasks-badtype", "tasks-invalid-item", "tasks-malformed", "tasks-null", "tasks-object", "tasks-ok");
  CAPTURE(name);
  std::ifstream in(folder + name + ".txt");
  std::string first, line, headers, body;
  std::getline(in, first);  // "### POST /v1/lrps  BODY"
  REQUIRE(first.starts_with("### POST /v1/"));
  const std::size_t blank = first.find("  ");
  std::getline(in, line);
  const int status = std::stoi(line.substr(9));
  while (std::getline(in, line) && line != "\r") headers += line + "\n";
  std::getline(in, body);

  FakeDesk desk;
  const auto response = answer(request("POST", first.substr(9, blank - 9), first.substr(blank + 2)), desk, {});
  CHECK(response.status == status);
  CHECK(response.body == body);
  for (const auto& [key, value] : response.headers)
    CHECK(headers.find(key + ": " + value + "\r\n") != std::string::npos);
}
