#include "scheduler/edge/state_dir.hpp"

#include <stdlib.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "scheduler/edge/state.hpp"

namespace {

struct Folder {
  Folder() {
    char name[] = "/tmp/diego-state-XXXXXX";
    path = mkdtemp(name);
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string path;
};

std::string refusal(const std::string& path) {
  const auto dir = edge::StateDir::open(path);
  return dir ? "" : dir.error().message();
}

}  // namespace

TEST_CASE("a framework id that stood in a file of its own moves into the database", "[state_dir]") {
  const Folder folder;
  const std::string path = folder.path + "/new/state";
  REQUIRE(edge::StateDir::open(path));
  std::ofstream(path + "/framework_id") << "F-0001\n";
  for (int start = 0; start < 2; ++start) {
    auto state = edge::open_state(path);
    REQUIRE(state);
    CHECK(*state->dir.old_framework_id() == std::nullopt);
    CHECK(edge::contents(*state)->framework_id == "F-0001");
  }
}

TEST_CASE("a state that was cleared holds nothing", "[state_dir]") {
  const Folder folder;
  {
    auto state = edge::open_state(folder.path);
    REQUIRE(state);
    REQUIRE(state->store->commit([](core::Journal& journal) { journal.text(core::kFrameworkText, "F"); }));
  }
  {
    auto state = edge::open_state(folder.path);
    REQUIRE(state);
    const auto found = edge::contents(*state);
    REQUIRE(found);
    CHECK(found->framework_id == "F");
    REQUIRE(edge::clear(*state, *found));
  }
  auto state = edge::open_state(folder.path);
  REQUIRE(state);
  CHECK(edge::contents(*state)->framework_id.empty());
}

TEST_CASE("one directory serves one scheduler", "[state_dir]") {
  const Folder folder;
  {
    const auto first = edge::StateDir::open(folder.path);
    REQUIRE(first);
    CHECK(refusal(folder.path) == "--state-dir " + folder.path + ": is in use by another diego-scheduler");
  }
  CHECK(refusal(folder.path) == "");
}

TEST_CASE("a directory that cannot be written is found at start", "[state_dir]") {
  const Folder folder;
  std::ofstream(folder.path + "/file") << "x";
  CHECK(refusal(folder.path + "/file").starts_with("--state-dir " + folder.path + "/file: "));
  CHECK(refusal("/proc/nothing/here").starts_with("--state-dir /proc/nothing/here: "));
}

TEST_CASE("a damaged framework id is not taken for a new framework", "[state_dir]") {
  const std::string damaged = GENERATE(as<std::string>{}, "", "a b", "a/b", "a\nb");
  const Folder folder;
  std::ofstream(folder.path + "/framework_id") << damaged;
  auto dir = edge::StateDir::open(folder.path);
  REQUIRE(dir);
  const auto id = dir->old_framework_id();
  REQUIRE_FALSE(id);
  CHECK(id.error().text == "holds no framework id; restore it, or remove it to start as a new framework");
}
