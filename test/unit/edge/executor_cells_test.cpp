#include <catch2/catch.hpp>

#include "mesos/v1/mesos.pb.h"
#include "scheduler/edge/translate.hpp"

namespace {

edge::Options options() {
  edge::Options options;
  options.cell.executor = "/opt/bin/diego-executor";
  options.cell.command = "exec rep";
  options.cell.environment = {"A=b=c"};
  return options;
}

}  // namespace

TEST_CASE("a cell's ExecutorInfo says all that the executor needs", "[cells]") {
  const edge::ExecutorCells cells(options());
  mesos::v1::ExecutorInfo info;
  REQUIRE(info.ParseFromString(cells.executor_info({"E", "cell-1", "S", "z1", {}})));
  CHECK(info.type() == mesos::v1::ExecutorInfo::CUSTOM);
  CHECK(info.executor_id().value() == "E");
  CHECK(info.command().shell() == false);
  CHECK(info.command().value() == "/opt/bin/diego-executor");
  CHECK(info.command().arguments(0) == "diego-executor");
  CHECK(info.shutdown_grace_period().nanoseconds() == 30'000'000'000);
  std::map<std::string, std::string> environment;
  for (const auto& variable : info.command().environment().variables()) environment[variable.name()] = variable.value();
  CHECK(environment.at("DIEGO_MESOS_CELL_COMMAND") == "exec rep");
  CHECK(environment.at("DIEGO_MESOS_CELL_ID") == "cell-1");
  CHECK(environment.at("DIEGO_MESOS_CELL_ZONE") == "z1");
  CHECK(environment.at("DIEGO_MESOS_REP_URL") == "auto");
  CHECK(environment.at("A") == "b=c");
}

TEST_CASE("the fingerprint follows the configuration and nothing else", "[cells]") {
  const edge::ExecutorCells one(options());
  CHECK(one.fingerprint() == edge::ExecutorCells(options()).fingerprint());
  CHECK(one.executor_info({"E", "c", "S", "", {}}) == one.executor_info({"E", "c", "S", "", {}}));
  auto changed = options();
  changed.cell.mem_mb += 1;
  CHECK(one.fingerprint() != edge::ExecutorCells(changed).fingerprint());
}
