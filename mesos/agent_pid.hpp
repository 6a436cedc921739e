// Where an executor finds its agent.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace mesos_client {

// MESOS_SLAVE_PID, "slave(1)@10.0.0.7:5051", to "http://10.0.0.7:5051/slave(1)/api/v1/executor".
// The id in the path matters: on mesos-local the address is the master's too, and without the prefix
// the master's operator API answers, which also takes a SUBSCRIBE.
base::Result<std::string> parse_agent_pid(std::string_view pid, std::string_view scheme = "http");

}  // namespace mesos_client
