// The module that bench-placement scans with: as much work as a plain strategy does.
#include "scheduler/placement/module.hpp"

namespace {

class MostFree : public placement::Strategy {
 public:
  std::string_view name() const override { return "most-free"; }
  placement::Cost cost(const placement::Request&, const placement::Candidate& cell) const override {
    return {cell.up ? 0 : 1, cell.same_process, -cell.room.mem_mb};
  }
};

}  // namespace

DIEGO_PLACEMENT_MODULE(MostFree);
