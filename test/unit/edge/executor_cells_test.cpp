#include <catch2/catch.hpp>

#include "mesos/v1/mesos.pb.h"
#include "scheduler/edge/translate.hpp"

namespace {

edge::Options options() {
  edge::Options options;
  options.cell.containerizer = "none";
  options.cell.executor = "/opt/bin/diego-executor";
  options.cell.command = "exec rep";
  options.cell.environment = {"A=b=c"};
  options.cell.rootfs = {"a:/a", "b", "docker"};
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
  CHECK(environment.at("DIEGO_MESOS_ROOTFS") == "a:/a,b");
}

TEST_CASE("an executor that is a URI is fetched into the sandbox and run there", "[cells]") {
  auto fetched = options();
  fetched.cell.executor = "https://files/v1/diego-executor?token=a/b";
  mesos::v1::ExecutorInfo info;
  REQUIRE(info.ParseFromString(edge::ExecutorCells(fetched).executor_info({"E", "cell-1", "S", "z1", {}})));
  CHECK(info.command().value() == "./diego-executor");
  CHECK(info.command().arguments(0) == "diego-executor");
  REQUIRE(info.command().uris_size() == 1);
  CHECK(info.command().uris(0).value() == fetched.cell.executor);
  CHECK(info.command().uris(0).executable());
  CHECK_FALSE(info.command().uris(0).extract());
}

TEST_CASE("the fingerprint follows the configuration and nothing else", "[cells]") {
  const edge::ExecutorCells one(options());
  CHECK(one.fingerprint() == edge::ExecutorCells(options()).fingerprint());
  CHECK(one.executor_info({"E", "c", "S", "", {}}) == one.executor_info({"E", "c", "S", "", {}}));
  auto changed = options();
  changed.cell.mem_mb += 1;
  CHECK(one.fingerprint() != edge::ExecutorCells(changed).fingerprint());
}

TEST_CASE("a cell by the docker containerizer is its image, with the agent's network", "[cells]") {
  auto docker = options();
  docker.cell.containerizer = "docker";
  docker.cell.image = "registry/diego-cell:1";
  docker.cell.executor.clear();
  docker.cell.command.clear();
  docker.cell.privileged = false;
  docker.cell.docker_parameters = {"cap-add=SYS_ADMIN", "device-cgroup-rule=c 10:229 rwm", "env=A=B"};
  docker.cell.volumes = {"/var/data:/var/vcap/data", "/etc/certs:/etc/cf-mesos/certs:ro"};
  mesos::v1::ExecutorInfo info;
  REQUIRE(info.ParseFromString(edge::ExecutorCells(docker).executor_info({"E", "cell-1", "S", "z1", {}})));
  CHECK_FALSE(info.command().shell());
  CHECK_FALSE(info.command().has_value());  // The image's entry point.
  CHECK(info.command().arguments_size() == 0);
  for (const auto& variable : info.command().environment().variables())
    CHECK(variable.name() != "DIEGO_MESOS_CELL_COMMAND");  // The image's.
  REQUIRE(info.container().type() == mesos::v1::ContainerInfo::DOCKER);
  const auto& container = info.container();
  CHECK(container.docker().image() == "registry/diego-cell:1");
  CHECK(container.docker().network() == mesos::v1::ContainerInfo::DockerInfo::HOST);
  CHECK_FALSE(container.docker().privileged());
  REQUIRE(container.docker().parameters_size() == 4);
  CHECK(container.docker().parameters(1).key() == "device-cgroup-rule");
  CHECK(container.docker().parameters(1).value() == "c 10:229 rwm");
  CHECK(container.docker().parameters(2).value() == "A=B");
  CHECK(container.docker().parameters(3).key() == "memory-swap");
  CHECK(container.docker().parameters(3).value() == "-1");
  REQUIRE(container.volumes_size() == 2);
  CHECK(container.volumes(0).host_path() == "/var/data");
  CHECK(container.volumes(0).mode() == mesos::v1::Volume::RW);
  CHECK(container.volumes(1).container_path() == "/etc/cf-mesos/certs");
  CHECK(container.volumes(1).mode() == mesos::v1::Volume::RO);

  docker.cell.executor = "/bin/other";
  REQUIRE(info.ParseFromString(edge::ExecutorCells(docker).executor_info({"E", "cell-1", "S", "z1", {}})));
  CHECK(info.command().value() == "/bin/other");
  CHECK(info.command().arguments_size() == 0);  // docker run IMAGE /bin/other

  docker.cell.docker_parameters = {"memory-swap=8g"};
  REQUIRE(info.ParseFromString(edge::ExecutorCells(docker).executor_info({"E", "cell-1", "S", "z1", {}})));
  REQUIRE(info.container().docker().parameters_size() == 1);
  CHECK(info.container().docker().parameters(0).value() == "8g");
}

TEST_CASE("a cell by the Mesos containerizer is its image, run by file and argv[0]", "[cells]") {
  auto mesos = options();
  mesos.cell.containerizer = "mesos";
  mesos.cell.image = "diego-cell:1";
  mesos.cell.executor.clear();
  mesos::v1::ExecutorInfo info;
  REQUIRE(info.ParseFromString(edge::ExecutorCells(mesos).executor_info({"E", "cell-1", "S", "z1", {}})));
  CHECK(info.container().type() == mesos::v1::ContainerInfo::MESOS);
  CHECK(info.container().mesos().image().docker().name() == "diego-cell:1");
  CHECK_FALSE(info.container().has_docker());
  CHECK(info.command().value() == "/usr/bin/diego-executor");
  CHECK(info.command().arguments(0) == "diego-executor");
}
