#include <catch2/catch.hpp>

#include "diego/rep.hpp"

using namespace diego;

namespace {

const std::string kState =
    R"({"rep_url":"http://127.0.0.1:1801","cell_id":"c","cell_index":3,"RootFSProviders":{"docker":{"type":"arbitrary"},)"
    R"("preloaded":{"set":{"a":{},"b":{}},"type":"fixed_set"},"strange":null},)"
    R"("AvailableResources":{"MemoryMB":1,"DiskMB":2,"Containers":3},"TotalResources":{"MemoryMB":4,"DiskMB":5,"Containers":6},)"
    R"("LRPs":[{"instance_guid":"i","process_guid":"p\u0026q","index":7,"domain":"d","PlacementTags":null,"VolumeDrivers":[],)"
    R"("RootFs":"","MemoryMB":8,"DiskMB":9,"MaxPids":10,"state":"CLAIMED"}],)"
    R"("Tasks":[{"TaskGuid":"t","Domain":"e","PlacementTags":["x"],"VolumeDrivers":null,"RootFs":"r","MemoryMB":11,"DiskMB":12,)"
    R"("MaxPids":13,"state":"Completed","failed":true}],"StartingContainerCount":1,"Zone":"z1","Evacuating":true,)"
    R"("VolumeDrivers":["nfs"],"PlacementTags":[],"OptionalPlacementTags":null,"ProxyMemoryAllocationMB":32})";

}  // namespace

TEST_CASE("a cell's state survives reading and writing byte for byte", "[rep]") {
  const auto state = parse_cell_state(kState);
  REQUIRE(state);
  CHECK(write_cell_state(*state) == kState);
  CHECK(state->lrps[0].process_guid == "p&q");
  CHECK(state->tasks[0].failed);
  CHECK(state->total == CellResources{4, 5, 6});
  CHECK(state->rootfs_providers.at("preloaded").set == std::set<std::string>{"a", "b"});
  CHECK(state->rootfs_providers.at("strange").kind == RootFsProvider::Kind::unknown);
}

TEST_CASE("a state without lists, as an old rep sends it, keeps its nulls", "[rep]") {
  const auto state = parse_cell_state(R"({"LRPs":null,"Tasks":null,"Zone":"z"})");
  REQUIRE(state);
  CHECK(state->lrps.null());
  CHECK(state->zone == "z");
  CHECK(parse_cell_state("{").error().text == "unexpected end of JSON input");
  CHECK_FALSE(parse_cell_state(R"({"LRPs":{}})"));
  CHECK_FALSE(parse_cell_state(R"({"Tasks":[{"state":"running"}]})"));
}

TEST_CASE("work leaves the cell id out when it is empty", "[rep]") {
  Work work;
  CHECK(write_work(work) == R"({"LRPs":null,"Tasks":null})");
  work.lrps = std::vector<Lrp>{};
  work.tasks = {task_of({.task_guid = "t", .domain = "d", .constraint = {.rootfs = "r"}})};
  work.cell_id = "c";
  CHECK(write_work(work) ==
        R"({"LRPs":[],"Tasks":[{"TaskGuid":"t","Domain":"d","PlacementTags":null,"VolumeDrivers":null,"RootFs":"r",)"
        R"("MemoryMB":0,"DiskMB":0,"MaxPids":0,"state":"Invalid","failed":false}],"cell_id":"c"})");
  CHECK(*parse_work(write_work(work)) == work);
}

TEST_CASE("an element written for a Mesos task reads back as the same element", "[rep]") {
  const LrpStart start{.process_guid = "app",
                       .domain = "d",
                       .indices = {4},
                       .constraint = {.placement_tags = {"a"}, .rootfs = "r"},
                       .resource = {.memory_mb = 1}};
  const Element lrp = lrp_of(start, 4);
  CHECK(*parse_element(write_element(lrp)) == lrp);
  CHECK(write_element(lrp) ==
        R"({"instance_guid":"","process_guid":"app","index":4,"domain":"d","PlacementTags":["a"],"VolumeDrivers":null,)"
        R"("RootFs":"r","MemoryMB":1,"DiskMB":0,"MaxPids":0,"state":""})");
  const Element task = task_of({.task_guid = "t", .domain = "d"});
  CHECK(*parse_element(write_element(task)) == task);
}

TEST_CASE("what is no element is an error", "[rep]") {
  const auto [data, text] = GENERATE(table<std::string, std::string>({
      {"", "unexpected end of JSON input"},
      {"{}", "process_guid is empty"},
      {"null", "process_guid is empty"},
      {R"({"TaskGuid":""})", "TaskGuid is empty"},
      {"[]", "json: cannot unmarshal array into Go value of type rep.LRP"},
      {R"({"process_guid":"a","index":"0"})",
       "json: cannot unmarshal string into Go struct field LRP.index of type int32"},
  }));
  CAPTURE(data);
  CHECK(parse_element(data).error().text == text);
}
