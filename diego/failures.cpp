#include "diego/failures.hpp"

namespace diego {

std::string placement_tag_mismatch(const std::vector<std::string>& tags) {
  std::string text = "found no compatible cell with ";
  if (tags.empty()) return text + "no placement tags";
  text += tags.size() == 1 ? "placement tag " : "placement tags ";
  for (std::size_t i = 0; i < tags.size(); ++i) {
    if (i > 0) text += i + 1 == tags.size() ? " and " : ", ";
    text += '"' + tags[i] + '"';
  }
  return text;
}

std::string insufficient_resources(const std::set<std::string>& problems) {
  std::string text(kInsufficientResources);
  std::string_view separator = ": ";
  for (const std::string& problem : problems) {
    text.append(separator).append(problem);
    separator = ", ";
  }
  return text;
}

}  // namespace diego
