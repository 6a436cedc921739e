// Of which agents a master is asked for offers, and when.
#include "scheduler/core/offer_constraints.hpp"

#include "rig.hpp"

using namespace core;

namespace {

using Groups = std::vector<AttributeGroup>;

struct ConstraintRig : Rig {
  explicit ConstraintRig(const Config& config = {}) : Rig(config) {
    happen(Subscribed{"F", false, true});
    pass(2s);
    done();
  }
  void tagged(const std::string& guid, std::set<std::string> tags, std::vector<std::string> drivers = {}) {
    Auction one = auction({Kind::lrp, guid, 0}, 100);
    one.constraint.placement_tags = {tags.begin(), tags.end()};
    one.constraint.volume_drivers = {drivers.begin(), drivers.end()};
    happen(AuctionsSubmitted{{one}});
  }
  // At once: what waits needs others then.
  void replace_by_smb(const std::string& guid) {
    Auction other = auction({Kind::lrp, "v", 0}, 100);
    other.constraint.volume_drivers = {"smb"};
    core.handle(StopRequested{{Kind::lrp, guid, 0}}, now);
    happen(AuctionsSubmitted{{other}});
  }
  Offer with(const std::string& agent, std::map<std::string, std::string> attributes) {
    Offer offer = make_offer(agent, 4000);
    offer.attributes = std::move(attributes);
    return offer;
  }
};

const Groups kForSegment = {{{"placement_tags", {"segment"}}}, {{"optional_placement_tags", {"segment"}}}};
const Groups kForSmb = {{{"volume_drivers", {"smb"}}}};

}  // namespace

TEST_CASE("what work needs of an agent's attributes is said where the flags do not say it already", "[constraints]") {
  Config config = Rig::with_rootfs({});
  config.cell_optional_placement_tags = {"gpu"};
  config.cell_volume_drivers = {"nfs"};
  placement::Constraints wanted;
  CHECK_FALSE(attributes_needed(wanted, config));  // An unreadable root file system fits nowhere.
  wanted.rootfs = diego::parse_rootfs("preloaded:fs");
  CHECK_FALSE(attributes_needed(wanted, config));
  wanted.placement_tags = {"gpu"};
  wanted.volume_drivers = {"nfs"};
  CHECK_FALSE(attributes_needed(wanted, config));
  wanted.placement_tags = {"gpu", "segment"};
  CHECK(attributes_needed(wanted, config) == kForSegment);
  wanted.volume_drivers = {"nfs", "smb"};
  wanted.placement_tags.clear();
  CHECK(attributes_needed(wanted, config) == Groups{{{"volume_drivers", {"smb"}}}});
  wanted.volume_drivers.clear();
  wanted.rootfs = diego::parse_rootfs("preloaded+layer:windows?layer=x");
  CHECK(attributes_needed(wanted, config) ==
        Groups{{{"rootfs", {"preloaded+layer:windows", "preloaded:windows", "windows"}}}});
  wanted.rootfs = diego::parse_rootfs("docker:///image");
  CHECK(attributes_needed(wanted, config) == Groups{{{"rootfs", {"docker"}}}});
  wanted.rootfs = diego::parse_rootfs("preloaded:fs");
  wanted.placement_tags = {"a", "b", "c", "d", "e"};  // Not all of them need be said, and the groups stay few.
  CHECK(attributes_needed(wanted, config)->size() == 8);
}

TEST_CASE("whoever has the attributes that are asked for fits, and nobody else does", "[constraints]") {
  CHECK(has_one(kForSegment, {{"placement_tags", "other, segment"}}));
  CHECK(has_one(kForSegment, {{"optional_placement_tags", "segment"}}));
  CHECK_FALSE(has_one(kForSegment, {{"placement_tags", "segments"}, {"zone", "segment"}}));
  CHECK_FALSE(has_one({{{"rootfs", {"a", "b"}}, {"volume_drivers", {"nfs"}}}}, {{"rootfs", "b"}}));
}

TEST_CASE("offers are asked of agents with the attribute alone once nothing else has waited for a while",
          "[constraints]") {
  ConstraintRig rig;
  rig.tagged("p", {"segment"});
  rig.pass(4s);
  CHECK(rig.none<ConstrainOffers>());
  rig.pass(2s);
  CHECK(rig.only<ConstrainOffers>() == ConstrainOffers{kForSegment});
  rig.done();
  rig.pass(60s);
  CHECK(rig.none<ConstrainOffers>());

  // Work that could use any agent is not kept waiting for it.
  rig.lrp("q", {0});
  CHECK(rig.only<ConstrainOffers>() == ConstrainOffers{});
  CHECK(rig.all<Revive>().size() == 1);
  rig.offer("a1", 4000);
  CHECK(rig.state("q", 0) == State::launching);
  rig.done();
  rig.pass(6s);
  CHECK(rig.only<ConstrainOffers>() == ConstrainOffers{kForSegment});

  // Once nothing waits any more nobody is left out, before offers are wanted no more.
  rig.done();
  rig.happen(OffersArrived{{rig.with("a2", {{"placement_tags", "segment"}})}});
  rig.pass(10s);
  std::string order;
  for (const Action& action : rig.actions) {
    if (const auto* constrain = std::get_if<ConstrainOffers>(&action))
      order += constrain->any_of.empty() ? "all " : "some ";
    if (std::holds_alternative<Suppress>(action)) order += "suppress ";
  }
  CHECK(order == "all suppress ");
}

TEST_CASE("what more waits for is asked for at once, what less would do only after a while", "[constraints]") {
  ConstraintRig rig;
  rig.tagged("p", {"segment"});
  rig.pass(6s);
  rig.done();
  rig.tagged("v", {}, {"smb"});
  const Groups both = rig.only<ConstrainOffers>().any_of;
  CHECK(both.size() == 3);
  rig.done();
  rig.happen(StopRequested{{Kind::lrp, "p", 0}});
  rig.pass(4s);
  CHECK(rig.none<ConstrainOffers>());
  rig.pass(2s);
  CHECK(rig.only<ConstrainOffers>() == ConstrainOffers{kForSmb});
}

TEST_CASE("what takes the place of what waited, and needs others, is asked for at once", "[constraints]") {
  ConstraintRig rig;
  rig.tagged("p", {"segment"});
  rig.pass(6s);
  rig.done();
  rig.replace_by_smb("p");
  CHECK(rig.only<ConstrainOffers>() == ConstrainOffers{kForSmb});
}

TEST_CASE("a master that does not know offer constraints, or refuses them, is asked for none", "[constraints]") {
  ConstraintRig rig;
  rig.tagged("p", {"segment"});
  rig.pass(6s);
  rig.done();
  rig.happen(ConstraintsRefused{"no"});
  rig.pass(60s);
  rig.lrp("q", {0});
  rig.happen(StopRequested{{Kind::lrp, "q", 0}});
  rig.pass(60s);
  CHECK(rig.none<ConstrainOffers>());
  rig.happen(Disconnected{"x"});
  rig.happen(Subscribed{"F", false, true});  // Perhaps for that very reason.
  rig.pass(30min);
  CHECK(rig.none<ConstrainOffers>());
  // Later it may be another master, or the same with other rules.
  rig.pass(30min);
  rig.happen(Disconnected{"x"});
  rig.happen(Subscribed{"F", false, true});
  rig.pass(6s);
  CHECK(rig.only<ConstrainOffers>() == ConstrainOffers{kForSegment});
  rig.done();
  rig.happen(Disconnected{"x"});
  rig.happen(Subscribed{"F", false, false});
  rig.pass(60s);
  CHECK(rig.none<ConstrainOffers>());
}

TEST_CASE("nobody is left out while an agent is known to fit whose attributes do not say so", "[constraints]") {
  ConstraintRig rig;
  SECTION("its rep says what it has") {
    rig.lrp("q", {0});
    rig.offer("a1", 4000);
    CellReported report;
    report.agent_id = "a1";
    report.executor_id = *rig.executor_of("a1");
    report.rep_answers = report.garden_healthy = true;
    report.total = {4000, 9000, 0, 250};
    report.rootfs = Rig::with_rootfs({}).cell_rootfs;
    report.optional_placement_tags = {"segment"};
    rig.happen(report);
  }
  SECTION("an attribute comes twice: a master looks at the first") {
    Offer offer = rig.with("a2", {{"placement_tags", "other,segment"}});
    offer.repeats_attributes = true;
    offer.pieces = {{Dimension::mem, 64, "m"}};
    rig.happen(OffersArrived{{offer}});
  }
  rig.tagged("p", {"segment"});
  rig.pass(60s);
  CHECK(rig.none<ConstrainOffers>());
}

TEST_CASE("while a cell without work is to be kept, every agent is of use", "[constraints]") {
  Config config;
  config.cells_min = 1;
  ConstraintRig rig(config);
  rig.tagged("p", {"segment"});
  rig.pass(60s);
  CHECK(rig.none<ConstrainOffers>());
}

TEST_CASE("all agents are looked at again after a while, for one that is left out may have come to do",
          "[constraints]") {
  ConstraintRig rig;
  rig.tagged("p", {"segment"});
  rig.pass(6s);
  REQUIRE(rig.only<ConstrainOffers>() == ConstrainOffers{kForSegment});
  rig.done();
  rig.pass(9min);
  CHECK(rig.none<ConstrainOffers>());
  rig.pass(59s);
  CHECK(rig.only<ConstrainOffers>() == ConstrainOffers{});
  rig.done();
  rig.pass(5s);
  CHECK(rig.only<ConstrainOffers>() == ConstrainOffers{kForSegment});
}

TEST_CASE("all agents are looked at again in time, however often the narrowing changes", "[constraints]") {
  ConstraintRig rig;
  rig.tagged("p", {"segment"});
  rig.pass(6s);
  REQUIRE(rig.only<ConstrainOffers>() == ConstrainOffers{kForSegment});
  rig.pass(6min);
  rig.done();
  rig.replace_by_smb("p");
  REQUIRE(rig.only<ConstrainOffers>() == ConstrainOffers{kForSmb});
  rig.done();
  rig.pass(4min);
  CHECK(rig.only<ConstrainOffers>() == ConstrainOffers{});
}

TEST_CASE("a rep that comes to tell what work waits for is not left out", "[constraints]") {
  ConstraintRig rig;
  rig.lrp("q", {0});
  rig.offer("a1", 4000);
  rig.tagged("p", {"segment"});
  rig.tagged("r", {"segment"});
  rig.pass(6s);
  REQUIRE(rig.only<ConstrainOffers>() == ConstrainOffers{kForSegment});
  rig.done();
  CellReported report;
  report.agent_id = "a1";
  report.executor_id = *rig.executor_of("a1");
  report.rep_answers = report.garden_healthy = true;
  report.total = {4000, 9000, 0, 250};
  report.rootfs = Rig::with_rootfs({}).cell_rootfs;
  report.optional_placement_tags = {"segment"};
  rig.happen(report);
  rig.pass(1s);
  CHECK(rig.only<ConstrainOffers>() == ConstrainOffers{});
}

TEST_CASE("a narrowing that was to come is no deadline while there is no master", "[constraints]") {
  ConstraintRig rig;
  rig.tagged("p", {"segment"});
  rig.pass(3s);
  rig.happen(Disconnected{"x"});
  rig.pass(10s);
  const auto next = rig.core.next_deadline();
  CHECK((!next || *next > rig.now));
  // And begins anew with the next one: every agent is looked at first.
  rig.happen(Subscribed{"F", false, true});
  rig.pass(4s);
  CHECK(rig.none<ConstrainOffers>());
  rig.pass(2s);
  CHECK(rig.only<ConstrainOffers>() == ConstrainOffers{kForSegment});
}
