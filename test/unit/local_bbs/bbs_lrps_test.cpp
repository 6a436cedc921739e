#include <catch2/catch.hpp>

#include "test/unit/local_bbs/rig.hpp"

using namespace local;
using namespace local::bbs_test;

TEST_CASE("desired instances are rows and one auction", "[bbs]") {
  Rig rig;
  DesiredLrp app = an_app("app", 3);
  app.constraint.placement_tags = {"iso-a"};
  rig.desire(app);
  CHECK(rig.rows() == Lines{"app.0 UNCLAIMED", "app.1 UNCLAIMED", "app.2 UNCLAIMED"});
  const BbsOrders orders = rig.model.take_orders();
  REQUIRE(orders.size() == 1);
  diego::LrpStart start = lrp_start(app, {0, 1, 2});
  start.constraint.volume_drivers = std::vector<std::string>{};  // [] and not null, as Diego has it here.
  CHECK(std::get<PostLrpAuctions>(orders[0]) == PostLrpAuctions{{start}, "trace"});
  CHECK(type_of(rig.model.desire_lrp(app, "", at(0s))) == Type::resource_exists);
  CHECK(rig.orders().empty());
}

TEST_CASE("scaling auctions what is new and stops what is surplus", "[bbs]") {
  Rig rig;
  rig.desire(an_app("app", 1));
  rig.run("app", 0, on("cell-a", "i-0"));
  rig.orders();
  CHECK_FALSE(rig.model.scale_lrp("app", 3, "more", at(1s)));
  CHECK(rig.orders() == Lines{"lrps app.1,2 more"});
  rig.run("app", 1, on("cell-a", "i-1"), 1s);
  CHECK_FALSE(rig.model.scale_lrp("app", 0, "less", at(2s)));
  CHECK(rig.rows() == Lines{"app.0 RUNNING cell-a", "app.1 RUNNING cell-a"});  // Until the rep says they are gone.
  CHECK(rig.orders() == Lines{"stop app i-0 at http://cell-a x1", "stop app i-1 at http://cell-a x1"});
  CHECK(type_of(rig.model.scale_lrp("nosuch", 1, "", at(0s))) == Type::resource_not_found);
}

TEST_CASE("what is no longer desired is removed where it did not run, and stopped where it did", "[bbs]") {
  Rig rig;
  rig.desire(an_app("app", 3));
  rig.run("app", 0, on("cell-a", "i-0"));
  rig.run("app", 1, on("cell-gone", "i-1"));
  rig.orders();
  CHECK_FALSE(rig.model.remove_desired_lrp("app", "", at(1s)));
  CHECK(rig.rows() == Lines{"app.0 RUNNING cell-a", "app.1 RUNNING cell-gone"});
  CHECK(rig.orders() == Lines{"stop app i-0 at http://cell-a x1"});
  CHECK_FALSE(rig.model.remove_lrp("app", 0, on("cell-a", "i-0")));
  CHECK(rig.rows() == Lines{"app.1 RUNNING cell-gone"});
  CHECK(type_of(rig.model.remove_desired_lrp("app", "", at(1s))) == Type::resource_not_found);
}

TEST_CASE("a claim takes an unclaimed row, once", "[bbs]") {
  Rig rig;
  rig.desire(an_app("app"));
  rig.model.fail_lrp(key("app"), "insufficient resources", at(1s));
  CHECK_FALSE(rig.model.claim_lrp("app", 0, on("cell-a"), at(2s)));
  const ActualLrp claimed = rig.only("app");
  CHECK(claimed.state == ActualLrp::State::claimed);
  CHECK(claimed.instance == on("cell-a"));
  CHECK(claimed.placement_error.empty());
  CHECK(claimed.since == at(2s));
  CHECK(claimed.revision == 2);
  CHECK_FALSE(rig.model.claim_lrp("app", 0, on("cell-a"), at(3s)));
  CHECK(rig.only("app") == claimed);  // The same again changes nothing.
  CHECK(rig.model.claim_lrp("app", 0, on("cell-b", "i-2"), at(3s)) ==
        BbsError{Type::lrp_cannot_be_claimed, "cannot claim actual LRP"});
  CHECK(type_of(rig.model.claim_lrp("app", 1, on("cell-a"), at(3s))) == Type::resource_not_found);
}

TEST_CASE("a start takes unclaimed and claimed rows, whoever claimed them, but no running one", "[bbs]") {
  Rig rig;
  rig.desire(an_app("app", 2));
  rig.model.claim_lrp("app", 0, on("cell-b", "other"), at(0s));
  CHECK_FALSE(rig.model.start_lrp(key("app", 0), on("cell-a", "i-0"), "net", at(1s)));
  CHECK_FALSE(rig.model.start_lrp(key("app", 1), on("cell-a", "i-1"), "net", at(1s)));
  CHECK(rig.rows() == Lines{"app.0 RUNNING cell-a", "app.1 RUNNING cell-a"});
  const ActualLrp running = rig.only("app", 0);
  CHECK_FALSE(rig.model.start_lrp(key("app", 0), on("cell-a", "i-0"), "net", at(9s)));
  CHECK(rig.only("app", 0) == running);
  CHECK(rig.model.start_lrp(key("app", 0), on("cell-b", "other"), "net", at(9s)) ==
        BbsError{Type::lrp_cannot_be_started, "cannot start actual LRP"});
  // The domain belongs to the key; a row that is not there is made.
  CHECK(type_of(rig.model.start_lrp({"app", 0, "elsewhere"}, on("cell-a", "i-0"), "net", at(9s))) ==
        Type::lrp_cannot_be_started);
  CHECK_FALSE(rig.model.start_lrp(key("app", 7), on("cell-a", "i-7"), "net", at(9s)));
  CHECK(rig.only("app", 7).state == ActualLrp::State::running);
}

TEST_CASE("a claimed row may be claimed back from running by the same instance", "[bbs]") {
  Rig rig;
  rig.desire(an_app("app"));
  rig.run("app", 0, on("cell-a"));
  CHECK_FALSE(rig.model.claim_lrp("app", 0, on("cell-a"), at(1s)));
  CHECK(rig.rows() == Lines{"app.0 CLAIMED cell-a"});
  rig.run("app", 0, on("cell-a"), 2s);
  CHECK(type_of(rig.model.claim_lrp("app", 0, on("cell-b", "i-2"), at(3s))) == Type::lrp_cannot_be_claimed);
}

TEST_CASE("a failure is written to an unclaimed row and to no other", "[bbs]") {
  Rig rig;
  rig.desire(an_app("app"));
  CHECK_FALSE(rig.model.fail_lrp(key("app"), "insufficient resources: memory", at(7s)));
  CHECK(rig.only("app").placement_error == "insufficient resources: memory");
  CHECK(rig.only("app").since == at(7s));
  CHECK(rig.only("app").state == ActualLrp::State::unclaimed);
  CHECK_FALSE(rig.model.fail_lrp(key("app", 5), "gone", at(7s)));  // A missing row is nobody's fault.
  rig.model.claim_lrp("app", 0, on("cell-a"), at(8s));
  CHECK(rig.model.fail_lrp(key("app"), "late", at(9s)) ==
        BbsError{Type::lrp_cannot_be_failed, "cannot fail actual LRP"});
}

TEST_CASE("long texts are cut as Diego's columns cut them", "[bbs]") {
  CHECK(truncated(std::string(1023, 'x')) == std::string(1023, 'x'));
  CHECK(truncated(std::string(1024, 'x')) == std::string(1013, 'x') + "(truncated)");
  CHECK(truncated(std::string(5000, 'x')).size() == 1024);
}

TEST_CASE("two crashes restart at once, the third waits for convergence", "[bbs]") {
  Rig rig;
  rig.desire(an_app("app"));
  rig.orders();
  for (int crash = 1; crash <= 2; ++crash) {
    rig.run("app", 0, on("cell-a"), 1s);
    CHECK_FALSE(rig.model.crash_lrp(key("app"), on("cell-a"), "exit 1", "crash", at(2s)));
    CHECK(rig.rows() == Lines{"app.0 UNCLAIMED"});
    CHECK(rig.orders() == Lines{"lrps app.0 crash"});
    CHECK(rig.only("app").crash_count == crash);
  }
  rig.run("app", 0, on("cell-a"), 3s);
  CHECK_FALSE(rig.model.crash_lrp(key("app"), on("cell-a"), "exit 1", "crash", at(4s)));
  CHECK(rig.rows() == Lines{"app.0 CRASHED"});
  CHECK(rig.only("app").crash_reason == "exit 1");
  CHECK(rig.orders().empty());
}

TEST_CASE("after five minutes of running a crash is the first again", "[bbs]") {
  Rig rig;
  rig.desire(an_app("app"));
  for (int i = 0; i < 2; ++i) {
    rig.run("app", 0, on("cell-a"), 0s);
    rig.model.crash_lrp(key("app"), on("cell-a"), "", "", at(0s));
  }
  rig.run("app", 0, on("cell-a"), 0s);
  const base::Duration ran = GENERATE(300s, 301s);
  rig.model.crash_lrp(key("app"), on("cell-a"), "", "", at(ran));
  CHECK(rig.only("app").crash_count == (ran == 300s ? 3 : 1));
}

TEST_CASE("only the instance that has the row can crash it", "[bbs]") {
  Rig rig;
  rig.desire(an_app("app"));
  const auto crash = [&](const InstanceKey& instance) {
    return type_of(rig.model.crash_lrp(key("app"), instance, "", "", at(1s)));
  };
  CHECK(crash(on("cell-a")) == Type::lrp_cannot_be_crashed);
  rig.run("app", 0, on("cell-a"));
  CHECK(crash(on("cell-a", "other")) == Type::lrp_cannot_be_crashed);
  CHECK(type_of(rig.model.crash_lrp(key("app", 1), on("cell-a"), "", "", at(1s))) == Type::resource_not_found);
}

TEST_CASE("a crash of what is no longer desired is not auctioned", "[bbs]") {
  Rig rig;
  rig.desire(an_app("app"));
  rig.run("app", 0, on("cell-a"));
  rig.model.remove_desired_lrp("app", "", at(1s));
  rig.orders();
  CHECK(type_of(rig.model.crash_lrp(key("app"), on("cell-a"), "", "", at(2s))) == Type::resource_not_found);
  CHECK(rig.orders().empty());
}

TEST_CASE("a row is removed by its instance, or by nobody in particular", "[bbs]") {
  Rig rig;
  rig.desire(an_app("app"));
  rig.run("app", 0, on("cell-a"));
  CHECK(type_of(rig.model.remove_lrp("app", 0, on("cell-a", "other"))) == Type::resource_not_found);
  CHECK_FALSE(rig.model.remove_lrp("app", 0, on("cell-a")));
  CHECK(type_of(rig.model.remove_lrp("app", 0, std::nullopt)) == Type::resource_not_found);
}

TEST_CASE("retiring asks the rep, and removes what has none", "[bbs]") {
  Rig rig;
  rig.desire(an_app("app", 3));
  rig.run("app", 0, on("cell-a", "i-0"));
  rig.run("app", 1, on("cell-gone", "i-1"));
  rig.orders();
  for (const std::int32_t index : {0, 1, 2}) CHECK_FALSE(rig.model.retire_lrp(key("app", index), "", at(1s)));
  CHECK(rig.rows() == Lines{"app.0 RUNNING cell-a"});
  CHECK(rig.orders() == Lines{"stop app i-0 at http://cell-a x5"});
  CHECK(type_of(rig.model.retire_lrp(key("app", 2), "", at(1s))) == Type::resource_not_found);
}

TEST_CASE("rows are found by domain, cell, process and index", "[bbs]") {
  Rig rig;
  rig.desire(an_app("app", 2));
  rig.desire(an_app("app-2", 1));
  rig.run("app", 1, on("cell-a"));
  CHECK(rig.model.actual_lrps({"cf-apps", "", "", {}}).size() == 3);
  CHECK(rig.model.actual_lrps({"other", "", "", {}}).empty());
  CHECK(rig.model.actual_lrps({"", "cell-a", "", {}}).size() == 1);
  CHECK(rig.model.actual_lrps({"", "", "app", {}}).size() == 2);
  CHECK(rig.model.actual_lrps({"", "", "app", 0}).size() == 1);
  CHECK(rig.model.actual_lrps({"", "", "", 0}).size() == 2);
}

// ---- Evacuation

TEST_CASE("a claimed instance on an evacuating cell is unclaimed and auctioned", "[bbs]") {
  Rig rig;
  rig.desire(an_app("app"));
  rig.model.claim_lrp("app", 0, on("cell-a"), at(0s));
  rig.orders();
  CHECK(rig.model.evacuate_claimed(key("app"), on("cell-a"), "evac", at(1s)) == BbsModel::Evacuation{});
  CHECK(rig.rows() == Lines{"app.0 UNCLAIMED"});
  CHECK(rig.orders() == Lines{"lrps app.0 evac"});
  const auto again = rig.model.evacuate_claimed(key("app"), on("cell-a"), "evac", at(1s));
  CHECK(type_of(again.refusal) == Type::lrp_cannot_be_unclaimed);
  CHECK(again.keep);
  CHECK(rig.model.evacuate_claimed(key("app", 9), on("cell-a"), "", at(1s)) == BbsModel::Evacuation{});
}

TEST_CASE("a running instance stays, evacuating, until its successor runs", "[bbs]") {
  Rig rig;
  rig.cell("cell-b");
  rig.desire(an_app("app"));
  rig.run("app", 0, on("cell-a"));
  rig.orders();
  const auto evacuate = [&] { return rig.model.evacuate_running(key("app"), on("cell-a"), "net", "evac", at(1s)); };
  const BbsModel::Evacuation keep{std::nullopt, true};
  CHECK(evacuate() == keep);
  CHECK(rig.rows() == Lines{"app.0 UNCLAIMED", "app.0 RUNNING EVACUATING cell-a"});
  CHECK(rig.orders() == Lines{"lrps app.0 evac"});
  CHECK(evacuate() == keep);
  CHECK(rig.orders().empty());  // Once is enough.
  rig.model.claim_lrp("app", 0, on("cell-b", "i-2"), at(2s));
  CHECK(evacuate() == keep);
  rig.model.start_lrp(key("app"), on("cell-b", "i-2"), "net", at(3s));
  CHECK(rig.rows() == Lines{"app.0 RUNNING cell-b"});
  CHECK(evacuate() == BbsModel::Evacuation{});
}

TEST_CASE("an evacuating instance goes when its successor has crashed for good", "[bbs]") {
  Rig rig;
  rig.desire(an_app("app"));
  rig.run("app", 0, on("cell-a"));
  rig.model.evacuate_running(key("app"), on("cell-a"), "net", "", at(1s));
  for (int i = 0; i < 3; ++i) {
    rig.model.claim_lrp("app", 0, on("cell-b", "i-2"), at(2s));
    rig.model.crash_lrp(key("app"), on("cell-b", "i-2"), "", "", at(2s));
  }
  CHECK(rig.rows() == Lines{"app.0 CRASHED", "app.0 RUNNING EVACUATING cell-a"});
  CHECK(rig.model.evacuate_running(key("app"), on("cell-a"), "net", "", at(3s)) == BbsModel::Evacuation{});
  CHECK(rig.rows() == Lines{"app.0 CRASHED"});
}

TEST_CASE("an evacuating instance goes when nobody wants it any more", "[bbs]") {
  Rig rig;
  rig.desire(an_app("app"));
  rig.run("app", 0, on("cell-a"));
  rig.model.evacuate_running(key("app"), on("cell-a"), "net", "", at(1s));
  const bool claimed = GENERATE(false, true);
  if (claimed) rig.model.claim_lrp("app", 0, on("cell-b", "i-2"), at(1s));
  rig.orders();
  rig.model.remove_desired_lrp("app", "", at(2s));
  CHECK(rig.orders().empty());  // The evacuating cell asks by itself, the other has gone.
  const Lines successor = claimed ? Lines{"app.0 CLAIMED cell-b"} : Lines{};
  CHECK(rig.rows().size() == successor.size() + 1);
  CHECK(rig.model.evacuate_running(key("app"), on("cell-a"), "net", "", at(3s)) == BbsModel::Evacuation{});
  CHECK(rig.rows() == successor);
}

TEST_CASE("only one instance of an index evacuates", "[bbs]") {
  Rig rig;
  rig.desire(an_app("app"));
  rig.run("app", 0, on("cell-a"));
  rig.model.evacuate_running(key("app"), on("cell-a"), "net", "", at(1s));
  CHECK(rig.model.evacuate_running(key("app"), on("cell-c", "i-3"), "net", "", at(1s)) == BbsModel::Evacuation{});
  CHECK(rig.model.evacuate_running(key("app", 4), on("cell-a"), "net", "", at(1s)) == BbsModel::Evacuation{});
}

TEST_CASE("what ends on an evacuating cell loses its row", "[bbs]") {
  Rig rig;
  rig.desire(an_app("app", 2));
  rig.run("app", 0, on("cell-a", "i-0"));
  rig.run("app", 1, on("cell-a", "i-1"));
  rig.model.evacuate_running(key("app", 0), on("cell-a", "i-0"), "net", "", at(1s));
  rig.orders();
  CHECK_FALSE(rig.model.evacuate_stopped(key("app", 0), on("cell-a", "i-0")));
  CHECK_FALSE(rig.model.evacuate_crashed(key("app", 1), on("cell-a", "i-1"), "exit 1", at(2s)));
  CHECK(rig.rows() == Lines{"app.0 UNCLAIMED", "app.1 UNCLAIMED"});
  CHECK(rig.orders().empty());
  CHECK(rig.only("app", 1).crash_count == 1);
  CHECK(type_of(rig.model.evacuate_stopped(key("app", 0), on("cell-a", "i-0"))) == Type::resource_not_found);
  CHECK(type_of(rig.model.remove_evacuating(key("app", 0), on("cell-a", "i-0"))) == Type::resource_not_found);
}
