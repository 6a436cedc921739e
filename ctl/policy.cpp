#include <algorithm>

#include "ctl/commands.hpp"
#include "ctl/show.hpp"
#include "ctl/table.hpp"
#include "platform/flags.hpp"

namespace ctl {
namespace {

constexpr const char* kPath = "/v1/policy";
constexpr const char* kDefault = "default";
constexpr std::string_view kMillis = "_ms";

// "offer-hold=3s", as the flag has it, as a member of the policy: "offer_hold_ms", 3000. The error names what is wrong.
base::Result<std::pair<std::string, Json>> member_of(const Json& policy, const std::string& setting) {
  const auto wrong = [&setting](const std::string& why) { return base::Error{"--set", "\"" + setting + "\" " + why}; };
  const auto equals = setting.find('=');
  if (equals == std::string::npos) return wrong("is not name=value");
  std::string name = setting.substr(0, equals);
  const std::string value = setting.substr(equals + 1);
  std::replace(name.begin(), name.end(), '-', '_');
  const auto known = [&policy](const std::string& one) {
    return std::any_of(policy.members.begin(), policy.members.end(), [&one](const auto& m) { return m.key == one; });
  };
  const bool as_duration = !known(name) && known(name + std::string(kMillis));
  if (as_duration) name += kMillis;
  if (!known(name)) return wrong("names nothing of the policy");
  Json json;
  if (value == kDefault) return std::pair{name, json};
  if (as_duration) {
    const auto duration = platform::parse_duration("--set", value);
    if (!duration) return wrong("is no duration (3s, 500ms)");
    json.kind = Json::Kind::number;
    json.text = std::to_string(base::to_millis(*duration));
  } else if (member(policy, name).kind == Json::Kind::string) {
    json.kind = Json::Kind::string;
    json.text = value;
  } else {
    const auto parsed = diego::parse_json(value);
    if (!parsed || parsed->kind != Json::Kind::number) return wrong("is no number");
    json = *parsed;
  }
  return std::pair{name, json};
}

std::string policy_text(const Json& answer, const Style& style) {
  Table table({{.title = "NAME"}, {.title = "VALUE", .right = true}, {.title = "CHANGED"}});
  const Json& changed = member(answer, "changed");
  for (const auto& [key, value] : member(answer, "policy").members) {
    const bool is_changed = member(changed, key).kind != Json::Kind::null;
    std::string name = key, shown = text(value);
    if (name.ends_with(kMillis)) {
      name.resize(name.size() - kMillis.size());
      shown = platform::format_duration(std::chrono::milliseconds(number(member(answer, "policy"), key)));
    }
    std::replace(name.begin(), name.end(), '_', '-');
    table.row({name, {shown, is_changed ? Ink::yellow : Ink::plain}, is_changed ? "not as the flags say" : ""});
  }
  return table.text(style);
}

}  // namespace

int policy(Context& context) {
  Answer answer = context.api.get(kPath);
  if (!answer) return fail(answer);
  if (!context.options.set.empty()) {
    Json body;
    body.kind = Json::Kind::object;
    for (const std::string& setting : context.options.set) {
      auto one = member_of(member(answer.json, "policy"), setting);
      if (!one) return fail(kUsage, one.error().message());
      if (std::any_of(body.members.begin(), body.members.end(), [&one](const auto& m) { return m.key == one->first; }))
        return fail(kUsage, "--set: \"" + setting + "\" sets what another one has set");
      body.members.push_back({one->first, one->second});
    }
    answer = context.api.send("PUT", kPath, to_json(body));
    if (!answer) return fail(answer);
  }
  return context.options.json ? say_json(answer) : say(policy_text(answer.json, context.style));
}

}  // namespace ctl
