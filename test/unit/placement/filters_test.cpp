#include "scheduler/placement/filters.hpp"

#include <catch2/catch.hpp>

namespace {

using Strings = std::set<std::string>;

placement::Cell cell_with(Strings required, Strings optional, Strings drivers) {
  placement::Cell cell;
  cell.agent_id = "a";
  cell.rootfs["preloaded"] = {diego::RootFsProvider::Kind::fixed_set, {"cflinuxfs4"}};
  cell.rootfs["docker"] = {diego::RootFsProvider::Kind::arbitrary, {}};
  cell.placement_tags = std::move(required);
  cell.optional_placement_tags = std::move(optional);
  cell.volume_drivers = std::move(drivers);
  return cell;
}

placement::Request wanting(const std::string& rootfs, Strings tags = {}, Strings drivers = {}) {
  placement::Request request;
  request.rootfs = diego::parse_rootfs(rootfs);
  request.placement_tags = std::move(tags);
  request.volume_drivers = std::move(drivers);
  return request;
}

}  // namespace

TEST_CASE("the root file system decides by scheme and stack", "[filters]") {
  const auto [rootfs, fits] = GENERATE(table<std::string, bool>({
      {"preloaded:cflinuxfs4", true},
      {"preloaded:windows", false},
      {"docker:///library/busybox#latest", true},
      {"preloaded+layer:cflinuxfs4?layer=x", false},
      {"/var/rootfs", false},
      {"", false},
  }));
  CAPTURE(rootfs);
  CHECK((placement::mismatch(wanting(rootfs), cell_with({}, {}, {})) == placement::Mismatch::none) == fits);
}

TEST_CASE("required tags must all be wanted, wanted tags must all be there", "[filters]") {
  const auto [wanted, fits] = GENERATE(table<Strings, bool>({{Strings{"iso"}, true},
                                                             {Strings{"iso", "gpu"}, true},
                                                             {Strings{}, false},
                                                             {Strings{"gpu"}, false},
                                                             {Strings{"iso", "other"}, false}}));
  const auto cell = cell_with({"iso"}, {"gpu"}, {});
  CHECK((placement::mismatch(wanting("preloaded:cflinuxfs4", wanted), cell) == placement::Mismatch::none) == fits);
}

TEST_CASE("volume drivers must all be there", "[filters]") {
  const auto cell = cell_with({}, {}, {"nfs", "smb"});
  CHECK(placement::mismatch(wanting("docker:///x", {}, {"nfs"}), cell) == placement::Mismatch::none);
  CHECK(placement::mismatch(wanting("docker:///x", {}, {"nfs", "ceph"}), cell) == placement::Mismatch::volume_drivers);
}

TEST_CASE("the rootfs is looked at first, tags last", "[filters]") {
  const auto cell = cell_with({"iso"}, {}, {});
  CHECK(placement::mismatch(wanting("preloaded:no", {}, {"nfs"}), cell) == placement::Mismatch::rootfs);
  CHECK(placement::mismatch(wanting("docker:///x", {}, {"nfs"}), cell) == placement::Mismatch::volume_drivers);
  CHECK(placement::mismatch(wanting("docker:///x"), cell) == placement::Mismatch::placement_tags);
}

TEST_CASE("what is short is named in Diego's order", "[filters]") {
  const placement::Amounts room{10, 10, 10, 1};
  CHECK(placement::shortages(room, {10, 10, 10, 1}).empty());
  CHECK(placement::shortages(room, {11, 11, 11, 2}) == Strings{"containers", "cpu", "disk", "memory"});
  CHECK(placement::shortages(room, {11, 1, 1, 1}) == Strings{"memory"});
}
