#include <unistd.h>

#include <optional>

#include "ctl/commands.hpp"
#include "ctl/files.hpp"
#include "ctl/show.hpp"
#include "ctl/terminal.hpp"
#include "platform/clock.hpp"

namespace ctl {
namespace {

constexpr const char* kRunning = "/v1/instances?state=running&limit=10000";

struct Seen {
  Answer overview, cells, instances;

  const Answer* failed() const {
    for (const Answer* const each : {&overview, &cells, &instances}) {
      if (!*each) return each;
    }
    return nullptr;
  }
};

Seen look(Api& api) {
  Seen seen;
  seen.overview = api.get("/v1/overview");
  if (seen.overview) seen.cells = api.get("/v1/cells");
  if (seen.overview && seen.cells) seen.instances = api.get(kRunning);
  return seen;
}

std::string shown(const Seen& seen, Context& context, const std::string& sort, std::size_t lines) {
  return top_text({.overview = seen.overview.json,
                   .cells = seen.cells.json,
                   .instances = seen.instances.json,
                   .url = context.api.url(),
                   .sort = sort,
                   .now = platform::now()},
                  lines, context.style);
}

int once(Context& context) {
  const Seen seen = look(context.api);
  if (const Answer* const failed = seen.failed()) return fail(*failed);
  if (!context.options.json) return say(shown(seen, context, context.options.sort, 0));
  return say("{\"overview\":" + to_json(seen.overview.json) +
             ",\"cells\":" + to_json(member(seen.cells.json, "cells")) +
             ",\"instances\":" + to_json(member(seen.instances.json, "instances")) + "}\n");
}

// While it does not answer, what was seen last stays, under a line that says so.
int refresh(Context& context, Seen seen) {
  Screen screen;
  std::string sort = context.options.sort, trouble;
  base::Time next = platform::now() + context.options.every;
  for (;;) {
    context.style = style_of_stdout(context.options.color);
    const std::size_t lines = terminal_lines();
    std::string text =
        trouble.empty() ? "" : inked(cut(printable(trouble), context.style.columns), Ink::red, context.style) + "\n";
    text += shown(seen, context, sort, lines - (trouble.empty() ? 1 : 2));
    text += inked("q ends, m and c sort by memory and cpu", Ink::dim, context.style);
    screen.show(text);
    const base::Time now = platform::now();
    if (const auto key = screen.key(next > now ? next - now : base::Duration{})) {
      if (*key == 'q' || *key == 'Q' || *key == '\x04') return kOk;
      if (*key == 'm' || *key == 'c') sort = *key == 'm' ? "memory" : "cpu";
      continue;
    }
    if (platform::now() < next) continue;  // The window changed.
    Seen fresh = look(context.api);
    const Answer* const failed = fresh.failed();
    trouble = failed == nullptr ? "" : failed->error;
    if (failed == nullptr) seen = std::move(fresh);
    next = platform::now() + context.options.every;
  }
}

}  // namespace

int top(Context& context) {
  if (context.options.json || !stdout_is_terminal() || ::isatty(STDIN_FILENO) != 1) return once(context);
  Seen seen = look(context.api);
  if (const Answer* const failed = seen.failed()) return fail(*failed);
  return refresh(context, std::move(seen));
}

}  // namespace ctl
