#include <catch2/catch.hpp>

#include "base/random.hpp"
#include "ctl/show.hpp"

using Catch::Contains;
using ctl::Json;

namespace {

Json parse(const std::string& text) {
  auto json = diego::parse_json(text);
  REQUIRE(json);
  return *std::move(json);
}

const std::string kOverview =
    R"({"version":"0.1.0","started":"2024-01-01T00:00:00.000Z","now":"2024-01-01T00:01:30.000Z","subscribed":true,"detail":"m",
        "master":"m:5050","framework_id":"F","strategy":"spread","instances":{"lrps":{"queued":1,"running":3},"tasks":
        {"running":0}},"oldest_waiting_ms":65000,"cells":{"up":2,"idle":1},"memory_total_mb":1000,"memory_used_mb":950,
        "disk_total_mb":1000,"disk_used_mb":10,"containers_total":0,"containers_used":0,"agents":3,"agents_quarantined":1,
        "agents_leaving":0,"offers_held":2,"history":{"step_s":10,"auctions":[1,2,null,3],"launched":[1]}})";
const std::string kInstance =
    R"({"kind":"lrp","process_guid":"app","index":1,"domain":"d","state":"running","reason":"","agent_id":"S0","agent_hostname":
        "h0","cell_id":"c0","task_id":"t","attempts":1,"memory_mb":128,"disk_mb":256,"since":"2024-01-01T00:00:30.000Z",
        "accepted":"2024-01-01T00:00:29.000Z","trace_id":"x","usage":{"cpus_milli":250,"memory_bytes":100663296,"disk_bytes":
        1048576,"measured":"2024-01-01T00:00:31.000Z"}})";
const std::string kTask =
    R"({"kind":"task","task_guid":"job\u001b[31m","state":"queued","reason":"insufficient resources: memory","usage":null})";
const std::string kCell =
    R"({"cell_id":"c0","executor_id":"e","agent_id":"S0","agent_hostname":"h0","state":"up","zone":"z1","memory_total_mb":1000,
        "memory_used_mb":128,"disk_total_mb":1000,"disk_used_mb":256,"cpus_used_milli":100,"containers_used":1,"since":
        "2024-01-01T00:00:00.000Z","outdated":true,"draining":"operator","quarantined_until":"2024-01-01T00:05:00.000Z","rep":
        {"state":"unhealthy","memory_available_mb":872,"disk_available_mb":744,"containers_total":256,"containers_available":255,
        "containers_starting":0,"proxy_memory_mb":0,"rootfs":["preloaded:x"],"placement_tags":[],"optional_placement_tags":[],
        "volume_drivers":[]},"drifts":0,"usage_dropped":0,"instances":[{"kind":"lrp","process_guid":"app","index":1}]})";
const std::string kExplanation =
    R"({"kind":"lrp","process_guid":"big","index":0,"state":"queued","reason":"waits","runs_on":null,"held_up_by":["not subscribed"],
        "needs":{"memory_mb":99999,"disk_mb":1,"cpus_milli":0,"containers":1},"outcome":"refused","refusal":
        "insufficient resources: memory","place":null,"starts_cell":false,"cells":{"total":3,"fit":0,"zones":[{"zone":"z1",
        "instances":0,"cells":3,"fit":0}],"fitting":[],"misses":[{"agent_id":"S0","agent_hostname":"h0","zone":"z1","cell_id":
        "c0","zone_instances":0,"reasons":["memory"],"short_by":{"memory_mb":95903,"disk_mb":0,"cpus_milli":0,"containers":0},
        "text":"memory: 95903 MB short"}],"miss_groups":[{"reasons":["memory"],"cells":3,"short_by_min":{"memory_mb":95903,
        "disk_mb":0,"cpus_milli":0,"containers":0},"short_by_max":{"memory_mb":96031,"disk_mb":0,"cpus_milli":0,"containers":0},
        "examples":["S0","S1"]}]}})";
const std::string kEvent =
    R"({"event":"instance.running","at":"2024-01-01T00:01:02.345Z","kind":"lrp","process_guid":"app","index":1,"agent_id":"S0",
        "cell_id":"c0","waited_ms":1500})";

base::Time now() { return *ctl::moment("2024-01-01T00:01:30.000Z"); }

// Everything that is shown of any answer.
std::string all_of(const Json& json, const ctl::Style& style) {
  Json cells, instances;
  cells.kind = instances.kind = Json::Kind::object;
  Json list;
  list.kind = Json::Kind::array;
  list.items = {json, json};
  cells.members = {{"cells", list}};
  instances.members = {{"instances", list}};
  ctl::InstanceTable table(now());
  table.add(json);
  const ctl::TopShown top{json, cells, instances, "u", "cpu", now()};
  return ctl::status_text(json, "u", style) + table.shown(style) + ctl::instance_text(json, now(), style) +
         ctl::cells_text(cells, now(), style) + ctl::cell_text(json, now(), style) +
         ctl::explanation_text(json, 10, style) + ctl::event_text(json, style) + ctl::top_text(top, 10, style) +
         ctl::top_text(top, 0, style);
}

std::vector<std::string> samples() { return {kOverview, kInstance, kTask, kCell, kExplanation, kEvent}; }

// Another value in place of one somewhere in it.
void spoil(Json& json, base::Random& random) {
  static const std::vector<std::string> kOdd = {
      "null", "true", "-1",     "9223372036854775807", "-9223372036854775808",     "1e308", "\"\"", "\"\\u001b[2J\\n\"",
      "[]",   "{}",   "[[[]]]", "[null,7,\"x\",{}]",   "{\"state\":7,\"kind\":[]}"};
  const std::size_t many = json.members.size() + json.items.size();
  if (many == 0 || random.below(4) == 0) {
    json = parse(kOdd[random.below(kOdd.size())]);
    return;
  }
  const std::size_t at = random.below(many);
  if (at < json.members.size() && random.below(6) == 0) {
    json.members.erase(json.members.begin() + static_cast<std::ptrdiff_t>(at));
    return;
  }
  spoil(at < json.members.size() ? json.members[at].value : json.items[at - json.members.size()], random);
}

}  // namespace

TEST_CASE("an overview is shown in words", "[show]") {
  const std::string text = ctl::status_text(parse(kOverview), "http://u:1", {});
  CHECK_THAT(text, Contains("0.1.0 at http://u:1, up 1m30s, strategy spread") && Contains("subscribed: m") &&
                       Contains("1 queued, 3 running") && Contains("oldest waits  1m05s") &&
                       Contains("950 of 1000 MB (95 %)") && Contains("3, 1 quarantined, 2 offers held") &&
                       Contains("6 auctioned, 1 launched"));
}

TEST_CASE("instances are a table, and one of them all there is to know", "[show]") {
  ctl::InstanceTable table(now());
  table.add(parse(kInstance));
  table.add(parse(kTask));
  CHECK(table.shown({}) ==
        "INSTANCE     STATE      FOR  CELL  AGENT        MEMORY   CPU  REASON\n"
        "app.1        running  1m00s  c0    h0     96 of 128 MB  0.25\n"
        "job\\x1b[31m  queued                                           insufficient resources: memory\n");
  const std::string one = ctl::instance_text(parse(kInstance), now(), {});
  CHECK_THAT(one,
             Contains("state       running for 1m00s\n") && Contains("cpu         0.25 cores, measured 59s ago\n"));
}

TEST_CASE("a cell says what is odd about it", "[show]") {
  Json cells;
  cells.kind = Json::Kind::object;
  Json list;
  list.kind = Json::Kind::array;
  list.items = {parse(kCell)};
  cells.members = {{"cells", list}};
  CHECK_THAT(ctl::cells_text(cells, now(), {}),
             Contains("draining (operator); quarantined until 00:05:00; outdated; rep unhealthy") &&
                 Contains("128 of 1000 MB") && Contains("13 %"));
  CHECK_THAT(ctl::cell_text(parse(kCell), now(), {}),
             Contains("holds       app.1\n") && Contains("containers  1 of 256\n"));
  for (const char* const name : {"c0", "S0", "h0"}) CHECK(ctl::cells_named(cells, name).size() == 1);
  CHECK(ctl::cells_named(cells, "c").empty());
  CHECK(ctl::cells_named(cells, "").empty());
}

TEST_CASE("a refusal names what is short, and by how much", "[show]") {
  const std::string text = ctl::explanation_text(parse(kExplanation), 10, {});
  CHECK_THAT(text, Contains("fits nowhere: insufficient resources: memory") && Contains("memory 95903 to 96031 MB") &&
                       Contains("held up by  not subscribed") && Contains("memory: 95903 MB short") &&
                       Contains("0 of 3 fit (zone z1: 0 of 3, 0 of it there)"));
  CHECK(ctl::is_refused(parse(kExplanation)));
  CHECK_THAT(ctl::explanation_text(parse(kExplanation), 0, {}), !Contains("95903 MB short"));
}

TEST_CASE("an event is a line", "[show]") {
  CHECK(ctl::event_text(parse(kEvent), {}) == "00:01:02.345  instance.running    app.1  c0  after 1.50 s\n");
  CHECK_THAT(ctl::event_text(parse(R"({"event":"gap","after":"e-1","lost":7,"reason":"why"})"), {}),
             Contains("7 events are missing: why\n"));
  CHECK_THAT(ctl::event_text(parse(R"({"event":"gap","after":"e-1","lost":null,"reason":"why"})"), {}),
             Contains("  events are missing: why\n"));
}

TEST_CASE("top takes no more lines than there are", "[show]") {
  Json list;
  list.kind = Json::Kind::array;
  list.items.assign(50, parse(kInstance));
  Json instances, cells;
  instances.kind = cells.kind = Json::Kind::object;
  instances.members = {{"instances", list}};
  list.items.assign(30, parse(kCell));
  cells.members = {{"cells", list}};
  const Json overview = parse(kOverview);
  const ctl::TopShown top{overview, cells, instances, "u", "memory", now()};
  for (const std::size_t lines : {10U, 11U, 24U, 50U, 200U}) {
    const std::string text = ctl::top_text(top, lines, {});
    CAPTURE(lines, text);
    CHECK(static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) <= lines);
    CHECK_THAT(text, Contains("app.1") && Contains("c0"));
  }
  CHECK_THAT(ctl::top_text(top, 24, {}), Contains("... and "));
  CHECK_THAT(ctl::top_text(top, 0, {}), !Contains("... and "));
}

TEST_CASE("answers that miss fields or have others break nothing, and send no control characters", "[show]") {
  const auto seed = GENERATE(range<std::uint64_t>(0, 2000));
  base::Random random(seed);
  Json json = parse(samples()[random.below(samples().size())]);
  for (std::uint64_t left = 1 + random.below(4); left > 0; --left) spoil(json, random);
  CAPTURE(seed, ctl::to_json(json));
  const std::string text = all_of(json, {.color = false, .columns = static_cast<std::size_t>(random.below(120))});
  const bool clean = std::none_of(text.begin(), text.end(), [](char byte) {
    return byte != '\n' && (static_cast<unsigned char>(byte) < 0x20 || byte == 0x7f);
  });
  CHECK(clean);
}
