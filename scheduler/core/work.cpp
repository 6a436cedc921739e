#include "scheduler/core/work.hpp"

#include <charconv>

#include "base/text.hpp"

namespace core {
namespace {
constexpr std::string_view kStates[] = {"queued",  "launching", "starting", "running", "stopping",
                                        "stopped", "failed",    "lost",     "rejected"};
constexpr std::array<std::string_view, kCellMarks> kMarkNames = {
    "starting", "up", "idle", "stopping", "none", "draining", "quarantined", "outdated", "unwell"};
}  // namespace

std::string to_string(const Key& key) {
  return key.kind == Kind::task ? key.guid : key.guid + "." + std::to_string(key.index);
}

std::string_view to_string(State state) { return kStates[static_cast<std::size_t>(state)]; }

std::optional<State> parse_state(std::string_view text) {
  for (std::size_t i = 0; i < std::size(kStates); ++i) {
    if (kStates[i] == text) return static_cast<State>(i);
  }
  return std::nullopt;
}

std::string cursor(const Key& key) {
  const std::string guid = base::percent_encode(key.guid);
  return key.kind == Kind::task ? "task/" + guid : "lrp/" + guid + "/" + std::to_string(key.index);
}

std::optional<Key> parse_cursor(std::string_view text) {
  const auto parts = base::split_list(text, '/');
  if (parts.size() < 2) return std::nullopt;
  const auto guid = base::percent_decode(parts[1]);
  if (!guid) return std::nullopt;
  if (parts[0] == "task" && parts.size() == 2) return Key{Kind::task, *guid, 0};
  if (parts[0] != "lrp" || parts.size() != 3) return std::nullopt;
  std::int32_t index = 0;
  const auto [end, error] = std::from_chars(parts[2].data(), parts[2].data() + parts[2].size(), index);
  if (error != std::errc{} || end != parts[2].data() + parts[2].size()) return std::nullopt;
  return Key{Kind::lrp, *guid, index};
}

std::string_view to_string(CellMark mark) { return kMarkNames[static_cast<std::size_t>(mark)]; }

std::optional<CellMark> parse_cell_mark(std::string_view text) {
  for (std::size_t i = 0; i < kCellMarks; ++i)
    if (kMarkNames[i] == text) return static_cast<CellMark>(i);
  return std::nullopt;
}

std::string_view to_string(CellState state) {
  switch (state) {
    case CellState::starting:
      return "starting";
    case CellState::up:
      return "up";
    case CellState::idle:
      return "idle";
    case CellState::stopping:
      return "stopping";
    case CellState::none:
      return "none";
  }
  return "";
}

}  // namespace core
