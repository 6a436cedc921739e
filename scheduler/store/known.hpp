// What the open file is known to hold already, so that it is not written again. Internal to this room.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace store {

// Within a transaction it runs ahead of the file: keep() once that is durable, undo() when it failed.
class Known {
 public:
  static constexpr std::size_t kTidyAtLeast = 32768;  // Wishes and cells; some 5 MB.

  // What is in the file of an instance.
  struct Row {
    std::uint64_t accepted = 0;  // A fingerprint of what was accepted; 0: not known to be there.
    std::int64_t standing = 0;   // Where it says how it stands; 0: nowhere.
  };
  Row row(std::uint32_t id) const;
  void set_row(std::uint32_t id, Row row);
  std::int64_t rows() const { return rows_; }  // With a `standing`.

  // True: new.
  bool add_wish(std::uint64_t id);
  void forget_wish(std::uint64_t id) { wishes_.erase(id); }

  // The cell's row, and whether it is new; 0 for no cell.
  struct Cell {
    std::int64_t row = 0;
    bool is_new = false;
  };
  Cell cell(std::string_view agent_id, std::string_view executor_id);
  void add_cell_row(std::int64_t row, std::string_view agent_id, std::string_view executor_id);
  void forget_cell(std::string_view agent_id, std::string_view executor_id) {
    cells_.erase(name(agent_id, executor_id));
  }
  void reserve_cell_row(std::int64_t row);  // Named by a row that was passed over: not to be given away.

  // When wishes or cells have doubled, those that no row names may be dropped from the file; then
  // forget_names() and add what is left.
  bool has_doubled() const { return wishes_.size() + cells_.size() >= tidy_at_; }
  void forget_names();
  void expect_doubling();

  void keep();
  void undo();

 private:
  // 16 bytes for each of 256 rows: instances come and go in the order of their rows.
  struct Page {
    std::array<Row, 256> rows{};
    std::size_t used = 0;
  };
  void put(std::uint32_t id, Row row);
  const std::string& name(std::string_view agent_id, std::string_view executor_id);

  std::unordered_map<std::uint32_t, std::unique_ptr<Page>> pages_;
  std::int64_t rows_ = 0;
  std::unordered_set<std::uint64_t> wishes_;
  std::unordered_map<std::string, std::int64_t> cells_;
  std::int64_t last_cell_ = 0;
  std::string name_;
  std::size_t tidy_at_ = kTidyAtLeast;

  struct Before {
    std::uint32_t id;
    Row row;
  };
  std::vector<Before> before_;
  std::vector<std::uint64_t> new_wishes_;
  std::vector<std::string> new_cells_;
};

}  // namespace store
