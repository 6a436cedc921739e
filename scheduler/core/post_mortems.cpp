#include "scheduler/core/post_mortems.hpp"

#include <algorithm>
#include <utility>

namespace core {

const PostMortems::Cell* PostMortems::find(const std::string& executor_id) const {
  const auto found = std::find_if(cells_.begin(), cells_.end(),
                                  [&executor_id](const Cell& cell) { return cell.executor_id == executor_id; });
  return found == cells_.end() ? nullptr : &*found;
}

PostMortems::Cell* PostMortems::find(const std::string& executor_id) {
  return const_cast<Cell*>(std::as_const(*this).find(executor_id));
}

PostMortems::Cell& PostMortems::add(const std::string& executor_id) {
  if (cells_.size() == kCellsMax) {
    const Cell& oldest = cells_.front();
    if (oldest.stage == Cell::Stage::asked) --open_;
    waiting_ -= oldest.waiting.size();
    cells_.pop_front();
  }
  return cells_.emplace_back(Cell{executor_id, Cell::Stage::expected, {}, {}});
}

void PostMortems::expect(const std::string& executor_id) {
  if (find(executor_id) == nullptr) add(executor_id);
}

bool PostMortems::expects(const std::string& executor_id) const {
  const Cell* cell = find(executor_id);
  return cell != nullptr && cell->stage == Cell::Stage::expected;
}

bool PostMortems::ask(const std::string& executor_id) {
  Cell* cell = find(executor_id);
  if (cell != nullptr && cell->stage != Cell::Stage::expected) return false;
  if (open_ == kOpenMax) return false;
  if (cell == nullptr) cell = &add(executor_id);
  cell->stage = Cell::Stage::asked;
  ++open_;
  return true;
}

void PostMortems::wait(const std::string& executor_id, Waiting waiting) {
  Cell* cell = find(executor_id);
  if (cell == nullptr || cell->stage == Cell::Stage::answered || waiting_ == kWaitingMax) return;
  cell->waiting.push_back(std::move(waiting));
  ++waiting_;
}

const std::string* PostMortems::text_of(const std::string& executor_id) const {
  const Cell* cell = find(executor_id);
  return cell != nullptr && cell->stage == Cell::Stage::answered ? &cell->text : nullptr;
}

std::optional<std::vector<PostMortems::Waiting>> PostMortems::answered(const std::string& executor_id,
                                                                       std::string text) {
  Cell* cell = find(executor_id);
  if (cell == nullptr || cell->stage != Cell::Stage::asked) return std::nullopt;
  cell->stage = Cell::Stage::answered;
  cell->text = std::move(text);
  --open_;
  waiting_ -= cell->waiting.size();
  return std::exchange(cell->waiting, {});
}

}  // namespace core
