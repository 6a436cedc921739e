// stories [--rewrite] FILE...
//
// Plays each story and compares what is told with what the file says: a line `ok NAME` or
// `FAIL NAME: the first line that differs`. --rewrite writes it into the file instead; then read the diff.
#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include "test/simulation/story.hpp"

namespace {

std::string read(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

// The first line that differs, as both have it.
std::string difference(const std::string& stands, const std::string& told) {
  std::istringstream a(stands), b(told);
  for (int number = 1;; ++number) {
    std::string in_file, now;
    const bool more_a = static_cast<bool>(std::getline(a, in_file)), more_b = static_cast<bool>(std::getline(b, now));
    if (!more_a && !more_b) return "";
    if (more_a != more_b || in_file != now)
      return fmt::format("line {} is \"{}\", and now \"{}\"", number, in_file, more_b ? now : "the end");
  }
}

}  // namespace

int main(int argc, char** argv) {
  bool rewrite = false, well = true;
  for (int i = 1; i < argc; ++i) {
    const std::string path = argv[i];
    if (path == "--rewrite") {
      rewrite = true;
      continue;
    }
    const std::string name = "story " + std::filesystem::path(path).stem().string();
    const std::string stands = read(path);
    const auto told = stands.empty() ? base::Result<std::string>(base::Error{path, "is empty, or not there"})
                                     : simulation::play(stands);
    std::string why = told ? difference(stands, *told) : told.error().message();
    if (told && rewrite && !why.empty()) {
      std::ofstream(path) << *told;
      why.clear();
    }
    std::cout << (why.empty() ? "ok " + name : "FAIL " + name + ": " + why) << std::endl;
    well = well && why.empty();
  }
  return well ? 0 : 1;
}
