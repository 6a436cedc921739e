// Where masters are looked for: the values of --master, and what masters write into ZooKeeper.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.hpp"

namespace mesos_client {

inline constexpr std::size_t kMasterTextBytesMax = std::size_t{16} << 10U;  // Of a flag or a file.
inline constexpr std::size_t kMasterNodeBytesMax = std::size_t{64} << 10U;  // Of a master's znode; real ones: 500.

// Masters by name: the URLs of their scheduler API. Any of them, leader or not.
struct MasterList {
  std::vector<std::string> urls;
  bool operator==(const MasterList&) const = default;
};

// A file that holds one of the other two; its content may change.
struct MasterFile {
  std::string path;
  bool operator==(const MasterFile&) const = default;
};

// A node in a ZooKeeper ensemble.
struct ZooKeeperAddress {
  std::vector<std::string> servers;  // host:port
  std::string path;                  // "/mesos": absolute, without a '/' at its end, never "/".
  std::string credentials;           // "user:password" for the digest scheme; empty: none.

  std::string text() const;  // As a URL without the password: for people.
  bool operator==(const ZooKeeperAddress&) const = default;
};

using MasterAddress = std::variant<MasterList, MasterFile, ZooKeeperAddress>;

// "host", "host:port", "http(s)://a,b:5050", "zk://[user:password@]a:2181,b/path", "file:///path".
// Ports default to 5050, for ZooKeeper to 2181. `where` names the flag; errors quote the text, a
// password left out.
base::Result<MasterAddress> parse_master(std::string_view where, std::string_view text);

// The zk:// form alone, as for --lock.
base::Result<ZooKeeperAddress> parse_zookeeper(std::string_view where, std::string_view text);

// What a MasterFile holds: blanks around it do no harm; a file that names a file is refused.
base::Result<MasterAddress> parse_master_file(std::string_view path, std::string_view content);

// `text` with a password in it replaced: fit for a log.
std::string without_password(std::string_view text);

// Of the children of the masters' node, the one that holds the leader: the lowest sequence among
// "json.info_NNNNNNNNNN" (Mesos: master contender). nullopt where no master stands. Other children
// are no masters: "log_replicas" is the replicated log's, "info_N" was written before Mesos 0.24.
std::optional<std::string> leading_child(const std::vector<std::string>& children);

// What we want of a MasterInfo.
struct MasterNode {
  std::string id;
  std::string hostname;  // May not resolve; empty if it is no host name.
  std::string ip;        // A literal; IPv6 without brackets.
  int port = 0;
  std::string version;

  std::string address() const;  // ip:port, brackets around IPv6.

  // Of the scheduler API. Plain: by address, as agents and schedulers of Mesos's own go. With TLS the
  // host name first, which is what certificates are made for.
  std::vector<std::string> urls(bool tls) const;
  bool operator==(const MasterNode&) const = default;
};

// A znode's data: MasterInfo in Mesos's JSON. `where` names the node. The bytes come from the wire and
// end up in a URL: hosts are held to the letters of host names.
base::Result<MasterNode> parse_master_node(std::string_view where, std::string_view bytes);

}  // namespace mesos_client
