#include "auctionrunner_bridge/event_hub.hpp"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <condition_variable>
#include <list>
#include <mutex>
#include <thread>

#include "auctionrunner_bridge/event_window.hpp"

namespace bridge {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kRecentMax = 10'000;
constexpr std::size_t kPieceBytes = 32 * 1024;
constexpr std::size_t kIncomingMax = 10'000;  // Then they are taken in, whoever reads.

struct Reader {
  std::shared_ptr<platform::StreamBody> body;
  EventFilter filter;
  std::uint64_t next = 0;
  std::string first;  // Told before the events.
  Clock::time_point spoken;
};

struct Wish {
  EventFilter filter;
  std::size_t recent = 0;
};

base::Result<Wish> parse(const platform::ServerRequest& request) {
  Wish wish;
  for (const auto& [name, value] : request.query) {
    if (name == "process_guid") {
      wish.filter.process_guid = value;
    } else if (name == "cell") {
      wish.filter.cell = value;
    } else if (name == "kind") {
      auto kinds = parse_kinds(value);
      if (!kinds) return kinds.error();
      wish.filter.kinds = *std::move(kinds);
    } else if (name == "recent") {
      const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), wish.recent);
      if (value.empty() || error != std::errc{} || end != value.data() + value.size() || wish.recent > kRecentMax)
        return base::Error{"recent", "\"" + value + "\" is not between 0 and " + std::to_string(kRecentMax)};
    } else {
      return base::Error{name, "unknown parameter"};
    }
  }
  return wish;
}

}  // namespace

struct EventHub::Impl {
  explicit Impl(EventHubOptions given) : options(std::move(given)), window(options.epoch, options.events_max) {}

  void run();
  void take_in();
  bool round(Clock::time_point now);
  Clock::time_point next_heartbeat(Clock::time_point now) const;
  bool serve(Reader& reader, std::size_t& budget, Clock::time_point now);

  const EventHubOptions options;

  mutable std::mutex mutex;  // Of these; held for as long as a round takes.
  EventWindow window;
  std::list<Reader> readers;  // The next to be served first.

  // Of these, never for long: who publishes does not wait for a round. Taken with the other held, or alone.
  std::mutex incoming_mutex;
  std::condition_variable something;
  core::Changes incoming;  // In the window at the next round, or sooner.
  bool has_readers = false;
  bool behind = false;  // Somebody may not have all yet.
  bool stopping = false;

  std::thread thread;
};

EventHub::EventHub(EventHubOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {
  impl_->thread = std::thread([impl = impl_.get()] { impl->run(); });
}

EventHub::~EventHub() {
  {
    const std::lock_guard lock(impl_->incoming_mutex);
    impl_->stopping = true;
  }
  impl_->something.notify_all();
  impl_->thread.join();
}

void EventHub::publish(core::Changes changes) {
  Impl& impl = *impl_;
  bool too_many = false;
  {
    const std::lock_guard lock(impl.incoming_mutex);
    impl.incoming.append(std::move(changes));
    too_many = impl.incoming.size() >= kIncomingMax;
    if (impl.has_readers && !std::exchange(impl.behind, true)) impl.something.notify_one();
  }
  if (!too_many) return;
  const std::lock_guard lock(impl.mutex);
  impl.take_in();
}

std::size_t EventHub::readers() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->readers.size();
}

base::Result<platform::ServerResponse> EventHub::open(const platform::ServerRequest& request) {
  auto wish = parse(request);
  if (!wish) return wish.error();
  Reader reader;
  // Twice what it is given: a heartbeat always has room.
  reader.body = std::make_shared<platform::StreamBody>(2 * impl_->options.reader_bytes_max + kPieceBytes);
  reader.filter = std::move(wish->filter);
  platform::ServerResponse response;
  response.headers = {{"Content-Type", "text/event-stream"}, {"Cache-Control", "no-store"}};
  response.stream = reader.body;
  const std::lock_guard lock(impl_->mutex);
  impl_->take_in();
  const EventWindow& window = impl_->window;
  reader.next = std::max(window.first(), window.next() - std::min<std::uint64_t>(wish->recent, window.next() - 1));
  std::string gap;
  if (const std::string* last = platform::find_header(request.headers, "Last-Event-ID"); last != nullptr) {
    auto next = window.resume(*last, gap);
    if (!next) return next.error();
    reader.next = *next;
  }
  // So that it knows at once that it is heard; and from where to go on, if the connection breaks before an event comes.
  reader.first = ": events\nid: " + window.id(reader.next - 1) + "\n\n" + gap;
  reader.spoken = Clock::now();
  impl_->readers.push_back(std::move(reader));
  const std::lock_guard incoming_lock(impl_->incoming_mutex);
  impl_->has_readers = impl_->behind = true;
  impl_->something.notify_one();
  return response;
}

void EventHub::Impl::run() {
  std::unique_lock lock(incoming_mutex);
  Clock::time_point heartbeat_at = Clock::now() + options.heartbeat;
  while (!stopping) {
    something.wait_until(lock, heartbeat_at, [this] { return stopping || behind; });
    if (stopping) break;
    behind = false;
    lock.unlock();
    const Clock::time_point now = Clock::now();
    {
      const std::lock_guard all(mutex);
      take_in();
      const bool more = round(now);
      heartbeat_at = next_heartbeat(now);
      lock.lock();
      behind = behind || more;
      has_readers = !readers.empty();
    }
    // What comes meanwhile is told together; and those who are behind are waited for.
    something.wait_for(lock, options.round, [this] { return stopping; });
  }
  lock.unlock();
  const std::lock_guard all(mutex);
  readers.clear();
}

// With the window's lock held: what was published goes there in order.
void EventHub::Impl::take_in() {
  core::Changes taken;
  {
    const std::lock_guard lock(incoming_mutex);
    std::swap(taken, incoming);
  }
  window.add(std::move(taken));
}

// Whether there is more to tell.
bool EventHub::Impl::round(Clock::time_point now) {
  std::erase_if(readers, [](const Reader& reader) { return reader.body->closed(); });
  std::size_t budget = options.round_bytes_max;
  bool more = false;
  std::size_t served = 0;
  for (const std::size_t all = readers.size(); served < all && budget > 0; ++served) {
    more = serve(readers.front(), budget, now) || more;
    readers.splice(readers.end(), readers, readers.begin());
  }
  return more || served < readers.size();
}

// One that has not read all it was given needs none.
Clock::time_point EventHub::Impl::next_heartbeat(Clock::time_point now) const {
  Clock::time_point next = now + options.heartbeat;
  for (const Reader& reader : readers) {
    if (reader.body->pending() == 0) next = std::min(next, std::max(reader.spoken + options.heartbeat, now));
  }
  return next;
}

// Gives it what it has room for; whether there is more.
bool EventHub::Impl::serve(Reader& reader, std::size_t& budget, Clock::time_point now) {
  const auto say = [&](std::string text) {
    if (text.empty()) return;
    budget -= std::min(budget, text.size());
    reader.spoken = now;
    reader.body->push(std::move(text));
  };
  say(std::exchange(reader.first, {}));
  while (reader.next < window.next() && budget > 0 && reader.body->pending() < options.reader_bytes_max) {
    std::string text;
    reader.next = window.read(reader.filter, reader.next, kPieceBytes, text);
    say(std::move(text));
  }
  if (now - reader.spoken >= options.heartbeat && reader.body->pending() == 0) say(":\n\n");
  return reader.next < window.next();
}

}  // namespace bridge
