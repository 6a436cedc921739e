#include "scheduler/placement/filters.hpp"

#include <algorithm>

#include "diego/failures.hpp"

namespace placement {
namespace {

bool includes(const std::set<std::string>& all, const std::set<std::string>& some) {
  return std::includes(all.begin(), all.end(), some.begin(), some.end());
}

bool tags_match(const Constraints& wanted, const Signature& cell) {
  if (!includes(wanted.placement_tags, cell.placement_tags)) return false;
  return std::all_of(wanted.placement_tags.begin(), wanted.placement_tags.end(), [&cell](const std::string& tag) {
    return cell.placement_tags.contains(tag) || cell.optional_placement_tags.contains(tag);
  });
}

}  // namespace

Signature signature_of(const Cell& cell) {
  return {cell.rootfs, cell.placement_tags, cell.optional_placement_tags, cell.volume_drivers};
}

bool has_signature(const Cell& cell, const Signature& signature) {
  return cell.rootfs == signature.rootfs && cell.placement_tags == signature.placement_tags &&
         cell.optional_placement_tags == signature.optional_placement_tags &&
         cell.volume_drivers == signature.volume_drivers;
}

std::string name_of(const Signature& signature) {
  std::string name;
  // Every word with its length before it: no two lists read alike.
  const auto add = [&name](const std::string& word) { name += std::to_string(word.size()) + ':' + word; };
  const auto add_all = [&](const std::set<std::string>& words) {
    name += std::to_string(words.size()) + ';';
    for (const std::string& word : words) add(word);
  };
  for (const auto& [scheme, provider] : signature.rootfs) {
    add(scheme);
    name += std::to_string(static_cast<int>(provider.kind)) + ',';
    add_all(provider.set);
  }
  name += '/';
  add_all(signature.placement_tags);
  add_all(signature.optional_placement_tags);
  add_all(signature.volume_drivers);
  return name;
}

Matches matches(const Constraints& wanted, const Signature& cell) {
  return {wanted.rootfs && diego::matches(cell.rootfs, *wanted.rootfs),
          includes(cell.volume_drivers, wanted.volume_drivers), tags_match(wanted, cell)};
}

Mismatch mismatch(const Matches& matches) {
  if (!matches.rootfs) return Mismatch::rootfs;
  if (!matches.volume_drivers) return Mismatch::volume_drivers;
  if (!matches.placement_tags) return Mismatch::placement_tags;
  return Mismatch::none;
}

std::string mismatch_text(Mismatch mismatch, const Constraints& wanted) {
  switch (mismatch) {
    case Mismatch::none:
      break;
    case Mismatch::rootfs:
      return std::string(diego::kCellMismatch);
    case Mismatch::volume_drivers:
      return std::string(diego::kVolumeDriverMismatch);
    case Mismatch::placement_tags:
      return diego::placement_tag_mismatch({wanted.placement_tags.begin(), wanted.placement_tags.end()});
  }
  return {};
}

}  // namespace placement
