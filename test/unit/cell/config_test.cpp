#include "cell/core/config.hpp"

#include <catch2/catch.hpp>

using namespace cell;

namespace {

const Environment kExecutors = {{"CELL_ID", "cell-10-0-0-7-abc"}, {"CELL_MEMORY_MB", "4096"},
                                {"CELL_DISK_MB", "8192"},         {"CELL_ZONE", "z1"},
                                {"REP_LISTEN", "127.0.0.1:1801"}, {"MESOS_SANDBOX", "/sandbox"}};

Environment without(const std::string& name) {
  Environment environment = kExecutors;
  environment.erase(name);
  return environment;
}

Environment with(const std::string& name, const std::string& value) {
  Environment environment = kExecutors;
  environment[name] = value;
  return environment;
}

}  // namespace

TEST_CASE("what flags leave open is as the executor says", "[cell]") {
  const auto config = complete(Config{}, kExecutors);
  REQUIRE(config);
  Config expected;
  expected.cell_id = "cell-10-0-0-7-abc";
  expected.memory_mb = 4096;
  expected.disk_mb = 8192;
  expected.zone = "z1";
  expected.rep_listen = "127.0.0.1:1801";
  expected.rep_admin_listen = "127.0.0.1:1800";
  expected.sandbox = "/sandbox";
  CHECK(*config == expected);
}

TEST_CASE("flags win over the executor's words", "[cell]") {
  Config flags;
  flags.cell_id = "mine";
  flags.memory_mb = 1;
  flags.disk_mb = 2;
  flags.zone = "z9";
  flags.rep_listen = "0.0.0.0:2";
  flags.rep_admin_listen = "127.0.0.1:3";
  flags.sandbox = "/elsewhere";
  CHECK(*complete(flags, kExecutors) == flags);
  CHECK(*complete(flags, {}) == flags);
}

TEST_CASE("a cell without a zone or a sandbox is one, too", "[cell]") {
  CHECK(complete(Config{}, without("CELL_ZONE"))->zone.empty());
  CHECK(complete(Config{}, without("MESOS_SANDBOX"))->sandbox == ".");
}

TEST_CASE("Diego's rep has an admin listener of its own, wherever the executor asks for it", "[cell]") {
  const auto [said, listen] = GENERATE(table<std::string, std::string>({
      {"127.0.0.1:31000", "127.0.0.1:31000"},
      {"127.0.0.1:1801", "127.0.0.1:1800"},  // The executor's word for a rep with one listener.
  }));
  CHECK(complete(Config{}, with("REP_ADMIN_LISTEN", said))->rep_admin_listen == listen);
}

TEST_CASE("what a cell cannot do without is asked for by name", "[cell]") {
  const std::string guess = "; how much a cell has is never guessed";
  const auto [environment, error] = GENERATE_COPY(table<Environment, std::string>({
      {without("CELL_ID"), "CELL_ID: is not set, and there is no --cell-id"},
      {with("CELL_ID", "a.b"), "--cell-id a.b: is no DNS label; reps are found by this name"},
      {without("CELL_MEMORY_MB"), "CELL_MEMORY_MB: is not set, and there is no --memory-mb" + guess},
      {with("CELL_MEMORY_MB", "auto"), "CELL_MEMORY_MB: \"auto\" is no number of MiB above 0"},
      {with("CELL_MEMORY_MB", "0"), "CELL_MEMORY_MB: \"0\" is no number of MiB above 0"},
      {with("CELL_MEMORY_MB", "-5"), "CELL_MEMORY_MB: \"-5\" is no number of MiB above 0"},
      {with("CELL_MEMORY_MB", "5G"), "CELL_MEMORY_MB: \"5G\" is no number of MiB above 0"},
      {with("CELL_DISK_MB", ""), "CELL_DISK_MB: is not set, and there is no --disk-mb" + guess},
      {without("REP_LISTEN"), "REP_LISTEN: is not set, and there is no --rep-listen"},
      {with("REP_LISTEN", "1801"), "--rep-listen: \"1801\" is not host:port"},
      {with("REP_LISTEN", "a:0"), "--rep-listen: \"a:0\" is not host:port"},
      {with("REP_LISTEN", "a:65536"), "--rep-listen: \"a:65536\" is not host:port"},
  }));
  const auto config = complete(Config{}, environment);
  REQUIRE_FALSE(config);
  CHECK(config.error().message() == error);
}

TEST_CASE("a root file system is a stack and a path", "[cell]") {
  CHECK(*parse_stack("cflinuxfs4:/a/rootfs.tar") == Stack{"cflinuxfs4", "/a/rootfs.tar"});
  CHECK(*parse_stack("x:raw:///dir") == Stack{"x", "raw:///dir"});
  CHECK(*parse_stack("x") == Stack{"x", ""});
  const std::string bad = GENERATE("", "x:", ":/a");
  CHECK(parse_stack(bad).error().text == "is not stack[:path]");
  Config config;
  config.rootfs = {bad};
  CHECK_FALSE(complete(config, kExecutors));
}

TEST_CASE("a cell has one root file system of each stack", "[cell]") {
  Config config;
  config.rootfs = {"a:/1", "b:/1", "a:/2"};
  CHECK(complete(config, kExecutors).error().message() ==
        "--rootfs a:/2: is the second of this stack; a cell has one of each");
}
