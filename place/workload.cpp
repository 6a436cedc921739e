#include "place/workload.hpp"

namespace place {

std::string Workload::key(std::size_t item) const {
  const std::string& guid = guids[items[item].guid];
  return is_lrp(item) ? guid + "." + std::to_string(items[item].index) : guid;
}

std::optional<std::size_t> Workload::find(std::string_view key) const {
  const std::size_t dot = key.rfind('.');
  const std::string_view process = dot == std::string_view::npos ? std::string_view() : key.substr(0, dot);
  for (std::size_t item = 0; item < items.size(); ++item) {
    const std::string& guid = guids[items[item].guid];
    if (is_lrp(item) ? guid == process && this->key(item) == key : guid == key) return item;
  }
  return std::nullopt;
}

}  // namespace place
