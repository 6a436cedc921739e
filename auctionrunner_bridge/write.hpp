// Pieces that several views are written with. Private to the bridge.
#pragma once

#include <string_view>

#include "diego/json.hpp"
#include "scheduler/core/changes.hpp"
#include "scheduler/core/explanation.hpp"

namespace bridge {

// What names an instance: an LRP by process guid and index, a Task by its guid.
void write_key_members(diego::GoWriter& out, const core::KeyView& key);

// Members that name an agent, and its cell.
void write_place_members(diego::GoWriter& out, const core::PlaceView& place);

template <class Words>
void write_words(diego::GoWriter& out, std::string_view name, const Words& words) {
  out.key(name);
  out.begin_array();
  for (const auto& word : words) out.string(word);
  out.end_array();
}

}  // namespace bridge
