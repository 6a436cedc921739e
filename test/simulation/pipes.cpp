#include "test/simulation/pipes.hpp"

#include <algorithm>
#include <utility>

namespace simulation {

using namespace std::chrono_literals;

// ---- Stream

void Stream::head(mesos_client::StreamHead head) {
  first_.push_back([this, head = std::move(head)] { client_.on_head(head); });
  schedule();
}

void Stream::push(std::string bytes) {
  if (!open_ || muted_ || finished_) return;
  bytes_ += bytes;
  schedule();
}

void Stream::finish() {
  if (finished_) return;
  finished_ = told_server_ = true;
  end_reason_ = "the peer ended the stream";
  schedule();
}

void Stream::abort() {
  if (!open_) return;
  told_server_ = true;
  bytes_.resize(sim_.below(bytes_.size() + 1));
  finished_ = true;
  end_reason_ = "the connection was reset";
  schedule();
}

void Stream::schedule() {
  if (scheduled_ || !open_) return;
  scheduled_ = true;
  last_ = std::max(last_, sim_.now() + sim_.between(latency_.min, latency_.max));
  sim_.at(last_, [self = shared_from_this()] { self->deliver(); });
}

// Bytes come in any split, also through the middle of a record's length.
void Stream::deliver() {
  scheduled_ = false;
  if (!open_ || muted_) return;
  while (!first_.empty()) {
    const auto tell = std::move(first_.front());
    first_.pop_front();
    tell();
    if (!open_) return;
  }
  if (!bytes_.empty()) {
    const std::size_t count = sim_.one_in(3) ? 1 + sim_.below(bytes_.size()) : bytes_.size();
    const std::string some = bytes_.substr(0, count);
    bytes_.erase(0, count);
    client_.on_bytes(some);
    if (!open_) return;
  }
  if (!bytes_.empty()) return schedule();
  if (finished_) end(end_reason_);
}

void Stream::end(const std::string& reason) {
  if (!std::exchange(open_, false)) return;
  client_.on_end(reason);
}

void Stream::hang_up() {
  if (!std::exchange(open_, false)) return;
  tell_server();
}

void Stream::tell_server() {
  if (std::exchange(told_server_, true)) return;
  // Who does not hear of the end finds out when something is written, or never does.
  const Duration after = muted_ ? sim_.between(0s, 90s) : sim_.between(latency_.min, latency_.max);
  sim_.after(after, [self = shared_from_this()] {
    if (self->on_closed) self->on_closed();
  });
}

void Stream::cut() {
  if (!open_ || finished_) return;
  finished_ = true;
  muted_ = false;
  bytes_.resize(sim_.below(bytes_.size() + 1));
  end_reason_ = "the connection was reset";
  schedule();
  tell_server();
}

// ---- Calls

void Calls::send(std::uint64_t tag, std::string body) {
  unanswered_.push_back({tag});
  if (!open_) return fail_all(broken_);
  last_request_ = std::max(last_request_, sim_.now() + sim_.between(latency_.min, latency_.max));
  sim_.at(last_request_, [self = shared_from_this(), tag, what = std::move(body)] { self->arrive(tag, what); });
}

void Calls::arrive(std::uint64_t tag, const std::string& body) {
  if (tag >= lost_from_ || !server_there_) return;
  if (late_ > Duration{0}) {  // Broken at the client's end; this was on its way.
    const Duration late = late_;
    sim_.after(late, [self = shared_from_this(), body] {
      if (self->server_there_) self->serve_(body);
    });
    return;
  }
  const Answer answer = serve_(body);
  for (Sent& sent : unanswered_) {
    if (sent.tag == tag) sent.arrived = true;
  }
  if (!open_) return;
  last_answer_ = std::max(last_answer_, sim_.now() + sim_.between(latency_.min, latency_.max));
  sim_.at(last_answer_, [self = shared_from_this(), tag, answer] {
    if (!self->open_) return;
    std::erase_if(self->unanswered_, [tag](const Sent& sent) { return sent.tag == tag; });
    if (self->report_) self->report_(tag, answer);
  });
}

void Calls::lose_some(Duration late) {
  late_ = late;
  std::size_t on_way = 0;
  for (const Sent& sent : unanswered_) on_way += sent.arrived ? 0 : 1;
  std::size_t keep = sim_.below(on_way + 1);
  for (const Sent& sent : unanswered_) {
    if (sent.arrived || keep-- > 0) continue;
    lost_from_ = sent.tag;
    return;
  }
}

void Calls::fail_all(const std::string& why) {
  sim_.after(sim_.between(latency_.min, latency_.max), [self = shared_from_this(), why] {
    for (const Sent& sent : std::exchange(self->unanswered_, {})) {
      if (self->report_) self->report_(sent.tag, {0, why});
    }
  });
}

void Calls::hang_up(bool may_lose) {
  report_ = nullptr;
  if (!std::exchange(open_, false)) return;
  if (may_lose) lose_some(Duration{0});
}

void Calls::cut(Duration late) {
  if (!std::exchange(open_, false)) return;
  broken_ = "the connection was reset";
  lose_some(late);
  fail_all(broken_);
}

void Calls::abort() {
  server_there_ = false;
  if (!std::exchange(open_, false)) return;
  broken_ = "the peer is gone";
  fail_all(broken_);
}

}  // namespace simulation
