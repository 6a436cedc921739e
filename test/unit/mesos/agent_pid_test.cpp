#include <catch2/catch.hpp>

#include "mesos/agent_pid.hpp"

using mesos_client::parse_agent_pid;

TEST_CASE("the executor API's URL has the address and the id of the agent's pid", "[executor]") {
  CHECK(*parse_agent_pid("slave(1)@10.0.0.7:5051") == "http://10.0.0.7:5051/slave(1)/api/v1/executor");
  CHECK(*parse_agent_pid("slave(2)@127.0.0.1:5280") == "http://127.0.0.1:5280/slave(2)/api/v1/executor");
  CHECK(*parse_agent_pid("slave(1)@[::1]:5051", "https") == "https://[::1]:5051/slave(1)/api/v1/executor");
}

TEST_CASE("what is not a pid is refused with its text", "[executor]") {
  const auto pid =
      GENERATE(as<std::string>{}, "", "slave(1)", "@1.2.3.4:5051", "slave(1)@", "slave(1)@1.2.3.4", "slave(1)@:5051",
               "slave(1)@1.2.3.4:", "slave(1)@1.2.3.4:0", "slave(1)@1.2.3.4:65536", "slave(1)@1.2.3.4:50x",
               "sla ve@1.2.3.4:5051", "a/b@1.2.3.4:5051", "slave(1)@1.2.3.4/x:5051", "slave(1)@h\r\nX: y:5051");
  CAPTURE(pid);
  const auto url = parse_agent_pid(pid);
  REQUIRE_FALSE(url);
  CHECK(url.error().where == "MESOS_SLAVE_PID");
  CHECK(url.error().text.find(pid) != std::string::npos);
}
