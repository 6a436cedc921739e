// What the stand-in keeps, as Diego's Locket would.
#include "local/locket/locket_model.hpp"

#include <catch2/catch.hpp>

using namespace std::chrono_literals;
using local::LocketModel;
using local::LocketResource;
using Outcome = LocketModel::Outcome;

namespace {

constexpr base::Time kStart{1000s};

LocketResource lock_of(const std::string& owner, const std::string& key = "auctioneer") {
  return {key, owner, "", LocketResource::Type::lock};
}

}  // namespace

TEST_CASE("a key is its owner's until the time to live after the last Lock", "[locket]") {
  LocketModel model;
  CHECK(model.lock(lock_of("a"), 15, kStart) == Outcome::ok);
  CHECK(model.lock(lock_of("b"), 15, kStart + 1s) == Outcome::collision);
  CHECK(model.lock(lock_of("a"), 15, kStart + 10s) == Outcome::ok);
  CHECK(model.lock(lock_of("b"), 15, kStart + 24s) == Outcome::collision);
  CHECK(model.fetch("auctioneer", kStart + 24s) == lock_of("a"));
  CHECK(model.lock(lock_of("b"), 15, kStart + 25s) == Outcome::ok);
  CHECK(model.fetch("auctioneer", kStart + 25s) == lock_of("b"));
  CHECK(model.fetch("other", kStart) == std::nullopt);
}

TEST_CASE("only the owner releases, and then another may lock at once", "[locket]") {
  LocketModel model;
  CHECK(model.release(lock_of("a"), kStart) == Outcome::ok);
  CHECK(model.lock(lock_of("a"), 15, kStart) == Outcome::ok);
  CHECK(model.release(lock_of("b"), kStart) == Outcome::collision);
  CHECK(model.release(lock_of("a"), kStart) == Outcome::ok);
  CHECK(model.lock(lock_of("b"), 15, kStart) == Outcome::ok);
}

TEST_CASE("a Lock without time, owner or type is refused", "[locket]") {
  LocketModel model;
  CHECK(model.lock(lock_of("a"), 0, kStart) == Outcome::invalid_ttl);
  CHECK(model.lock(lock_of(""), 15, kStart) == Outcome::invalid_owner);
  CHECK(model.lock({"k", "a", "", LocketResource::Type::unknown}, 15, kStart) == Outcome::invalid_type);
  CHECK(model.fetch_all(LocketResource::Type::lock, kStart).empty());
}

TEST_CASE("locks and presences are listed apart", "[locket]") {
  LocketModel model;
  const LocketResource presence{"cell-1", "x", "{}", LocketResource::Type::presence};
  REQUIRE(model.lock(lock_of("a"), 15, kStart) == Outcome::ok);
  REQUIRE(model.lock(presence, 5, kStart) == Outcome::ok);
  CHECK(model.fetch_all(LocketResource::Type::lock, kStart) == std::vector{lock_of("a")});
  CHECK(model.fetch_all(LocketResource::Type::presence, kStart) == std::vector{presence});
  CHECK(model.fetch_all(LocketResource::Type::presence, kStart + 5s).empty());
}
