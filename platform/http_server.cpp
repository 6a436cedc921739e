#include "platform/http_server.hpp"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <set>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "platform/http_connection.hpp"
#include "platform/socket.hpp"
#include "platform/tls.hpp"

namespace platform {
namespace {

using TimePoint = SteadyClock::time_point;
using Next = HttpConnection::Next;
using Standing = Next::Standing;

// How long a connection may take for a request while others want its place.
constexpr base::Duration kPatience = std::chrono::seconds(2);
// When all connections are busy, or the process is out of descriptors.
constexpr base::Duration kNoRoom = std::chrono::milliseconds(20);
constexpr int kAcceptedAtOnce = 64;

// What epoll calls the descriptors that are no connections.
constexpr std::uint64_t kListener = 0, kWake = 1, kFirstConnection = 2;

}  // namespace

struct HttpServer::Impl {
  explicit Impl(ServerOptions options, Handler handler, ErrorBody error_body);
  ~Impl() { ::close(epoll); }

  // A connection is at one place at a time: parked with epoll, queued for a thread, or in the hands of one.
  struct Entry {
    enum class Place { parked, queued, working };
    std::unique_ptr<HttpConnection> connection;
    Place place = Place::queued;
    HttpConnection::Happened happened;
    bool changed = false;  // While a thread had it.
    Next waits;            // While parked.
  };
  using Ordered = std::set<std::pair<TimePoint, std::uint64_t>>;

  // ---- The thread that watches
  void watch();
  void accept_all(std::vector<std::unique_ptr<HttpConnection>>& dropped);
  void accept_later();
  bool make_room(std::vector<std::unique_ptr<HttpConnection>>& dropped);
  void expire(TimePoint now);
  int millis_to_sleep(TimePoint now);

  // ---- With the mutex held
  void add(Listener::Accepted accepted);
  void park(std::uint64_t id, Entry& entry, const Next& next);
  void unpark(std::uint64_t id, Entry& entry);
  void queue(std::uint64_t id, Entry& entry);
  Ordered* order_of(Standing standing);
  void watch_listener(bool on);

  void work();
  void on_changed(std::uint64_t id);

  ServerShared shared;
  Listener listener;
  WakeFd wake;
  const int epoll;

  std::mutex mutex;
  std::condition_variable work_came;
  std::unordered_map<std::uint64_t, Entry> entries;
  std::uint64_t next_id = kFirstConnection;
  std::deque<std::uint64_t> ready;
  Ordered deadlines, incomplete, idle;        // Of those parked.
  TimePoint watch_until = TimePoint::max();   // As long as the watching thread sleeps.
  TimePoint accept_again = TimePoint::max();  // The listener is not watched until then.
  std::size_t free_workers = 0;
  std::vector<std::thread> workers;
  std::thread watcher;
};

HttpServer::Impl::Impl(ServerOptions options, Handler handler, ErrorBody error_body)
    : epoll(::epoll_create1(EPOLL_CLOEXEC)) {
  assert(epoll >= 0);
  shared.options = std::move(options);
  shared.handler = std::move(handler);
  shared.error_body = std::move(error_body);
  epoll_event event{.events = EPOLLIN, .data = {.u64 = kWake}};
  ::epoll_ctl(epoll, EPOLL_CTL_ADD, wake.fd(), &event);
}

// ---- Watching

void HttpServer::Impl::watch() {
  std::vector<epoll_event> events(256);
  while (!shared.stopping) {
    int timeout = 0;
    {
      const std::lock_guard lock(mutex);
      timeout = millis_to_sleep(SteadyClock::now());
    }
    const int count = ::epoll_wait(epoll, events.data(), static_cast<int>(events.size()), timeout);
    std::vector<std::unique_ptr<HttpConnection>> dropped;  // Ends without the mutex: a stream's holder may be told.
    const std::lock_guard lock(mutex);
    if (shared.stopping) return;
    watch_until = TimePoint::min();
    bool callers = false;
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events[static_cast<std::size_t>(i)];
      const std::uint64_t id = event.data.u64;  // A copy: the structure is packed.
      if (id == kWake) {
        wake.lower();
      } else if (id == kListener) {
        callers = true;
      } else if (const auto found = entries.find(id);
                 found != entries.end() && found->second.place == Entry::Place::parked) {
        found->second.happened.hung_up = (event.events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
        unpark(found->first, found->second);
        queue(found->first, found->second);
      }
    }
    const TimePoint now = SteadyClock::now();
    if (now >= accept_again) {
      accept_again = TimePoint::max();
      watch_listener(true);
    }
    // After the others: those that have sent something are not in the way of new ones.
    if (callers) accept_all(dropped);
    expire(now);
  }
}

int HttpServer::Impl::millis_to_sleep(TimePoint now) {
  watch_until = accept_again;
  if (!deadlines.empty()) watch_until = std::min(watch_until, deadlines.begin()->first);
  if (watch_until == TimePoint::max()) return -1;
  const auto millis = std::chrono::ceil<std::chrono::milliseconds>(watch_until - now).count();
  return static_cast<int>(std::clamp<std::int64_t>(millis, 0, 86'400'000));
}

void HttpServer::Impl::accept_all(std::vector<std::unique_ptr<HttpConnection>>& dropped) {
  for (int count = 0; count < kAcceptedAtOnce; ++count) {
    const bool full = entries.size() >= shared.options.connections_max;
    if (full && incomplete.empty() && idle.empty()) return accept_later();
    Listener::Accepted accepted = listener.accept();
    if (accepted.out_of_room) {
      if (!make_room(dropped)) return accept_later();
      dropped.clear();  // Now: it is its descriptor that is wanted.
      continue;
    }
    if (accepted.fd < 0) return;
    if (full) make_room(dropped);
    add(std::move(accepted));
  }
}

// They wait where they are; epoll would tell of them again and again.
void HttpServer::Impl::accept_later() {
  watch_listener(false);
  accept_again = SteadyClock::now() + kNoRoom;
}

// Takes out the connection that has the least claim to its place; false: none waits.
bool HttpServer::Impl::make_room(std::vector<std::unique_ptr<HttpConnection>>& dropped) {
  const bool too_slow = !incomplete.empty() && incomplete.begin()->first + kPatience <= SteadyClock::now();
  const Ordered& from = too_slow || idle.empty() ? incomplete : idle;
  if (from.empty()) return false;
  const std::uint64_t id = from.begin()->second;
  const auto found = entries.find(id);
  unpark(id, found->second);
  dropped.push_back(std::move(found->second.connection));
  entries.erase(found);
  return true;
}

void HttpServer::Impl::expire(TimePoint now) {
  while (!deadlines.empty() && deadlines.begin()->first <= now) {
    const std::uint64_t id = deadlines.begin()->second;
    Entry& entry = entries.at(id);
    entry.happened.too_late = true;
    unpark(id, entry);
    queue(id, entry);
  }
}

void HttpServer::Impl::watch_listener(bool on) {
  epoll_event event{.events = on ? std::uint32_t{EPOLLIN} : 0U, .data = {.u64 = kListener}};
  ::epoll_ctl(epoll, EPOLL_CTL_MOD, listener.fd(), &event);
}

// ---- Places

void HttpServer::Impl::add(Listener::Accepted accepted) {
  const std::uint64_t id = next_id++;
  epoll_event event{.events = 0, .data = {.u64 = id}};
  ::epoll_ctl(epoll, EPOLL_CTL_ADD, accepted.fd, &event);
  Entry& entry = entries[id];
  entry.connection =
      std::make_unique<HttpConnection>(accepted.fd, std::move(accepted.peer), shared, [this, id] { on_changed(id); });
  queue(id, entry);
}

HttpServer::Impl::Ordered* HttpServer::Impl::order_of(Standing standing) {
  if (standing == Standing::incomplete) return &incomplete;
  return standing == Standing::idle ? &idle : nullptr;
}

void HttpServer::Impl::park(std::uint64_t id, Entry& entry, const Next& next) {
  entry.place = Entry::Place::parked;
  entry.waits = next;
  if (next.deadline != TimePoint::max()) deadlines.emplace(next.deadline, id);
  if (Ordered* const order = order_of(next.standing)) order->emplace(next.since, id);
  const std::uint32_t wanted = next.for_read ? EPOLLIN : next.for_write ? EPOLLOUT : EPOLLRDHUP;
  epoll_event event{.events = wanted | EPOLLONESHOT, .data = {.u64 = id}};
  ::epoll_ctl(epoll, EPOLL_CTL_MOD, entry.connection->fd(), &event);
  if (next.deadline < watch_until) wake.raise();
}

void HttpServer::Impl::unpark(std::uint64_t id, Entry& entry) {
  deadlines.erase({entry.waits.deadline, id});
  if (Ordered* const order = order_of(entry.waits.standing)) order->erase({entry.waits.since, id});
}

void HttpServer::Impl::queue(std::uint64_t id, Entry& entry) {
  entry.place = Entry::Place::queued;
  ready.push_back(id);
  if (free_workers < ready.size() && workers.size() < shared.options.threads && !shared.stopping)
    workers.emplace_back([this] { work(); });
  work_came.notify_one();
}

// Called with the mutex of a stream held, so nothing here may call a stream.
void HttpServer::Impl::on_changed(std::uint64_t id) {
  const std::lock_guard lock(mutex);
  const auto found = entries.find(id);
  if (found == entries.end()) return;
  Entry& entry = found->second;
  entry.changed = true;
  if (entry.place != Entry::Place::parked) return;
  unpark(id, entry);
  queue(id, entry);
}

// ---- Working

void HttpServer::Impl::work() {
  std::unique_lock lock(mutex);
  for (;;) {
    ++free_workers;
    work_came.wait(lock, [this] { return shared.stopping || !ready.empty(); });
    --free_workers;
    if (ready.empty()) return;
    const std::uint64_t id = ready.front();
    ready.pop_front();
    Entry& entry = entries.at(id);  // References into the map stay.
    entry.place = Entry::Place::working;
    entry.changed = false;
    HttpConnection& connection = *entry.connection;
    const HttpConnection::Happened happened = std::exchange(entry.happened, {});
    lock.unlock();
    const Next next = connection.advance(happened);
    lock.lock();
    if (next.what == Next::What::close) {
      const std::unique_ptr<HttpConnection> gone = std::move(entry.connection);
      entries.erase(id);
      lock.unlock();
      // Ends here, without the mutex.
    } else if (next.what == Next::What::go_on || entry.changed || shared.stopping) {
      queue(id, entry);
    } else {
      park(id, entry, next);
    }
    if (!lock.owns_lock()) lock.lock();
  }
}

// ---- HttpServer

HttpServer::HttpServer(ServerOptions options, Handler handler, ErrorBody error_body)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(handler), std::move(error_body))) {}

HttpServer::~HttpServer() { stop(); }

base::Status HttpServer::reload_certificates() {
  const ServerOptions& options = impl_->shared.options;
  if (options.cert_file.empty()) return base::ok();
  auto tls = TlsContext::for_server({options.cert_file, options.key_file, options.ca_file});
  if (!tls) return tls.error();
  impl_->shared.set_tls(*std::move(tls));
  return base::ok();
}

base::Result<int> HttpServer::start(std::string_view where) {
  ignore_broken_pipes();
  if (auto loaded = reload_certificates(); !loaded) return loaded.error();
  auto port = impl_->listener.open(where, impl_->shared.options.listen);
  if (!port) return port;
  epoll_event event{.events = EPOLLIN, .data = {.u64 = kListener}};
  ::epoll_ctl(impl_->epoll, EPOLL_CTL_ADD, impl_->listener.fd(), &event);
  impl_->watcher = std::thread([impl = impl_.get()] { impl->watch(); });
  return port;
}

void HttpServer::stop() {
  {
    const std::lock_guard lock(impl_->mutex);
    if (!impl_->watcher.joinable()) return;
    impl_->shared.stopping = true;
    // Each goes on once more: what is in its socket counts before our stop.
    for (auto& [id, entry] : impl_->entries) {
      if (entry.place != Impl::Entry::Place::parked) continue;
      impl_->unpark(id, entry);
      impl_->queue(id, entry);
    }
  }
  impl_->wake.raise();
  impl_->watcher.join();
  impl_->listener.close();
  impl_->work_came.notify_all();
  for (std::thread& worker : impl_->workers) worker.join();
  impl_->workers.clear();
}

}  // namespace platform
