#include "ctl/event_reader.hpp"

#include <utility>

namespace ctl {
namespace {

constexpr std::size_t kBytesMax = std::size_t{1} << 20U;

}  // namespace

std::vector<ServerEvent> EventReader::feed(std::string_view bytes) {
  std::vector<ServerEvent> events;
  for (const char byte : bytes) {
    // Lines end in \n, \r or \r\n.
    const bool second = std::exchange(after_return_, byte == '\r') && byte == '\n';
    if (second) continue;
    if (byte == '\n' || byte == '\r') {
      take_line(line_, events);
      line_.clear();
    } else if (line_.size() < kBytesMax) {
      line_ += byte;
    } else {
      too_long_ = true;
    }
  }
  return events;
}

void EventReader::begin() {
  line_.clear();
  event_ = {};
  has_data_ = too_long_ = after_return_ = false;
}

void EventReader::take_line(std::string_view line, std::vector<ServerEvent>& events) {
  if (line.empty()) {
    if (event_.kind.empty()) event_.kind = "message";
    if (has_data_ && !too_long_) events.push_back(std::move(event_));
    event_ = {};
    has_data_ = too_long_ = false;
    return;
  }
  const auto colon = line.find(':');
  if (colon == 0) return;  // A comment.
  const std::string_view name = line.substr(0, colon);
  std::string_view value = colon == std::string_view::npos ? "" : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (name == "data") {
    if (has_data_) event_.data += '\n';
    has_data_ = true;
    if (event_.data.size() + value.size() > kBytesMax) {
      too_long_ = true;
    } else {
      event_.data += value;
    }
  } else if (name == "event") {
    event_.kind = value;
  } else if (name == "id" && value.find('\0') == std::string_view::npos) {
    last_id_ = value;
  }
}

}  // namespace ctl
