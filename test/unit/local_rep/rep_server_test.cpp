// The rep's routes, and the captured exchanges of a real rep replayed against the stand-in.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <regex>

#include "local/rep/rep_server.hpp"
#include "platform/http_client.hpp"

using namespace std::chrono_literals;

namespace {

// The cell of the captures.
local::RepConfig captured_cell() {
  local::RepConfig config;
  config.cell_id = "cell-a";
  config.rep_url = "http://127.0.0.1:18101";
  config.cell_index = 3;
  config.memory_mb = 1024;
  config.disk_mb = 8192;
  config.containers = 10;
  config.zone = "z2";
  config.volume_drivers = {"nfsv3driver"};
  config.placement_tags = {"iso-a"};
  config.optional_placement_tags = {"gpu"};
  config.start_delay = 500ms;
  config.task_duration = 1h;
  return config;
}

platform::ServerRequest asked(std::string method, std::string path, std::string body = "") {
  platform::ServerRequest request;
  request.method = std::move(method);
  request.path = std::move(path);
  request.body = std::move(body);
  return request;
}

// One captured exchange: "### curl -i [-X M] [-H ..] [-d BODY] URL", a blank-terminated head, a body.
struct Exchange {
  platform::ServerRequest request;
  int status = 0;
  std::string content_type, allow, body;
};

std::optional<Exchange> read_exchange(const std::string& name) {
  const char* const given = std::getenv("DIEGO_MESOS_CAPTURES");
  std::ifstream in(std::string(given != nullptr ? given : CAPTURES_DIR) + "/diego/" + name);
  if (!in) return std::nullopt;
  Exchange out;
  std::string line;
  std::getline(in, line);
  const std::size_t url = line.rfind(" http://");
  const std::string target = line.substr(url + 8);
  out.request.path = target.substr(target.find('/'));
  const std::size_t method = line.find(" -X ");
  out.request.method =
      method == std::string::npos ? "GET" : line.substr(method + 4, line.find(' ', method + 4) - method - 4);
  if (const std::size_t body = line.find(" -d "); body != std::string::npos)
    out.request.body = line.substr(body + 4, url - body - 4);
  std::getline(in, line);
  out.status = std::stoi(line.substr(9));
  while (std::getline(in, line) && line != "\r" && !line.empty()) {
    if (line.ends_with('\r')) line.pop_back();
    if (line.starts_with("Content-Type: ")) out.content_type = line.substr(14);
    if (line.starts_with("Allow: ")) out.allow = line.substr(7);
  }
  out.body = {std::istreambuf_iterator<char>(in), {}};
  return out;
}

// Instance guids are invented by each rep.
std::string without_guids(const std::string& text) {
  static const std::regex guid("\"instance_guid\":\"[^\"]+\"");
  return std::regex_replace(text, guid, "\"instance_guid\":\"?\"");
}

std::string trimmed(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return text;
}

std::string header(const platform::ServerResponse& response, const char* name) {
  const std::string* const value = platform::find_header(response.headers, name);
  return value == nullptr ? "" : *value;
}

}  // namespace

// The exchanges happened in this order with one rep; the stand-in must answer each alike.
TEST_CASE("the stand-in answers as the captured rep did", "[rep][captures]") {
  if (!read_exchange("rep-01-state-empty.txt")) {
    std::cerr << "SKIPPED: no captures under " << CAPTURES_DIR << "/diego\n";
    return;
  }
  struct Step {
    const char* name;
    base::Duration at;
  };
  const Step steps[] = {{"rep-01-state-empty", 0s},
                        {"rep-02-work-success", 0s},
                        {"rep-03-state-starting", 0s},
                        {"rep-04-state-running", 1s},
                        {"rep-05-work-failed", 1s},
                        {"rep-06-work-malformed", 1s},
                        {"rep-07-work-wrong-type", 1s},
                        {"rep-08-work-empty-body", 1s},
                        {"rep-09-work-empty-object", 1s},
                        {"rep-10-work-cell-id-mismatch", 1s},
                        {"rep-11-work-no-cell-id", 1s},
                        {"rep-12-work-get-method", 1s},
                        {"rep-12b-work-task-state-as-number", 1s},
                        {"rep-12c-work-task-without-state", 1s},
                        {"rep-12d-work-duplicate-task", 1s},
                        {"rep-12e-work-unknown-fields-and-case", 1s},
                        {"rep-13-container_metrics", 1s},
                        {"rep-14-update-lrp-v2", 1s},
                        {"rep-15-stop-lrp", 1s},
                        {"rep-16-stop-lrp-unknown", 1s},
                        {"rep-17-cancel-task", 1s},
                        {"rep-18-cancel-task-unknown", 1s},
                        {"rep-19-state-after-stop", 1300ms},
                        {"rep-21-ping", 1300ms},
                        {"rep-22-sim-reset-on-real-rep", 1300ms},
                        {"rep-23-unknown-route", 1300ms},
                        {"rep-24-state-post-method", 1300ms},
                        {"rep-25-evacuate", 1300ms},
                        {"rep-27-work-while-evacuating", 1300ms}};
  local::RepModel model(captured_cell(), base::Random(1));
  std::string captured_first;
  for (const Step& step : steps) {
    CAPTURE(step.name);
    auto exchange = read_exchange(std::string(step.name) + ".txt");
    REQUIRE(exchange);
    const base::Time now(step.at);
    // The captured rep invented other instance guids than ours: paths are told of ours.
    if (const auto state = model.state(now); !state.lrps.empty()) {
      if (const auto at = exchange->request.path.find("/instances/");
          at != std::string::npos && exchange->request.path.find("nosuch") == std::string::npos) {
        const std::size_t end = std::min(exchange->request.path.find('/', at + 11), exchange->request.path.size());
        exchange->request.path.replace(at + 11, end - at - 11, state.lrps[0].instance_guid);
      }
    }
    const auto response = local::answer_rep(exchange->request, model, now);
    CHECK(response.status == exchange->status);
    CHECK(header(response, "Content-Type") == exchange->content_type);
    CHECK(header(response, "Allow") == exchange->allow);
    CHECK(without_guids(trimmed(response.body)) == without_guids(trimmed(exchange->body)));
  }
}

TEST_CASE("a rep's routes", "[rep]") {
  local::RepModel model(captured_cell(), base::Random(1));
  const auto [method, path, body, status] = GENERATE(table<std::string, std::string, std::string, int>({
      {"GET", "/ping", "", 200},
      {"GET", "/state", "", 200},
      {"POST", "/state", "", 405},
      {"GET", "/container_metrics", "", 200},
      {"POST", "/work", "{}", 200},
      {"POST", "/work", "", 400},
      {"POST", "/work", R"({"cell_id":"other"})", 500},
      {"GET", "/work", "", 405},
      {"POST", "/v1/lrps/a/instances/b/stop", "", 500},
      {"GET", "/v1/lrps/a/instances/b/stop", "", 405},
      {"PUT", "/v1/lrps/a/instances/b", "{}", 500},
      {"PUT", "/v2/lrps/a/instances/b", "{}", 500},
      {"POST", "/v1/tasks/t/cancel", "", 202},
      {"POST", "/evacuate", "", 202},
      {"POST", "/sim/reset", "", 500},
      {"GET", "/", "", 404},
      {"GET", "/v1/lrps//instances/b/stop", "", 404},
  }));
  CAPTURE(method, path);
  CHECK(local::answer_rep(asked(method, path, body), model, base::Time(0s)).status == status);
}

TEST_CASE("guids in paths are decoded", "[rep]") {
  local::RepModel model(captured_cell(), base::Random(1));
  const base::Time now(0s);
  const std::string work = R"({"Tasks":[{"TaskGuid":"a/b","RootFs":"preloaded:cflinuxfs4"}]})";
  CHECK(local::answer_rep(asked("POST", "/work", work), model, now).body == "{\"LRPs\":null,\"Tasks\":null}\n");
  CHECK(model.state(now).tasks.size() == 1);
  local::answer_rep(asked("POST", "/v1/tasks/a%2Fb/cancel"), model, now);
  CHECK(model.state(now).tasks.empty());
}

TEST_CASE("the stand-in serves on a socket and ends when evacuated", "[rep]") {
  local::RepOptions options;
  options.listen = "127.0.0.1:0";
  options.config.cell_id = "cell-b";
  local::RepServer server(options);
  const auto port = server.start();
  REQUIRE(port);
  platform::ClientOptions client_options;
  client_options.origin = {"http", "127.0.0.1", *port, ""};
  platform::HttpClient client(client_options);
  const auto state = client.send({.method = "GET", .path = "/state"});
  REQUIRE(state);
  const auto parsed = diego::parse_cell_state(state->body);
  REQUIRE(parsed);
  CHECK(parsed->cell_id == "cell-b");
  CHECK(parsed->rep_url == "http://127.0.0.1:" + std::to_string(*port));
  CHECK_FALSE(server.finished());
  CHECK(client.send({.method = "POST", .path = "/evacuate"})->status == 202);
  CHECK(server.finished());
  server.stop();
}

TEST_CASE("flags describe the cell", "[rep]") {
  local::RepOptions options;
  platform::Flags flags("diego-local", "A cluster");
  local::add_rep_flags(flags.subcommand("rep", "A rep"), options);
  const char* const args[] = {"diego-local",     "rep",
                              "--listen",        "127.0.0.1:0",
                              "--cell-id",       "c",
                              "--memory-mb",     "512",
                              "--disk-mb=1024",  "--containers=5",
                              "--zone",          "z9",
                              "--stack",         "a:/x",
                              "--stack",         "b",
                              "--task-duration", "3s",
                              "--start-delay",   "0"};
  const auto outcome = flags.parse(static_cast<int>(std::size(args)), args);
  INFO(outcome.text);
  REQUIRE(outcome.run);
  CHECK(outcome.subcommand == "rep");
  CHECK(options.config.cell_id == "c");
  CHECK(options.config.memory_mb == 512);
  CHECK(options.config.stacks == std::vector<std::string>{"a:/x", "b"});
  CHECK(options.config.task_duration == 3s);
  CHECK(options.config.start_delay == 0s);

  platform::Flags again("diego-local", "A cluster");
  local::add_rep_flags(again.subcommand("rep", "A rep"), options);
  const char* const bad[] = {"diego-local", "rep", "--listen", "nowhere"};
  CHECK(again.parse(4, bad).text == "diego-local: --listen: \"nowhere\" is not host:port\n");
}
