#include <catch2/catch.hpp>

#include <cstdlib>

#include "ctl/completion.hpp"
#include "ctl/options.hpp"
#include "ctl/target.hpp"

using ctl::Target;
using Kind = ctl::Target::Kind;

namespace {

struct CommandLine {
  ctl::Options options;
  platform::Flags flags{"diego-ctl", "Does it"};
  platform::Flags::Outcome outcome;

  explicit CommandLine(std::vector<const char*> words) {
    flags.version("diego-ctl 1");
    ctl::add_flags(flags, options);
    words.insert(words.begin(), "diego-ctl");
    outcome = flags.parse(static_cast<int>(words.size()), words.data());
  }
};

}  // namespace

TEST_CASE("commands take words and flags in any order, and the program's flags too", "[arguments]") {
  const CommandLine line({"--json", "explain", "app", "--cells=3", "2", "--url", "http://h:1"});
  INFO(line.outcome.text);
  REQUIRE(line.outcome.run);
  CHECK(line.outcome.subcommand == "explain");
  CHECK(line.options.words() == std::vector<std::string>{"app", "2", ""});
  CHECK(line.options.cells == 3);
  CHECK(line.options.json);
  CHECK(line.options.url == "http://h:1");
}

TEST_CASE("commands have other names", "[arguments]") {
  const auto [word, name] = GENERATE(table<const char*, std::string>(
      {{"why", "explain"}, {"ps", "instances"}, {"events", "watch"}, {"overview", "status"}, {"cell", "cells"}}));
  const CommandLine line(std::string(word) == "why" ? std::vector<const char*>{word, "x"}
                                                    : std::vector<const char*>{word});
  CHECK(line.outcome.run);
  CHECK(line.outcome.subcommand == name);
}

TEST_CASE("a guid may look like a command, a list or a flag", "[arguments]") {
  const auto guid = GENERATE("status", "explain", "[a,b]", "a b", "a=b", "ä\n");
  CAPTURE(guid);
  const CommandLine line({"lrp", guid, "0"});
  INFO(line.outcome.text);
  REQUIRE(line.outcome.run);
  CHECK(line.outcome.subcommand == "lrp");
  CHECK(line.options.first == guid);
  CHECK(line.options.second == "0");
  const CommandLine after({"lrp", "--", "--json"});
  INFO(after.outcome.text);
  REQUIRE(after.outcome.run);
  CHECK(after.options.first == "--json");
  CHECK_FALSE(after.options.json);
}

TEST_CASE("what a command does not take is one line and code 2", "[arguments]") {
  const auto words =
      GENERATE(std::vector<const char*>{"nosuch"}, std::vector<const char*>{"lrp"},
               std::vector<const char*>{"lrp", "a", "0", "b"}, std::vector<const char*>{"status", "x"},
               std::vector<const char*>{"status", "--cells=1"}, std::vector<const char*>{"instances", "--state=nosuch"},
               std::vector<const char*>{"status", "--url=ftp://x"}, std::vector<const char*>{"status", "--cert=c"},
               std::vector<const char*>{"status", "--timeout=5"});
  const CommandLine line(words);
  CHECK_FALSE(line.outcome.run);
  CHECK(line.outcome.code == 2);
  CHECK(line.outcome.text.find('\n') == line.outcome.text.size() - 1);
}

TEST_CASE("the URL comes from the environment, and the scheduler's own file is not ours", "[arguments]") {
  ::setenv("DIEGO_MESOS_URL", "http://elsewhere:9", 1);
  ::setenv("DIEGO_MESOS_CONFIG", "/nosuch/scheduler.toml", 1);
  const CommandLine line({"status"});
  ::unsetenv("DIEGO_MESOS_URL");
  ::unsetenv("DIEGO_MESOS_CONFIG");
  INFO(line.outcome.text);
  CHECK(line.outcome.run);
  CHECK(line.options.url == "http://elsewhere:9");
}

TEST_CASE("each command has a help of its own", "[arguments]") {
  const CommandLine all({"--help"});
  const auto described = all.flags.describe();
  CHECK(described.subcommands.size() == 17);
  for (const auto& command : described.subcommands) {
    CAPTURE(command.name);
    const CommandLine help({command.name.c_str(), "--help"});
    CHECK(help.outcome.code == 0);
    CHECK(help.outcome.text.find("Usage: diego-ctl " + command.name) != std::string::npos);
    CHECK(help.outcome.text.find("--url") != std::string::npos);
    CHECK(all.outcome.text.find("\n  " + command.name + " ") != std::string::npos);
  }
}

TEST_CASE("completion knows every command and flag", "[arguments]") {
  const auto described = CommandLine({"--help"}).flags.describe();
  for (const std::string& script : {ctl::bash_completion(described), ctl::zsh_completion(described)}) {
    for (const auto& command : described.subcommands) {
      CAPTURE(command.name);
      CHECK(script.find(command.name) != std::string::npos);
      for (const auto& alias : command.aliases) CHECK(script.find(alias) != std::string::npos);
      for (const auto& flag : command.flags) CHECK(script.find("--" + flag.name) != std::string::npos);
    }
    CHECK(script.find("rejected") != std::string::npos);
  }
}

TEST_CASE("words name a process, an instance or a Task", "[target]") {
  const auto [words, target] = GENERATE(table<std::vector<std::string>, Target>({
      {{"app"}, {Kind::any, "app", {}}},
      {{"app.1"}, {Kind::any, "app.1", {}}},
      {{"app", "1"}, {Kind::lrp, "app", 1}},
      {{"lrp", "app"}, {Kind::lrp, "app", {}}},
      {{"lrp", "app", "0"}, {Kind::lrp, "app", 0}},
      {{"task", "job"}, {Kind::task, "job", {}}},
      {{"task"}, {Kind::any, "task", {}}},
      {{"lrp"}, {Kind::any, "lrp", {}}},
      {{"task", "3"}, {Kind::task, "3", {}}},
      {{"lrp", "task", "3"}, {Kind::lrp, "task", 3}},
      {{"", "app", ""}, {Kind::any, "app", {}}},
  }));
  CAPTURE(words);
  const auto parsed = ctl::parse_target(words);
  REQUIRE(parsed);
  CHECK(*parsed == target);
}

TEST_CASE("words that name nothing say what is wrong", "[target]") {
  const auto words = GENERATE(std::vector<std::string>{}, std::vector<std::string>{"app", "x"},
                              std::vector<std::string>{"app", "-1"}, std::vector<std::string>{"app", "99999999999"},
                              std::vector<std::string>{"task", "job", "1"}, std::vector<std::string>{"app", "1", "2"});
  CAPTURE(words);
  CHECK_FALSE(ctl::parse_target(words));
}

TEST_CASE("a text may read as an instance", "[target]") {
  CHECK(ctl::as_instance("app.1") == Target{Kind::lrp, "app", 1});
  CHECK(ctl::as_instance("app/1") == Target{Kind::lrp, "app", 1});
  CHECK(ctl::as_instance("a.b.0") == Target{Kind::lrp, "a.b", 0});
  for (const char* const none : {"app", ".1", "app.", "app.x", "app.-1", "app.1 ", ""})
    CHECK_FALSE(ctl::as_instance(none));
}

TEST_CASE("a guid that holds anything makes one part of a path", "[target]") {
  CHECK(Target{Kind::lrp, "a/../b c", 1}.path() == "/v1/lrps/a%2F%2E%2E%2Fb%20c/1");
  CHECK(Target{Kind::task, "..", {}}.path() == "/v1/tasks/%2E%2E");
  CHECK(Target{Kind::lrp, "app", 1}.text() == "app.1");
}
