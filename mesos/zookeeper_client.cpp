#include "mesos/zookeeper_client.hpp"

#ifndef THREADED
#define THREADED  // The library has two faces; this is the one with threads.
#endif
#include <zookeeper/zookeeper.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <deque>
#include <map>
#include <thread>
#include <utility>
#include <variant>

#include "base/random.hpp"
#include "platform/clock.hpp"
#include "platform/log.hpp"
#include "platform/mailbox.hpp"

namespace mesos_client {
namespace {

using Code = ZooKeeperAnswer::Code;

constexpr base::Duration kBackoffMin = std::chrono::milliseconds(100);
constexpr base::Duration kBackoffMax = std::chrono::seconds(5);
constexpr std::size_t kChildrenMax = 10'000;

Code code_of(int rc) {
  switch (rc) {
    case ZOK:
      return Code::ok;
    case ZNONODE:
      return Code::no_node;
    case ZNODEEXISTS:
      return Code::node_exists;
    case ZBADVERSION:
      return Code::bad_version;
    case ZNOAUTH:
    case ZAUTHFAILED:
    case ZINVALIDACL:
      return Code::not_allowed;
    case ZCONNECTIONLOSS:
    case ZOPERATIONTIMEOUT:
    case ZSESSIONEXPIRED:
    case ZSESSIONMOVED:
    case ZINVALIDSTATE:
    case ZCLOSING:
      return Code::lost;
    default:
      return Code::failed;
  }
}

ZooKeeperAnswer answer_of(int rc) {
  ZooKeeperAnswer answer;
  answer.code = code_of(rc);
  if (rc != ZOK) answer.text = zerror(rc);
  return answer;
}

// What the library's threads and others tell ours.
struct SessionChanged {
  std::uint64_t generation = 0;
  int state = 0;
};
struct WatchFired {
  std::uint64_t generation = 0;
  std::string path;
};
struct Answered {
  std::uint64_t generation = 0;
  std::uint64_t tag = 0;
  ZooKeeperAnswer answer;
};
using Task = std::function<void()>;
using Message = std::variant<SessionChanged, WatchFired, Answered, Task>;

// One handle and what its callbacks may touch: constant, except for the mailbox.
struct Handle {
  platform::Mailbox<Message>& mailbox;
  const std::uint64_t generation;
  zhandle_t* zookeeper = nullptr;

  Handle(platform::Mailbox<Message>& to, std::uint64_t number) : mailbox(to), generation(number) {}
  ~Handle() {
    if (zookeeper != nullptr) zookeeper_close(zookeeper);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
};

// A request on its way. Lives until its answer was handled, or longer than the handle.
struct Ask {
  Handle& handle;
  const std::uint64_t tag;
  ZooKeeperClient::Then then;
  std::array<zoo_op_result_t, 2> results{};  // Of put_guarded.

  void answered(ZooKeeperAnswer answer) const {
    handle.mailbox.post(Answered{handle.generation, tag, std::move(answer)});
  }
};

const Ask& ask_of(const void* data) { return *static_cast<const Ask*>(data); }

void on_watch(zhandle_t*, int type, int state, const char* path, void* context) {
  const Handle& handle = *static_cast<Handle*>(context);
  if (type == ZOO_SESSION_EVENT) {
    handle.mailbox.post(SessionChanged{handle.generation, state});
  } else {
    handle.mailbox.post(WatchFired{handle.generation, path == nullptr ? "" : path});
  }
}

void on_children(int rc, const String_vector* names, const void* data) {
  ZooKeeperAnswer answer = answer_of(rc);
  if (rc == ZOK && names != nullptr) {
    const std::size_t count = std::min(static_cast<std::size_t>(std::max(names->count, 0)), kChildrenMax);
    answer.children.assign(names->data, names->data + count);
  }
  ask_of(data).answered(std::move(answer));
}

void on_stat(int rc, const Stat*, const void* data) { ask_of(data).answered(answer_of(rc)); }
void on_string(int rc, const char*, const void* data) { ask_of(data).answered(answer_of(rc)); }
void on_void(int rc, const void* data) { ask_of(data).answered(answer_of(rc)); }

void on_data(int rc, const char* value, int length, const Stat* stat, const void* data) {
  ZooKeeperAnswer answer = answer_of(rc);
  if (rc == ZOK) {
    // A node without data has the length -1.
    if (value != nullptr && length > 0) answer.data.assign(value, static_cast<std::size_t>(length));
    if (stat != nullptr) answer.version = stat->version;
  }
  ask_of(data).answered(std::move(answer));
}

void on_library_log(const char* line) { platform::log_debug(std::string("zookeeper: ") + line); }

std::string joined(const std::vector<std::string>& servers) {
  std::string all;
  for (const std::string& server : servers) all += (all.empty() ? "" : ",") + server;
  return all;
}

}  // namespace

struct ZooKeeperClient::Impl {
  Impl(ZooKeeperOptions options, ZooKeeperUser& user)
      : options_(std::move(options)),
        servers_(joined(options_.address.servers)),
        user_(user),
        timeout_(options_.session_timeout),
        random_(platform::random_seed()) {
    [[maybe_unused]] static const bool quiet = (zoo_set_debug_level(ZOO_LOG_LEVEL_WARN), true);  // Of all handles.
  }

  ~Impl() {
    mailbox_.close();
    if (thread_.joinable()) thread_.join();
  }

  void start() {
    thread_ = std::thread([this] { run(); });
  }

  void run() {
    renew_at_ = platform::now();
    while (!mailbox_.closed()) {
      std::optional<base::Time> wake = user_.next_deadline();
      if (renew_at_ && (!wake || *renew_at_ < *wake)) wake = renew_at_;
      std::optional<base::Duration> wait;
      if (wake) wait = std::max(*wake - platform::now(), base::Duration::zero());
      for (Message& message : mailbox_.take(wait)) {
        if (mailbox_.closed()) break;
        std::visit([this](auto& what) { on(what); }, message);
      }
      if (mailbox_.closed()) break;
      if (renew_at_ && platform::now() >= *renew_at_) renew();
      const auto due = user_.next_deadline();
      if (due && platform::now() >= *due) user_.tick(platform::now());
    }
    close();
  }

  // The time has come for a new handle: the first, after a delay, or because the old one stayed alone.
  void renew() {
    renew_at_.reset();
    if (handle_) return end_session("no ZooKeeper server answered for its timeout");
    ++generation_;
    connected_ = false;
    handle_ = std::make_unique<Handle>(mailbox_, generation_);
    // The first report may come before this returns; that is why callbacks do not ask for the zhandle_t.
    handle_->zookeeper =
        zookeeper_init2(servers_.c_str(), on_watch, static_cast<int>(base::to_millis(options_.session_timeout)),
                        nullptr, handle_.get(), 0, on_library_log);
    if (handle_->zookeeper == nullptr) {
      const int error = errno;
      handle_.reset();
      // Names that do not resolve now may resolve later.
      lose_connection(error == ENOENT || error == EINVAL ? "none of its names resolves" : std::strerror(error));
      return renew_later();
    }
    const std::string& credentials = options_.address.credentials;
    if (!credentials.empty()) {
      zoo_add_auth(handle_->zookeeper, "digest", credentials.c_str(), static_cast<int>(credentials.size()), nullptr,
                   nullptr);
    }
    renew_at_ = platform::now() + timeout_;  // Unless it is connected by then.
  }

  void renew_later() {
    const int doublings = std::min(renewals_in_row_++, 10);
    const base::Duration most = std::min(base::Duration(kBackoffMin * (1LL << doublings)), kBackoffMax);
    const auto spread = static_cast<std::uint64_t>(most.count() / 2);
    renew_at_ = platform::now() + most / 2 + base::Duration(static_cast<std::int64_t>(random_.below(spread)));
  }

  void close() {
    handle_.reset();  // First, for until then the library may look at the asks.
    asks_.clear();
  }

  void end_session(const std::string& why) {
    lose_connection(why);
    user_.expired(why, platform::now());  // Before closing, which may take seconds.
    close();
    renew_later();
  }

  void lose_connection(const std::string& why) {
    connected_ = false;
    if (std::exchange(outage_, true)) return;
    user_.disconnected(why, platform::now());
  }

  bool current(std::uint64_t generation) const { return handle_ && generation == handle_->generation; }

  void on(const SessionChanged& event) {
    if (!current(event.generation)) return;
    if (event.state == ZOO_CONNECTED_STATE) {
      if (connected_) return;
      const bool fresh = std::exchange(fresh_known_, generation_) != generation_;
      connected_ = true;
      outage_ = false;
      renewals_in_row_ = 0;
      renew_at_.reset();
      timeout_ = std::chrono::milliseconds(zoo_recv_timeout(handle_->zookeeper));
      return user_.connected(timeout_, fresh, platform::now());
    }
    if (event.state == ZOO_EXPIRED_SESSION_STATE) return end_session("ZooKeeper ended our session");
    if (event.state == ZOO_AUTH_FAILED_STATE) return end_session("ZooKeeper refuses our user and password");
    if (!connected_) return;  // Still trying.
    lose_connection("the connection broke");
    renew_at_ = platform::now() + timeout_;
  }

  void on(const WatchFired& event) {
    if (current(event.generation)) user_.changed(event.path, platform::now());
  }

  void on(Answered& event) {
    if (!current(event.generation)) return;
    const auto found = asks_.find(event.tag);
    if (found == asks_.end()) return;
    const std::unique_ptr<Ask> ask = std::move(found->second);
    asks_.erase(found);
    ask->then(event.answer);
  }

  void on(const Task& task) { task(); }

  // Registers `then`, and calls `send` with the handle and the request.
  template <class Send>
  void ask(Then then, Send send) {
    const std::uint64_t tag = ++last_tag_;
    if (!handle_) {
      // Later, as all answers are.
      mailbox_.post(Task([then = std::move(then)] { then(answer_of(ZCONNECTIONLOSS)); }));
      return;
    }
    auto made = std::make_unique<Ask>(Ask{*handle_, tag, std::move(then)});
    Ask& request = *asks_.emplace(tag, std::move(made)).first->second;
    const int rc = send(handle_->zookeeper, request);
    if (rc != ZOK) request.answered(answer_of(rc));
  }

  const ACL_vector* access() const {
    // As Mesos: whoever wants to know who leads may.
    static ACL rights[] = {{ZOO_PERM_READ, ZOO_ANYONE_ID_UNSAFE}, {ZOO_PERM_ALL, ZOO_AUTH_IDS}};
    static const ACL_vector creator_all_world_read{2, rights};
    return options_.address.credentials.empty() ? &ZOO_OPEN_ACL_UNSAFE : &creator_all_world_read;
  }

  const ZooKeeperOptions options_;
  const std::string servers_;
  ZooKeeperUser& user_;
  platform::Mailbox<Message> mailbox_;

  // Of the thread.
  base::Duration timeout_;
  base::Random random_;
  std::uint64_t generation_ = 0;
  std::uint64_t fresh_known_ = 0;  // The generation of which connected() was reported last.
  std::uint64_t last_tag_ = 0;
  bool connected_ = false;
  bool outage_ = false;  // disconnected() was reported.
  int renewals_in_row_ = 0;
  std::optional<base::Time> renew_at_;
  std::map<std::uint64_t, std::unique_ptr<Ask>> asks_;
  std::unique_ptr<Handle> handle_;

  std::thread thread_;
};

ZooKeeperClient::ZooKeeperClient(ZooKeeperOptions options, ZooKeeperUser& user)
    : impl_(std::make_unique<Impl>(std::move(options), user)) {}

ZooKeeperClient::~ZooKeeperClient() = default;

void ZooKeeperClient::start() { impl_->start(); }

void ZooKeeperClient::post(std::function<void()> task) { impl_->mailbox_.post(std::move(task)); }

void ZooKeeperClient::children(const std::string& path, Then then) {
  impl_->ask(std::move(then), [&](zhandle_t* zookeeper, const Ask& ask) {
    return zoo_aget_children(zookeeper, path.c_str(), 1, on_children, &ask);
  });
}

void ZooKeeperClient::exists(const std::string& path, bool watch, Then then) {
  impl_->ask(std::move(then), [&](zhandle_t* zookeeper, const Ask& ask) {
    return zoo_aexists(zookeeper, path.c_str(), watch ? 1 : 0, on_stat, &ask);
  });
}

void ZooKeeperClient::get(const std::string& path, Then then) {
  impl_->ask(std::move(then),
             [&](zhandle_t* zookeeper, const Ask& ask) { return zoo_aget(zookeeper, path.c_str(), 0, on_data, &ask); });
}

void ZooKeeperClient::create(const std::string& path, const std::string& data, Kind kind, Then then) {
  const int flags = kind == Kind::lasting ? 0 : ZOO_EPHEMERAL | ZOO_SEQUENCE;
  impl_->ask(std::move(then), [&](zhandle_t* zookeeper, const Ask& ask) {
    return zoo_acreate(zookeeper, path.c_str(), data.data(), static_cast<int>(data.size()), impl_->access(), flags,
                       on_string, &ask);
  });
}

void ZooKeeperClient::remove(const std::string& path, Then then) {
  impl_->ask(std::move(then), [&](zhandle_t* zookeeper, const Ask& ask) {
    return zoo_adelete(zookeeper, path.c_str(), -1, on_void, &ask);
  });
}

void ZooKeeperClient::put_guarded(const std::string& guard, const std::string& path, const std::string& data,
                                  std::optional<int> version, Then then) {
  impl_->ask(std::move(then), [&](zhandle_t* zookeeper, Ask& ask) {
    std::array<zoo_op_t, 2> ops{};
    zoo_check_op_init(ops.data(), guard.c_str(), -1);
    const int size = static_cast<int>(data.size());
    if (version) {
      zoo_set_op_init(&ops[1], path.c_str(), data.data(), size, *version, nullptr);
    } else {
      zoo_create_op_init(&ops[1], path.c_str(), data.data(), size, impl_->access(), 0, nullptr, 0);
    }
    // The operations are copied in here; the results are written until the answer.
    return zoo_amulti(zookeeper, static_cast<int>(ops.size()), ops.data(), ask.results.data(), on_void, &ask);
  });
}

}  // namespace mesos_client
