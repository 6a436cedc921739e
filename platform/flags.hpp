// Command-line flags over CLI11, the same way in every program: kebab-case, each also as
// DIEGO_MESOS_<FLAG> in the environment or a key in `--config FILE` (TOML); unknown ones are errors;
// a bad value is one line on stderr and exit 2. --help groups flags and gives defaults and units.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"

namespace platform {

// "5s", "1.5s", "250ms", "2m", "1h", "1w", and sums like "1m30s" (Go's form and days and weeks);
// a bare number is an error: it has no unit.
base::Result<base::Duration> parse_duration(std::string_view where, std::string_view text);
std::string format_duration(base::Duration duration);  // The shortest form that parses back.

class Flags {
 public:
  // `about`: the program in one sentence.
  Flags(std::string program, std::string about);
  ~Flags();
  Flags(const Flags&) = delete;
  Flags& operator=(const Flags&) = delete;

  // Adds --version, which prints `text`.
  void version(std::string text);

  // Later flags belong to this heading of --help.
  void group(std::string heading);

  // `name` without dashes; `value` holds the default and receives the value; `help` is a phrase
  // with the unit. The referenced variables must outlive parse().
  void add(std::string name, std::string& value, std::string help);
  void add(std::string name, std::int64_t& value, std::string help, std::int64_t min, std::int64_t max);
  void add(std::string name, double& value, std::string help, double min, double max);
  void add(std::string name, base::Duration& value, std::string help, base::Duration min = base::Duration{0});
  void add(std::string name, bool& value, std::string help);                       // --name, --name=false
  void add(std::string name, std::vector<std::string>& values, std::string help);  // Repeatable.
  void add_choice(std::string name, std::string& value, std::vector<std::string> choices, std::string help);

  // A word of the command line that stands without dashes, such as the file to read; required, and not empty.
  // `name` is what --help calls it. In the order in which they are added; none beside subcommands.
  void argument(std::string name, std::string& value, std::string help);
  // One that may be left out: `value` then stays as it is. No required one comes after it.
  void optional_argument(std::string name, std::string& value, std::string help);

  // A check over several flags, run after parsing; an Error ends the program like a bad value.
  void check(std::function<base::Status()> check);

  // A subcommand, such as `diego-local rep`; without one on the command line none is chosen.
  Flags& subcommand(std::string name, std::string about);

  // Another name of this subcommand.
  void alias(std::string name);

  // The variable that names the file, in place of DIEGO_MESOS_CONFIG: for a program that is also run where that
  // one is another program's.
  void config_variable(std::string name);

  // What there is, for completion in a shell. Of a subcommand: without the program's own flags, which it takes too.
  struct Description {
    struct Flag {
      std::string name, help;  // `name` without dashes.
      bool takes_value = true;
      std::vector<std::string> choices;
    };
    std::string name, about;  // `name` as on the command line.
    std::vector<std::string> aliases;
    std::vector<std::string> arguments;  // Their names.
    std::vector<Flag> flags;             // With --config, --help and --version, where they are.
    std::vector<Description> subcommands;
  };
  Description describe() const;

  // Nothing is taken from the environment or a file, the program's own flags included where it is a subcommand's:
  // where those are meant for what runs as a service, and this is asked by hand.
  void command_line_only();

  // What to do: run, or print `text` to stdout (help, version; code 0) or stderr (code 2) and exit.
  struct Outcome {
    bool run = true;
    int code = 0;
    std::string text;
    std::string subcommand;  // "" for none.
  };
  Outcome parse(int argc, const char* const* argv);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Parses; where there is nothing to run prints and exits. Returns the subcommand.
std::string parse_or_exit(Flags& flags, int argc, const char* const* argv);

}  // namespace platform
