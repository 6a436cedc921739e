#include "auctionrunner_bridge/event_window.hpp"

#include <algorithm>
#include <charconv>

#include "auctionrunner_bridge/views.hpp"
#include "auctionrunner_bridge/write.hpp"
#include "base/text.hpp"

namespace bridge {
namespace {

// `before` with an event and its id after it.
std::string with_event(std::string before, const core::Change& change, const std::string& id) {
  before.append("id: ").append(id).append("\nevent: ").append(core::to_string(change.kind)).append("\ndata: ");
  diego::GoWriter out(std::move(before), 0);
  out.begin_object();
  out.member("event", core::to_string(change.kind));
  out.member("at", timestamp(change.at));
  if (change.key) write_key_members(out, *change.key);
  if (!change.agent_id.empty()) out.member("agent_id", change.agent_id);
  if (!change.cell_id.empty()) out.member("cell_id", change.cell_id);
  if (!change.reason.empty()) out.member("reason", change.reason);
  if (!change.trace_id.empty()) out.member("trace_id", change.trace_id);
  if (change.waited) out.member("waited_ms", base::to_millis(*change.waited));
  out.end_object();
  return out.take() + "\n\n";
}

}  // namespace

bool EventFilter::wants(const core::Change& change) const {
  if (!kinds.empty() && std::find(kinds.begin(), kinds.end(), change.kind) == kinds.end()) return false;
  if (process_guid && (!change.key || change.key->guid != *process_guid)) return false;
  return !cell || change.cell_id == *cell || change.agent_id == *cell;
}

base::Result<std::vector<core::ChangeKind>> parse_kinds(std::string_view list) {
  std::vector<core::ChangeKind> kinds;
  for (const std::string& word : base::split_list(list)) {
    if (const auto kind = core::parse_change_kind(word)) {
      kinds.push_back(*kind);
      continue;
    }
    const std::size_t before = kinds.size();
    for (std::size_t i = 0; i < core::kChangeKinds; ++i) {
      const auto kind = static_cast<core::ChangeKind>(i);
      if (core::to_string(kind).starts_with(word + ".")) kinds.push_back(kind);
    }
    if (kinds.size() == before) return base::Error{"kind", "\"" + word + "\" is no kind of event"};
  }
  return kinds;
}

void EventWindow::add(core::Changes changes) {
  if (changes.empty()) return;
  const std::size_t count = changes.size();
  const auto room_for = [this](std::size_t more) -> core::Changes& {
    if (blocks_.empty() || blocks_.back().changes.size() + more > kBlock) blocks_.push_back({next_, {}, {}, {}});
    next_ += more;
    return blocks_.back().changes;
  };
  if (count <= kBlock) {
    room_for(count).append(std::move(changes));
  } else {  // Of a large one only the last are kept: not the whole for their sake.
    for (std::size_t at = 0; at < count; ++at) room_for(1).add(changes[at]);
  }
  while (!blocks_.empty() && blocks_.front().end() <= first()) blocks_.pop_front();
}

std::string EventWindow::id(std::uint64_t number) const { return epoch_ + "-" + std::to_string(number); }

std::string_view EventWindow::text_of(Block& block, std::uint64_t number) const {
  block.texts.resize(block.changes.size(), {0, 0});
  const auto at = static_cast<std::size_t>(number - block.first);
  auto& [from, length] = block.texts[at];
  if (length == 0) {
    from = block.text.size();
    block.text = with_event(std::move(block.text), block.changes[at], id(number));
    length = block.text.size() - from;
  }
  return std::string_view(block.text).substr(from, length);
}

// It has the id of what was kept last before what follows, so that one who comes back then is told of it no more.
void EventWindow::tell_gap(std::string& text, std::string_view last_seen, std::optional<std::uint64_t> lost,
                           std::string_view why) const {
  diego::GoWriter out;
  out.begin_object();
  out.member("event", "gap");
  out.member("after", last_seen);
  out.key("lost");
  lost ? out.number(static_cast<std::int64_t>(*lost)) : out.null();
  out.member("reason", why);
  out.end_object();
  text += "id: " + id(first() - 1) + "\nevent: gap\ndata: " + out.take() + "\n\n";
}

base::Result<std::uint64_t> EventWindow::resume(std::string_view last_event_id, std::string& text) const {
  const auto dash = last_event_id.rfind('-');
  const std::string_view digits = dash == std::string_view::npos ? "" : last_event_id.substr(dash + 1);
  std::uint64_t seen = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), seen);
  if (digits.empty() || error != std::errc{} || end != digits.data() + digits.size())
    return base::Error{"Last-Event-ID", "\"" + std::string(last_event_id) + "\" is not the id of an event"};
  if (last_event_id.substr(0, dash) != epoch_) {
    tell_gap(text, last_event_id, std::nullopt, "another scheduler process told of that event");
    return first();
  }
  return seen < next_ ? seen + 1 : next_;
}

std::uint64_t EventWindow::read(const EventFilter& filter, std::uint64_t from, std::size_t bytes_max,
                                std::string& text) {
  if (from < first()) {
    tell_gap(text, id(from - 1), first() - from, "so many events came since that they are kept no more");
    from = first();
  }
  auto block = std::lower_bound(blocks_.begin(), blocks_.end(), from,
                                [](const Block& some, std::uint64_t number) { return some.end() <= number; });
  for (; from < next_ && text.size() < bytes_max; ++from) {
    if (from == block->end()) ++block;
    if (filter.wants(block->changes[static_cast<std::size_t>(from - block->first)])) text += text_of(*block, from);
  }
  return from;
}

}  // namespace bridge
