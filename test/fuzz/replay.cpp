// Every file of the corpora, and what simple damage makes of it, through its target: what fuzzing has
// found stays found, with any compiler.
#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

#include "fuzz.hpp"

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kCutsMax = 64;  // Of one file.

std::vector<fs::path> corpus_of(const std::string& target) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(fs::path(CORPUS_DIR) / target)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

std::string content(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// A copy of exactly that size, so that valgrind and sanitizers see a read past the end.
void run(void (*target)(std::string_view), std::string_view bytes) {
  const std::vector<char> copy(bytes.begin(), bytes.end());
  CHECK_NOTHROW(target({copy.data(), copy.size()}));
}

void replay(const std::string& name, void (*target)(std::string_view), bool damaged = true) {
  const auto files = corpus_of(name);
  REQUIRE(files.size() >= 3);
  for (const fs::path& file : files) {
    CAPTURE(file.string());
    const std::string bytes = content(file);
    run(target, bytes);
    if (!damaged) continue;
    const std::size_t step = std::max<std::size_t>(1, bytes.size() / kCutsMax);
    for (std::size_t at = 0; at < bytes.size(); at += step) {
      CAPTURE(at);
      run(target, std::string_view(bytes).substr(0, at));
      std::string flipped = bytes;
      flipped[at] = static_cast<char>(flipped[at] ^ (1 << (at % 8)));
      run(target, flipped);
    }
  }
}

}  // namespace

TEST_CASE("the corpus of answers holds", "[fuzz]") { replay("answers", fuzz::answers); }
TEST_CASE("the corpus of auctions holds", "[fuzz]") { replay("auction", fuzz::auction); }
TEST_CASE("the corpus of a BBS's answers holds", "[fuzz]") { replay("bbs_answer", fuzz::bbs_answer); }
TEST_CASE("the corpus of cell messages holds", "[fuzz]") { replay("cell_message", fuzz::cell_message); }
TEST_CASE("the corpus of JSON messages holds", "[fuzz]") { replay("codec_json", fuzz::codec_json); }
TEST_CASE("the corpus of binary messages holds", "[fuzz]") { replay("codec_protobuf", fuzz::codec_protobuf); }
TEST_CASE("the corpus of flags holds", "[fuzz]") { replay("flags", fuzz::flags); }
TEST_CASE("the corpus of masters' addresses holds", "[fuzz]") { replay("masters", fuzz::masters); }
TEST_CASE("the corpus of recordings holds", "[fuzz]") { replay("recording", fuzz::recording); }
TEST_CASE("the corpus of records holds", "[fuzz]") { replay("recordio", fuzz::recordio); }
TEST_CASE("the corpus of reps' states holds", "[fuzz]") { replay("rep_state", fuzz::rep_state); }
TEST_CASE("the corpus of state files holds", "[fuzz]") { replay("state_file", fuzz::state_file, false); }
TEST_CASE("the corpus of the transcoder holds", "[fuzz]") { replay("transcoder", fuzz::transcoder); }
TEST_CASE("the corpus of workloads holds", "[fuzz]") { replay("workload", fuzz::workload); }

TEST_CASE("a target that fails is seen to fail", "[fuzz]") {
  CHECK_THROWS_WITH(fuzz::require(false, "what"), "broken: what");
}
