#include "ctl/options.hpp"

#include "platform/http.hpp"

namespace ctl {
namespace {

using platform::Flags;

constexpr std::int64_t kMost = 1'000'000'000;

void add_global(Flags& flags, Options& options) {
  flags.group("The scheduler");
  flags.add("url", options.url, "its bridge, http(s)://host:port");
  flags.add("ca", options.ca, "file of certificates to trust; without, those the system trusts");
  flags.add("cert", options.cert, "our own certificate, where the bridge asks for one");
  flags.add("key", options.key, "its key");
  flags.add("server-name", options.server_name, "whom the bridge's certificate is for, if not the URL's host");
  flags.add("token-file", options.token_file, "file with the bearer token");
  flags.add("timeout", options.timeout, "how long to wait for an answer", std::chrono::milliseconds(1));
  flags.group("Output");
  flags.add("json", options.json, "the scheduler's own JSON, for scripts");
  flags.add_choice("color", options.color, {"auto", "always", "never"}, "auto: on a terminal, if NO_COLOR is not set");
  flags.check([&options]() -> base::Status {
    if (auto url = platform::parse_url("--url", options.url); !url) return url.error();
    if (options.cert.empty() != options.key.empty()) return base::Error{"--cert and --key", "each needs the other"};
    return base::ok();
  });
}

void add_target(Flags& flags, Options& options, bool required) {
  const std::string what = "GUID, or GUID.INDEX as tables show it; or `lrp` or `task` and a guid";
  required ? flags.argument("GUID", options.first, what) : flags.optional_argument("GUID", options.first, what);
  flags.optional_argument("INDEX|GUID", options.second, "of an instance; the guid after `lrp` or `task`");
  flags.optional_argument("INDEX", options.third, "of an instance, after `lrp` and a guid");
}

void add_looking(Flags& flags, Options& options) {
  flags.subcommand("status", "The scheduler in numbers; exit 1 where no master has subscribed it").alias("overview");

  Flags& instances = flags.subcommand("instances", "Instances and Tasks: where they are, why they wait");
  instances.alias("ps");
  instances.add_choice(
      "state", options.state,
      {"queued", "launching", "starting", "running", "stopping", "stopped", "failed", "lost", "rejected"},
      "only those in this state");
  instances.add("process", options.process, "only this process, or the Task of that guid");

  Flags& lrp = flags.subcommand("lrp", "The instances of a process, or all about one of them");
  lrp.argument("GUID", options.first, "of the process, or GUID.INDEX");
  lrp.optional_argument("INDEX", options.second, "of the instance");

  flags.subcommand("task", "All about a Task").argument("GUID", options.first, "of the Task");

  Flags& cells = flags.subcommand("cells", "Cells with their capacity and use; or all about one of them");
  cells.alias("cell");
  cells.optional_argument("CELL", options.first, "id of a cell or agent, or an agent's host name");

  Flags& explain =
      flags.subcommand("explain", "Why something waits, or where it would go; exit 3: it would be placed nowhere");
  explain.alias("why");
  add_target(explain, options, false);
  explain.add("file", options.file, "explain these instances or Tasks, as an auction has them, instead; - for stdin");
  explain.add("cells", options.cells, "show so many cells that fit, and so many that do not", 0, 10'000);
}

void add_steering(Flags& flags, Options& options) {
  flags.subcommand("start", "Posts auctions, as the BBS does")
      .argument("FILE", options.first, "JSON: an instance or Task as an auction has it, or a list; - for stdin");

  add_target(flags.subcommand("stop", "Stops an instance, a Task, or all instances of a process"), options, true);

  const std::string which = "id of a cell or agent, or an agent's host name";
  Flags& drain = flags.subcommand("drain", "Empties an agent and keeps it so: its work moves, then its cell ends");
  drain.argument("CELL", options.first, which);
  drain.add("wait", options.wait, "until nothing of ours is left there");
  drain.add("within", options.within, "with --wait: then give up, and exit 1; 0s: never");
  flags.subcommand("undrain", "The agent may be used again").argument("CELL", options.first, which);

  flags.subcommand("policy", "What the scheduler decides by, and may be changed while it runs")
      .add("set", options.set, "NAME=VALUE, as the scheduler's flag of that name; NAME=default: what the flags say");

  Flags& rebalance = flags.subcommand("rebalance", "Packs or spreads what runs: cell by cell, started before stopped");
  rebalance.optional_argument("status|cancel", options.first, "shows the one under way, or the last; ends its rest");
  rebalance.add("dry-run", options.dry_run, "only show what would move where, and why");
  rebalance.add_choice("goal", options.goal, {"pack", "spread"}, "if not given: pack under binpack, else spread");
  rebalance.add("max-moves", options.max_moves, "at most so many cells are emptied", 1, 100);
  rebalance.add("wait", options.wait, "until it has ended; exit 1 if a cell could not be emptied");
  rebalance.add("within", options.within, "with --wait: then wait no longer, and exit 1; 0s: never");
}

void add_watching(Flags& flags, Options& options) {
  Flags& watch = flags.subcommand("watch", "Events as they come, over broken connections and restarts");
  watch.alias("events");
  watch.add("kind", options.kinds, "only these, such as instance.running or all of cell");
  watch.add("process", options.process, "only of this process, or the Task of that guid");
  watch.add("cell", options.cell, "only of this cell or agent, by its id");
  watch.add("recent", options.recent, "begin with so many events that were before", 0, 10'000);
  watch.add("after", options.after, "begin after the event of this id");
  watch.add("count", options.count, "end after so many; 0: never", 0, kMost);

  Flags& top = flags.subcommand("top", "Cells and instances, refreshed; q ends it. Once, where stdout is no terminal");
  top.add("every", options.every, "how often", std::chrono::milliseconds(100));
  top.add_choice("sort", options.sort, {"memory", "cpu"}, "instances by their use of; keys m and c change it");

  flags.subcommand("metrics", "What Prometheus scrapes")
      .optional_argument("PREFIX", options.first, "only metrics whose names begin so");

  Flags& api = flags.subcommand("api", "Any request to the bridge; its answer as it is");
  api.argument("PATH", options.first, "such as /v1/overview, percent-encoded, with its query");
  api.add_choice("method", options.method, {"GET", "POST", "PUT", "DELETE"}, "GET, or PUT with a --file, if not given");
  api.add("file", options.file, "the body; - for stdin");

  flags.subcommand("completion", "Prints a script that completes in your shell: source <(diego-ctl completion bash)")
      .argument("SHELL", options.first, "bash or zsh");
}

}  // namespace

void add_flags(Flags& flags, Options& options) {
  flags.config_variable("DIEGO_MESOS_CTL_CONFIG");
  add_global(flags, options);
  add_looking(flags, options);
  add_steering(flags, options);
  add_watching(flags, options);
}

}  // namespace ctl
