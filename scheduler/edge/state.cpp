#include "scheduler/edge/state.hpp"

#include "platform/log.hpp"

namespace edge {
namespace {

class Reader final : public core::Recovery {
 public:
  void text(std::string_view name, std::string_view value) override {
    if (name == core::kFrameworkText) found.framework_id = value;
  }
  base::Status wish(std::uint64_t, std::string_view) override { return base::ok(); }
  base::Status instance(const core::InstanceRow& row) override {
    found.rows.push_back(row.id);
    return base::ok();
  }

  Contents found;
};

}  // namespace

base::Result<State> open_state(const std::string& folder) {
  auto dir = StateDir::open(folder);
  if (!dir) return dir.error();
  auto store = store::SqliteStore::open(folder);
  if (!store) return store.error();
  const auto old = dir->old_framework_id();
  if (!old) return old.error();
  if (old->has_value()) {
    const auto moved = (*store)->commit([&](core::Journal& journal) { journal.text(core::kFrameworkText, **old); });
    if (!moved) return moved.error();
    if (auto forgotten = dir->forget_old_framework_id(); !forgotten) return forgotten.error();
  }
  return State{std::move(*dir), std::move(*store)};
}

base::Result<Contents> contents(State& state) {
  Reader reader;
  if (auto loaded = state.store->load(reader, platform::log_warning); !loaded) return loaded.error();
  return std::move(reader.found);
}

base::Status clear(State& state, const Contents& contents) {
  return state.store->commit([&](core::Journal& journal) {
    journal.text(core::kFrameworkText, "");
    for (const std::uint32_t row : contents.rows) journal.erase(row);
  });
}

}  // namespace edge
