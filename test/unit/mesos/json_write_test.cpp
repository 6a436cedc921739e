// Every rule of Mesos's JSON mapping as its writer has it, and what a client sends instead.
#include <catch2/catch.hpp>

#include <limits>

#include "mesos/json.hpp"
#include "mesos/v1/scheduler/scheduler.pb.h"

using namespace mesos_client;
using namespace mesos::v1;

namespace {

std::string sent(const google::protobuf::Message& message) {
  std::string json;
  write_json(message, JsonFields::set_only, json);
  return json;
}

std::string as_mesos(const google::protobuf::Message& message) {
  std::string json;
  write_json(message, JsonFields::set_and_defaults, json);
  return json;
}

std::string scalar(double value) {
  Value::Scalar scalar;
  scalar.set_value(value);
  return sent(scalar);
}

}  // namespace

TEST_CASE("an unset field is shown only by Mesos and only if it has an explicit default", "[json]") {
  CHECK(sent(Filters()) == "{}");
  CHECK(as_mesos(Filters()) == R"({"refuse_seconds":5.0})");
  FrameworkInfo info;
  info.set_user("u");
  info.set_name("n");
  CHECK(sent(info) == R"({"user":"u","name":"n"})");
  // Not role, whose default is deprecated with it.
  CHECK(as_mesos(info) == R"({"user":"u","name":"n","failover_timeout":0.0,"checkpoint":false})");
}

TEST_CASE("each explicit default shows when its parent is there", "[json]") {
  CHECK(as_mesos(CheckInfo()) == R"({"delay_seconds":15.0,"interval_seconds":10.0,"timeout_seconds":20.0})");
  CHECK(
      as_mesos(HealthCheck()) ==
      R"({"delay_seconds":15.0,"interval_seconds":10.0,"timeout_seconds":20.0,"consecutive_failures":3,"grace_period_seconds":10.0})");
  CHECK(as_mesos(HealthCheck::HTTPCheckInfo()) == R"({"protocol":"IPv4"})");
  CHECK(as_mesos(HealthCheck::TCPCheckInfo()) == R"({"protocol":"IPv4"})");
  CHECK(as_mesos(CommandInfo()) == R"({"shell":true})");
  CHECK(as_mesos(CommandInfo::URI()) == R"({"extract":true})");
  CHECK(as_mesos(Environment::Variable()) == R"({"type":"VALUE"})");
  CHECK(as_mesos(AgentInfo()) == R"({"port":5051})");
  CHECK(as_mesos(Image()) == R"({"cached":true})");
  CHECK(as_mesos(NetworkInfo::IPAddress()) == R"({"protocol":"IPv4"})");
  CHECK(as_mesos(ContainerInfo::DockerInfo()) == R"({"network":"HOST","privileged":false})");
  CHECK(as_mesos(LinuxInfo()) == R"({"share_cgroups":true})");
  CHECK(as_mesos(DrainConfig()) == R"({"mark_gone":false})");
  CHECK(as_mesos(Resource()) == "{}");
}

TEST_CASE("set fields are written whatever their value", "[json]") {
  Filters filters;
  filters.set_refuse_seconds(5);
  CHECK(sent(filters) == R"({"refuse_seconds":5.0})");
  const std::string json = R"({"name":"cpus","type":"SCALAR","role":"*","revocable":{}})";
  Resource resource;
  REQUIRE_FALSE(read_json(json, resource));
  CHECK(sent(resource) == json);
}

TEST_CASE("numbers are bare, 64-bit ones too, and doubles look like doubles", "[json]") {
  Value::Range range;
  range.set_begin(std::numeric_limits<std::uint64_t>::max());
  range.set_end(0);
  CHECK(sent(range) == R"({"begin":18446744073709551615,"end":0})");
  TimeInfo time;
  time.set_nanoseconds(std::numeric_limits<std::int64_t>::min());
  CHECK(sent(time) == R"({"nanoseconds":-9223372036854775808})");
  CHECK(scalar(15) == R"({"value":15.0})");
  CHECK(scalar(0.1) == R"({"value":0.1})");
  CHECK(scalar(-0.0) == R"({"value":-0.0})");
  CHECK(scalar(1795332968.3809493) == R"({"value":1795332968.3809493})");
  CHECK(scalar(std::numeric_limits<double>::infinity()) == R"({"value":"Infinity"})");
  CHECK(scalar(-std::numeric_limits<double>::infinity()) == R"({"value":"-Infinity"})");
  CHECK(scalar(std::numeric_limits<double>::quiet_NaN()) == R"({"value":NaN})");
}

TEST_CASE("a double survives writing and reading to the last bit", "[json]") {
  const auto value = GENERATE(0.1, 1e-300, 1.7976931348623157e308, 4.9e-324, 1795332968.3809493, 1.0 / 3, 1e22);
  Value::Scalar read;
  REQUIRE_FALSE(read_json(scalar(value), read));
  CHECK(read.value() == value);
}

TEST_CASE("bytes are base64 with padding, strings are escaped and else untouched", "[json]") {
  UUID uuid;
  uuid.set_value(std::string("\xfb\xff\xbf\x00", 4));
  CHECK(sent(uuid) == R"({"value":"+/+/AA=="})");
  FrameworkID id;
  id.set_value(std::string("a\"\\/\b\f\n\r\t\x01\x7f\0\xff\xc3\xa4<>", 17));
  CHECK(sent(id) == "{\"value\":\"a\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\x7f\\u0000\xff\xc3\xa4<>\"}");
  FrameworkID read;
  REQUIRE_FALSE(read_json(sent(id), read));
  CHECK(read.value() == id.value());
}

TEST_CASE("empty repeated fields and maps are left out", "[json]") {
  scheduler::Call::Revive revive;
  CHECK(as_mesos(revive) == "{}");
  revive.add_roles("a");
  revive.add_roles("b");
  CHECK(sent(revive) == R"({"roles":["a","b"]})");
  OfferFilters::ResourceQuantities quantities;
  CHECK(as_mesos(quantities) == "{}");
  (*quantities.mutable_quantities())["cpus"].set_value(1);
  CHECK(sent(quantities) == R"({"quantities":{"cpus":{"value":1.0}}})");
}

TEST_CASE("keys never carry capitals", "[json]") {
  scheduler::Call call;
  call.set_type(scheduler::Call::SUBSCRIBE);
  auto& info = *call.mutable_subscribe()->mutable_framework_info();
  info.set_user("u");
  info.set_name("n");
  info.set_failover_timeout(1);
  call.mutable_subscribe()->add_suppressed_roles("r");
  CHECK(
      sent(call) ==
      R"({"type":"SUBSCRIBE","subscribe":{"framework_info":{"user":"u","name":"n","failover_timeout":1.0},"suppressed_roles":["r"]}})");
}
