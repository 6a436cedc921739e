#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "scheduler/record/recorded_files.hpp"
#include "scheduler/record/rotating_files.hpp"

namespace record {
namespace {

namespace fs = std::filesystem;

struct Folder {
  Folder() {
    std::string pattern = "/tmp/diego-record-XXXXXX";
    REQUIRE(mkdtemp(pattern.data()) != nullptr);
    path = pattern;
  }
  ~Folder() { fs::remove_all(path); }
  std::string path;
};

std::unique_ptr<RotatingFiles> open(FilesOptions options, std::vector<std::string>* told = nullptr) {
  auto files = RotatingFiles::open(std::move(options), [told](const std::string& line) {
    if (told != nullptr) told->push_back(line);
  });
  if (!files) FAIL(files.error().message());
  return *std::move(files);
}

std::size_t bytes_in(const std::string& folder) {
  std::size_t sum = 0;
  for (const auto& entry : fs::directory_iterator(folder)) sum += entry.file_size();
  return sum;
}

TEST_CASE("what is written is in files of nobody else's, one for each segment", "[record]") {
  Folder folder;
  {
    auto files = open({folder.path + "/new", "life"});
    files->begin_segment(0, "zero ");
    files->write("one ");
    files->write("two");
    files->begin_segment(1, "three");
  }
  const auto lives = lives_in(folder.path + "/new");
  REQUIRE(lives);
  REQUIRE(lives->size() == 1);
  const Life& life = lives->front();
  CHECK(life.name == "life");
  CHECK(life.segments == std::vector<std::uint64_t>{0, 1});
  CHECK(life.from_the_beginning());
  CHECK(*bytes_of(life.paths[0]) == "zero one two");
  CHECK(*bytes_of(life.paths[1]) == "three");
  struct stat status {};
  REQUIRE(::stat(life.paths[0].c_str(), &status) == 0);
  CHECK((status.st_mode & 0777U) == 0600);
  CHECK(fs::path(life.paths[0]).filename() == "life.000000.rec");
}

TEST_CASE("the oldest files make room, those of earlier lives first", "[record]") {
  Folder folder;
  constexpr std::size_t kSegment = 10'000, kMax = 50'000;
  const auto record = [&folder](const std::string& life, std::uint64_t segments) {
    auto files = open({folder.path, life, kMax, kSegment});
    for (std::uint64_t i = 0; i < segments; ++i) {
      files->begin_segment(i, std::string(100, '-'));
      for (int part = 0; part < 10; ++part) files->write(std::string((kSegment - 100) / 10, '.'));
    }
  };
  record("2026-a", 3);
  CHECK(bytes_in(folder.path) == 3 * kSegment);
  record("2026-b", 4);
  CHECK(bytes_in(folder.path) <= kMax);
  auto lives = lives_in(folder.path);
  REQUIRE(lives);
  REQUIRE(lives->size() == 2);
  CHECK(lives->at(0).segments == std::vector<std::uint64_t>{2});
  CHECK_FALSE(lives->at(0).from_the_beginning());
  CHECK(lives->at(1).segments == std::vector<std::uint64_t>{0, 1, 2, 3});
  record("2026-c", 23);
  CHECK(bytes_in(folder.path) <= kMax);
  lives = lives_in(folder.path);
  REQUIRE(lives);
  REQUIRE(lives->size() == 1);
  CHECK(lives->at(0).segments == std::vector<std::uint64_t>{18, 19, 20, 21, 22});
}

TEST_CASE("a directory that cannot be made or written is one line that names it", "[record]") {
  Folder folder;
  std::ofstream(folder.path + "/file") << "x";
  const auto made = RotatingFiles::open({folder.path + "/file/below", "life"}, {});
  REQUIRE_FALSE(made);
  CHECK(made.error().message().starts_with("--record " + folder.path + "/file/below: "));
  if (geteuid() == 0) return;  // Who may write everywhere.
  fs::permissions(folder.path, fs::perms::owner_read | fs::perms::owner_exec);
  const auto written = RotatingFiles::open({folder.path, "life"}, {});
  fs::permissions(folder.path, fs::perms::owner_all);
  REQUIRE_FALSE(written);
  CHECK(written.error().message() == "--record " + folder.path + ": Permission denied");
}

TEST_CASE("what cannot be written later is told once, and recording is over", "[record]") {
  Folder folder;
  std::vector<std::string> told;
  {
    auto files = open({folder.path + "/gone", "life"}, &told);
    fs::remove_all(folder.path + "/gone");
    files->begin_segment(0, "zero");
    files->write("more");
  }
  REQUIRE(told.size() == 1);
  CHECK(told[0].starts_with("recording ends, scheduling goes on reason=\"--record " + folder.path + "/gone/"));
}

TEST_CASE("a disk that does not keep up ends the recording", "[record]") {
  Folder folder;
  std::vector<std::string> told;
  {
    auto files = open({folder.path, "life", 1 << 20, 1 << 16, 1000}, &told);
    files->begin_segment(0, "zero");
    CHECK_FALSE(files->over());
    files->write(std::string(2000, '.'));
    CHECK(files->over());
    files->write("nothing");
  }
  REQUIRE(told.size() == 1);
  CHECK(told[0].find("does not keep up") != std::string::npos);
}

TEST_CASE("a directory without recordings is one line", "[record]") {
  Folder folder;
  std::ofstream(folder.path + "/other.rec") << "x";
  std::ofstream(folder.path + "/life.x1.rec") << "x";
  CHECK(lives_in(folder.path).error().message() == folder.path + ": holds no recording");
  CHECK(lives_in(folder.path + "/none").error().message() == folder.path + "/none: No such file or directory");
}

}  // namespace
}  // namespace record
