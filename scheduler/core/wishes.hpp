// What auctions ask for, apart from whom they ask for. Hundreds of thousands of instances ask for the
// same few things: each is kept once and shared.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>

#include "base/result.hpp"
#include "scheduler/core/config.hpp"
#include "scheduler/core/work.hpp"
#include "scheduler/placement/types.hpp"

namespace core {

// An element of POST /work, cut where guid and index go. Empty: not written yet.
struct ElementText {
  std::string head, middle, tail;
};

struct Wish {
  std::uint64_t id = 0;  // Of this content; never another's. What a store knows it by.
  std::string domain;
  diego::PlacementConstraint constraint;
  diego::Resource resource;
  placement::Amounts needs;                 // What is charged, floors applied.
  placement::ConstraintsPtr constraints;    // Shared by all wishes of equal constraint.
  mutable ElementText lrp_text, task_text;  // Written at the first launch.
};
using WishPtr = std::shared_ptr<const Wish>;
// What the rep is told of it: one element of POST /work.
std::string element_of(const Wish& wish, Kind kind, const std::string& guid, std::int32_t index);

using TextPtr = std::shared_ptr<const std::string>;  // Null: "".

class Wishes {
 public:
  explicit Wishes(const Config& config) : config_(config) {}  // Which must outlive it.

  // The same pointer for the same wish while anybody has it.
  WishPtr of(const std::string& domain, const diego::PlacementConstraint& constraint, const diego::Resource& resource);

  // The same, but nobody else's and kept nowhere: for questions.
  Wish draft(const std::string& domain, const diego::PlacementConstraint& constraint,
             const diego::Resource& resource) const;

  // What a store kept under that id (see wish_text()). An error says why it is none.
  base::Result<WishPtr> restore(std::uint64_t id, std::string_view text);
  void reserve(std::uint64_t id) { ids_ = std::max(ids_, id); }  // Not given to another.

  // The same pointer for texts that follow one another: one request's auctions share its trace id.
  TextPtr trace(const std::string& id);

  std::size_t size() const { return by_hash_.size(); }

 private:
  WishPtr make(std::uint64_t id, const std::string& domain, const diego::PlacementConstraint& constraint,
               const diego::Resource& resource);
  void forget_unused();

  const Config& config_;
  // Never iterated for decisions: hashing may order them as it likes.
  std::unordered_multimap<std::size_t, WishPtr> by_hash_;
  std::map<placement::Constraints, placement::ConstraintsPtr> constraints_;
  std::uint64_t ids_ = 0;
  std::size_t forget_at_ = 1024;  // Wishes; then those that nobody has are forgotten.
  WishPtr last_;
  TextPtr last_trace_;
};

}  // namespace core
