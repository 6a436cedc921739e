#include "ctl/completion.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

namespace ctl {
namespace {

using Description = platform::Flags::Description;
using Words = std::vector<std::string>;

constexpr std::array<std::string_view, 6> kOfFiles = {"ca", "cert", "key", "token-file", "file", "config"};
// What --kind takes: all of a sort, too.
constexpr std::string_view kKinds =
    "instance instance.queued instance.launching instance.starting instance.running instance.stopping instance.stopped "
    "instance.failed instance.lost instance.rejected instance.unplaced cell cell.starting cell.up cell.found "
    "cell.stopping cell.gone agent agent.left agent.stays agent.quarantined agent.released master master.subscribed "
    "master.lost";

std::string joined(const Words& words, std::string_view between) {
  std::string out;
  for (const std::string& word : words) {
    if (!out.empty()) out += between;
    out += word;
  }
  return out;
}

bool takes_file(std::string_view word) {
  return std::find(kOfFiles.begin(), kOfFiles.end(), word) != kOfFiles.end() || word == "FILE";
}

// The words that may stand in place of an argument.
std::string words_for(const Description& command, std::size_t argument) {
  if (argument >= command.arguments.size()) return "";
  const std::string& name = command.arguments[argument];
  if (name == "SHELL") return "bash zsh";
  if (name.find_first_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ") == std::string::npos) {  // Words themselves, a|b.
    std::string words = name;
    std::replace(words.begin(), words.end(), '|', ' ');
    return words;
  }
  const bool target = name == "GUID" && command.arguments.size() == 3;
  return target ? "lrp task" : "";
}

Words names_of(const Description& command) {
  Words names = {command.name};
  names.insert(names.end(), command.aliases.begin(), command.aliases.end());
  return names;
}

Words flags_of(const Description& command) {
  Words flags;
  for (const Description::Flag& flag : command.flags) flags.push_back("--" + flag.name);
  return flags;
}

// Calls `each` for the flags of all commands, each name once.
template <class Each>
void for_each_flag(const Description& program, Each each) {
  Words seen;
  const auto go = [&](const Description& of) {
    for (const Description::Flag& flag : of.flags) {
      if (std::find(seen.begin(), seen.end(), flag.name) != seen.end()) continue;
      seen.push_back(flag.name);
      each(flag);
    }
  };
  go(program);
  for (const Description& command : program.subcommands) go(command);
}

// In single quotes for a shell.
std::string quoted(std::string_view text) {
  std::string out = "'";
  for (const char byte : text) out += byte == '\'' ? std::string("'\\''") : std::string(1, byte);
  return out + "'";
}

// What _arguments of zsh takes for a description: without what has a meaning to it.
std::string zsh_words(std::string_view text) {
  std::string out;
  for (const char byte : text) {
    if (byte == '[' || byte == ']' || byte == ':' || byte == '\\' || byte == '`' || byte == '$') out += '\\';
    out += byte;
  }
  return out;
}

std::string zsh_flag(const Description::Flag& flag) {
  std::string out = "--" + flag.name + (flag.takes_value ? "=" : "") + "[" + zsh_words(flag.help) + "]";
  if (!flag.takes_value) return quoted(out);
  out += ":" + flag.name + ":";
  if (!flag.choices.empty()) out += "(" + joined(flag.choices, " ") + ")";
  if (flag.name == "kind") out += "(" + std::string(kKinds) + ")";
  if (takes_file(flag.name)) out += "_files";
  return quoted(out);
}

std::string zsh_flags(const Description& of) {
  std::string out;
  for (const Description::Flag& flag : of.flags) out += " \\\n    " + zsh_flag(flag);
  return out;
}

}  // namespace

std::string bash_completion(const Description& program) {
  Words commands, with_value;
  for (const Description& command : program.subcommands) commands.push_back(joined(names_of(command), " "));
  std::string values;
  for_each_flag(program, [&](const Description::Flag& flag) {
    if (!flag.takes_value) return;
    with_value.push_back("--" + flag.name);
    if (!flag.choices.empty() || flag.name == "kind") {
      values += fmt::format("    --{}) COMPREPLY=($(compgen -W {} -- \"$cur\")); return ;;\n", flag.name,
                            quoted(flag.name == "kind" ? std::string(kKinds) : joined(flag.choices, " ")));
    } else if (takes_file(flag.name)) {
      values += fmt::format("    --{}) _diego_ctl_files; return ;;\n", flag.name);
    }
  });
  std::string cases;
  for (const Description& command : program.subcommands) {
    cases += fmt::format("    {}) flags={}", joined(names_of(command), "|"), quoted(joined(flags_of(command), " ")));
    if (!command.arguments.empty() && takes_file(command.arguments[0])) cases += " files=yes";
    if (const std::string first = words_for(command, 0); !first.empty()) cases += " first=" + quoted(first);
    cases += " ;;\n";
  }
  return fmt::format(R"(# bash completion for diego-ctl: source <(diego-ctl completion bash)
_diego_ctl_files() {{
  compopt -o filenames 2>/dev/null || :
  COMPREPLY=($(compgen -f -- "$cur"))
}}

_diego_ctl() {{
  local cur=${{COMP_WORDS[COMP_CWORD]}} prev='' command='' words=0 word i flags='' files=no first=''
  ((COMP_CWORD > 0)) && prev=${{COMP_WORDS[COMP_CWORD - 1]}}
  # Readline takes "--color=auto" for three words.
  if [[ $cur == = ]]; then
    cur=''
  elif [[ $prev == = ]] && ((COMP_CWORD > 1)); then
    prev=${{COMP_WORDS[COMP_CWORD - 2]}}
  fi
  COMPREPLY=()
  case $prev in
{values}    {with_value}) return ;;
  esac
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${{COMP_WORDS[i]}}
    case $word in
      {with_value}) ((i++)); [[ ${{COMP_WORDS[i]}} == = ]] && ((i++)) ;;
      -* | =) ;;
      *) if [[ -z $command ]]; then command=$word; else words=$((words + 1)); fi ;;
    esac
  done
  case $command in
    '') first={commands} ;;
{cases}    *) return ;;
  esac
  if [[ $cur == -* ]]; then
    COMPREPLY=($(compgen -W "$flags "{globals} -- "$cur"))
  elif [[ $files == yes ]]; then
    _diego_ctl_files
  elif ((words == 0)); then
    COMPREPLY=($(compgen -W "$first" -- "$cur"))
  fi
}}

complete -F _diego_ctl diego-ctl
)",
                     fmt::arg("values", values), fmt::arg("with_value", joined(with_value, "|")),
                     fmt::arg("commands", quoted(joined(commands, " "))), fmt::arg("cases", cases),
                     fmt::arg("globals", quoted(joined(flags_of(program), " "))));
}

std::string zsh_completion(const Description& program) {
  std::string commands, cases;
  for (const Description& command : program.subcommands) {
    for (const std::string& name : names_of(command)) {
      commands += "    " + quoted(zsh_words(name) + ":" + zsh_words(command.about)) + "\n";
    }
    cases += fmt::format("        ({})\n          _arguments $globals", joined(names_of(command), "|"));
    for (const Description::Flag& flag : command.flags) {
      if (flag.name != "help") cases += " \\\n            " + zsh_flag(flag);
    }
    for (std::size_t at = 0; at < command.arguments.size(); ++at) {
      const std::string& name = command.arguments[at];
      std::string action = takes_file(name) ? "_files" : " ";
      if (const std::string words = words_for(command, at); !words.empty()) action = "(" + words + ")";
      cases += " \\\n            " + quoted(fmt::format("{}::{}:{}", at + 1, name, action));
    }
    cases += "\n          ;;\n";
  }
  return fmt::format(R"(#compdef diego-ctl
# zsh completion for diego-ctl: source <(diego-ctl completion zsh), or a file _diego-ctl in a folder of $fpath
_diego_ctl() {{
  local context state state_descr line
  typeset -A opt_args
  local -a commands globals
  commands=(
{commands}  )
  globals=({globals}
  )
  _arguments -C $globals '1:command:->command' '*::argument:->arguments'
  case $state in
    (command) _describe -t commands command commands ;;
    (arguments)
      case $words[1] in
{cases}      esac
      ;;
  esac
}}

if [ "$funcstack[1]" = "_diego_ctl" ]; then
  _diego_ctl "$@"
elif (( $+functions[compdef] )); then
  compdef _diego_ctl diego-ctl
fi
)",
                     fmt::arg("commands", commands), fmt::arg("globals", zsh_flags(program)), fmt::arg("cases", cases));
}

}  // namespace ctl
