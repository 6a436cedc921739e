#include "scheduler/edge/state_dir.hpp"

#include <stdlib.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

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

TEST_CASE("a framework id comes back after a restart, and is forgotten when told", "[state_dir]") {
  const Folder folder;
  const std::string path = folder.path + "/new/state";
  {
    auto dir = edge::StateDir::open(path);
    REQUIRE(dir);
    CHECK(*dir->framework_id() == std::nullopt);
    REQUIRE(dir->save_framework_id("F-0001"));
  }
  auto dir = edge::StateDir::open(path);
  REQUIRE(dir);
  CHECK(*dir->framework_id() == "F-0001");
  REQUIRE(dir->forget_framework_id());
  REQUIRE(dir->forget_framework_id());
  CHECK(*dir->framework_id() == std::nullopt);
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
  const auto id = dir->framework_id();
  REQUIRE_FALSE(id);
  CHECK(id.error().text == "holds no framework id; restore it, or remove it to start as a new framework");
}
