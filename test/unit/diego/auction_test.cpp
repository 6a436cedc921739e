#include <catch2/catch.hpp>

#include "diego/auction.hpp"
#include "diego/failures.hpp"

using namespace diego;

namespace {

std::vector<LrpStart> lrps(std::string_view body) {
  const auto starts = parse_lrp_starts(body);
  REQUIRE((starts ? "" : starts.error().text) == std::string());
  return *starts;
}

std::vector<TaskStart> tasks(std::string_view body) {
  const auto starts = parse_task_starts(body);
  REQUIRE((starts ? "" : starts.error().text) == std::string());
  return *starts;
}

LrpStart good_lrp() {
  return {.process_guid = "app", .domain = "cf-apps", .indices = {0}, .constraint = {.rootfs = "preloaded:x"}};
}

}  // namespace

TEST_CASE("an LRP auction is read field by field", "[auction]") {
  CHECK(
      lrps(
          R"([{"process_guid":"app-1","domain":"cf-apps","indices":[2,0,1],"PlacementTags":["iso"],"VolumeDrivers":null,
                  "RootFs":"docker:///lib/img?a=1\u0026b=2","MemoryMB":128,"DiskMB":512,"MaxPids":1024}])") ==
      std::vector<LrpStart>{{.process_guid = "app-1",
                             .domain = "cf-apps",
                             .indices = {2, 0, 1},
                             .constraint = {.placement_tags = {"iso"}, .rootfs = "docker:///lib/img?a=1&b=2"},
                             .resource = {.memory_mb = 128, .disk_mb = 512, .max_pids = 1024}}});
  const auto starts = lrps(R"([{"PlacementTags":[],"VolumeDrivers":null}])");
  CHECK_FALSE(starts[0].constraint.placement_tags.null());
  CHECK(starts[0].constraint.volume_drivers.null());
}

TEST_CASE("a Task auction is read field by field", "[auction]") {
  CHECK(tasks(R"([{"TaskGuid":"t","Domain":"d","PlacementTags":["a"],"VolumeDrivers":["v","v"],"RootFs":"preloaded:x",
                   "MemoryMB":1,"DiskMB":2,"MaxPids":3,"state":"Invalid","failed":false}])") ==
        std::vector<TaskStart>{
            {.task_guid = "t",
             .domain = "d",
             .constraint = {.placement_tags = {"a"}, .volume_drivers = {"v", "v"}, .rootfs = "preloaded:x"},
             .resource = {.memory_mb = 1, .disk_mb = 2, .max_pids = 3}}});
}

TEST_CASE("bodies are read as liberally as Go reads them", "[auction]") {
  CHECK(lrps("null").empty());
  CHECK(lrps(" [ ] \n").empty());
  CHECK(lrps("[null]") == std::vector<LrpStart>{LrpStart{}});
  CHECK(lrps(R"([{"PROCESS_GUID":"a"}])")[0].process_guid == "a");
  CHECK(lrps(R"([{"process_guid":"a","Process_Guid":"b"}])")[0].process_guid == "b");
  CHECK(lrps(R"([{"process_guid":"a","process_guid":null}])")[0].process_guid == "a");
  CHECK(lrps(R"([{"nosuch":{"a":[1,{"b":null}]},"process_guid":"a"}])")[0].process_guid == "a");
  CHECK(lrps(R"([{"indices":[null,-1,4294967297,2147483648]}])")[0].indices ==
        std::vector<std::int32_t>{0, -1, 1, -2147483647 - 1});
  CHECK(lrps(R"([{"indices":[1],"indices":null}])")[0].indices.empty());
  CHECK(lrps(R"([{"PlacementTags":[null,"a"]}])")[0].constraint.placement_tags == Slice<std::string>{"", "a"});
  CHECK(lrps(R"([{"MemoryMB":-0}])")[0].resource.memory_mb == 0);
  CHECK(lrps(R"([{"nosuch":1.5e300}])").size() == 1);
  CHECK(tasks(R"([{"state":null}])").size() == 1);
  CHECK(tasks(R"([{"taskguid":"t","state":"Resolving"}])")[0].task_guid == "t");
  CHECK(lrps("[{\"domain\":\"a\xff\xe2\x28z\"}]")[0].domain == "a\xef\xbf\xbd\xef\xbf\xbd(z");
  CHECK(lrps(R"([{"domain":"\ud83d\ude00 \ud83d \ude00x \\ud83d"}])")[0].domain ==
        "\xf0\x9f\x98\x80 \xef\xbf\xbd \xef\xbf\xbdx \\ud83d");
}

TEST_CASE("what Go refuses is refused in Go's words", "[auction]") {
  const auto [body, text] = GENERATE(table<std::string, std::string>({
      {R"([{"process_guid":1}])",
       "json: cannot unmarshal number into Go struct field LRPStartRequest.process_guid of type string"},
      {R"([{"indices":{}}])",
       "json: cannot unmarshal object into Go struct field LRPStartRequest.indices of type []int"},
      {R"([{"indices":["0"]}])",
       "json: cannot unmarshal string into Go struct field LRPStartRequest.indices of type int"},
      {R"([{"indices":[1.5]}])",
       "json: cannot unmarshal number 1.5 into Go struct field LRPStartRequest.indices of type int"},
      {R"([{"PlacementTags":"a"}])",
       "json: cannot unmarshal string into Go struct field LRPStartRequest.PlacementTags of type []string"},
      {R"([{"placementtags":[true]}])",
       "json: cannot unmarshal bool into Go struct field LRPStartRequest.PlacementTags of type string"},
      {R"([{"MemoryMB":"1"}])",
       "json: cannot unmarshal string into Go struct field LRPStartRequest.MemoryMB of type int32"},
      {R"([{"MemoryMB":1.0}])",
       "json: cannot unmarshal number 1.0 into Go struct field LRPStartRequest.MemoryMB of type int32"},
      {R"([{"DiskMB":2147483648}])",
       "json: cannot unmarshal number 2147483648 into Go struct field LRPStartRequest.DiskMB of type int32"},
      {R"([{"domain":[]},{"process_guid":1}])",
       "json: cannot unmarshal array into Go struct field LRPStartRequest.domain of type string"},
      {"[1]", "json: cannot unmarshal number into Go value of type auctioneer.LRPStartRequest"},
      {"[[]]", "json: cannot unmarshal array into Go value of type auctioneer.LRPStartRequest"},
      {"{}", "json: cannot unmarshal object into Go value of type []auctioneer.LRPStartRequest"},
      {"\"x\"", "json: cannot unmarshal string into Go value of type []auctioneer.LRPStartRequest"},
      {"", "unexpected end of JSON input"},
      {"[{\"process_guid\":1}", "unexpected end of JSON input"},
      {R"([{"nosuch":1e999}])", "number is too large"},
      {"[] x", "invalid character 'x' after top-level value"},
  }));
  CAPTURE(body);
  const auto starts = parse_lrp_starts(body);
  REQUIRE_FALSE(starts);
  CHECK(starts.error() == base::Error{"", text});
}

TEST_CASE("a task's state must be one Diego knows, and beats other mismatches", "[auction]") {
  const auto [body, text] = GENERATE(table<std::string, std::string>({
      {R"([{"state":0}])", "json: cannot unmarshal number into Go struct field TaskStartRequest.state of type string"},
      {R"([{"TaskGuid":1,"state":[]}])",
       "json: cannot unmarshal array into Go struct field TaskStartRequest.state of type string"},
      {R"([{"TaskGuid":1,"state":"invalid"}])", "invalid state: invalid"},
      {R"([{"failed":"no"}])",
       "json: cannot unmarshal string into Go struct field TaskStartRequest.failed of type bool"},
      {"{}", "json: cannot unmarshal object into Go value of type []auctioneer.TaskStartRequest"},
  }));
  CAPTURE(body);
  const auto starts = parse_task_starts(body);
  REQUIRE_FALSE(starts);
  CHECK(starts.error().text == text);
}

TEST_CASE("an LRP is validated in Diego's order with Diego's words", "[auction]") {
  CHECK(validate(good_lrp()) == std::nullopt);
  LrpStart start;
  start.resource.disk_mb = -1;
  CHECK(validate(start) == "proccess guid is empty");
  start.process_guid = "app";
  CHECK(validate(start) == "domain is empty");
  start.domain = "d";
  CHECK(validate(start) == "indices must not be empty");
  start.indices = {-1};
  CHECK(validate(start) == "resources cannot be less than 0");
  start.resource = {.memory_mb = -1};
  CHECK(validate(start) == "resources cannot be less than 0");
  start.resource = {.max_pids = -1};
  CHECK(validate(start) == "placement constraint cannot be empty");
  start.constraint.rootfs = "x";
  CHECK(validate(start) == std::nullopt);
}

TEST_CASE("a Task is validated in Diego's order with Diego's words", "[auction]") {
  TaskStart start;
  start.resource.memory_mb = -1;
  CHECK(validate(start) == "task guid is empty");
  start.task_guid = "t";
  CHECK(validate(start) == "resources cannot be less than zero");
  start.resource = {.disk_mb = -1};
  CHECK(validate(start) == "resources cannot be less than zero");
  start.resource = {};
  CHECK(validate(start) == "placement constraint cannot be empty");
  start.constraint.rootfs = "x";
  CHECK(validate(start) == std::nullopt);
}

TEST_CASE("what is written for the BBS side reads back the same", "[auction]") {
  auto start = good_lrp();
  start.constraint.placement_tags = {"a<b>&"};
  CHECK(lrps(write_lrp_starts({start, good_lrp()})) == std::vector<LrpStart>{start, good_lrp()});
  const TaskStart task{.task_guid = "t", .constraint = {.volume_drivers = std::vector<std::string>{}, .rootfs = "r"}};
  CHECK(
      write_task_starts({task}) ==
      R"([{"TaskGuid":"t","Domain":"","PlacementTags":null,"VolumeDrivers":[],"RootFs":"r","MemoryMB":0,"DiskMB":0,"MaxPids":0,"state":"Invalid","failed":false}])");
  CHECK(tasks(write_task_starts({task})) == std::vector<TaskStart>{task});
}

TEST_CASE("failure texts are Diego's", "[failures]") {
  CHECK(placement_tag_mismatch({}) == "found no compatible cell with no placement tags");
  CHECK(placement_tag_mismatch({"a"}) == R"(found no compatible cell with placement tag "a")");
  CHECK(placement_tag_mismatch({"a", "b"}) == R"(found no compatible cell with placement tags "a" and "b")");
  CHECK(placement_tag_mismatch({"a", "b", "c"}) == R"(found no compatible cell with placement tags "a", "b" and "c")");
  CHECK(insufficient_resources({}) == "insufficient resources");
  CHECK(insufficient_resources({"memory", "containers", "disk"}) == "insufficient resources: containers, disk, memory");
}
