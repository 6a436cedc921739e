// Where threads meet a core: any thread posts, one thread takes. Bounded by the posters, not here:
// a poster that must not grow the queue asks size() first.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

#include "base/time.hpp"

namespace platform {

template <class Message>
class Mailbox {
 public:
  // False when closed; the message is then dropped.
  bool post(Message message) {
    {
      const std::lock_guard lock(mutex_);
      if (closed_) return false;
      messages_.push_back(std::move(message));
    }
    arrived_.notify_one();
    return true;
  }

  // Everything that has arrived, in order. Blocks until there is something, `wait` has passed, or
  // the mailbox is closed; empty in the latter two cases.
  std::deque<Message> take(std::optional<base::Duration> wait) {
    std::unique_lock lock(mutex_);
    const auto ready = [this] { return closed_ || !messages_.empty(); };
    if (wait) {
      arrived_.wait_for(lock, *wait, ready);
    } else {
      arrived_.wait(lock, ready);
    }
    return std::exchange(messages_, {});
  }

  void close() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    arrived_.notify_all();
  }

  bool closed() const {
    const std::lock_guard lock(mutex_);
    return closed_;
  }

  std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return messages_.size();
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<Message> messages_;
  bool closed_ = false;
};

}  // namespace platform
