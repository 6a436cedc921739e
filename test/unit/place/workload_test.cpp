#include <catch2/catch.hpp>

#include <string>

#include "rig.hpp"

namespace {

const std::string kSample = file_of(
    list_of(
        {cell_of("cell-0", "z2", 64, 32, 8,
                 R"(,"index":7,"rootfs_schemes":["docker"],"placement_tags":["iso"],"optional_placement_tags":["gpu"],)"
                 R"("volume_drivers":["nfs"],"starting_containers":3,"proxy_memory_mb":5)"),
         cell_of("cell-1", "z1"), cell_of("cell-2", "z1")}),
    list_of({lrp_of("app", 0, 10),
             lrp_of("app", 1, 10, "docker:///lib/img", R"(,"placement_tags":["iso"],"domain":"d")"),
             lrp_of("other", 0, 20)}),
    list_of({task_of("job", 30, R"(,"volume_drivers":["nfs"],"max_pids":10)")}));

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

std::string complaint(const std::string& text) {
  const auto workload = read_text(text);
  return workload ? "" : workload.error().message();
}

}  // namespace

TEST_CASE("a file is read whatever pieces it comes in", "[workload]") {
  const auto step = GENERATE(as<std::size_t>{}, 1, 2, 3, 7, 64, 65536);
  const auto workload = read_text(kSample, step);
  REQUIRE(workload);
  CHECK(workload->name == "test");
  CHECK(workload->zones == std::vector<std::string>{"z1", "z2"});
  REQUIRE(workload->cells.size() == 3);
  const place::WorkloadCell& cell = workload->cells[0];
  CHECK(cell.id == "cell-0");
  CHECK(cell.zone == 1);
  CHECK(cell.index == 7);
  CHECK(cell.memory_mb == 64);
  CHECK(cell.disk_mb == 32);
  CHECK(cell.containers == 8);
  CHECK(cell.starting == 3);
  CHECK(cell.proxy_memory_mb == 5);
  const place::CellKind kind{.zone = "z2",
                             .rootfs = {{"docker", {diego::RootFsProvider::Kind::arbitrary, {}}},
                                        {"preloaded", {diego::RootFsProvider::Kind::fixed_set, {"linux"}}}},
                             .placement_tags = {"iso"},
                             .optional_placement_tags = {"gpu"},
                             .volume_drivers = {"nfs"}};
  CHECK(workload->kinds[cell.kind] == kind);
  CHECK(workload->kinds.size() == 2);
  CHECK(workload->cells[1].kind == workload->cells[2].kind);

  REQUIRE(workload->items.size() == 4);
  CHECK(workload->lrps == 3);
  CHECK(workload->items[1].memory_mb == 10);
  const placement::Constraints second{diego::RootFs{"docker", ""}, {"iso"}, {}};
  CHECK(*workload->constraints[workload->items[1].constraints] == second);
  const placement::Constraints fourth{diego::RootFs{"preloaded", "linux"}, {}, {"nfs"}};
  CHECK(*workload->constraints[workload->items[3].constraints] == fourth);
}

TEST_CASE("alike constraints and guids are kept once", "[workload]") {
  const auto workload = workload_of(kSample);
  CHECK(workload.constraints.size() == 3);
  CHECK(workload.items[0].constraints == workload.items[2].constraints);
  CHECK(workload.guids == std::vector<std::string>{"app", "other", "job"});
}

TEST_CASE("items have keys and are found by them", "[workload]") {
  const auto workload = workload_of(kSample);
  CHECK(workload.key(1) == "app.1");
  CHECK(workload.key(3) == "job");
  for (std::size_t item = 0; item < 4; ++item) CHECK(workload.find(workload.key(item)) == item);
  const std::string unknown = GENERATE("app", "app.2", "app.01", "job.0", "", ".", "app.", "app.x", "none.0");
  CAPTURE(unknown);
  CHECK_FALSE(workload.find(unknown));
}

TEST_CASE("of instances given twice the first counts, and the rest are dropped silently", "[workload]") {
  const auto workload = workload_of(
      file_of(cell_of("c", "z"),
              list_of({lrp_of("a", 0, 1), lrp_of("b", 0, 2), lrp_of("a", 0, 3), lrp_of("a", 1, 4), lrp_of("b", 0, 5)}),
              list_of({task_of("a", 6), task_of("t", 7), task_of("a", 8)})));
  std::vector<int> memory;
  for (const place::Item& item : workload.items) memory.push_back(item.memory_mb);
  CHECK(memory == std::vector<int>{1, 2, 4, 6, 7});
  CHECK(workload.lrps == 3);
}

TEST_CASE("the parts of a file may come in any order, and what has a default may be left out", "[workload]") {
  const auto workload = workload_of("{\"tasks\":[" + task_of("t", 1) + "],\"lrps\":[" + lrp_of("a", 0, 1) +
                                    "],\"cells\":[" + cell_of("c", "z") + "],\"format\":\"diego-place/1\"}");
  CHECK(workload.name == "w.json");
  CHECK(workload.key(0) == "a.0");
  CHECK(workload.key(1) == "t");
}

TEST_CASE("a file without cells or work is a workload too", "[workload]") {
  const auto workload = workload_of(file_of(""));
  CHECK(workload.cells.empty());
  CHECK(workload.items.empty());
}

TEST_CASE("a bad file is one line with file, line and field", "[workload]") {
  const auto [from, to, text] = GENERATE(table<std::string, std::string, std::string>({
      {"diego-place/1", "diego-place/2", R"(w.json:1: format is not "diego-place/1")"},
      {R"("format":"diego-place/1",)", "", "w.json:14: format is missing"},
      {R"("seed":1)", R"("seed":"1")", "w.json:1: seed is text, not a number"},
      {R"("name":"test")", R"("name":null)", "w.json:1: name is null, not text"},
      {R"("name":"test")", R"("nome":"test")", "w.json:1: nome is an unknown field"},
      {R"("name":"test")", R"("na\nme":"test")", "w.json:1: na?me is an unknown field"},
      {R"("note":"")", R"("name":"again")", "w.json:1: name is given twice"},
      {R"("cells":[)", R"("cells":{)", "w.json:2: cells is an object, not an array"},
      {R"({"id":"cell-0")", R"("cell-0",{"id":"cell-0")", "w.json:3: cells[0] is text, not an object"},
      {R"({"id":"cell-0")", R"([{"id":"cell-0")", "w.json:3: cells[0] is an array, not an object"},
      {R"("id":"cell-1",)", "", "w.json:4: cells[1].id is missing"},
      {R"("id":"cell-1")", R"("id":"cell-0")", R"(w.json:4: cells[1].id "cell-0" is that of cells[0] too)"},
      {R"("id":"cell-1")", R"("id":"")", "w.json:4: cells[1].id is empty"},
      {R"("id":"cell-1")", R"("id":"cell 1")", "w.json:4: cells[1].id has white space in it"},
      {R"("id":"cell-1")", R"("id":7)", "w.json:4: cells[1].id is a number, not text"},
      {R"("memory_mb":1000)", R"("memory_mb":-1)", "w.json:4: cells[1].memory_mb is negative"},
      {R"("memory_mb":1000)", R"("memory_mb":2147483648)", "w.json:4: cells[1].memory_mb is larger than 2147483647"},
      {R"("memory_mb":1000)", R"("memory_mb":99999999999999999999)",
       "w.json:4: cells[1].memory_mb is larger than 2147483647"},
      {R"("memory_mb":1000)", R"("memory_mb":1.5)", "w.json:4: cells[1].memory_mb is not a whole number"},
      {R"("memory_mb":1000)", R"("memory_mb":"1000")", "w.json:4: cells[1].memory_mb is text, not a number"},
      {R"("memory_mb":1000)", R"("memory_mb":true)", "w.json:4: cells[1].memory_mb is true or false, not a number"},
      {R"("memory_mb":1000)", R"("memory_mb":1e999)",
       "w.json:4: cells[1].memory_mb: not JSON: Number too big to be stored in double"},
      {R"("memory_mb":1000)", R"("memory_mb":[])", "w.json:4: cells[1].memory_mb is an array, not a number"},
      {R"(["docker"])", R"("docker")", "w.json:3: cells[0].rootfs_schemes is text, not an array"},
      {R"(["docker"])", R"(["docker",3])", "w.json:3: cells[0].rootfs_schemes[1] is a number, not text"},
      {R"(["docker"])", R"(["docker",["x"]])", "w.json:3: cells[0].rootfs_schemes[1] is an array, not text"},
      {R"("placement_tags":["iso"],"opt)", R"("placement_tag":["iso"],"opt)",
       "w.json:3: cells[0].placement_tag is an unknown field"},
      {R"("index":1,)", "", "w.json:9: lrps[1].index is missing"},
      {R"("process_guid":"other")", R"("process_guid":"")", "w.json:10: lrps[2].process_guid is empty"},
      {R"("process_guid":"other")", R"("process_guid":"a\nb")",
       "w.json:10: lrps[2].process_guid has white space in it"},
      {R"("index":1,)", R"("index":1,"index":1,)", "w.json:9: lrps[1].index is given twice"},
      {R"("task_guid":"job",)", "", "w.json:13: tasks[0].task_guid is missing"},
      {R"("task_guid":"job")", R"("task_guid":"job","index":0)", "w.json:13: tasks[0].index is an unknown field"},
      {R"("seed":1,)", R"("seed":1)", "w.json:1: seed: not JSON: Missing a comma or '}' after an object member"},
      {R"("seed":1,)", R"("seed":[[1]],)", "w.json:1: seed is an array, not a number"},
      {"job",
       "j\xff"
       "b",
       "w.json:13: tasks[0].task_guid: not JSON: Invalid encoding in string"},
  }));
  CAPTURE(from, to);
  CHECK(complaint(replaced(kSample, from, to)) == text);
}

TEST_CASE("what is no object, or nothing at all, is said so", "[workload]") {
  const auto [file, text] = GENERATE(table<std::string, std::string>({
      {"", "w.json: is empty"},
      {" \n\n", "w.json: is empty"},
      {"[]", "w.json:1: the file is an array, not an object"},
      {"\n7", "w.json:2: the file is a number, not an object"},
      {"{}", "w.json:1: format is missing"},
      {"#!/bin/sh\n", "w.json:1: not JSON: Invalid value"},
  }));
  CHECK(complaint(file) == text);
}

TEST_CASE("a file cut off anywhere is an error of one line", "[workload]") {
  const std::string whole = kSample.substr(0, kSample.size() - 1);  // Without the last line's end.
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const std::string text = complaint(whole.substr(0, size));
    INFO(size);
    REQUIRE(!text.empty());
    REQUIRE(text.find('\n') == std::string::npos);
  }
  CHECK(complaint(whole.substr(0, whole.size() - 30)).find("the file ends too early") != std::string::npos);
}

TEST_CASE("nothing may follow the file's object", "[workload]") {
  CHECK(complaint(kSample + "{}") == "w.json:15: not JSON: The document root must not be followed by other values");
}

TEST_CASE("a zero byte does not end a file", "[workload]") {
  CHECK(complaint(kSample + std::string(1, '\0') + "more") == "w.json:15: the file does not end with its object");
}

TEST_CASE("a value without an end is refused before it takes all memory", "[workload]") {
  std::size_t given = 0;
  const place::Source endless = [&](char* buffer, std::size_t size) -> base::Result<std::size_t> {
    std::memset(buffer, 'x', size);
    if (given == 0) std::memcpy(buffer, "{\"name\":\"", 9);
    given += size;
    return size;
  };
  const auto workload = place::read_workload("w.json", endless);
  REQUIRE_FALSE(workload);
  CHECK(workload.error().message() == "w.json:1: name: more than 1000000 bytes for one value");
  CHECK(given < 2 * place::kValueBytesMax);
}

TEST_CASE("arrays in arrays without an end are refused at once", "[workload]") {
  CHECK(complaint("{\"cells\":[" + std::string(100'000, '[')) == "w.json:1: cells[0] is an array, not an object");
}

TEST_CASE("what the source complains of is what the reader says", "[workload]") {
  const place::Source broken = [](char*, std::size_t) -> base::Result<std::size_t> {
    return base::Error{"w.json", "cannot be read: Is a directory"};
  };
  CHECK(place::read_workload("w.json", broken).error().message() == "w.json: cannot be read: Is a directory");
}
