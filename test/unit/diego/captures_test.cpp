// Everything recorded between real Diego parts: what we parse and write back is what was on the wire.
#include <catch2/catch.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include "diego/auction.hpp"
#include "diego/rep.hpp"

using namespace diego;
namespace fs = std::filesystem;

namespace {

fs::path captures() {
  const char* const chosen = std::getenv("DIEGO_MESOS_CAPTURES");
  return fs::path(chosen != nullptr ? chosen : CAPTURES_DIR) / "diego";
}

bool missing() {
  if (fs::is_directory(captures())) return false;
  std::cerr << "SKIPPED: no captures in " << captures() << " (set DIEGO_MESOS_CAPTURES)\n";
  WARN("SKIPPED: no captures in " << captures());
  return true;
}

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string trimmed(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return text;
}

std::string body_of_http(const std::string& message) {
  const auto crlf = message.find("\r\n\r\n");
  if (crlf != std::string::npos) return trimmed(message.substr(crlf + 4));
  const auto lf = message.find("\n\n");
  return lf == std::string::npos ? "" : trimmed(message.substr(lf + 2));
}

// The body in a recorded `curl -d BODY URL`.
std::string body_of_curl(const std::string& record) {
  const std::string line = record.substr(0, record.find('\n'));
  const auto data = line.find(" -d ");
  const auto url = line.rfind(" http");
  return data == std::string::npos || url < data ? "" : line.substr(data + 4, url - data - 4);
}

std::vector<fs::path> files(const fs::path& folder, const std::string& prefix, const std::string& suffix) {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename();
    if (name.starts_with(prefix) && name.ends_with(suffix)) found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace

TEST_CASE("every recorded state is written back as it came", "[captures]") {
  if (missing()) return;
  std::vector<std::string> states;
  for (const auto& path : files(captures(), "rep-", ".txt")) {
    if (path.filename().string().find("-state-") != std::string::npos) states.push_back(body_of_http(read_file(path)));
  }
  for (const auto& path : files(captures(), "sim-", "state.txt")) states.push_back(body_of_http(read_file(path)));
  for (const auto& path : files(captures() / "bbs", "to-rep", "GET_state.resp"))
    states.push_back(body_of_http(read_file(path)));
  int compared = 0;
  for (const std::string& body : states) {
    if (!body.starts_with("{")) continue;  // 405.
    CAPTURE(body);
    const auto state = parse_cell_state(body);
    REQUIRE(state);
    CHECK(write_cell_state(*state) == body);
    ++compared;
  }
  CHECK(compared > 40);
}

TEST_CASE("every recorded piece of work is written back as it came", "[captures]") {
  if (missing()) return;
  int compared = 0;
  const auto compare = [&](const std::string& body) {
    if (!body.starts_with("{")) return;
    CAPTURE(body);
    const auto work = parse_work(body);
    REQUIRE(work);
    CHECK(write_work(*work) == body);
    ++compared;
    for (const Lrp& lrp : work->lrps) CHECK(*parse_element(write_element(lrp)) == Element(lrp));
    for (const Task& task : work->tasks) CHECK(*parse_element(write_element(task)) == Element(task));
  };
  for (const auto& path : files(captures() / "bbs", "to-rep", "POST_work.req")) compare(body_of_http(read_file(path)));
  for (const auto& path : files(captures() / "bbs", "to-rep", "POST_work.resp")) compare(body_of_http(read_file(path)));
  for (const auto& path : files(captures(), "rep-", ".txt")) {
    if (path.filename().string().find("-work-") != std::string::npos) compare(body_of_http(read_file(path)));
  }
  CHECK(compared > 20);
}

TEST_CASE("what a rep took or refused as JSON, we take or refuse", "[captures]") {
  if (missing()) return;
  int compared = 0;
  for (const auto& path : files(captures(), "rep-", ".txt")) {
    const std::string record = read_file(path);
    if (path.filename().string().find("-work-") == std::string::npos || record.find(" -X POST") == std::string::npos)
      continue;
    CAPTURE(path);
    const bool refused = record.find("HTTP/1.1 400") != std::string::npos;
    CHECK(static_cast<bool>(parse_work(body_of_curl(record))) == !refused);
    ++compared;
  }
  CHECK(compared > 10);
}

TEST_CASE("every recorded auction is read and written back as it came", "[captures]") {
  if (missing()) return;
  std::vector<fs::path> requests = files(captures() / "bbs", "bbs-to-auctioneer", ".req");
  for (const auto& path : files(captures(), "auction-client-", ".txt")) requests.push_back(path);
  int compared = 0;
  for (const auto& path : requests) {
    const std::string request = read_file(path), body = body_of_http(request);
    CAPTURE(path, body);
    if (request.starts_with("POST /v1/lrps ")) {
      const auto starts = parse_lrp_starts(body);
      REQUIRE(starts);
      CHECK(write_lrp_starts(*starts) == body);
    } else {
      const auto starts = parse_task_starts(body);
      REQUIRE(starts);
      CHECK(write_task_starts(*starts) == body);
    }
    ++compared;
  }
  CHECK(compared >= 16);
}

TEST_CASE("bad auctions get the error texts the auctioneer gave", "[captures]") {
  if (missing()) return;
  int compared = 0;
  for (const auto& path : files(captures() / "bbs", "auctioneer-answer-", ".txt")) {
    const std::string record = read_file(path);
    const auto blank = record.find("  ");
    if (!record.starts_with("### POST") || blank == std::string::npos) continue;
    const std::string body = record.substr(blank + 2, record.find('\n') - blank - 2);
    CAPTURE(path, body);
    const bool lrps = record.find("/v1/lrps") != std::string::npos;
    std::string text;
    if (lrps) {
      const auto starts = parse_lrp_starts(body);
      if (!starts) text = starts.error().text;
    } else {
      const auto starts = parse_task_starts(body);
      if (!starts) text = starts.error().text;
    }
    CHECK((text.empty() ? "{}" : "{\"error\":\"" + text + "\"}") == body_of_http(record));
    ++compared;
  }
  CHECK(compared >= 10);
}
