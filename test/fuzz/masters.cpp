// What masters write into ZooKeeper, and what people write into --master, --lock and the file it may
// name. Hosts end up in URLs and in headers: nothing may pass that could forge either.
#include <string>
#include <vector>

#include "base/text.hpp"
#include "fuzz.hpp"
#include "mesos/master_address.hpp"
#include "platform/http.hpp"

namespace {

using namespace mesos_client;
using fuzz::require;

bool printable(std::string_view text) {
  for (const char c : text) {
    if (c <= ' ' || c == 0x7F) return false;  // Also what is above ASCII: char is signed.
  }
  return true;
}

void check_url(const std::string& url, bool tls) {
  require(url.starts_with(tls ? "https://" : "http://"), "a URL has the scheme asked for");
  require(printable(url), "nothing in a URL can end a header");
}

void check_node(std::string_view bytes) {
  const auto node = parse_master_node("node", bytes);
  if (!node) return;
  require(node->port > 0 && node->port < 65536, "a port is a port");
  for (const bool tls : {false, true}) {
    const auto urls = node->urls(tls);
    require(!urls.empty(), "a master has an address");
    for (const std::string& url : urls) check_url(url, tls);
  }
}

void check_zookeeper(const ZooKeeperAddress& address, std::string_view text) {
  require(!address.servers.empty(), "an ensemble has a server");
  require(address.path.size() > 1 && address.path[0] == '/' && !address.path.ends_with('/'), "the node has a path");
  if (!address.credentials.empty()) {
    // Whatever the password, what people read is the same. To look for the password in it would not
    // do: one such as "***@a" may well stand there by itself.
    const std::size_t user_ends = text.find(':', text.find("://") + 3) + 1;
    const std::string other =
        std::string(text.substr(0, user_ends)) + "other" + std::string(text.substr(text.rfind('@')));
    const auto same_but_password = parse_zookeeper("other", other);
    require(same_but_password && same_but_password->credentials.ends_with(":other"), "any password will do");
    require(same_but_password->text() == address.text(), "a log does not show the password");
    require(without_password(other) == without_password(text), "nor does an error");
    return;
  }
  const auto again = parse_zookeeper("again", address.text());
  require(again && *again == address, "an address survives its own text");
}

void check_address(std::string_view text, bool in_file) {
  const auto address = in_file ? parse_master_file("file", text) : parse_master("--master", text);
  if (!address) {
    require(!address.error().text.empty(), "a refusal says why");
    return;
  }
  if (const auto* list = std::get_if<MasterList>(&*address)) {
    require(!list->urls.empty(), "a list names a master");
    for (const std::string& url : list->urls) check_url(url, url.starts_with("https"));
  } else if (const auto* file = std::get_if<MasterFile>(&*address)) {
    require(!in_file && !file->path.empty(), "a file is named, and not in a file");
  } else {
    check_zookeeper(std::get<ZooKeeperAddress>(*address), text);
  }
}

void check_children(std::string_view text) {
  std::vector<std::string> children;
  while (!text.empty()) children.emplace_back(fuzz::take_until(text, "\n"));
  const auto leader = leading_child(children);
  if (!leader) return;
  bool is_there = false;
  for (const std::string& child : children) is_there = is_there || child == *leader;
  require(is_there, "the leader is one of the children");
  require(leader->starts_with("json.info_"), "and a master");
  require(leading_child({children.rbegin(), children.rend()}) == leader, "in whatever order they come");
}

}  // namespace

void fuzz::masters(std::string_view bytes) {
  switch (take_byte(bytes) % 4) {
    case 0:
      return check_node(bytes);
    case 1:
      return check_address(bytes, false);
    case 2:
      return check_address(bytes, true);
    default:
      return check_children(bytes);
  }
}
