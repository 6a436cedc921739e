#include "scheduler/core/changes.hpp"

#include <array>

namespace core {
namespace {

constexpr std::array<std::string_view, kChangeKinds> kNames = {
    "instance.queued",   "instance.launching", "instance.starting", "instance.running",
    "instance.stopping", "instance.stopped",   "instance.failed",   "instance.lost",
    "instance.rejected", "instance.unplaced",  "cell.starting",     "cell.up",
    "cell.found",        "cell.stopping",      "cell.gone",         "agent.left",
    "agent.stays",       "agent.quarantined",  "agent.released",    "master.subscribed",
    "master.lost",       "policy.changed",     "rebalance.planned", "rebalance.moved",
    "rebalance.skipped", "rebalance.ended",
};

}  // namespace

std::string_view to_string(ChangeKind kind) { return kNames[static_cast<std::size_t>(kind)]; }

std::optional<ChangeKind> parse_change_kind(std::string_view text) {
  for (std::size_t at = 0; at < kNames.size(); ++at) {
    if (kNames[at] == text) return static_cast<ChangeKind>(at);
  }
  return std::nullopt;
}

void Changes::add(const Change& change) {
  const std::array<std::string_view, kTexts> texts = {change.key ? change.key->guid : std::string_view(),
                                                      change.agent_id, change.cell_id, change.reason, change.trace_id};
  Entry entry{change.at,
              change.waited.value_or(base::Duration{}),
              texts_.size(),
              {},
              change.key ? change.key->index : 0,
              change.kind,
              change.key ? change.key->kind : Kind::lrp,
              change.key.has_value(),
              change.waited.has_value()};
  for (std::size_t i = 0; i < kTexts; ++i) {
    entry.lengths[i] = static_cast<std::uint32_t>(texts[i].size());
    texts_ += texts[i];
  }
  entries_.push_back(entry);
}

void Changes::append(Changes&& more) {
  if (empty()) return std::swap(*this, more);
  const std::size_t before = entries_.size(), text = texts_.size();
  entries_.insert(entries_.end(), more.entries_.begin(), more.entries_.end());
  for (std::size_t at = before; at < entries_.size(); ++at) entries_[at].text += text;
  texts_ += more.texts_;
}

Change Changes::operator[](std::size_t at) const {
  const Entry& entry = entries_[at];
  std::string_view rest = std::string_view(texts_).substr(entry.text);
  std::array<std::string_view, kTexts> texts;
  for (std::size_t i = 0; i < kTexts; ++i) {
    texts[i] = rest.substr(0, entry.lengths[i]);
    rest.remove_prefix(entry.lengths[i]);
  }
  Change change{entry.kind, entry.at, {}, texts[1], texts[2], texts[3], texts[4], {}};
  if (entry.has_key) change.key = KeyView(entry.work, texts[0], entry.index);
  if (entry.has_waited) change.waited = entry.waited;
  return change;
}

}  // namespace core
