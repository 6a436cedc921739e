// What is seen of a world while a story is played: the scheduler's log, calls that do something, and how
// instances and cells change. Names that chance gives are replaced by numbers in order of appearance.
#pragma once

#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "test/simulation/world.hpp"

namespace simulation {

class StoryTeller {
 public:
  // What a world writes its transcript to.
  std::ostream& transcript() { return transcript_; }

  // Takes in what has happened since the last call. Cheap when nothing has.
  void look(const World& world);

  // The lines since the last call, in order.
  std::vector<std::string> take();

  // Instances and cells as they stand.
  void show(const World& world);

 private:
  void hear(const std::string& line);
  void say(const World& world, const std::string& text);
  std::string named(std::string text);

  std::ostringstream transcript_;
  std::map<std::pair<int, core::Key>, std::string> instances_;  // As last told, by scheduler.
  std::map<std::string, std::string> names_;                    // By what chance gave.
  std::map<std::string, int> counts_;                           // Of names by kind.
  std::vector<std::string> lines_;
  std::uint64_t commits_ = 0;
};

}  // namespace simulation
