#include "local/bbs/bbs_door.hpp"

#include <catch2/catch.hpp>

#include "base/text.hpp"
#include "test/unit/local_bbs/rig.hpp"

using namespace local;
using namespace local::bbs_test;

namespace {

struct Door : Rig {
  DoorAnswer ask(const std::string& method, const std::string& path, const std::string& body = "",
                 base::Duration now = 0s, std::map<std::string, std::string> query = {}) {
    const DoorRequest request{method, base::split_list(path, '/'), std::move(query), body, "door"};
    return answer_door(request, 15s, model, at(now));
  }
};

DoorAnswer error(int status, const std::string& text) { return {status, R"({"error":")" + text + "\"}\n", ""}; }

}  // namespace

TEST_CASE("an app is desired, scaled and removed through the door", "[bbs]") {
  Door door;
  CHECK(door.ask("PUT", "/desired/lrps/hello", R"({"instances":3,"memory_mb":128})") == DoorAnswer{201, "{}\n", ""});
  CHECK(door.orders() == Lines{"lrps hello.0,1,2 door"});
  CHECK(door.ask("PUT", "/desired/lrps/hello", R"({"instances":4})").status == 200);
  CHECK(door.orders() == Lines{"lrps hello.3 door"});
  CHECK(door.ask("GET", "/desired/lrps").body ==
        R"({"desired_lrps":[{"process_guid":"hello","domain":"demo","instances":4,"rootfs":"preloaded:cflinuxfs4",)"
        R"("memory_mb":128,"disk_mb":64,"max_pids":0,"placement_tags":[],"volume_drivers":[]}]})"
        "\n");
  CHECK(door.ask("PUT", "/desired/lrps/hello", R"({"memory_mb":256})") ==
        error(409, "of a desired LRP only the instances can change"));
  CHECK(door.ask("DELETE", "/desired/lrps/hello").status == 200);
  CHECK(door.ask("DELETE", "/desired/lrps/hello") == error(404, "the requested resource could not be found"));
  CHECK(door.rows().empty());
  CHECK(door.model.fresh_domains(at(9000h)) == Lines{"cf-apps", "demo"});
}

TEST_CASE("everything an auction can carry can be desired", "[bbs]") {
  Door door;
  door.ask("PUT", "/desired/lrps/app",
           R"({"domain":"d","rootfs":"docker:///x","disk_mb":1,"memory_mb":2,"max_pids":3,)"
           R"("placement_tags":["t"],"volume_drivers":["v"]})");
  const BbsOrders orders = door.model.take_orders();
  REQUIRE(orders.size() == 1);
  CHECK(diego::write_lrp_starts(std::get<PostLrpAuctions>(orders[0]).starts) ==
        R"([{"process_guid":"app","domain":"d","indices":[0],"PlacementTags":["t"],"VolumeDrivers":["v"],)"
        R"("RootFs":"docker:///x","MemoryMB":2,"DiskMB":1,"MaxPids":3}])");
}

TEST_CASE("a Task is desired, cancelled and deleted through the door", "[bbs]") {
  Door door;
  CHECK(door.ask("PUT", "/desired/tasks/migrate", R"({"memory_mb":64})").status == 201);
  CHECK(door.ask("PUT", "/desired/tasks/migrate") == error(409, "the requested resource already exists"));
  CHECK(door.orders() == Lines{"tasks migrate door"});
  CHECK(door.ask("DELETE", "/desired/tasks/migrate").status == 200);
  CHECK(door.task("migrate").failure_reason == "task was cancelled");
  CHECK(door.ask("GET", "/tasks").body.find(R"("state":"Completed","cell_id":"","result":"","failed":true)") !=
        std::string::npos);
  CHECK(door.ask("DELETE", "/desired/tasks/migrate").status == 200);
  CHECK(door.ask("GET", "/tasks").body == "{\"tasks\":[]}\n");
  CHECK(door.ask("DELETE", "/desired/tasks/migrate").status == 404);
}

TEST_CASE("instances are shown, all or those of one process", "[bbs]") {
  Door door;
  door.desire(an_app("app"));
  door.desire(an_app("other"));
  door.model.fail_lrp(key("app"), "insufficient resources: memory", at(0s));
  CHECK(door.ask("GET", "/actual/lrps", "", 0s, {{"process_guid", "app"}}).body ==
        R"({"actual_lrps":[{"process_guid":"app","index":0,"domain":"cf-apps","state":"UNCLAIMED",)"
        R"("presence":"ORDINARY","instance_guid":"","cell_id":"","address":"",)"
        R"("placement_error":"insufficient resources: memory","crash_count":0,"crash_reason":"",)"
        R"("since":3600000000000000}]})"
        "\n");
  CHECK(door.ask("GET", "/actual/lrps").body.find("other") != std::string::npos);
}

TEST_CASE("a cell says that it is there, for a time", "[bbs]") {
  Door door;
  door.model.remove_presence("cell-a");
  const std::string presence =
      R"({"cell_id":"c","rep_address":"","rep_url":"http://127.0.0.1:1800","zone":"z1",)"
      R"("capacity":{"memory_mb":1024,"disk_mb":2048,"containers":10},)"
      R"("rootfs_provider_list":[{"name":"preloaded","properties":["cflinuxfs4"]},{"name":"docker","properties":[]}],)"
      R"("placement_tags":["iso-a"],"optional_placement_tags":["gpu"]})";
  CHECK(door.ask("PUT", "/cells/c", presence).status == 200);
  CHECK(door.ask("GET", "/cells", "", 14s).body == "{\"cells\":[" + presence + "]}\n");
  CHECK(door.ask("GET", "/cells", "", 15s).body == "{\"cells\":[]}\n");
  door.ask("PUT", "/cells/c", presence, 20s, {{"ttl_s", "60"}});
  CHECK(door.model.cells(at(79s)).size() == 1);
  CHECK(door.ask("DELETE", "/cells/c").status == 200);
  CHECK(door.ask("DELETE", "/cells/c").status == 404);
}

TEST_CASE("a pass of convergence can be asked for", "[bbs]") {
  Door door;
  door.desire(an_app("app"));
  door.orders();
  CHECK(door.ask("POST", "/converge", "", 31s).status == 200);
  CHECK(door.orders() == Lines{"lrps app.0"});
}

TEST_CASE("domains are kept fresh through the door", "[bbs]") {
  Door door;
  door.ask("PUT", "/domains/d", "", 0s, {{"ttl_s", "10"}});
  CHECK(door.ask("GET", "/domains", "", 9s).body == "{\"domains\":[\"cf-apps\",\"d\"]}\n");
  CHECK(door.ask("GET", "/domains", "", 10s).body == "{\"domains\":[\"cf-apps\"]}\n");
}

TEST_CASE("what is wrong with a wish is said, and nothing is done", "[bbs]") {
  Door door;
  struct Case {
    const char* body;
    const char* text;
  };
  const auto [body, text] = GENERATE(values<Case>({
      {"[]", "the body is not a JSON object"},
      {"{", "the body is not a JSON object"},
      {R"({"instances":"3"})", "instances is not a number from 0 to 100000"},
      {R"({"instances":-1})", "instances is not a number from 0 to 100000"},
      {R"({"memory_mb":1.5})", "memory_mb is not a number from 0 to 2147483647"},
      {R"({"rootfs":7})", "rootfs is not a string"},
      {R"({"placement_tags":"a"})", "placement_tags is not a list"},
      {R"({"placement_tags":[1]})", "placement_tags holds something that is not a string"},
      {R"({"memory":1})", "there is no field memory"},
      {R"({"domain":""})", "domain is empty"},
  }));
  CAPTURE(body);
  CHECK(door.ask("PUT", "/desired/lrps/app", body) == error(400, text));
  CHECK(door.rows().empty());
}

TEST_CASE("unknown routes and methods are refused", "[bbs]") {
  Door door;
  CHECK(door.ask("GET", "/nowhere") == error(404, "there is no such route"));
  CHECK(door.ask("GET", "/") == error(404, "there is no such route"));
  const DoorAnswer refused = door.ask("POST", "/desired/lrps/app");
  CHECK(refused.status == 405);
  CHECK(refused.allow == "PUT, DELETE");
}
