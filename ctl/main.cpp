// diego-ctl: what the bridge's API does, from a shell.

#include <array>
#include <string_view>

#include "ctl/commands.hpp"
#include "ctl/completion.hpp"
#include "ctl/files.hpp"
#include "ctl/terminal.hpp"

namespace {

struct Command {
  std::string_view name;
  int (*run)(ctl::Context& context);
};

constexpr std::array kCommands = {
    Command{"status", ctl::status},   Command{"instances", ctl::instances},
    Command{"lrp", ctl::lrp},         Command{"task", ctl::task},
    Command{"cells", ctl::cells},     Command{"explain", ctl::explain},
    Command{"start", ctl::start},     Command{"stop", ctl::stop},
    Command{"drain", ctl::drain},     Command{"undrain", ctl::undrain},
    Command{"watch", ctl::watch},     Command{"top", ctl::top},
    Command{"metrics", ctl::metrics}, Command{"api", ctl::api},
    Command{"policy", ctl::policy},   Command{"rebalance", ctl::rebalance},
};

int completion(const platform::Flags& flags, const std::string& shell) {
  if (shell == "bash") return ctl::say(ctl::bash_completion(flags.describe()));
  if (shell == "zsh") return ctl::say(ctl::zsh_completion(flags.describe()));
  return ctl::fail(ctl::kUsage, "SHELL: \"" + shell + "\" is neither bash nor zsh");
}

}  // namespace

int main(int argc, char** argv) {
  ctl::Options options;
  platform::Flags flags("diego-ctl", "What diego-scheduler's bridge shows and does, from a shell");
  flags.version("diego-ctl " DIEGO_MESOS_VERSION);
  ctl::add_flags(flags, options);
  const std::string name = platform::parse_or_exit(flags, argc, argv);
  if (name.empty()) return ctl::fail(ctl::kUsage, "which command? (--help shows them)");
  if (name == "completion") return completion(flags, options.first);

  auto api = ctl::Api::open(options);
  if (!api) return ctl::fail(ctl::kUsage, api.error().message());
  ctl::Context context{options, *api, ctl::style_of_stdout(options.color)};
  for (const Command& command : kCommands) {
    if (command.name != name) continue;
    const int code = command.run(context);
    return code == ctl::kOk && ctl::stdout_failed() ? ctl::kNotSo : code;
  }
  return ctl::fail(ctl::kUsage, name + ": unknown command");
}
