#include <fmt/format.h>

#include <chrono>
#include <thread>

#include "base/text.hpp"
#include "ctl/commands.hpp"
#include "ctl/files.hpp"
#include "ctl/show.hpp"
#include "platform/clock.hpp"

namespace ctl {
namespace {

constexpr std::chrono::milliseconds kPoll{500};

// The scheduler answers 202 to auctions that it then drops as invalid, as Diego's does; an explanation of them says
// what is wrong. Asked first, it keeps us from claiming what is not so.
struct Outlook {
  Answer answer;
  std::size_t instances = 0;
  std::vector<std::string> unplaced;  // Keys, each with why.
};

Outlook look_ahead(Api& api, const char* kind, const std::string& body) {
  Outlook outlook;
  outlook.answer = api.send("POST", std::string("/v1/explain/") + kind + "?cells=0", body);
  for (const Json& each : items(outlook.answer.json, "explanations")) {
    ++outlook.instances;
    if (is_refused(each)) outlook.unplaced.push_back(key_of(each) + " fits nowhere now: " + text(each, "refusal"));
  }
  // More than are explained at a time: then it is not known.
  if (!outlook.answer && outlook.answer.error.find("are explained at a time") != std::string::npos)
    outlook.answer.code = kOk;
  return outlook;
}

// The one agent of that name; what is unknown among cells may be an agent without one.
base::Result<std::string> agent_named(const Json& cells, const std::string& name) {
  const auto found = cells_named(cells, name);
  if (found.size() > 1) {
    std::string agents;
    for (const Json* const each : found) agents += (agents.empty() ? "" : ", ") + text(*each, "agent_id");
    return base::Error{name, "several agents bear this name: " + agents};
  }
  return found.empty() ? name : text(*found.front(), "agent_id");
}

std::string drain_path(const std::string& agent) { return "/v1/cells/" + base::percent_encode(agent) + "/drain"; }

const Json* cell_of(const Json& cells, const std::string& agent) {
  for (const Json& cell : items(cells, "cells")) {
    if (text(cell, "agent_id") == agent) return &cell;
  }
  return nullptr;
}

class DrainWait {
 public:
  DrainWait(Context& context, std::string agent)
      : context_(context), agent_(std::move(agent)), begun_(platform::now()) {}

  int run() {
    base::Time heard = begun_;
    for (;;) {
      const Answer answer = context_.api.get("/v1/cells");
      const base::Time now = platform::now();
      if (answer) {
        heard = now;
        if (const auto code = done(answer.json)) return *code;
      } else if (answer.code != kUnreachable || now - heard > context_.options.timeout) {
        return fail(answer);  // It may be away for a moment; not for longer than an answer may take.
      }
      const base::Duration within = context_.options.within;
      if (within > base::Duration{} && now - begun_ > within)
        return fail(kNotSo, fmt::format("agent {} is not empty within {}: {}", agent_,
                                        platform::format_duration(within), last_));
      std::this_thread::sleep_for(kPoll);
    }
  }

 private:
  std::optional<int> done(const Json& cells) {
    const Json* const cell = cell_of(cells, agent_);
    if (cell == nullptr || (text(*cell, "state") == "none" && instances_on_it(*cell) == 0)) {
      if (!context_.options.json) print("empty after " + age(platform::now() - begun_) + "\n");
      return kOk;
    }
    if (text(*cell, "draining").empty())
      return fail(kNotSo,
                  "agent " + agent_ + " is drained no more: somebody cancelled it, or the scheduler was restarted");
    const std::string now = fmt::format("cell {} is {}, {} left", text(*cell, "cell_id"), text(*cell, "state"),
                                        count(instances_on_it(*cell), "instance"));
    if (now != last_ && !context_.options.json) print(printable(now) + "\n");
    last_ = now;
    return std::nullopt;
  }

  static std::int64_t instances_on_it(const Json& cell) {
    return static_cast<std::int64_t>(items(cell, "instances").size());
  }

  Context& context_;
  const std::string agent_;
  const base::Time begun_;
  std::string last_ = "nothing heard yet";
};

int set_drain(Context& context, bool wanted) {
  const Answer cells = context.api.get("/v1/cells");
  if (!cells) return fail(cells);
  const auto agent = agent_named(cells.json, context.options.first);
  if (!agent) return fail(kUsage, agent.error().message());
  Answer answer = context.api.send(wanted ? "POST" : "DELETE", drain_path(*agent));
  if (answer.status == 404) answer.error = context.api.url() + ": no cell or agent \"" + context.options.first + "\"";
  if (!answer) return fail(answer);
  context.options.json ? say_json(answer)
                       : say((wanted ? "draining agent " : "agent may be used again: ") + printable(*agent) + "\n");
  return wanted && context.options.wait ? DrainWait(context, *agent).run() : kOk;
}

}  // namespace

int start(Context& context) {
  const std::string& file = context.options.first;
  const auto content = read_file(file);
  if (!content) return fail(kUsage, content.error().message());
  const auto auctions = parse_auctions(*content);
  if (!auctions) return fail(kUsage, file + ": " + auctions.error().message());
  std::string said;
  std::vector<std::pair<std::string, std::string>> posts;
  if (!auctions->lrps.empty()) posts.emplace_back("lrps", auctions->lrps);
  if (!auctions->tasks.empty()) posts.emplace_back("tasks", auctions->tasks);
  std::vector<Outlook> outlooks;
  for (const auto& [kind, body] : posts) {
    outlooks.push_back(look_ahead(context.api, kind.c_str(), body));
    if (!outlooks.back().answer) return fail(outlooks.back().answer);
  }
  for (const auto& [kind, body] : posts) {
    const Answer answer = context.api.send("POST", "/v1/" + kind, body);
    if (!answer) return fail(answer);
  }
  if (context.options.json) return say("{}\n");
  const auto add = [&said](std::size_t many, const char* what) {
    if (many > 0) said += (said.empty() ? "" : ", ") + count(static_cast<std::int64_t>(many), what);
  };
  add(auctions->lrp_requests, "process request");
  add(auctions->task_requests, "Task");
  said = "accepted: " + said + "\n";
  for (const Outlook& outlook : outlooks) {
    for (const std::string& one : outlook.unplaced) said += inked(printable(one), Ink::yellow, context.style) + "\n";
  }
  return say(said);
}

int stop(Context& context) {
  const auto given = parse_target(context.options.words());
  if (!given) return fail(kUsage, given.error().message());
  const Meaning meaning = meaning_of(context.api, *given);
  if (!meaning.answer) return fail(meaning.answer);
  Answer answer = context.api.send("DELETE", meaning.target.path());
  if (answer.status == 404) answer.error += " \"" + meaning.target.text() + "\"";
  if (!answer) return fail(answer);
  if (context.options.json) return say_json(answer);
  std::string out;
  for (const Json& key : items(answer.json, "stopping")) out += "stopping " + printable(key_of(key)) + "\n";
  return say(out);
}

int drain(Context& context) { return set_drain(context, true); }
int undrain(Context& context) { return set_drain(context, false); }

}  // namespace ctl
