// Work with a BBS: what it said it wants is not taken for granted for ever, what finds no place is
// reported to it, and what ended is its to restart (facts: Diego's auctioneer keeps nothing, and the BBS
// sends every auction again at each convergence).
#include <algorithm>
#include <limits>

#include "diego/failures.hpp"
#include "scheduler/core/core.hpp"

namespace core {
namespace {

constexpr base::Duration kSweepInterval = std::chrono::seconds(30);
constexpr std::size_t kReadsPerSweep = 1'000;

// The ordinary row of that index: beside it there may be one of an instance that leaves its cell, or whose
// cell is out of reach.
bool is_unclaimed(const std::vector<diego::LrpRow>& rows, std::int32_t index) {
  return std::any_of(rows.begin(), rows.end(), [index](const diego::LrpRow& row) {
    return row.index == index && row.presence == diego::LrpRow::Presence::ordinary &&
           row.state == diego::LrpRow::State::unclaimed;
  });
}

bool is_wanted(const Item& item, const RowsRead& rows) {
  if (item.kind() == Kind::task) return rows.task && rows.task->state == diego::TaskRow::State::pending;
  return is_unclaimed(rows.lrps, item.index);
}

}  // namespace

// ---- What is queued, and whether it is still wanted

// Whether the BBS is to be asked before it is launched. What cannot be asked is not waited for.
bool Core::row_is_due(const Item& item, base::Time now) const {
  return config_.with_bbs && item.auction_known && !item.unread && now - item.wanted_at > config_.row_fresh &&
         bbs_.reachable(now);
}

// The item is out of the queue.
void Core::read_row_of(Item& item) {
  queue_.check(item);
  bbs_.ask({item.kind(), item.process->guid});
}

void Core::on(const RowsRead& event, base::Time now) {
  const auto asked = bbs_.answered(event, now);
  if (!asked) return;
  for (Item* item : queued_of(asked->rows)) {
    if (event.failure) {
      goes_unread(*item);
    } else {
      judge(*item, event, asked->at, now);
    }
  }
  take_up_orphans(asked->rows, event, asked->at, now);
}

std::vector<Item*> Core::queued_of(const RowsOf& rows) const {
  std::vector<Item*> queued;
  for (const Key& key : items_.matching({rows.kind, rows.guid, {}})) {
    if (Item* item = items_.find(key); item->state == State::queued) queued.push_back(item);
  }
  for (auto twin = twins_.lower_bound(Key{rows.kind, rows.guid, std::numeric_limits<std::int32_t>::min()});
       twin != twins_.end() && twin->first.kind == rows.kind && twin->first.guid == rows.guid; ++twin) {
    if (twin->second->item->state == State::queued) queued.push_back(twin->second->item);
  }
  return queued;
}

void Core::judge(Item& item, const RowsRead& rows, base::Time asked_at, base::Time now) {
  const bool spoken_since = item.wanted_at >= asked_at;  // An auction is the later word.
  const bool wanted = is_wanted(item, rows);
  const bool rejecting = item.rejecting;
  item.rejecting = false;
  if (!wanted && !spoken_since) return drop_unwanted(item, now);
  item.wanted_at = now;
  if (rejecting && rows.task && item.waits == Waits::ready) {
    const std::string refused = unplaced_reason(item, now);
    if (connected_ && !refused.empty()) return reject(item, refused, rows.task->rejection_count, now);
  }
  if (item.waits == Waits::checking) back_to_ready(item);
}

void Core::goes_unread(Item& item) {
  item.rejecting = false;
  if (item.waits != Waits::checking) return;
  item.unread = true;
  back_to_ready(item);
}

void Core::back_to_ready(Item& item) {
  queue_.remove(item);
  queue_.put_ready(item);
  queue_.room_may_have_grown();
  try_again();
}

// Somebody else has it, or nobody wants it any more.
void Core::drop_unwanted(Item& item, base::Time now) {
  dequeue(item);
  bbs_.withdraw(item.key());
  try_again();
  if (!item.twin) return end(item, State::stopped, "the BBS does not want it any more", now);
  Item& current = *items_.find(item.key());
  current.successor = false;
  mark(current);
  erase_twin(item);
}

// What has not been auctioned for long may be forgotten there: it is asked about, and dropped if so.
void Core::sweep_queue(base::Time now) {
  sweep_at_.reset();
  if (!config_.with_bbs || queue_.size() == 0) return;
  sweep_at_ = now + kSweepInterval;
  if (!bbs_.reachable(now)) return;
  std::set<RowsOf> old;
  const auto consider = [&](const Item& item) {
    if (item.state == State::queued && item.auction_known && now - item.wanted_at >= config_.queue_expiry)
      old.insert({item.kind(), item.process->guid});
    return old.size() < kReadsPerSweep;
  };
  items_.walk(nullptr, consider);
  for (const auto& [key, twin] : twins_) consider(*twin->item);
  for (const RowsOf& rows : old) bbs_.ask(rows);
}

// ---- Successors: a running instance that the BBS auctions again has crashed or is being evacuated, before
// its rep's state shows it (facts 4.4, 4.7). Its next attempt starts beside it, if its row says UNCLAIMED.

void Core::start_successor(Item& item, base::Time now) {
  if (!item.successor || item.twin || item.kind() != Kind::lrp) return;
  if (item.state != State::running || item.stop_wanted || twins_.contains(item.key()) || has_stray(item.key())) return;
  Item& twin = add_twin(item);
  twin.accepted = now;
  twin.has_run = false;
  twin.wanted_at = {};  // Its row is read in any case: the auction may be older than this attempt.
  enqueue(twin, now, now);
  placement_timeouts_.arm(now + config_.placement_timeout, items_.handle_of(twin));
}

// Its launch begins: from now on it is the next attempt itself that is wanted.
void Core::successor_launched(const Item& twin) {
  Item& current = *items_.find(twin.key());
  current.successor = false;
  mark(current);
}

// An attempt beside the one that counts has ended.
void Core::successor_ended(Item& twin, const Status& status, base::Time now) {
  Item& item = *items_.find(twin.key());
  const bool refused = twin.state == State::launching || twin.state == State::starting;
  const bool again = refused && !twin.started && item.state == State::running && !item.stop_wanted &&
                     twin.failures + 1 < config_.launch_attempts;
  leave_cell(twin, now);
  if (again) {
    item.successor = true;
    mark(item);
    return retry_twin(twin, status, now);
  }
  erase_twin(twin);
  start_successor(item, now);
}

// ---- What ended with its cell is the BBS's to restart. But a rep that was just telling it of a crash, as it does
// of all it has when garden ends, was cut off: that leaves the row UNCLAIMED, and without an auction before the next
// convergence.

void Core::take_up_orphans(const RowsOf& rows, const RowsRead& event, base::Time asked_at, base::Time now) {
  if (rows.kind != Kind::lrp) return;
  for (const Key& key : items_.matching({rows.kind, rows.guid, {}})) {
    Item& item = *items_.find(key);
    if (!is_ended(item.state) || !item.orphaned) continue;
    if (asked_at < item.since && !event.failure) {
      bbs_.ask(rows);  // The answer is about earlier.
      continue;
    }
    item.orphaned = false;
    if (event.failure || !is_unclaimed(event.lrps, item.index)) continue;
    note("starts anew, its row is UNCLAIMED instance=" + to_string(key));
    leave_ended(item);
    item.accepted = item.wanted_at = now;
    item.has_run = false;
    item.failures = 0;
    item.clear_avoid();
    item.set_reason("");
    enqueue(item, now, now);
    placement_timeouts_.arm(now + config_.placement_timeout, items_.handle_of(item));
  }
}

// ---- Reports

// It has waited as long as it may. Whatever is done: it stays where it is, and is looked at again.
void Core::report_unplaced(Item& item, base::Time now) {
  placement_timeouts_.arm(now + config_.placement_timeout, items_.handle_of(item));
  if (item.waits != Waits::ready) return;  // A cell for it starts.
  const std::string text = unplaced_reason(item, now);
  if (text.empty()) return;
  if (item.kind() == Kind::task) {
    // The fourth rejection is final: it is for what no cell could take, not for what is only not its turn.
    if (!connected_ || text == diego::kExceededInflightCreation || item.rejecting) return;
    item.rejecting = true;
    return bbs_.ask({Kind::task, item.process->guid});
  }
  if (item.rare && item.rare->reported == text) return;
  item.rarely().reported = text;
  tell_unplaced(item, text);
  report(item, text, BbsCalls::kUnknown, now);
}

// Why it has no place; "": it was not tried yet. A Task that only waits for the offer of an agent that could
// hold it has none either: it is not rejected for that.
std::string Core::unplaced_reason(const Item& item, base::Time now) {
  if (!connected_) return std::string(diego::kCellCommunication);
  const std::string& refused = Queue::reason_of_group(item);
  if (!refused.starts_with(diego::kInsufficientResources)) return refused;
  if (lacks_.wish != item.wish || lacks_.kind != item.kind() || lacks_.at != now) {  // All cells are looked at.
    fill_request(item);
    lacks_ = {item.wish, item.kind(), now, cluster_.lacks(request_)};
  }
  if (lacks_.text) return *lacks_.text;
  return item.kind() == Kind::task ? std::string() : std::string(diego::kInsufficientResources);
}

void Core::report(const Item& item, const std::string& text, std::int32_t rejections, base::Time now) {
  const std::string trace = item.trace == nullptr ? std::string() : *item.trace;
  warn("not placed for " + std::to_string(base::to_millis(now - item.accepted) / 1000) +
           " s, the BBS is told instance=" + to_string(item.key()) + " reason=\"" + text + "\"",
       Refusal{item.key(), text, trace});
  if (!bbs_.report(item.key(), {item.wish->domain, text, trace, rejections}))
    warn("too many reports wait for the BBS, one is dropped instance=" + to_string(item.key()));
}

void Core::reject(Item& item, const std::string& why, std::int32_t rejections, base::Time now) {
  report(item, why, rejections, now);
  dequeue(item);
  end(item, State::rejected, why, now);
}

void Core::on(const ReportAnswered& event, base::Time now) { bbs_.answered(event, now); }

// ---- Calls

void Core::call_bbs(base::Time now) {
  if (!config_.with_bbs) return;
  if (queue_.size() > 0 && !sweep_at_) sweep_at_ = now + kSweepInterval;
  for (Action& call : bbs_.take(now)) act(std::move(call));
  for (Note& line : bbs_.take_notes()) act(std::move(line));
}

// What another process of ours, or an earlier term, has asked is answered to nobody.
void Core::forget_calls(bool another_led, base::Time now) {
  if (another_led) bbs_.drop_reports();  // It has heard of the same work since, and said what there was to say.
  for (const RowsOf& rows : bbs_.forget_open()) {
    for (Item* item : queued_of(rows)) {
      item->rejecting = false;
      if (item->waits == Waits::checking) back_to_ready(*item);
    }
  }
  bbs_.calls_may_be_under_way(now);
}

base::Status Core::restore_report(std::string_view name, std::string_view value) { return bbs_.restore(name, value); }

}  // namespace core
