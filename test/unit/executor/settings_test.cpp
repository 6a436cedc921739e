#include <catch2/catch.hpp>

#include "executor/edge/settings.hpp"

using namespace executor;
using namespace std::chrono_literals;

namespace {

std::map<std::string, std::string> agent_variables() {
  return {{"MESOS_FRAMEWORK_ID", "f"},
          {"MESOS_EXECUTOR_ID", "diego-cell-0a1b-xyz234"},
          {"MESOS_SLAVE_PID", "slave(1)@10.0.0.7:5051"}};
}

}  // namespace

TEST_CASE("Mesos durations are read in all their units", "[settings]") {
  const auto [text, expected] = GENERATE(table<std::string, base::Duration>({{"5secs", 5s},
                                                                             {"1.5secs", 1500ms},
                                                                             {"15mins", 15min},
                                                                             {"2hrs", 2h},
                                                                             {"1days", 24h},
                                                                             {"1weeks", 168h},
                                                                             {"250ms", 250ms},
                                                                             {"3us", 3us},
                                                                             {"4ns", 4ns},
                                                                             {"0ns", 0ns}}));
  CAPTURE(text);
  CHECK(*parse_mesos_duration("X", text) == expected);
}

TEST_CASE("what is no Mesos duration is an error", "[settings]") {
  const std::string text = GENERATE("", "5", "5s", "secs", "-1secs", "nansecs", "1e300weeks");
  CAPTURE(text);
  CHECK_FALSE(parse_mesos_duration("X", text));
}

TEST_CASE("the agent's environment is read, and what is missing is named", "[settings]") {
  auto variables = agent_variables();
  variables["MESOS_CHECKPOINT"] = "1";
  variables["MESOS_RECOVERY_TIMEOUT"] = "10mins";
  variables["MESOS_SUBSCRIPTION_BACKOFF_MAX"] = "3secs";
  variables["MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD"] = "30secs";
  const auto agent = read_agent_environment(variables);
  REQUIRE(agent);
  CHECK(agent->url == "http://10.0.0.7:5051/slave(1)/api/v1/executor");
  CHECK(agent->recovery_timeout == 10min);
  CHECK(agent->backoff_max == 3s);
  CHECK(agent->shutdown_grace == 30s);
  CHECK(read_agent_environment({{"MESOS_EXECUTOR_ID", "e"}}).error().message() ==
        "environment: a Mesos agent starts this program; missing: MESOS_FRAMEWORK_ID, MESOS_SLAVE_PID");
}

TEST_CASE("without checkpoint the first loss of the agent is final", "[settings]") {
  auto variables = agent_variables();
  variables["MESOS_CHECKPOINT"] = "0";
  variables["MESOS_RECOVERY_TIMEOUT"] = "10mins";
  CHECK(read_agent_environment(variables)->recovery_timeout == 0s);
}

TEST_CASE("a cell id is one DNS label of the agent's address and the run", "[settings]") {
  CHECK(default_cell_id("slave(1)@10.0.0.7:5051", "diego-cell-0a1b-xyz234") == "cell-10-0-0-7-xyz234");
  CHECK(default_cell_id("slave(1)@[::1]:5051", "e") == "cell----1--e");
}

TEST_CASE("the rep's certificate is for its URL's host, a name, or the cell's id in a domain", "[settings]") {
  Flags flags;
  CHECK(rep_server_name(flags, "cell_1").empty());
  flags.rep_server_name = "rep.test";
  CHECK(rep_server_name(flags, "cell_1") == "rep.test");
  flags.rep_server_name = ".cell.service.cf.internal";
  CHECK(rep_server_name(flags, "cell_10_0-a") == "cell-10-0-a.cell.service.cf.internal");
}

TEST_CASE("an agent that speaks https comes with the files of libprocess", "[settings]") {
  auto variables = agent_variables();
  variables["LIBPROCESS_SSL_CA_FILE"] = "/ca";
  variables["LIBPROCESS_SSL_CERT_FILE"] = "/cert";
  CHECK(read_agent_environment(variables)->ca_file.empty());
  variables["LIBPROCESS_SSL_ENABLED"] = "1";
  CHECK(read_agent_environment(variables)->ca_file == "/ca");
  CHECK(read_agent_environment(variables)->cert_file.empty());  // Of no use without its key.
  variables["LIBPROCESS_SSL_KEY_FILE"] = "/key";
  const auto agent = read_agent_environment(variables);
  CHECK((agent->cert_file == "/cert" && agent->key_file == "/key"));
  Flags flags;
  flags.rep_ca = "/rep-ca";
  const auto files = tls_files(flags, *agent);
  REQUIRE(files.size() == 2);
  CHECK((files[0].ca.flag == "--rep-ca" && files[0].ca.path == "/rep-ca"));
  CHECK((files[1].cert.flag == "LIBPROCESS_SSL_CERT_FILE" && files[1].cert.path == "/cert"));
}

TEST_CASE("a free port stands where the rep's URLs say auto", "[settings]") {
  Flags flags;
  const FreePorts free{.rep = 4321, .admin = 4322};
  flags.rep_url = "auto";
  CHECK(rep_address(flags, free)->url == "http://127.0.0.1:4321");
  CHECK(rep_address(flags, free)->listen == "127.0.0.1:4321");
  CHECK(rep_address(flags, free)->admin_url == "http://127.0.0.1:4321");
  CHECK(rep_address(flags, free)->admin_listen == "127.0.0.1:4321");
  flags.rep_url = "https://auto";
  flags.rep_admin_url = "https://auto";
  CHECK(rep_address(flags, free)->url == "https://127.0.0.1:4321");
  CHECK(rep_address(flags, free)->admin_url == "https://127.0.0.1:4322");
  CHECK(rep_address(flags, free)->admin_listen == "127.0.0.1:4322");
  flags.rep_admin_url.clear();
  flags.rep_url = "https://127.0.0.1:1801";
  CHECK(rep_address(flags, free)->admin_url == "https://127.0.0.1:1800");
  flags.rep_url = "http://autopilot.example:80";
  CHECK(rep_address(flags, free)->url == "http://autopilot.example:80");
}
