#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "platform/flags.hpp"

using namespace std::chrono_literals;

namespace {

// A program with one flag of each kind, and a subcommand.
struct Program {
  std::string name = "binpack", mode = "json";
  std::int64_t count = 3;
  double weight = 0.25;
  base::Duration hold = 5s;
  bool loud = false;
  std::vector<std::string> tags;
  std::int64_t port = 0;
  platform::Flags flags{"diego-x", "Does x"};

  Program() {
    flags.version("diego-x 1.2.3");
    flags.group("Placement");
    flags.add("strategy", name, "how work is placed");
    flags.add("count", count, "how many", 0, 10);
    flags.add("weight", weight, "score per container", 0, 1);
    flags.group("Offers");
    flags.add("offer-hold", hold, "how long an offer is held", 1ms);
    flags.add("loud", loud, "say more");
    flags.add("tag", tags, "placement tag");
    flags.add_choice("codec", mode, {"json", "protobuf"}, "what is spoken");
    platform::Flags& rep = flags.subcommand("rep", "Runs a rep");
    rep.add("port", port, "where to listen", 0, 65535);
  }

  platform::Flags::Outcome parse(std::vector<const char*> args) {
    args.insert(args.begin(), "diego-x");
    return flags.parse(static_cast<int>(args.size()), args.data());
  }
};

// A variable of the environment for one test.
struct Environment {
  Environment(const char* name_, const char* value) : name(name_) { ::setenv(name, value, 1); }
  ~Environment() { ::unsetenv(name); }
  const char* name;
};

struct TomlFile {
  explicit TomlFile(const std::string& text) { std::ofstream(path) << text; }
  ~TomlFile() { std::remove(path.c_str()); }
  std::string path = std::string(std::tmpnam(nullptr)) + ".toml";
};

}  // namespace

TEST_CASE("flags on the command line", "[flags]") {
  Program program;
  const auto outcome = program.parse({"--strategy=spread", "--count", "7", "--weight", "0.5", "--offer-hold=1m",
                                      "--loud", "--tag", "a,b", "--tag=c", "--codec", "protobuf"});
  REQUIRE(outcome.run);
  CHECK(outcome.subcommand.empty());
  CHECK(program.name == "spread");
  CHECK(program.count == 7);
  CHECK(program.weight == 0.5);
  CHECK(program.hold == 1min);
  CHECK(program.loud);
  CHECK(program.tags == std::vector<std::string>{"a,b", "c"});
  CHECK(program.mode == "protobuf");
}

TEST_CASE("without flags the defaults stay", "[flags]") {
  Program program;
  REQUIRE(program.parse({}).run);
  CHECK(program.name == "binpack");
  CHECK(program.hold == 5s);
  CHECK(program.tags.empty());
}

TEST_CASE("the command line beats the environment, that the file, that the default", "[flags]") {
  const TomlFile file("strategy = \"from-file\"\ncount = 1\noffer-hold = \"7s\"\ntag = [\"x\", \"y\"]\nloud = true\n");
  const Environment name("DIEGO_MESOS_STRATEGY", "from-environment");
  const Environment count("DIEGO_MESOS_COUNT", "2");
  Program program;
  const auto outcome = program.parse({"--config", file.path.c_str(), "--count=5"});
  INFO(outcome.text);
  REQUIRE(outcome.run);
  CHECK(program.count == 5);
  CHECK(program.name == "from-environment");
  CHECK(program.hold == 7s);
  CHECK(program.loud);
  CHECK(program.tags == std::vector<std::string>{"x", "y"});
  CHECK(program.weight == 0.25);
}

TEST_CASE("a list in the environment has commas, a switch can be off", "[flags]") {
  const Environment tags("DIEGO_MESOS_TAG", "a, b");
  const Environment loud("DIEGO_MESOS_LOUD", "true");
  Program program;
  REQUIRE(program.parse({"--loud=false"}).run);
  CHECK(program.tags == std::vector<std::string>{"a", "b"});
  CHECK_FALSE(program.loud);
}

TEST_CASE("a bad value is one line and code 2", "[flags]") {
  const auto [argument, text] = GENERATE(table<const char*, std::string>({
      {"--count=11", "diego-x: --count: \"11\" is not between 0 and 10\n"},
      {"--count=x", "diego-x: --count: \"x\" is not a number\n"},
      {"--count=1.5", "diego-x: --count: \"1.5\" is not a number\n"},
      {"--count=", "diego-x: --count: \"\" is not a number\n"},
      {"--weight=2", "diego-x: --weight: \"2\" is not between 0 and 1\n"},
      {"--weight=nan", "diego-x: --weight: \"nan\" is not between 0 and 1\n"},
      {"--offer-hold=5", "diego-x: --offer-hold: \"5\" has no unit: ns, us, ms, s, m, h, d or w\n"},
      {"--offer-hold=1us", "diego-x: --offer-hold: \"1us\" is shorter than 1ms\n"},
      {"--codec=xml", "diego-x: --codec: \"xml\" is none of json, protobuf\n"},
      {"--loud=maybe", "diego-x: --loud: \"maybe\" is neither true nor false\n"},
  }));
  CAPTURE(argument);
  Program program;
  const auto outcome = program.parse({argument});
  CHECK_FALSE(outcome.run);
  CHECK(outcome.code == 2);
  CHECK(outcome.text == text);
}

TEST_CASE("a bad value in the environment or the file names its place", "[flags]") {
  {
    const Environment count("DIEGO_MESOS_COUNT", "many");
    Program program;
    CHECK(program.parse({}).text == "diego-x: DIEGO_MESOS_COUNT: \"many\" is not a number\n");
  }
  const TomlFile file("count = 99\n");
  Program program;
  CHECK(program.parse({"--config", file.path.c_str()}).text ==
        "diego-x: " + file.path + ": count: \"99\" is not between 0 and 10\n");
}

TEST_CASE("unknown flags, keys and words are errors of one line", "[flags]") {
  const auto argument = GENERATE("--nosuch", "word", "-x", "--config=/nosuch/file.toml", "--count");
  CAPTURE(argument);
  Program program;
  const auto outcome = program.parse({argument});
  CHECK_FALSE(outcome.run);
  CHECK(outcome.code == 2);
  CHECK(std::count(outcome.text.begin(), outcome.text.end(), '\n') == 1);
}

TEST_CASE("an unknown key of the file is an error", "[flags]") {
  const auto text = GENERATE("nosuch = 1\n", "port = 1\n", "[rep]\nstrategy = \"x\"\n", "[nosuch]\nport = 1\n");
  CAPTURE(text);
  const TomlFile file(text);
  Program program;
  const auto outcome = program.parse({"--config", file.path.c_str()});
  CHECK(outcome.code == 2);
  CHECK(outcome.text.find("unknown key") != std::string::npos);
}

TEST_CASE("a subcommand has flags of its own and may be followed by the program's", "[flags]") {
  Program program;
  const auto outcome = program.parse({"rep", "--port", "80", "--count=4"});
  INFO(outcome.text);
  REQUIRE(outcome.run);
  CHECK(outcome.subcommand == "rep");
  CHECK(program.port == 80);
  CHECK(program.count == 4);
}

TEST_CASE("a subcommand takes the file's section and the environment", "[flags]") {
  const TomlFile file("count = 2\n[rep]\nport = 81\n");
  Program program;
  const auto outcome = program.parse({"--config", file.path.c_str(), "rep"});
  INFO(outcome.text);
  REQUIRE(outcome.run);
  CHECK(program.port == 81);
  CHECK(program.count == 2);
  const Environment port("DIEGO_MESOS_PORT", "82");
  Program again;
  REQUIRE(again.parse({"rep"}).run);
  CHECK(again.port == 82);
}

TEST_CASE("a subcommand may take a word, and its flags from the command line alone", "[flags]") {
  const Environment strategy("DIEGO_MESOS_HOW", "spread");
  const TomlFile file("how = \"diego\"\n");
  const auto parse = [&file](std::vector<const char*> words, std::string& folder, std::string& how) {
    platform::Flags flags("diego-x", "Does x");
    platform::Flags& again = flags.subcommand("again", "Does it again");
    again.command_line_only();
    again.argument("DIR", folder, "what to do again");
    again.add("how", how, "how it is done");
    const std::string config = "--config=" + file.path;
    words.insert(words.begin(), {"diego-x", "again", config.c_str()});
    return flags.parse(static_cast<int>(words.size()), words.data());
  };
  std::string folder, how = "binpack";
  auto outcome = parse({"some/dir"}, folder, how);
  CHECK(outcome.run);
  CHECK(folder == "some/dir");
  CHECK(how == "binpack");
  CHECK(parse({"some/dir", "--how", "other"}, folder, how).run);
  CHECK(how == "other");
  outcome = parse({}, folder, how);
  CHECK(outcome.code == 2);
  CHECK(outcome.text == "diego-x: DIR is missing (--help shows the flags)\n");
  CHECK(parse({"--help"}, folder, how).text.find("DIEGO_MESOS_") == std::string::npos);
}

TEST_CASE("a flag of a subcommand is unknown without it", "[flags]") {
  Program program;
  CHECK(program.parse({"--port=1"}).code == 2);
}

TEST_CASE("a word that is no subcommand is named, and help is one everywhere", "[flags]") {
  const auto outcome = Program().parse({"nosuch", "--port=1"});
  CHECK(outcome.code == 2);
  CHECK(outcome.text == "diego-x: \"nosuch\" is no subcommand (--help shows them)\n");
  CHECK(Program().parse({"help"}).text == Program().parse({"--help"}).text);
  CHECK(Program().parse({"help"}).code == 0);
  CHECK(Program().parse({"help", "rep"}).text == Program().parse({"rep", "--help"}).text);
  platform::Flags alone("diego-z", "Does z");
  const char* const words[] = {"diego-z", "help"};
  CHECK(alone.parse(2, words).code == 2);
}

TEST_CASE("help groups the flags and gives their defaults", "[flags]") {
  Program program;
  const auto outcome = program.parse({"--help"});
  CHECK_FALSE(outcome.run);
  CHECK(outcome.code == 0);
  for (const char* part :
       {"diego-x: Does x", "Placement:", "--strategy TEXT", "(default: binpack)", "Offers:", "--offer-hold DURATION",
        "(default: 5s)", "--codec json|protobuf", "(repeatable)", "rep", "Runs a rep", "--version"}) {
    CAPTURE(part);
    CHECK(outcome.text.find(part) != std::string::npos);
  }
  CHECK(outcome.text.find("--port") == std::string::npos);
  Program other;
  const auto rep = other.parse({"rep", "--help"});
  CHECK(rep.code == 0);
  CHECK(rep.text.find("--port N") != std::string::npos);
}

TEST_CASE("a program may have one word without dashes, which it must be given", "[flags]") {
  const auto [args, code, value] = GENERATE(table<std::vector<const char*>, int, std::string>({
      {{"w.json"}, 0, "w.json"},
      {{"--loud", "w.json"}, 0, "w.json"},
      {{"w.json", "--count", "4"}, 0, "w.json"},
      {{"--count", "4", "w.json"}, 0, "w.json"},
      {{}, 2, "diego-y: FILE is missing (--help shows the flags)\n"},
      {{"--loud"}, 2, "diego-y: FILE is missing (--help shows the flags)\n"},
      {{"--help"}, 0, ""},
  }));
  std::string file;
  std::int64_t count = 3;
  bool loud = false;
  platform::Flags flags("diego-y", "Does y");
  flags.argument("FILE", file, "what to read");
  flags.add("count", count, "how many", 0, 10);
  flags.add("loud", loud, "say more");
  std::vector<const char*> all{"diego-y"};
  all.insert(all.end(), args.begin(), args.end());
  const auto outcome = flags.parse(static_cast<int>(all.size()), all.data());
  CHECK(outcome.code == code);
  CHECK((code == 2 ? outcome.text : file) == value);
  if (!outcome.run && code == 0)
    CHECK(outcome.text.find("Usage: diego-y FILE [FLAGS]\n\n  FILE ") != std::string::npos);
}

TEST_CASE("two words are too many for a program that takes one", "[flags]") {
  std::string file;
  platform::Flags flags("diego-y", "Does y");
  flags.argument("FILE", file, "what to read");
  const char* const args[] = {"diego-y", "one", "two"};
  const auto outcome = flags.parse(3, args);
  CHECK(outcome.code == 2);
  CHECK(std::count(outcome.text.begin(), outcome.text.end(), '\n') == 1);
}

TEST_CASE("a subcommand may have words, some of which may be left out, and other names", "[flags]") {
  const auto [args, code, words] = GENERATE(table<std::vector<const char*>, int, std::string>({
      {{"show", "a"}, 0, "a|"},
      {{"show", "a", "b", "--loud"}, 0, "a|b"},
      {{"--loud", "see", "a"}, 0, "a|"},
      {{"show", "show"}, 0, "show|"},
      {{"show", "[a,b]", "x y"}, 0, "[a,b]|x y"},
      {{"show", "--", "--loud"}, 0, "--loud|"},
      {{"show"}, 2, "diego-y: WHAT is missing (--help shows the flags)\n"},
      {{"see", ""}, 2, "diego-y: WHAT is missing (--help shows the flags)\n"},
  }));
  CAPTURE(args);
  std::string what, where;
  bool loud = false;
  platform::Flags flags("diego-y", "Does y");
  flags.add("loud", loud, "say more");
  platform::Flags& show = flags.subcommand("show", "Shows it");
  show.alias("see");
  show.argument("WHAT", what, "of these");
  show.optional_argument("WHERE", where, "if not here");
  std::vector<const char*> all{"diego-y"};
  all.insert(all.end(), args.begin(), args.end());
  const auto outcome = flags.parse(static_cast<int>(all.size()), all.data());
  CHECK(outcome.code == code);
  CHECK((code == 2 ? outcome.text : what + "|" + where) == words);
  if (code == 0) CHECK(outcome.subcommand == "show");
}

TEST_CASE("flags describe themselves, as help does", "[flags]") {
  Program program;
  std::string word;
  platform::Flags& show = program.flags.subcommand("show", "Shows it");
  show.alias("see");
  show.optional_argument("WHAT", word, "of these");
  const auto all = program.flags.describe();
  CHECK(all.name == "diego-x");
  CHECK(all.flags.size() == 10);  // Its own seven, and --config, --help, --version.
  CHECK(all.flags[6].name == "codec");
  CHECK(all.flags[6].choices == std::vector<std::string>{"json", "protobuf"});
  CHECK(all.flags[0].takes_value);
  CHECK_FALSE(all.flags[4].takes_value);
  REQUIRE(all.subcommands.size() == 2);
  CHECK(all.subcommands[0].flags.size() == 2);
  CHECK(all.subcommands[1].name == "show");
  CHECK(all.subcommands[1].aliases == std::vector<std::string>{"see"});
  CHECK(all.subcommands[1].arguments == std::vector<std::string>{"WHAT"});
  const std::string help = program.parse({"show", "--help"}).text;
  CHECK(help.find("Usage: diego-x show [WHAT] [FLAGS]") != std::string::npos);
  CHECK(help.find("Also called: see") != std::string::npos);
  CHECK(help.find("--strategy, --count") != std::string::npos);
}

TEST_CASE("a program may have its file named by a variable of its own", "[flags]") {
  const TomlFile file("count = 4\n");
  const Environment theirs("DIEGO_MESOS_CONFIG", "/nosuch/file.toml");
  const Environment ours("DIEGO_MESOS_X_CONFIG", file.path.c_str());
  Program program;
  program.flags.config_variable("DIEGO_MESOS_X_CONFIG");
  const auto outcome = program.parse({});
  INFO(outcome.text);
  CHECK(outcome.run);
  CHECK(program.count == 4);
}

TEST_CASE("--version prints the version", "[flags]") {
  Program program;
  const auto outcome = program.parse({"--version"});
  CHECK_FALSE(outcome.run);
  CHECK(outcome.code == 0);
  CHECK(outcome.text == "diego-x 1.2.3\n");
}

TEST_CASE("a check over several flags ends the program like a bad value", "[flags]") {
  Program program;
  program.flags.check([&]() -> base::Status {
    if (program.count > 5 && !program.loud) return base::Error{"--count and --loud", "more than 5 needs --loud"};
    return base::ok();
  });
  const auto outcome = program.parse({"--count=6"});
  CHECK(outcome.code == 2);
  CHECK(outcome.text == "diego-x: --count and --loud: more than 5 needs --loud\n");
}
