// The rep stand-in and the BBS stand-in over sockets, as they are in a cluster.
#include <catch2/catch.hpp>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "diego/rep_client.hpp"
#include "local/bbs/bbs_server.hpp"
#include "local/rep/rep_server.hpp"
#include "platform/clock.hpp"
#include "platform/http_client.hpp"

using namespace std::chrono_literals;

namespace {

struct Rig {
  Rig() {
    local::BbsOptions options;
    options.listen = options.door = "127.0.0.1:0";
    options.convergence = 1h;
    bbs = std::make_unique<local::BbsServer>(options);
    REQUIRE(bbs->start());
    door = std::make_unique<platform::HttpClient>(
        platform::ClientOptions{.origin = *platform::parse_url("door", bbs->door_url())});
    rep = start_rep("cell-a");
  }

  std::unique_ptr<local::RepServer> start_rep(const std::string& cell_id) {
    local::RepOptions options;
    options.listen = "127.0.0.1:0";
    options.config.cell_id = cell_id;
    options.config.task_duration = 50ms;
    options.config.end_delay = 50ms;
    options.config.say_again_evacuating = 10ms;
    options.bbs.url = bbs->api_url();
    options.bbs.door = bbs->door_url();
    auto server = std::make_unique<local::RepServer>(options);
    const auto port = server->start();
    REQUIRE(port);
    auto made = diego::RepClient::create({.url = "http://127.0.0.1:" + std::to_string(*port)});
    REQUIRE(made);
    client = *std::move(made);
    return server;
  }

  std::string ask(const std::string& method, const std::string& path, const std::string& body = "") {
    const auto response = door->send({.method = method, .path = path, .headers = {}, .body = body});
    REQUIRE(response);
    return response->body;
  }
  // Until the door shows `text` (or, not any more).
  bool shows(const std::string& path, const std::string& text, bool wanted = true) {
    const base::Time limit = platform::now() + 10s;
    while ((ask("GET", path).find(text) != std::string::npos) != wanted) {
      if (platform::now() > limit) return false;
      std::this_thread::yield();
    }
    return true;
  }
  void give_lrp(const std::string& guid) {
    diego::Lrp lrp;
    lrp.process_guid = guid;
    lrp.domain = "demo";
    lrp.constraint.rootfs = "preloaded:cflinuxfs4";
    diego::Work work;
    work.lrps = {lrp};
    REQUIRE(client->work(work));
  }

  std::unique_ptr<local::BbsServer> bbs;
  std::unique_ptr<platform::HttpClient> door;
  std::unique_ptr<diego::RepClient> client;  // To the rep started last.
  std::unique_ptr<local::RepServer> rep;
};

}  // namespace

TEST_CASE("a cell is there as long as its rep is", "[rep]") {
  Rig rig;
  CHECK(rig.ask("GET", "/cells").find(R"("cell_id":"cell-a")") != std::string::npos);
  rig.rep->stop();
  CHECK(rig.ask("GET", "/cells") == "{\"cells\":[]}\n");
}

TEST_CASE("an LRP is claimed, runs, and is stopped by the BBS", "[rep]") {
  Rig rig;
  rig.ask("PUT", "/desired/lrps/app", "{}");
  rig.give_lrp("app");
  CHECK(rig.shows("/actual/lrps", R"("state":"RUNNING")"));
  rig.ask("DELETE", "/desired/lrps/app");
  CHECK(rig.shows("/actual/lrps", "app", false));
}

TEST_CASE("of two containers for one instance the second goes", "[rep]") {
  Rig rig;
  rig.ask("PUT", "/desired/lrps/app", "{}");
  rig.give_lrp("app");
  CHECK(rig.shows("/actual/lrps", R"("state":"RUNNING")"));
  rig.give_lrp("app");
  const base::Time limit = platform::now() + 10s;
  std::size_t count = 2;
  while (count != 1 && platform::now() < limit) {
    const auto state = rig.client->state();
    REQUIRE(state);
    count = state->lrps.size();
  }
  CHECK(count == 1);
}

TEST_CASE("a crash is told and a Task's end too", "[rep]") {
  Rig rig;
  rig.ask("PUT", "/desired/lrps/app-CRASHME", "{}");
  rig.give_lrp("app-CRASHME");
  CHECK(rig.shows("/actual/lrps", R"("crash_count":1,"crash_reason":"Exited with status 1")"));
  rig.ask("PUT", "/desired/tasks/t", "{}");
  diego::Task task;
  task.task_guid = "t";
  task.constraint.rootfs = "preloaded:cflinuxfs4";
  diego::Work work;
  work.tasks = {task};
  REQUIRE(rig.client->work(work));
  CHECK(rig.shows("/tasks", R"("state":"Completed","cell_id":"","result":"","failed":false)"));
}

TEST_CASE("an evacuated instance stays until its successor runs elsewhere", "[rep]") {
  Rig rig;
  rig.ask("PUT", "/desired/lrps/app", "{}");
  rig.give_lrp("app");
  CHECK(rig.shows("/actual/lrps", R"("state":"RUNNING")"));
  REQUIRE(rig.client->evacuate());
  CHECK(rig.shows("/actual/lrps", R"("state":"UNCLAIMED","presence":"ORDINARY")"));
  CHECK(rig.shows("/actual/lrps", R"("state":"RUNNING","presence":"EVACUATING")"));
  CHECK_FALSE(rig.rep->finished());
  const auto other = rig.start_rep("cell-b");
  rig.give_lrp("app");
  CHECK(rig.shows("/actual/lrps", R"("state":"RUNNING","presence":"ORDINARY")"));
  CHECK(rig.shows("/actual/lrps", "EVACUATING", false));
  const base::Time limit = platform::now() + 10s;
  while (!rig.rep->finished() && platform::now() < limit) std::this_thread::yield();
  CHECK(rig.rep->finished());
}

TEST_CASE("a door without a BBS is an error of the flags", "[rep]") {
  local::RepOptions options;
  platform::Flags flags("diego-local", "A cluster");
  local::add_rep_flags(flags.subcommand("rep", "A rep"), options);
  const char* const argv[] = {"diego-local", "rep", "--bbs-door", "http://127.0.0.1:8890"};
  CHECK(flags.parse(4, argv).text == "diego-local: --bbs-door: needs --bbs-url\n");
}
