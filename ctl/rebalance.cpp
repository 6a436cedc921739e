#include <fmt/format.h>

#include <chrono>
#include <thread>

#include "ctl/commands.hpp"
#include "ctl/files.hpp"
#include "ctl/show.hpp"
#include "platform/clock.hpp"

namespace ctl {
namespace {

constexpr std::chrono::milliseconds kPoll{500};
constexpr const char* kPath = "/v1/rebalance";

int show(Context& context, const Answer& answer) {
  if (!answer) return fail(answer);
  return context.options.json ? say_json(answer) : say(rebalance_text(answer.json, context.style));
}

bool has(const Json& rebalance, std::string_view state) {
  for (const Json& move : items(rebalance, "moves")) {
    if (text(move, "state") == state) return true;
  }
  return false;
}

// Until it has ended: a line for each move that has.
int wait(Context& context) {
  const base::Duration within = context.options.within;
  const base::Time begun = platform::now();
  base::Time heard = begun;
  for (std::size_t told = 0;;) {
    const Answer answer = context.api.get(kPath);
    const base::Time now = platform::now();
    if (answer) {
      heard = now;
      const auto& moves = items(answer.json, "moves");
      for (; told < moves.size() && text(moves[told], "state") != "planned" && text(moves[told], "state") != "moving";
           ++told) {
        if (!context.options.json) print(move_text(moves[told], context.style) + "\n");
      }
      if (text(answer.json, "state") != "under_way") {
        if (context.options.json) return has(answer.json, "given_up") ? kNotSo : kOk;
        print(printable("ended: " + text(answer.json, "reason")) + "\n");
        return has(answer.json, "given_up") ? kNotSo : kOk;
      }
    } else if (answer.code != kUnreachable || now - heard > context.options.timeout) {
      return fail(answer);
    }
    if (within > base::Duration{} && now - begun > within)
      return fail(kNotSo, "the rebalance has not ended within " + platform::format_duration(within));
    std::this_thread::sleep_for(kPoll);
  }
}

}  // namespace

int rebalance(Context& context) {
  const Options& options = context.options;
  const std::string& what = options.first;
  if (what == "status") {
    const Answer answer = context.api.get(kPath);
    const int code = show(context, answer);
    return code == kOk && options.wait ? wait(context) : code;
  }
  if (what == "cancel") return show(context, context.api.send("DELETE", kPath));
  if (!what.empty()) return fail(kUsage, "rebalance: \"" + what + "\" is neither status nor cancel (--help shows how)");
  if (options.dry_run && options.wait) return fail(kUsage, "--wait: nothing comes of a --dry-run");
  std::string body = fmt::format("{{\"max_moves\":{}", options.max_moves);
  if (!options.goal.empty()) body += ",\"goal\":\"" + options.goal + "\"";
  std::string path = kPath;
  if (options.dry_run) add_query(path, "dry_run", "1");
  const int code = show(context, context.api.send("POST", path, body + "}"));
  return code == kOk && options.wait ? wait(context) : code;
}

}  // namespace ctl
