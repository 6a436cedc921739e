#include "scheduler/edge/lock_options.hpp"

#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "platform/http.hpp"

namespace edge {
namespace {

constexpr std::string_view kLocket = "locket://";
constexpr int kLocketPort = 8891;
constexpr std::size_t kNameBytesMax = 255;  // Of an owner in Locket's table; of a cluster.

bool is_loopback(const std::string& host) { return host == "localhost" || host == "::1" || host.starts_with("127."); }

// Of a name that others compare with theirs.
bool plain(const std::string& name) {
  return name.size() <= kNameBytesMax &&
         std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c <= '~'; });
}

base::Status finish_locket(LockOptions& lock) {
  const std::string where = "--lock " + lock.lock;
  bool others_reach_it = false;
  for (std::string item : base::split_list(lock.lock.substr(kLocket.size()))) {
    const bool has_port = item.find(':', item.starts_with('[') ? item.find(']') : 0) != std::string::npos;
    if (!has_port) item += ":" + std::to_string(kLocketPort);
    const auto address = platform::parse_host_port("--lock", item);
    if (!address || address->port == 0 || address->host.find_first_of("/@") != std::string::npos)
      return base::Error{where, "'" + item + "' is not host:port"};
    others_reach_it = others_reach_it || !is_loopback(address->host);
    lock.lockets.push_back(address->text());
  }
  if (lock.lockets.empty()) return base::Error{where, "names no Locket"};
  if (lock.cluster_name.empty())
    return base::Error{"--cluster-name", "is needed with --lock locket://: by it the next leader knows the framework"};
  if (!plain(lock.cluster_name)) return base::Error{"--cluster-name", "is too long or holds blanks or odd characters"};
  if (!plain(lock.owner)) return base::Error{"--lock-owner", "is too long or holds blanks or odd characters"};
  const auto given = static_cast<int>(!lock.ca_file.empty()) + static_cast<int>(!lock.cert_file.empty()) +
                     static_cast<int>(!lock.key_file.empty());
  if (given == 3) return base::ok();
  if (given != 0) return base::Error{"--lock-ca, --lock-cert, --lock-key", "all are needed, or none"};
  if (others_reach_it) return base::Error{where, "is another machine: give --lock-ca, --lock-cert and --lock-key"};
  return base::ok();
}

}  // namespace

void add_lock_flags(platform::Flags& flags, LockOptions& lock) {
  flags.add("lock", lock.lock,
            "with more than one scheduler: locket://host:8891[,host:8891] (as Diego's auctioneers) or "
            "zk://[user:pass@]h1:2181,h2:2181/path picks the one that acts; none: it is the only one");
  flags.add("lock-ca", lock.ca_file, "CA certificates to trust at a Locket");
  flags.add("lock-cert", lock.cert_file, "our certificate there");
  flags.add("lock-key", lock.key_file, "its key");
  flags.add(
      "lock-owner", lock.owner,
      "name under which a Locket gives us the lock, of this scheduler alone: it has its lock again at once after a "
      "crash; default: a new one for each start, which waits 15 s then");
  flags.add("cluster-name", lock.cluster_name,
            "label of our framework, by which the next leader finds it; needed with --lock locket://");
}

base::Status finish_lock(LockOptions& lock, const mesos_client::MasterAddress& masters) {
  const bool locket = lock.lock.starts_with(kLocket);
  if (!locket) {
    for (const auto& [flag, value] :
         {std::pair("--lock-ca", &lock.ca_file), std::pair("--lock-cert", &lock.cert_file),
          std::pair("--lock-key", &lock.key_file), std::pair("--lock-owner", &lock.owner)}) {
      if (!value->empty()) return base::Error{flag, "is for --lock locket:// only"};
    }
  }
  if (locket) return finish_locket(lock);
  if (!plain(lock.cluster_name)) return base::Error{"--cluster-name", "is too long or holds blanks or odd characters"};
  if (lock.lock == "none") return base::ok();
  auto address = mesos_client::parse_zookeeper("--lock", lock.lock);
  if (!address) return address.error();
  const auto* zookeeper = std::get_if<mesos_client::ZooKeeperAddress>(&masters);
  if (zookeeper != nullptr && zookeeper->path == address->path)
    return base::Error{"--lock " + mesos_client::without_password(lock.lock),
                       "is where the masters are: it needs a path of its own"};
  lock.address = std::move(*address);
  lock.lock = mesos_client::without_password(lock.lock);
  return base::ok();
}

}  // namespace edge
