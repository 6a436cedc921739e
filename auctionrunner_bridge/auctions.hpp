// The auctions of one request body, element by element. Private to the bridge.
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "diego/auction.hpp"
#include "scheduler/core/work.hpp"

namespace bridge {

// Each key once: of duplicates the first counts, as in Diego's batch.
class Auctions {
 public:
  // At most `most` are taken, duplicates among them.
  Auctions(std::string trace_id, std::size_t most) : trace_id_(std::move(trace_id)), most_(most) {}

  // `invalid(start, why)` is told of an index that Diego's auctioneer lets pass and its BBS refuses later.
  template <class Invalid>
  void add(const diego::LrpStart& start, const Invalid& invalid) {
    for (const std::int32_t index : start.indices) {
      if (too_many()) return;
      if (index < 0) {
        invalid(start, "index " + std::to_string(index) + " is negative");
      } else {
        add_one({core::Kind::lrp, start.process_guid, index}, start);
      }
    }
  }
  template <class Invalid>
  void add(const diego::TaskStart& start, const Invalid&) {
    add_one({core::Kind::task, start.task_guid, 0}, start);
  }

  bool too_many() const { return count_ > most_; }
  std::vector<core::Auction> take() { return std::move(auctions_); }

 private:
  template <class Start>
  void add_one(core::Key key, const Start& start) {
    ++count_;
    if (too_many() || !seen_.insert(key).second) return;
    auctions_.push_back({std::move(key), start.domain, start.constraint, start.resource, trace_id_});
  }

  const std::string trace_id_;
  const std::size_t most_;
  std::size_t count_ = 0;
  std::set<core::Key> seen_;
  std::vector<core::Auction> auctions_;
};

}  // namespace bridge
