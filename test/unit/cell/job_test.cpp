#include "cell/core/job.hpp"

#include <catch2/catch.hpp>

using namespace cell;

TEST_CASE("a job is a small file of keys", "[cell]") {
  const auto job = parse_job("/etc/cf-mesos/jobs.d/10-route-emitter.toml",
                             "# the operator's\n"
                             "command = \"exec emitter -c \\\"a b\\\"\"  # with a comment\n"
                             "health-url='http://127.0.0.1:17011/ping'\n"
                             "\n"
                             "restart = \"cell\"\n"
                             "stage = \"before-rep\"\r\n"
                             "start-timeout-s = 7\n"
                             "needed = true");
  REQUIRE(job);
  CHECK(*job == Job{.name = "route-emitter",
                    .command = "exec emitter -c \"a b\"",
                    .health_url = "http://127.0.0.1:17011/ping",
                    .restart = Job::Restart::cell,
                    .stage = Job::Stage::before_rep,
                    .start_timeout_s = 7,
                    .needed = true});
}

TEST_CASE("a job's name is its file's without leading digits", "[cell]") {
  const auto [path, name] = GENERATE(table<std::string, std::string>({
      {"silk.toml", "silk"},
      {"a/b/20-silk.toml", "silk"},
      {"20_silk.d.toml", "silk.d"},
      {"2silk.toml", "silk"},
      {"-x.toml", "-x"},
      {"42.toml", "42"},
  }));
  CAPTURE(path);
  CHECK(parse_job(path, "command = 'true'")->name == name);
}

TEST_CASE("what is wrong with a job is said with its line", "[cell]") {
  const auto [text, error] = GENERATE(table<std::string, std::string>({
      {"", "j.toml: has no command"},
      {"command = ''", "j.toml: has no command"},
      {"command", "j.toml:1: is not key = value"},
      {"\ncommand = true", "j.toml:2: command wants a string in quotes"},
      {"command = x", "j.toml:1: command is neither a string in quotes, a number nor true or false"},
      {"command = \"x", "j.toml:1: command is neither a string in quotes, a number nor true or false"},
      {"command = \"x\\", "j.toml:1: command is neither a string in quotes, a number nor true or false"},
      {"command = \"\\q\"", "j.toml:1: command is neither a string in quotes, a number nor true or false"},
      {"command = 'x' y", "j.toml:1: command is neither a string in quotes, a number nor true or false"},
      {"comand = 'x'", "j.toml:1: comand is unknown"},
      {"restart = 'sometimes'", "j.toml:1: restart \"sometimes\" is none of always, never, once, cell"},
      {"stage = 'last'", "j.toml:1: stage \"last\" is none of before-garden, before-rep, after-rep"},
      {"start-timeout-s = 0", "j.toml:1: start-timeout-s wants whole seconds from 1 to 86400"},
      {"start-timeout-s = '5'", "j.toml:1: start-timeout-s wants whole seconds from 1 to 86400"},
      {"needed = 1", "j.toml:1: needed wants true or false"},
      {"command='x'\nhealth-url='u'\nhealth-tcp='t'", "j.toml: has more than one health check"},
      {"command='x'\nhealth-tcp='t'\nrestart='once'", "j.toml: what runs once has no health check"},
  }));
  CAPTURE(text);
  const auto job = parse_job("j.toml", text);
  REQUIRE_FALSE(job);
  CHECK(job.error().message() == error);
}
