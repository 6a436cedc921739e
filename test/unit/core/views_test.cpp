// What is shown of many cells: parts of them, and sums.
#include "rig.hpp"

using namespace core;

namespace {

// Agents a1, a2 in zone x with an instance of `p` each, a3 in zone y with one of `q`.
struct Zoned : Rig {
  Zoned() {
    subscribe_and_suppress();
    place("p", 0, "a1", "x");
    place("p", 1, "a2", "x");
    place("q", 0, "a3", "y");
  }
  void place(const std::string& guid, std::int32_t index, const std::string& agent, const std::string& zone) {
    lrp(guid, {index}, 3000);  // No two on one agent.
    Offer offer = make_offer(agent, 4000);
    offer.fault_domain_zone = zone;
    happen(OffersArrived{{offer}});
    status(task_id(guid, index), TaskState::starting, agent);
    status(task_id(guid, index), TaskState::running, agent);
  }
  std::vector<std::string> agents(const CellQuery& query) const {
    std::vector<std::string> ids;
    for (const CellView& cell : core.cells(query)) ids.push_back(cell.agent_id);
    return ids;
  }
};
using Ids = std::vector<std::string>;

}  // namespace

TEST_CASE("cells are found by zone, mark and part of a name, and in pages", "[views]") {
  Zoned rig;
  CHECK(rig.agents({}) == Ids{"a1", "a2", "a3"});
  CHECK(rig.agents({.zone = "x"}) == Ids{"a1", "a2"});
  CHECK(rig.agents({.zone = "elsewhere"}).empty());
  CHECK(rig.agents({.mark = CellMark::up}) == Ids{"a1", "a2", "a3"});
  CHECK(rig.agents({.mark = CellMark::draining}).empty());
  CHECK(rig.agents({.match = "q"}) == Ids{"a3"});
  CHECK(rig.agents({.match = "2.example"}) == Ids{"a2"});
  CHECK(rig.agents({.match = rig.core.cells().at(1).cell_id}) == Ids{"a2"});
  CHECK(rig.agents({.limit = 2}) == Ids{"a1", "a2"});
  CHECK(rig.agents({.limit = 2, .after = "a2"}) == Ids{"a3"});
  CHECK(rig.agents({.zone = "x", .limit = 1, .after = "a1"}) == Ids{"a2"});
}

TEST_CASE("an instance is shown on its cell with what it takes of its memory", "[views]") {
  Zoned rig;
  const CellView cell = rig.core.cells().at(0);
  CHECK(cell.instances == std::vector<CellInstance>{{{Kind::lrp, "p", 0}, State::running, 3000}});
  CHECK(cell.memory_used_mb == 3000);
}

TEST_CASE("zones are summed up as their cells are listed", "[views]") {
  Zoned rig;
  rig.happen(DrainRequested{"a2"});
  const auto zones = rig.core.zones();
  REQUIRE(zones.size() == 2);
  CHECK(zones[0].zone == "x");
  CHECK(zones[1].zone == "y");
  for (const ZoneTotals& zone : zones) {
    CAPTURE(zone.zone);
    const auto cells = rig.core.cells({.zone = zone.zone});
    CHECK(zone.cells == static_cast<std::int64_t>(cells.size()));
    std::int64_t instances = 0, used = 0, total = 0, filled = 0;
    for (const CellView& cell : cells) {
      instances += static_cast<std::int64_t>(cell.instances.size());
      used += cell.memory_used_mb;
      total += cell.memory_total_mb;
    }
    CHECK(zone.instances == instances);
    CHECK(zone.memory_used_mb == used);
    CHECK(zone.memory_total_mb == total);
    for (const std::int64_t fill : zone.fills) filled += fill;
    CHECK(filled == zone.cells);
    for (std::size_t mark = 0; mark < kCellMarks; ++mark) {
      CAPTURE(mark);
      CHECK(zone.marks[mark] ==
            static_cast<std::int64_t>(rig.agents({.zone = zone.zone, .mark = static_cast<CellMark>(mark)}).size()));
    }
  }
  CHECK(zones[0].marks[static_cast<std::size_t>(CellMark::draining)] == 1);
}

TEST_CASE("marks are read as they are written", "[views]") {
  for (std::size_t i = 0; i < kCellMarks; ++i) {
    const auto mark = static_cast<CellMark>(i);
    CHECK(parse_cell_mark(to_string(mark)) == mark);
  }
  CHECK_FALSE(parse_cell_mark(""));
  CHECK_FALSE(parse_cell_mark("Up"));
}
