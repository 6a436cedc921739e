// Which cells may take a request at all, as explain and refusals tell it.
#include <catch2/catch.hpp>

#include "rig.hpp"

namespace {

using namespace placement_test;
using placement::Obstacle;
using Strings = std::set<std::string>;

placement::Cell cell_with(Strings required, Strings optional, Strings drivers) {
  auto one = cell("a", "z", 1000, true);
  one.rootfs["preloaded"] = {diego::RootFsProvider::Kind::fixed_set, {"cflinuxfs4"}};
  one.rootfs["docker"] = {diego::RootFsProvider::Kind::arbitrary, {}};
  one.placement_tags = std::move(required);
  one.optional_placement_tags = std::move(optional);
  one.volume_drivers = std::move(drivers);
  return one;
}

// The obstacles in the way of work that wants this.
int obstacles(const placement::Cell& one, const std::string& rootfs, Strings tags = {}, Strings drivers = {}) {
  const auto c = cluster("diego", {one});
  auto request = lrp("p", 1);
  request.constraints = wants(rootfs, std::move(tags), std::move(drivers));
  return c.explain(request).cells.at(0).obstacles;
}

std::string refusal(const placement::Cell& one, const std::string& rootfs, Strings tags = {}, Strings drivers = {}) {
  const auto c = cluster("diego", {one});
  auto request = lrp("p", 1);
  request.constraints = wants(rootfs, std::move(tags), std::move(drivers));
  return std::get<placement::Rejection>(c.preview(request)).text;
}

constexpr int of(Obstacle one) { return static_cast<int>(one); }

}  // namespace

TEST_CASE("the root file system decides by scheme and stack", "[filters]") {
  const auto [rootfs, fits] = GENERATE(table<std::string, bool>({
      {"preloaded:cflinuxfs4", true},
      {"preloaded:windows", false},
      {"docker:///library/busybox#latest", true},
      {"preloaded+layer:cflinuxfs4?layer=x", false},
      {"/var/rootfs", false},
      {"", false},
      {"preloaded:%zz", false},
  }));
  CAPTURE(rootfs);
  CHECK(obstacles(cell_with({}, {}, {}), rootfs) == (fits ? 0 : of(Obstacle::rootfs)));
}

TEST_CASE("a rootfs that cannot be read fits no cell", "[filters]") {
  auto request = lrp("p", 1);
  request.constraints = std::make_shared<placement::Constraints>();
  auto c = cluster("binpack", {cell_with({}, {}, {})});
  CHECK(c.place(request) == refused("found no compatible cell for required rootfs"));
}

TEST_CASE("required tags must all be wanted, wanted tags must all be there", "[filters]") {
  const auto [wanted, fits] = GENERATE(table<Strings, bool>({{Strings{"iso"}, true},
                                                             {Strings{"iso", "gpu"}, true},
                                                             {Strings{}, false},
                                                             {Strings{"gpu"}, false},
                                                             {Strings{"iso", "other"}, false}}));
  const auto one = cell_with({"iso"}, {"gpu"}, {});
  CHECK(obstacles(one, "preloaded:cflinuxfs4", wanted) == (fits ? 0 : of(Obstacle::placement_tags)));
}

TEST_CASE("volume drivers must all be there", "[filters]") {
  const auto one = cell_with({}, {}, {"nfs", "smb"});
  CHECK(obstacles(one, "docker:///x", {}, {"nfs"}) == 0);
  CHECK(obstacles(one, "docker:///x", {}, {"nfs", "ceph"}) == of(Obstacle::volume_drivers));
}

TEST_CASE("explain names every mismatch, a refusal the first in Diego's order", "[filters]") {
  const auto one = cell_with({"iso"}, {}, {});
  CHECK(obstacles(one, "preloaded:no", {}, {"nfs"}) ==
        of(Obstacle::rootfs) + of(Obstacle::volume_drivers) + of(Obstacle::placement_tags));
  CHECK(refusal(one, "preloaded:no", {}, {"nfs"}) == "found no compatible cell for required rootfs");
  CHECK(refusal(one, "docker:///x", {}, {"nfs"}) == "found no compatible cell with required volume drivers");
  CHECK(refusal(one, "docker:///x") == "found no compatible cell with no placement tags");
}

TEST_CASE("a refusal for tags names the tags that are wanted", "[filters]") {
  const auto [tags, text] = GENERATE(table<Strings, std::string>(
      {{Strings{}, "found no compatible cell with no placement tags"},
       {Strings{"x"}, "found no compatible cell with placement tag \"x\""},
       {Strings{"y", "x"}, "found no compatible cell with placement tags \"x\" and \"y\""},
       {Strings{"z", "x", "y"}, "found no compatible cell with placement tags \"x\", \"y\" and \"z\""}}));
  CHECK(refusal(cell_with({"iso"}, {}, {}), "docker:///x", tags) == text);
}

TEST_CASE("a cell may change what it takes", "[filters]") {
  auto c = cluster("binpack", {cell_with({}, {}, {})});
  auto request = lrp("p", 1);
  request.constraints = wants("docker:///x", {}, {"nfs"});
  CHECK(c.place(request) == refused("found no compatible cell with required volume drivers"));
  c.upsert(cell_with({}, {}, {"nfs"}));
  CHECK(c.place(request) == on("a", false));
  c.upsert(cell_with({"iso"}, {}, {"nfs"}));
  CHECK(c.place(request) == refused("found no compatible cell with no placement tags"));
}
