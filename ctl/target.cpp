#include "ctl/target.hpp"

#include <algorithm>
#include <charconv>

#include "base/text.hpp"

namespace ctl {
namespace {

std::optional<std::int32_t> index_of(std::string_view text) {
  std::int32_t index = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), index);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size() || index < 0) return std::nullopt;
  return index;
}

}  // namespace

std::string Target::path() const {
  std::string path = kind == Kind::task ? "/v1/tasks/" : "/v1/lrps/";
  path += base::percent_encode(guid);
  if (index) path += "/" + std::to_string(*index);
  return path;
}

std::string Target::text() const { return index ? guid + "." + std::to_string(*index) : guid; }

base::Result<Target> parse_target(const std::vector<std::string>& given) {
  std::vector<std::string> words = given;
  std::erase(words, "");
  if (words.empty()) return base::Error{"", "which one: GUID, GUID INDEX, lrp GUID [INDEX] or task GUID"};
  Target target;
  if (words.size() > 1 && (words[0] == "lrp" || words[0] == "task")) {
    target.kind = words[0] == "lrp" ? Target::Kind::lrp : Target::Kind::task;
    words.erase(words.begin());
  }
  target.guid = words[0];
  if (words.size() == 1) return target;
  if (words.size() > 2) return base::Error{words[2], "one word too many"};
  if (target.kind == Target::Kind::task) return base::Error{words[1], "a Task has no index"};
  target.kind = Target::Kind::lrp;
  target.index = index_of(words[1]);
  if (!target.index) return base::Error{"INDEX", "\"" + words[1] + "\" is not the index of an instance"};
  return target;
}

std::optional<Target> as_instance(const std::string& text) {
  const auto at = text.find_last_of("./");
  if (at == std::string::npos || at == 0) return std::nullopt;
  const auto index = index_of(std::string_view(text).substr(at + 1));
  if (!index) return std::nullopt;
  return Target{Target::Kind::lrp, text.substr(0, at), index};
}

}  // namespace ctl
