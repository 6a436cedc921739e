#include <algorithm>

#include "base/text.hpp"
#include "diego/rep.hpp"

namespace diego {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

// Every '%' is followed by two hex digits.
bool escapes_are_whole(std::string_view text) {
  for (std::size_t at = text.find('%'); at != std::string_view::npos; at = text.find('%', at + 1)) {
    if (at + 2 >= text.size() || !is_hex(text[at + 1]) || !is_hex(text[at + 2])) return false;
  }
  return true;
}

// Cuts `scheme:` off; false where Go sees a scheme that is none.
bool cut_scheme(std::string_view& text, std::string& scheme) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (is_letter(c)) continue;
    if (i > 0 && (is_digit(c) || c == '+' || c == '-' || c == '.')) continue;
    if (c != ':') return true;
    if (i == 0) return false;
    scheme = base::lower(text.substr(0, i));
    text.remove_prefix(i + 1);
    return true;
  }
  return true;
}

bool port_is_valid(std::string_view port) {  // "" or ":" and digits.
  return port.empty() || (port.front() == ':' && std::all_of(port.begin() + 1, port.end(), is_digit));
}

bool authority_is_valid(std::string_view authority) {
  const std::size_t at = authority.rfind('@');
  if (at != std::string_view::npos) {
    const auto allowed = [](char c) {
      return is_letter(c) || is_digit(c) || std::string_view("-._:~!$&'()*+,;=%@").find(c) != std::string_view::npos;
    };
    const std::string_view user = authority.substr(0, at);
    if (!std::all_of(user.begin(), user.end(), allowed) || !escapes_are_whole(user)) return false;
  }
  const std::string_view host = at == std::string_view::npos ? authority : authority.substr(at + 1);
  if (host.starts_with('[')) {
    const std::size_t close = host.rfind(']');
    return close != std::string_view::npos && port_is_valid(host.substr(close + 1));
  }
  const std::size_t colon = host.rfind(':');
  if (colon != std::string_view::npos && !port_is_valid(host.substr(colon))) return false;
  const auto allowed = [](char c) {
    return is_letter(c) || is_digit(c) || static_cast<unsigned char>(c) >= 0x80 ||
           std::string_view("!$&'()*+,;=:[]<>\"-_.~%").find(c) != std::string_view::npos;
  };
  if (!std::all_of(host.begin(), host.end(), allowed) || !escapes_are_whole(host)) return false;
  // In a host only what is not ASCII may be escaped, and the percent sign itself.
  for (std::size_t p = host.find('%'); p != std::string_view::npos; p = host.find('%', p + 1)) {
    if (host[p + 1] <= '7' && host.substr(p, 3) != "%25") return false;
  }
  return true;
}

}  // namespace

std::optional<RootFs> parse_rootfs(std::string_view text) {
  const std::size_t hash = text.find('#');
  if (hash != std::string_view::npos && !escapes_are_whole(text.substr(hash + 1))) return std::nullopt;
  text = text.substr(0, hash);
  const auto control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (std::any_of(text.begin(), text.end(), control)) return std::nullopt;

  RootFs rootfs;
  if (!cut_scheme(text, rootfs.scheme)) return std::nullopt;
  text = text.substr(0, text.find('?'));
  if (!text.starts_with('/')) {
    if (!rootfs.scheme.empty()) {
      rootfs.opaque = std::string(text);
      return rootfs;
    }
    // "a:b" without a scheme Go likes is taken for a mistyped one.
    if (text.substr(0, text.find('/')).find(':') != std::string_view::npos) return std::nullopt;
  }
  if (text.starts_with("//") && (!rootfs.scheme.empty() || !text.starts_with("///"))) {
    const std::size_t slash = text.find('/', 2);
    if (!authority_is_valid(text.substr(2, slash == std::string_view::npos ? slash : slash - 2))) return std::nullopt;
    text = slash == std::string_view::npos ? std::string_view() : text.substr(slash);
  }
  if (!escapes_are_whole(text)) return std::nullopt;
  return rootfs;
}

bool matches(const RootFsProviders& providers, const RootFs& rootfs) {
  const auto provider = providers.find(rootfs.scheme);
  if (provider == providers.end()) return false;
  switch (provider->second.kind) {
    case RootFsProvider::Kind::unknown:
      return false;
    case RootFsProvider::Kind::arbitrary:
      return true;
    case RootFsProvider::Kind::fixed_set:
      return provider->second.set.contains(rootfs.opaque);
  }
  return false;
}

bool matches(const RootFsProviders& providers, std::string_view rootfs) {
  const auto parsed = parse_rootfs(rootfs);
  return parsed && matches(providers, *parsed);
}

}  // namespace diego
