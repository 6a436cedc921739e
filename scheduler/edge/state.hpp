// Opens what must survive: the directory, its lock, the database in it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "scheduler/edge/state_dir.hpp"
#include "scheduler/store/store.hpp"

namespace edge {

struct State {
  StateDir dir;  // Holds the lock for as long as the store is open.
  std::unique_ptr<store::SqliteStore> store;
};

// A framework id that an older version left in a file is in the database afterwards. Errors name the
// file and what to do.
base::Result<State> open_state(const std::string& folder);

// What the state holds, for who does not schedule: in place of the load() of a scheduler.
struct Contents {
  std::string framework_id;  // "" for none.
  std::vector<std::uint32_t> rows;
};
base::Result<Contents> contents(State& state);

// The framework has ended, and its instances with it.
base::Status clear(State& state, const Contents& contents);

}  // namespace edge
