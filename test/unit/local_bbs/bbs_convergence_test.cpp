#include <catch2/catch.hpp>

#include "test/unit/local_bbs/rig.hpp"

using namespace local;
using namespace local::bbs_test;

TEST_CASE("an unclaimed instance is auctioned again when it is older than 30 s", "[bbs]") {
  Rig rig;
  rig.desire(an_app("app", 2));
  rig.orders();
  rig.model.fail_lrp(key("app", 1), "insufficient resources", at(10s));
  rig.converge(30s);
  CHECK(rig.orders().empty());
  rig.converge(31s);
  CHECK(rig.orders() == Lines{"lrps app.0"});  // The other was reported since.
  rig.converge(61s);
  CHECK(rig.orders() == Lines{"lrps app.0 app.1"});  // One element for each index, and no trace id.
}

TEST_CASE("convergence lists no drivers as null", "[bbs]") {
  Rig rig;
  rig.desire(an_app("app"));
  rig.orders();
  rig.converge(31s);
  const BbsOrders orders = rig.model.take_orders();
  REQUIRE(orders.size() == 1);
  CHECK(diego::write_lrp_starts(std::get<PostLrpAuctions>(orders[0]).starts) ==
        R"([{"process_guid":"app","domain":"cf-apps","indices":[0],"PlacementTags":null,"VolumeDrivers":null,)"
        R"("RootFs":"preloaded:cflinuxfs4","MemoryMB":128,"DiskMB":512,"MaxPids":1024}])");
}

TEST_CASE("claimed and running instances of a cell that is there are left alone", "[bbs]") {
  Rig rig;
  rig.desire(an_app("app", 2));
  rig.run("app", 0, on("cell-a", "i-0"));
  rig.model.claim_lrp("app", 1, on("cell-a", "i-1"), at(0s));
  rig.orders();
  rig.converge(1000h);
  CHECK(rig.orders().empty());
  CHECK(rig.rows() == Lines{"app.0 RUNNING cell-a", "app.1 CLAIMED cell-a"});
}

TEST_CASE("an instance without a row gets one and is auctioned at once", "[bbs]") {
  Rig rig;
  rig.desire(an_app("app", 3));
  rig.run("app", 1, on("cell-a"));
  rig.model.remove_lrp("app", 1, std::nullopt);
  rig.orders();
  rig.converge(1s);
  CHECK(rig.orders() == Lines{"lrps app.1"});
  CHECK(rig.rows() == Lines{"app.0 UNCLAIMED", "app.1 UNCLAIMED", "app.2 UNCLAIMED"});
}

TEST_CASE("surplus instances are retired where the domain is fresh", "[bbs]") {
  Rig rig;
  const bool fresh = GENERATE(true, false);
  if (!fresh) rig.model.upsert_domain("cf-apps", at(1s));
  rig.desire(an_app("app", 1));
  rig.run("app", 0, on("cell-a", "i-0"));
  rig.model.start_lrp(key("app", 1), on("cell-a", "i-1"), "net", at(0s));
  rig.model.start_lrp(key("gone", 0), on("cell-a", "i-2"), "net", at(0s));
  rig.orders();
  rig.converge(2s);
  CHECK(rig.orders() ==
        (fresh ? Lines{"stop app i-1 at http://cell-a x5", "stop gone i-2 at http://cell-a x5"} : Lines{}));
}

TEST_CASE("instances of a cell that has gone become suspect, and get a successor", "[bbs]") {
  Rig rig;
  rig.cell("cell-b", 15s);
  rig.desire(an_app("app", 2));
  rig.run("app", 0, on("cell-b", "i-0"));
  rig.model.claim_lrp("app", 1, on("cell-b", "i-1"), at(0s));
  rig.orders();
  rig.converge(14s);
  CHECK(rig.orders().empty());
  rig.converge(15s);
  CHECK(rig.orders() == Lines{"lrps app.0 app.1"});
  CHECK(rig.rows() ==
        Lines{"app.0 UNCLAIMED", "app.0 RUNNING SUSPECT cell-b", "app.1 UNCLAIMED", "app.1 CLAIMED SUSPECT cell-b"});
  // What the suspect still says changes nothing.
  CHECK_FALSE(rig.model.claim_lrp("app", 1, on("cell-b", "i-1"), at(16s)));
  CHECK_FALSE(rig.model.start_lrp(key("app", 0), on("cell-b", "i-0"), "net", at(16s)));
  CHECK(rig.only("app", 0).state == ActualLrp::State::unclaimed);
  // The successor runs: the suspect is forgotten. Its own crash does the same.
  rig.run("app", 0, on("cell-a", "i-9"), 17s);
  rig.model.crash_lrp(key("app", 1), on("cell-b", "i-1"), "", "", at(17s));
  CHECK(rig.rows() == Lines{"app.0 RUNNING cell-a", "app.1 UNCLAIMED"});
}

TEST_CASE("a suspect whose cell is back takes its place again", "[bbs]") {
  Rig rig;
  rig.cell("cell-b", 15s);
  rig.desire(an_app("app"));
  rig.run("app", 0, on("cell-b"));
  rig.converge(16s);
  rig.cell("cell-b");
  rig.converge(17s);
  CHECK(rig.rows() == Lines{"app.0 RUNNING cell-b"});
}

TEST_CASE("a successor that loses its cell too is unclaimed, and auctioned when it is stale", "[bbs]") {
  Rig rig;
  rig.cell("cell-b", 15s);
  rig.cell("cell-c", 20s);
  rig.desire(an_app("app"));
  rig.run("app", 0, on("cell-b", "i-0"));
  rig.converge(16s);
  rig.model.claim_lrp("app", 0, on("cell-c", "i-1"), at(17s));
  rig.orders();
  rig.converge(21s);
  CHECK(rig.rows() == Lines{"app.0 UNCLAIMED", "app.0 RUNNING SUSPECT cell-b"});
  CHECK(rig.orders().empty());
  rig.converge(52s);
  CHECK(rig.orders() == Lines{"lrps app.0"});
}

TEST_CASE("a suspect of what nobody wants goes", "[bbs]") {
  Rig rig;
  rig.cell("cell-b", 15s);
  rig.desire(an_app("app"));
  rig.run("app", 0, on("cell-b"));
  rig.converge(16s);
  rig.model.remove_desired_lrp("app", "", at(17s));
  CHECK(rig.rows() == Lines{"app.0 RUNNING SUSPECT cell-b"});
  rig.converge(18s);
  CHECK(rig.rows().empty());
}

TEST_CASE("an evacuating instance goes with its cell", "[bbs]") {
  Rig rig;
  rig.cell("cell-b", 15s);
  rig.desire(an_app("app"));
  rig.run("app", 0, on("cell-b"));
  rig.model.evacuate_running(key("app"), on("cell-b"), "net", "", at(1s));
  rig.converge(14s);
  CHECK(rig.rows() == Lines{"app.0 UNCLAIMED", "app.0 RUNNING EVACUATING cell-b"});
  rig.converge(15s);
  CHECK(rig.rows() == Lines{"app.0 UNCLAIMED"});
}

TEST_CASE("a crashed instance restarts after a pause that doubles, up to 16 minutes, and at last never", "[bbs]") {
  struct Case {
    int crashes;
    base::Duration pause;
  };
  const auto [crashes, pause] = GENERATE(
      values<Case>({{3, 30s}, {4, 60s}, {7, 480s}, {8, 960s}, {9, 960s}, {199, 960s}, {200, base::Duration::max()}}));
  CAPTURE(crashes);
  Rig rig;
  rig.desire(an_app("app"));
  for (int i = 0; i < crashes; ++i) {
    rig.converge(-1h * (crashes - i));  // Past every pause: what has crashed starts again.
    rig.model.claim_lrp("app", 0, on("cell-a"), at(0s));
    rig.model.crash_lrp(key("app"), on("cell-a"), "", "", at(i + 1 == crashes ? 0s : -1h * (crashes - i)));
  }
  REQUIRE(rig.only("app").crash_count == crashes);
  REQUIRE(rig.rows() == Lines{"app.0 CRASHED"});
  rig.orders();
  if (pause == base::Duration::max()) {
    rig.converge(9000h);
    CHECK(rig.orders().empty());
    return;
  }
  rig.converge(pause - 1s);
  CHECK(rig.orders().empty());
  rig.converge(pause);
  CHECK(rig.orders() == Lines{"lrps app.0"});
  CHECK(rig.rows() == Lines{"app.0 UNCLAIMED"});
}

TEST_CASE("cells and domains are there for a time", "[bbs]") {
  Rig rig;
  rig.cell("cell-b", 15s);
  rig.model.upsert_domain("cf-tasks", at(20s));
  CHECK(rig.model.cells(at(14s)).size() == 2);
  CHECK(rig.model.cells(at(15s)).size() == 1);
  CHECK(rig.model.fresh_domains(at(19s)) == Lines{"cf-apps", "cf-tasks"});
  CHECK(rig.model.fresh_domains(at(20s)) == Lines{"cf-apps"});
  CHECK(rig.model.remove_presence("cell-a"));
  CHECK_FALSE(rig.model.remove_presence("cell-a"));
  CHECK(rig.model.cells(at(0s)).size() == 1);
}
