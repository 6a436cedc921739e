#include "scheduler/core/ids.hpp"

#include <catch2/catch.hpp>

using core::Key;
using core::Kind;

TEST_CASE("a task id carries the key back", "[ids]") {
  const Key key = GENERATE(Key{Kind::lrp, "a1-b2", 0}, Key{Kind::lrp, "a.b/c", 17}, Key{Kind::task, "t.1", 0},
                           Key{Kind::task, "plain", 0}, Key{Kind::lrp, "p", -3});
  const std::string id = core::task_id(key, "abcd2345");
  CAPTURE(id);
  CHECK(core::parse_task_id(id) == core::ParsedTaskId{key, "abcd2345"});
}

TEST_CASE("what we never make does not parse", "[ids]") {
  const std::string id =
      GENERATE(as<std::string>{}, "", "p", "p.0", "p.0.short", "p.0.ABCDEFGH", ".0.abcd2345", "p.01.abcd2345",
               "p.x.abcd2345", "a%zz.abcd2345", "a/b.abcd2345", "p.0.1.abcd2345", "p.+1.abcd2345");
  CAPTURE(id);
  CHECK(core::parse_task_id(id) == std::nullopt);
}

TEST_CASE("a guid too long for a Mesos id is unfit", "[ids]") {
  CHECK_FALSE(core::unfit_for_task_id({Kind::lrp, std::string(244, 'a'), 0}));
  const auto why = core::unfit_for_task_id({Kind::lrp, std::string(245, 'a'), 0});
  REQUIRE(why);
  CHECK(*why == "guid is too long: its Mesos task id would have 256 bytes, 255 are allowed");
}

TEST_CASE("cursors come back as the key they name", "[ids]") {
  const Key key = GENERATE(Key{Kind::lrp, "a/b", 7}, Key{Kind::task, "t.1", 0});
  CHECK(core::parse_cursor(core::cursor(key)) == key);
  CHECK(core::parse_cursor("lrp/x") == std::nullopt);
  CHECK(core::parse_cursor("lrp/x/y") == std::nullopt);
  CHECK(core::parse_cursor("nonsense") == std::nullopt);
}
