#include "scheduler/store/known.hpp"

#include <algorithm>

namespace store {

Known::Row Known::row(std::uint32_t id) const {
  const auto page = pages_.find(id / 256);
  return page == pages_.end() ? Row{} : page->second->rows[id % 256];
}

void Known::set_row(std::uint32_t id, Row now) {
  before_.push_back({id, row(id)});
  put(id, now);
}

void Known::put(std::uint32_t id, Row row) {
  auto& page = pages_[id / 256];
  if (page == nullptr) page = std::make_unique<Page>();
  const auto is_used = [](const Row& one) { return one.accepted != 0 || one.standing != 0; };
  Row& kept = page->rows[id % 256];
  page->used += is_used(row) ? 1U : 0U;
  page->used -= is_used(kept) ? 1U : 0U;
  rows_ += (row.standing != 0 ? 1 : 0) - (kept.standing != 0 ? 1 : 0);
  kept = row;
  if (page->used == 0) pages_.erase(id / 256);
}

bool Known::add_wish(std::uint64_t id) {
  if (!wishes_.insert(id).second) return false;
  new_wishes_.push_back(id);
  return true;
}

const std::string& Known::name(std::string_view agent_id, std::string_view executor_id) {
  name_.assign(agent_id);
  name_ += executor_id;
  name_ += static_cast<char>(agent_id.size());  // Where the one ends and the other begins.
  return name_;
}

Known::Cell Known::cell(std::string_view agent_id, std::string_view executor_id) {
  if (agent_id.empty() && executor_id.empty()) return {};
  const auto [found, is_new] = cells_.try_emplace(name(agent_id, executor_id), last_cell_ + 1);
  if (is_new) {
    ++last_cell_;
    new_cells_.push_back(found->first);
  }
  return {found->second, is_new};
}

void Known::add_cell_row(std::int64_t row, std::string_view agent_id, std::string_view executor_id) {
  cells_.try_emplace(name(agent_id, executor_id), row);
  last_cell_ = std::max(last_cell_, row);
}

void Known::reserve_cell_row(std::int64_t row) { last_cell_ = std::max(last_cell_, row); }

void Known::forget_names() {
  wishes_.clear();
  cells_.clear();
}

void Known::expect_doubling() { tidy_at_ = std::max(kTidyAtLeast, 2 * (wishes_.size() + cells_.size())); }

void Known::keep() {
  before_.clear();
  new_wishes_.clear();
  new_cells_.clear();
}

void Known::undo() {
  for (auto one = before_.rbegin(); one != before_.rend(); ++one) put(one->id, one->row);
  for (const std::uint64_t id : new_wishes_) wishes_.erase(id);
  for (const std::string& cell : new_cells_) cells_.erase(cell);
  keep();
}

}  // namespace store
