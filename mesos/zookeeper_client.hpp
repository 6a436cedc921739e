// A ZooKeeper session that is renewed for ever, on one thread that owns the handle. The library's own
// threads only post to it (closing a handle from one of its watchers deadlocks), so whoever uses it is
// single-threaded and never waits.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "mesos/master_address.hpp"

namespace mesos_client {

// The answer to one request.
struct ZooKeeperAnswer {
  enum class Code {
    ok,
    no_node,
    node_exists,
    bad_version,
    not_allowed,  // By the node's access list.
    lost,         // No answer: whether it was done is unknown.
    failed,       // Anything else.
  };
  Code code = Code::failed;
  std::string text;                   // Unless ok: ZooKeeper's words.
  std::string data;                   // get
  int version = 0;                    // get
  std::vector<std::string> children;  // children

  bool ok() const { return code == Code::ok; }
};

// Who lives on a session. Everything is called on the client's thread.
class ZooKeeperUser {
 public:
  virtual ~ZooKeeperUser() = default;

  // A server answers. `timeout`: how long the session outlives a silence, as agreed with the server.
  // `fresh`: a new session, without watches and ephemeral nodes; else the one from before, with both,
  // and changes made meanwhile are reported by the watches.
  virtual void connected(base::Duration timeout, bool fresh, base::Time now) = 0;

  // The connection is gone; the session may live on. Once per outage, also when none comes about at first.
  virtual void disconnected(const std::string& why, base::Time now) = 0;

  // The session is over: ZooKeeper said so, or there was no connection for its timeout (a server whose
  // data was wiped refuses an old session for ever). Requests without an answer get none. A new one is
  // on its way.
  virtual void expired(const std::string& why, base::Time now) = 0;

  // A watch on this node, or on its children, fired; it is spent.
  virtual void changed(const std::string& path, base::Time now) = 0;

  virtual std::optional<base::Time> next_deadline() const = 0;
  virtual void tick(base::Time now) = 0;
};

struct ZooKeeperOptions {
  ZooKeeperAddress address;
  base::Duration session_timeout = std::chrono::seconds(10);  // The server may bend it to its limits.
};

class ZooKeeperClient {
 public:
  // `user` must outlive it, and is called from start() on.
  ZooKeeperClient(ZooKeeperOptions options, ZooKeeperUser& user);
  ~ZooKeeperClient();  // Ends the session, so that its ephemeral nodes go, and waits for the thread.
  ZooKeeperClient(const ZooKeeperClient&) = delete;
  ZooKeeperClient& operator=(const ZooKeeperClient&) = delete;

  // Connects, for ever. Once, and not before whoever owns the client is whole.
  void start();

  // Runs `task` on the client's thread; from any thread.
  void post(std::function<void()> task);

  // Requests: only on the client's thread. Executed in order; `then` is called there too, later.
  using Then = std::function<void(const ZooKeeperAnswer&)>;

  // With a watch, which is set unless the answer is an error.
  void children(const std::string& path, Then then);
  // With a watch if asked for, which is set also for no_node.
  void exists(const std::string& path, bool watch, Then then);
  void get(const std::string& path, Then then);

  // Nodes made with credentials: we alone change them, everybody reads them (as Mesos does); without: open.
  enum class Kind { lasting, ephemeral_sequential };
  void create(const std::string& path, const std::string& data, Kind kind, Then then);
  void remove(const std::string& path, Then then);

  // Creates `path` (version nullopt) or replaces its data if it has that version, provided that `guard`
  // exists: both at one moment.
  void put_guarded(const std::string& guard, const std::string& path, const std::string& data,
                   std::optional<int> version, Then then);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mesos_client
