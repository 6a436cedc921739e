#include "platform/flags.hpp"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cassert>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <optional>
#include <sstream>

#include "base/text.hpp"

namespace platform {
namespace {

using Setter = std::function<base::Status(const std::string& where, const std::vector<std::string>& texts)>;

struct Flag {
  std::string name, heading, type, fallback, help;
  bool repeatable = false;
  bool boolean = false;
  std::vector<std::string> choices;
  Setter set;
  std::vector<std::string> given;  // From the command line, filled by CLI11, which keeps its address.
};

struct Argument {
  std::string name, help;
  bool required = true;
  std::string* value = nullptr;
  std::string given;  // Filled by CLI11, which keeps its address.
};

base::Error quoted(const std::string& where, const std::string& text, const std::string& why) {
  return base::Error{where, "\"" + text + "\" " + why};
}

template <class Number>
std::optional<Number> parse_number(const std::string& text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::string number_text(double number) {
  std::ostringstream out;
  out << number;
  return out.str();
}

template <class Number>
Setter number_setter(Number& value, Number min, Number max, std::function<std::string(Number)> text_of) {
  return [&value, min, max, text_of](const std::string& where, const std::vector<std::string>& texts) -> base::Status {
    const auto number = parse_number<Number>(texts.back());
    if (!number) return quoted(where, texts.back(), "is not a number");
    if (!(*number >= min && *number <= max)) {
      return quoted(where, texts.back(), "is not between " + text_of(min) + " and " + text_of(max));
    }
    value = *number;
    return base::ok();
  };
}

std::string environment_name(const std::string& flag) {
  std::string out = "DIEGO_MESOS_";
  for (const char c : flag) out += c == '-' ? '_' : (c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c);
  return out;
}

std::string joined(const std::vector<std::string>& texts, std::string_view between) {
  std::string out;
  for (const std::string& text : texts) {
    if (!out.empty()) out += between;
    out += text;
  }
  return out;
}

// What CLI11 parses, last one first. It takes "--flag=" for a flag without its value; the empty text
// is a value to us.
std::vector<std::string> arguments(int argc, const char* const* argv) {
  std::vector<std::string> out;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument.starts_with("--") && argument.find('=') == argument.size() - 1) {
      out.push_back(argument.substr(0, argument.size() - 1));
      out.emplace_back();
    } else {
      out.push_back(argument);
    }
  }
  std::reverse(out.begin(), out.end());
  return out;
}

// Help is for people with 100 columns; continuation lines start under the help text.
std::string wrapped(const std::string& text, std::size_t indent) {
  constexpr std::size_t kWidth = 100;
  std::string out;
  std::size_t column = indent;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    if (column > indent && column + 1 + word.size() > kWidth) {
      out += "\n" + std::string(indent, ' ');
      column = indent;
    }
    if (column > indent) out += ' ', ++column;
    out += word;
    column += word.size();
  }
  return out;
}

}  // namespace

struct Flags::Impl {
  std::string program, command, about, heading = "Options", version;
  CLI::App own_app;  // Used by the root only.
  CLI::App* app = nullptr;
  const Impl* parent = nullptr;  // Of a subcommand: the program.
  std::string config_file, config_name = "DIEGO_MESOS_CONFIG";
  bool command_line_only = false;
  std::vector<std::unique_ptr<Argument>> arguments;
  std::vector<std::string> aliases;
  std::vector<std::unique_ptr<Flag>> flags;
  std::vector<std::function<base::Status()>> checks;
  std::vector<std::pair<std::string, std::unique_ptr<Flags>>> subcommands;

  Flag& add(std::string name, std::string type, std::string fallback, std::string help, Setter set) {
    auto flag = std::make_unique<Flag>();
    flag->name = std::move(name);
    flag->heading = heading;
    flag->type = std::move(type);
    flag->fallback = std::move(fallback);
    flag->help = std::move(help);
    flag->set = std::move(set);
    flags.push_back(std::move(flag));
    return *flags.back();
  }

  void add_option(Flag& flag) { app->add_option("--" + flag.name, flag.given)->allow_extra_args(false); }

  void add_argument(Argument argument) {
    assert(arguments.empty() || arguments.back()->required || !argument.required);
    arguments.push_back(std::make_unique<Argument>(std::move(argument)));
    app->add_option(arguments.back()->name, arguments.back()->given);
  }

  std::string help_text() const;
  base::Status take_arguments() const;
  std::string unknown_word() const;
  const Flag* find(const std::string& name) const;
  base::Result<std::vector<CLI::ConfigItem>> read_config(const std::string& chosen) const;
  base::Status apply(const std::vector<CLI::ConfigItem>& config, const std::string& section);
};

const Flag* Flags::Impl::find(const std::string& name) const {
  for (const auto& flag : flags) {
    if (flag->name == name) return flag.get();
  }
  return nullptr;
}

// The file's items, each known to be a flag: at the top of the program or the chosen subcommand, in
// a [section] of the subcommand of that name.
base::Result<std::vector<CLI::ConfigItem>> Flags::Impl::read_config(const std::string& chosen) const {
  std::ifstream file(config_file);
  if (!file) return base::Error{"--config " + config_file, "cannot be read"};
  std::vector<CLI::ConfigItem> items;
  try {
    items = CLI::ConfigTOML().from_config(file);
  } catch (const CLI::Error& error) {
    return base::Error{"--config " + config_file, error.what()};
  }
  std::erase_if(items, [](const CLI::ConfigItem& item) { return item.name == "++" || item.name == "--"; });
  for (const CLI::ConfigItem& item : items) {
    bool known = item.parents.empty() && find(item.name) != nullptr;
    for (const auto& [name, flags_of] : subcommands) {
      const bool its_place = item.parents.empty() ? name == chosen : item.parents == std::vector<std::string>{name};
      known = known || (its_place && flags_of->impl_->find(item.name) != nullptr);
    }
    if (!known) return base::Error{"--config " + config_file, "unknown key \"" + item.fullname() + "\""};
  }
  return items;
}

std::string Flags::Impl::help_text() const {
  std::string out = program + ": " + about + "\n\nUsage: " + program;
  if (!subcommands.empty()) out += " [SUBCOMMAND]";
  for (const auto& argument : arguments) out += argument->required ? " " + argument->name : " [" + argument->name + "]";
  out += " [FLAGS]\n";
  if (!aliases.empty()) out += "Also called: " + joined(aliases, ", ") + "\n";
  if (!subcommands.empty()) {
    out += "\nSubcommands (each has its own --help):\n";
    for (const auto& [word, flags_of] : subcommands) {
      out += "  " + word + std::string(word.size() < 14 ? 14 - word.size() : 1, ' ') + flags_of->impl_->about + "\n";
    }
  }
  std::vector<std::string> headings;
  for (const auto& flag : flags) {
    if (std::find(headings.begin(), headings.end(), flag->heading) == headings.end()) headings.push_back(flag->heading);
  }
  const auto line = [&out](const std::string& left, const std::string& right) {
    constexpr std::size_t kColumn = 40;
    out += "  " + left;
    out += left.size() + 3 > kColumn ? "\n" + std::string(kColumn, ' ') : std::string(kColumn - left.size() - 2, ' ');
    out += wrapped(right, kColumn) + "\n";
  };
  if (!arguments.empty()) out += "\n";
  for (const auto& argument : arguments) line(argument->name, argument->help);
  for (const std::string& title : headings) {
    out += "\n" + title + ":\n";
    for (const auto& flag : flags) {
      if (flag->heading != title) continue;
      std::string right = flag->help;
      if (flag->repeatable) right += " (repeatable)";
      if (!flag->fallback.empty()) right += " (default: " + flag->fallback + ")";
      line("--" + flag->name + (flag->boolean ? "" : " " + flag->type), right);
    }
  }
  out += "\nGeneral:\n";
  if (parent != nullptr && !parent->flags.empty() && !command_line_only) {
    std::string names;
    for (const auto& flag : parent->flags) names += (names.empty() ? "--" : ", --") + flag->name;
    line("Those of " + parent->program, names);
  }
  if (!command_line_only) line("--config FILE", "TOML file with flags as keys, without the dashes");
  line("-h, --help", "show this");
  if (!version.empty()) line("--version", "show the version");
  if (command_line_only) return out;
  out +=
      "\nEvery flag may also be given as DIEGO_MESOS_<FLAG> in the environment (repeatable ones with\n"
      "commas) or in --config; the command line wins over the environment, that over the file.\n"
      "A duration is a number with a unit, such as 250ms, 5s, 1m30s or 1w.\n";
  return out;
}

// Command line over environment over file, for each flag. `section` is the subcommand's name, for
// whose flags the file may have a [section].
base::Status Flags::Impl::apply(const std::vector<CLI::ConfigItem>& config, const std::string& section) {
  for (const auto& flag : flags) {
    if (!flag->given.empty()) {
      if (auto set = flag->set("--" + flag->name, flag->given); !set) return set.error();
      continue;
    }
    if (command_line_only) continue;
    const std::string name = environment_name(flag->name);
    if (const char* const value = std::getenv(name.c_str()); value != nullptr) {
      const std::vector<std::string> texts =
          flag->repeatable ? base::split_list(value) : std::vector<std::string>{value};
      if (auto set = flag->set(name, texts); !set) return set.error();
      continue;
    }
    for (const CLI::ConfigItem& item : config) {
      const bool ours = item.parents.empty() || (item.parents.size() == 1 && item.parents[0] == section);
      if (!ours || item.name != flag->name || item.inputs.empty()) continue;
      if (!flag->repeatable && item.inputs.size() != 1) {
        return base::Error{config_file + ": " + flag->name, "takes one value"};
      }
      if (auto set = flag->set(config_file + ": " + flag->name, item.inputs); !set) return set.error();
    }
  }
  for (const auto& check : checks) {
    if (auto passed = check(); !passed) return passed.error();
  }
  return base::ok();
}

Flags::Flags(std::string program, std::string about) : impl_(std::make_unique<Impl>()) {
  impl_->program = std::move(program);
  impl_->about = std::move(about);
  impl_->app = &impl_->own_app;
  impl_->app->set_help_flag("-h,--help", "");
  impl_->app->add_option("--config", impl_->config_file);
}

Flags::~Flags() = default;

void Flags::version(std::string text) { impl_->version = std::move(text); }

void Flags::group(std::string heading) { impl_->heading = std::move(heading); }

void Flags::add(std::string name, std::string& value, std::string help) {
  impl_->add_option(impl_->add(std::move(name), "TEXT", value, std::move(help),
                               [&value](const std::string&, const std::vector<std::string>& texts) {
                                 value = texts.back();
                                 return base::ok();
                               }));
}

void Flags::add(std::string name, std::int64_t& value, std::string help, std::int64_t min, std::int64_t max) {
  impl_->add_option(
      impl_->add(std::move(name), "N", std::to_string(value), std::move(help),
                 number_setter<std::int64_t>(value, min, max, [](std::int64_t n) { return std::to_string(n); })));
}

void Flags::add(std::string name, double& value, std::string help, double min, double max) {
  impl_->add_option(impl_->add(std::move(name), "NUMBER", number_text(value), std::move(help),
                               number_setter<double>(value, min, max, number_text)));
}

void Flags::add(std::string name, base::Duration& value, std::string help, base::Duration min) {
  impl_->add_option(
      impl_->add(std::move(name), "DURATION", format_duration(value), std::move(help),
                 [&value, min](const std::string& where, const std::vector<std::string>& texts) -> base::Status {
                   const auto duration = parse_duration(where, texts.back());
                   if (!duration) return duration.error();
                   if (*duration < min) return quoted(where, texts.back(), "is shorter than " + format_duration(min));
                   value = *duration;
                   return base::ok();
                 }));
}

void Flags::add(std::string name, bool& value, std::string help) {
  Flag& flag = impl_->add(std::move(name), "", value ? "true" : "false", std::move(help),
                          [&value](const std::string& where, const std::vector<std::string>& texts) -> base::Status {
                            const std::string text = base::lower(texts.back());
                            if (text != "true" && text != "false" && text != "1" && text != "0") {
                              return quoted(where, texts.back(), "is neither true nor false");
                            }
                            value = text == "true" || text == "1";
                            return base::ok();
                          });
  flag.boolean = true;
  // CLI11 gives the flag "true" where it stands alone, and the text after '=' where there is one.
  impl_->app->add_flag("--" + flag.name, flag.given, "");
}

void Flags::add(std::string name, std::vector<std::string>& values, std::string help) {
  Flag& flag = impl_->add(std::move(name), "TEXT", joined(values, ","), std::move(help),
                          [&values](const std::string&, const std::vector<std::string>& texts) {
                            values = texts;
                            return base::ok();
                          });
  flag.repeatable = true;
  impl_->add_option(flag);
}

void Flags::add_choice(std::string name, std::string& value, std::vector<std::string> choices, std::string help) {
  const std::string type = joined(choices, "|");
  Flag& flag =
      impl_->add(std::move(name), type, value, std::move(help),
                 [&value, choices](const std::string& where, const std::vector<std::string>& texts) -> base::Status {
                   if (std::find(choices.begin(), choices.end(), texts.back()) == choices.end()) {
                     return quoted(where, texts.back(), "is none of " + joined(choices, ", "));
                   }
                   value = texts.back();
                   return base::ok();
                 });
  flag.choices = std::move(choices);
  impl_->add_option(flag);
}

void Flags::argument(std::string name, std::string& value, std::string help) {
  impl_->add_argument({.name = std::move(name), .help = std::move(help), .required = true, .value = &value});
}

void Flags::optional_argument(std::string name, std::string& value, std::string help) {
  impl_->add_argument({.name = std::move(name), .help = std::move(help), .required = false, .value = &value});
}

void Flags::command_line_only() { impl_->command_line_only = true; }

void Flags::check(std::function<base::Status()> check) { impl_->checks.push_back(std::move(check)); }

Flags& Flags::subcommand(std::string name, std::string about) {
  std::unique_ptr<Flags> flags(new Flags(impl_->program + " " + name, std::move(about)));
  Impl& child = *flags->impl_;
  child.command = name;
  child.parent = impl_.get();
  child.app = impl_->app->add_subcommand(name);
  child.app->set_help_flag("-h,--help", "");
  child.app->fallthrough();  // The program's own flags may stand behind the subcommand too.
  impl_->app->require_subcommand(0, 1);
  impl_->subcommands.emplace_back(std::move(name), std::move(flags));
  return *impl_->subcommands.back().second;
}

void Flags::alias(std::string name) {
  impl_->app->alias(name);
  impl_->aliases.push_back(std::move(name));
}

void Flags::config_variable(std::string name) { impl_->config_name = std::move(name); }

Flags::Description Flags::describe() const {
  Description out{.name = impl_->parent == nullptr ? impl_->program : impl_->command,
                  .about = impl_->about,
                  .aliases = impl_->aliases};
  for (const auto& argument : impl_->arguments) out.arguments.push_back(argument->name);
  for (const auto& flag : impl_->flags) out.flags.push_back({flag->name, flag->help, !flag->boolean, flag->choices});
  if (impl_->parent == nullptr) out.flags.push_back({"config", "TOML file with flags as keys", true, {}});
  out.flags.push_back({"help", "show the flags", false, {}});
  if (!impl_->version.empty()) out.flags.push_back({"version", "show the version", false, {}});
  for (const auto& [name, flags] : impl_->subcommands) out.subcommands.push_back(flags->describe());
  return out;
}

// The words without dashes, where they belong.
base::Status Flags::Impl::take_arguments() const {
  for (const auto& argument : arguments) {
    if (!argument->given.empty()) *argument->value = argument->given;
    if (argument->given.empty() && argument->required)
      return base::Error{"", argument->name + " is missing (--help shows the flags)"};
  }
  return base::ok();
}

// The first of the program's own that is nothing we know; "" without subcommands, whose name it could be.
std::string Flags::Impl::unknown_word() const {
  const std::vector<std::string> rest = app->remaining();
  return subcommands.empty() || rest.empty() || rest.front().starts_with("-") ? "" : rest.front();
}

Flags::Outcome Flags::parse(int argc, const char* const* argv) {
  const auto refuse = [this](const std::string& line) {
    return Outcome{.run = false, .code = 2, .text = impl_->program + ": " + line + "\n", .subcommand = ""};
  };
  const auto chosen = [this]() -> std::pair<std::string, Flags*> {
    for (const auto& [name, flags] : impl_->subcommands) {
      if (flags->impl_->app->parsed()) return {name, flags.get()};
    }
    return {"", nullptr};
  };
  const auto help = [this, chosen] {
    const Flags* const flags = chosen().second;
    return Outcome{
        .run = false, .code = 0, .text = (flags != nullptr ? flags : this)->impl_->help_text(), .subcommand = ""};
  };
  bool want_version = false;
  if (!impl_->version.empty()) impl_->app->add_flag("--version", want_version);

  try {
    impl_->app->parse(arguments(argc, argv));
  } catch (const CLI::CallForHelp&) {
    return help();
  } catch (const CLI::ParseError& error) {
    const std::string word = impl_->unknown_word();
    if (word == "help") return help();
    if (!word.empty() && chosen().second == nullptr)
      return refuse("\"" + word + "\" is no subcommand (--help shows them)");
    std::string text = error.what();
    std::replace(text.begin(), text.end(), '\n', ' ');
    return refuse(text + " (--help shows the flags)");
  }
  if (want_version) return {.run = false, .code = 0, .text = impl_->version + "\n", .subcommand = ""};

  const auto [name, sub] = chosen();
  for (const Flags* const flags : {static_cast<const Flags*>(this), static_cast<const Flags*>(sub)}) {
    if (flags == nullptr) continue;
    if (const auto taken = flags->impl_->take_arguments(); !taken) return refuse(taken.error().message());
  }
  if (sub != nullptr && sub->impl_->command_line_only) impl_->command_line_only = true;
  if (impl_->command_line_only) {
    impl_->config_file.clear();
  } else if (impl_->config_file.empty()) {
    if (const char* const file = std::getenv(impl_->config_name.c_str()); file != nullptr) impl_->config_file = file;
  }
  std::vector<CLI::ConfigItem> config;
  if (!impl_->config_file.empty()) {
    auto items = impl_->read_config(name);
    if (!items) return refuse(items.error().message());
    config = *std::move(items);
  }
  if (auto applied = impl_->apply(config, ""); !applied) return refuse(applied.error().message());
  if (sub != nullptr) {
    sub->impl_->config_file = impl_->config_file;
    if (auto applied = sub->impl_->apply(config, name); !applied) return refuse(applied.error().message());
  }
  return {.run = true, .code = 0, .text = "", .subcommand = name};
}

std::string parse_or_exit(Flags& flags, int argc, const char* const* argv) {
  Flags::Outcome outcome = flags.parse(argc, argv);
  if (outcome.run) return outcome.subcommand;
  std::fputs(outcome.text.c_str(), outcome.code == 0 ? stdout : stderr);
  std::exit(outcome.code);
}

}  // namespace platform
