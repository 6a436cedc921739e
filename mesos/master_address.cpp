#include "mesos/master_address.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <utility>

#include "base/text.hpp"
#include "mesos/json.hpp"
#include "mesos/v1/mesos.pb.h"

namespace mesos_client {
namespace {

constexpr std::string_view kForms = "host:port, http(s)://a:5050,b:5050, zk://a:2181,b:2181/path or file:///path";
constexpr std::string_view kNodePrefix = "json.info_";
constexpr std::size_t kHostBytesMax = 253;  // Of a DNS name.
constexpr std::size_t kQuotedBytesMax = 200;
constexpr int kMasterPort = 5050, kZooKeeperPort = 2181;

bool alphanumeric(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

bool host_name(std::string_view text) {
  return !text.empty() && text.size() <= kHostBytesMax && text.front() != '-' &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return alphanumeric(c) || c == '-' || c == '.' || c == '_'; });
}

bool ipv6_literal(std::string_view text) {
  return text.size() >= 2 && text.size() <= 45 && text.find(':') != std::string_view::npos &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':' || c == '.';
         });
}

template <class Number>
std::optional<Number> number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Longer texts and odd characters have no place in an error line.
std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, kQuotedBytesMax)) out.push_back(c >= ' ' && c <= '~' ? c : '?');
  return out + (text.size() > kQuotedBytesMax ? "..." : "");
}

std::string quoted(std::string_view text) { return "'" + printable(text) + "'"; }

base::Error wrong(std::string_view where, std::string_view text, std::string why) {
  return {std::string(where) + " " + quoted(without_password(text)), std::move(why)};
}

// "host", "host:port", "[v6]:port" with the port made explicit; an error is what is wrong with it.
base::Result<std::string> host_and_port(std::string_view text, int default_port) {
  std::string_view host = text, port;
  if (text.find('@') != std::string_view::npos) return base::Error{"", "only zk:// takes a user and a password"};
  if (const std::size_t colon = text.rfind(':'); colon != std::string_view::npos && !text.ends_with(']')) {
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
    if (port.empty()) return base::Error{"", quoted(text) + " has no port after the colon"};
  }
  const bool bracketed = host.starts_with('[') && host.ends_with(']') && ipv6_literal(host.substr(1, host.size() - 2));
  if (!bracketed && host.find(':') != std::string_view::npos)
    return base::Error{"", quoted(text) + ": an IPv6 address is written in brackets"};
  if (!bracketed && !host_name(host)) return base::Error{"", quoted(text) + " is not host:port"};
  const std::optional<int> value = port.empty() ? default_port : number<int>(port);
  if (!value || *value < 1 || *value > 65535) return base::Error{"", quoted(port) + " is not a port"};
  return std::string(host) + ":" + std::to_string(*value);
}

std::string scheduler_url(std::string_view scheme, std::string_view address) {
  return std::string(scheme) + "://" + std::string(address) + "/api/v1/scheduler";
}

base::Result<MasterAddress> parse_list(std::string_view where, std::string_view text, std::string_view scheme,
                                       std::string_view hosts) {
  while (hosts.ends_with('/')) hosts.remove_suffix(1);
  MasterList list;
  for (const std::string& host : base::split_list(hosts)) {
    if (host.find('/') != std::string::npos)
      return wrong(where, text, quoted(host) + ": a master is host:port, without a path");
    const auto address = host_and_port(host, kMasterPort);
    if (!address) return wrong(where, text, address.error().text);
    list.urls.push_back(scheduler_url(scheme, *address));
  }
  if (list.urls.empty()) return wrong(where, text, "names no master");
  return MasterAddress{std::move(list)};
}

// What ZooKeeper takes for a path, but no blanks: they are a slip.
const char* bad_path(std::string_view path) {
  if (path.size() < 2) return "has no path after the servers, such as /mesos";
  for (std::size_t at = 0; at < path.size();) {
    const std::size_t next = std::min(path.find('/', at + 1), path.size());
    const std::string_view part = path.substr(at + 1, next - at - 1);
    if (part.empty() || part == "." || part == "..") return "has an empty, '.' or '..' part in its path";
    if (std::any_of(part.begin(), part.end(), [](char c) { return c <= ' ' || c > '~'; }))
      return "has blanks or odd characters in its path";
    at = next;
  }
  return nullptr;
}

std::string ipv4_text(std::uint32_t network_order) {
  std::string text;
  for (unsigned byte = 0; byte < 4; ++byte)
    text += (byte == 0 ? "" : ".") + std::to_string((network_order >> (8 * byte)) & 255U);
  return text;
}

bool ipv4_literal(std::string_view text) {
  std::size_t parts = 0;
  while (true) {
    const std::size_t dot = std::min(text.find('.'), text.size());
    const auto part = number<unsigned>(text.substr(0, dot));
    ++parts;
    if (!part || *part > 255 || dot > 3) return false;
    if (dot == text.size()) return parts == 4;
    text.remove_prefix(dot + 1);
  }
}

}  // namespace

std::string ZooKeeperAddress::text() const {
  std::string out = "zk://";
  for (std::size_t i = 0; i < servers.size(); ++i) out += (i == 0 ? "" : ",") + servers[i];
  return out + path;
}

std::string without_password(std::string_view text) {
  const std::size_t at = text.rfind('@');
  if (at == std::string_view::npos) return std::string(text);
  const std::size_t scheme = text.find("://");
  const std::size_t begin = scheme < at ? scheme + 3 : 0;
  const std::size_t colon = text.find(':', begin);
  // Where there is no colon, what stands there may be the password.
  const std::size_t kept = colon < at ? colon + 1 : begin;
  return std::string(text.substr(0, kept)) + "***" + std::string(text.substr(at));
}

base::Result<ZooKeeperAddress> parse_zookeeper(std::string_view where, std::string_view text) {
  text = base::trim(text);
  if (text.size() > kMasterTextBytesMax) return wrong(where, text, "is too long");
  if (!text.starts_with("zk://")) return wrong(where, text, "is not zk://[user:password@]host:port,.../path");
  std::string_view rest = text.substr(5);
  ZooKeeperAddress address;
  if (const std::size_t at = rest.rfind('@'); at != std::string_view::npos) {
    address.credentials = rest.substr(0, at);
    rest.remove_prefix(at + 1);
    const std::size_t colon = address.credentials.find(':');
    if (colon == 0 || colon == std::string::npos || colon + 1 == address.credentials.size())
      return wrong(where, text, "has no user:password before the '@'");
  }
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  for (const std::string& server : base::split_list(rest.substr(0, slash))) {
    auto host = host_and_port(server, kZooKeeperPort);
    if (!host) return wrong(where, text, host.error().text);
    address.servers.push_back(std::move(*host));
  }
  if (address.servers.empty()) return wrong(where, text, "names no ZooKeeper server");
  address.path = rest.substr(slash);
  if (address.path.size() > 1 && address.path.ends_with('/')) address.path.pop_back();
  if (const char* why = bad_path(address.path)) return wrong(where, text, why);
  return address;
}

base::Result<MasterAddress> parse_master(std::string_view where, std::string_view text) {
  text = base::trim(text);
  if (text.empty()) return base::Error{std::string(where), "is empty; give " + std::string(kForms)};
  if (text.size() > kMasterTextBytesMax) return wrong(where, text, "is too long");
  const std::size_t scheme_end = text.find("://");
  if (scheme_end == std::string_view::npos) return parse_list(where, text, "http", text);
  const std::string_view scheme = text.substr(0, scheme_end), rest = text.substr(scheme_end + 3);
  if (scheme == "http" || scheme == "https") return parse_list(where, text, scheme, rest);
  if (scheme == "file") {
    if (!rest.starts_with('/') || rest.size() < 2) return wrong(where, text, "is not file:///absolute/path");
    return MasterAddress{MasterFile{std::string(rest)}};
  }
  if (scheme != "zk") return wrong(where, text, "is none of " + std::string(kForms));
  auto address = parse_zookeeper(where, text);
  if (!address) return address.error();
  return MasterAddress{std::move(*address)};
}

base::Result<MasterAddress> parse_master_file(std::string_view path, std::string_view content) {
  auto address = parse_master(path, content);
  if (address && std::holds_alternative<MasterFile>(*address))
    return base::Error{std::string(path), "names a file again"};
  return address;
}

std::optional<std::string> leading_child(const std::vector<std::string>& children) {
  std::optional<std::pair<std::int32_t, std::string>> lowest;
  for (const std::string& child : children) {
    if (!child.starts_with(kNodePrefix)) continue;
    const auto sequence = number<std::int32_t>(std::string_view(child).substr(kNodePrefix.size()));
    if (!sequence || *sequence < 0) continue;
    std::pair candidate{*sequence, child};
    if (!lowest || candidate < *lowest) lowest = std::move(candidate);
  }
  if (!lowest) return std::nullopt;
  return lowest->second;
}

std::string MasterNode::address() const {
  return (ip.find(':') == std::string::npos ? ip : "[" + ip + "]") + ":" + std::to_string(port);
}

std::vector<std::string> MasterNode::urls(bool tls) const {
  if (!tls) return {scheduler_url("http", address())};
  std::vector<std::string> all;
  if (!hostname.empty() && hostname != ip) all.push_back(scheduler_url("https", hostname + ":" + std::to_string(port)));
  all.push_back(scheduler_url("https", address()));
  return all;
}

base::Result<MasterNode> parse_master_node(std::string_view where, std::string_view bytes) {
  const auto bad = [where](std::string why) { return base::Error{std::string(where), std::move(why)}; };
  if (bytes.size() > kMasterNodeBytesMax) return bad("is longer than a master's entry can be");
  mesos::v1::MasterInfo info;
  if (const auto failure = read_json(bytes, info)) return bad("is not a MasterInfo: " + printable(failure->text));

  MasterNode node;
  node.id = printable(info.id());
  node.version = printable(info.version());
  const bool addressed = info.has_address();
  // Old masters wrote the number alone.
  node.ip = addressed && info.address().has_ip() ? info.address().ip() : ipv4_text(info.ip());
  if (!ipv4_literal(node.ip) && !ipv6_literal(node.ip)) return bad(quoted(node.ip) + " is not an IP address");
  const std::int64_t port = addressed ? std::int64_t{info.address().port()} : std::int64_t{info.port()};
  if (port < 1 || port > 65535) return bad(std::to_string(port) + " is not a port");
  node.port = static_cast<int>(port);
  const std::string& hostname =
      addressed && info.address().has_hostname() ? info.address().hostname() : info.hostname();
  if (host_name(hostname)) node.hostname = hostname;
  return node;
}

}  // namespace mesos_client
