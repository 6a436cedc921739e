// The scheduler's answers for people. Pure: JSON in, text out. What is missing in the JSON is missing in the text.
#pragma once

#include <string>
#include <vector>

#include "base/time.hpp"
#include "ctl/fields.hpp"
#include "ctl/table.hpp"
#include "ctl/text.hpp"

namespace ctl {

// Of GET /v1/overview. `url`: where it was asked.
std::string status_text(const Json& overview, const std::string& url, const Style& style);

// A table of instances, filled page by page.
class InstanceTable {
 public:
  explicit InstanceTable(base::Time now);
  void add(const Json& instance);
  std::size_t size() const { return table_.size(); }
  std::string shown(const Style& style) const { return table_.text(style); }

 private:
  base::Time now_;
  Table table_;
};

// All about one instance.
std::string instance_text(const Json& instance, base::Time now, const Style& style);

// Of GET /v1/cells.
std::string cells_text(const Json& cells, base::Time now, const Style& style);
// All about one cell.
std::string cell_text(const Json& cell, base::Time now, const Style& style);
// Those of GET /v1/cells that bear this name: cell id, agent id, or host name.
std::vector<const Json*> cells_named(const Json& cells, const std::string& name);

// An explanation, as GET .../explain gives one. `cells_max`: so many cells each are told one by one.
std::string explanation_text(const Json& explanation, std::size_t cells_max, const Style& style);
bool is_refused(const Json& explanation);

// A rebalance, as POST and GET /v1/rebalance tell of it; and one of its moves, in a line.
std::string rebalance_text(const Json& rebalance, const Style& style);
std::string move_text(const Json& move, const Style& style);

// One line for the data of an event.
std::string event_text(const Json& event, const Style& style);

struct TopShown {
  const Json& overview;
  const Json& cells;      // Of GET /v1/cells.
  const Json& instances;  // A page of GET /v1/instances.
  std::string url, sort;  // "memory" or "cpu".
  base::Time now;
};
// At most so many lines; 0: as many as there are.
std::string top_text(const TopShown& shown, std::size_t lines, const Style& style);

}  // namespace ctl
