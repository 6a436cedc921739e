// Every rule of Mesos's JSON mapping as its reader has it.
#include <catch2/catch.hpp>

#include <cmath>
#include <limits>

#include "mesos/json.hpp"
#include "mesos/v1/master/master.pb.h"
#include "mesos/v1/scheduler/scheduler.pb.h"

using namespace mesos_client;
using namespace mesos::v1;
using scheduler::Call;

namespace {

template <class Message>
Message read(std::string_view json) {
  CAPTURE(json);
  Message message;
  const auto failure = read_json(json, message);
  INFO((failure ? failure->text : ""));
  REQUIRE_FALSE(failure);
  return message;
}

template <class Message>
JsonFailure refusal(std::string_view json) {
  CAPTURE(json);
  Message message;
  const auto failure = read_json(json, message);
  REQUIRE(failure);
  return *failure;
}

JsonFailure syntax(std::string text) { return {JsonFailure::Kind::syntax, std::move(text)}; }
JsonFailure conversion(std::string text) { return {JsonFailure::Kind::conversion, std::move(text)}; }

std::string nested(int depth) {
  return "{\"x\":" + std::string(static_cast<std::size_t>(depth) - 1, '[') +
         std::string(static_cast<std::size_t>(depth) - 1, ']') + "}";
}

}  // namespace

TEST_CASE("keys are the proto's names; every other key is ignored with all below it", "[json]") {
  const auto filters =
      read<Filters>(R"({"refuseSeconds":7,"nope":{"a":[1,{"b":null}],"refuse_seconds":3},"x":[[]],"y":true})");
  CHECK_FALSE(filters.has_refuse_seconds());
  CHECK(read<Filters>(R"({"nope":{"refuse_seconds":3},"refuse_seconds":2})").refuse_seconds() == 2);
}

TEST_CASE("null is unset, whatever the field", "[json]") {
  const auto call =
      read<Call>(R"({"type":null,"framework_id":null,"revive":{"roles":[null,"a",null]},"accept":{"offer_ids":null}})");
  CHECK_FALSE(call.has_type());
  CHECK_FALSE(call.has_framework_id());
  CHECK(call.revive().roles_size() == 1);
  CHECK(call.has_accept());
  CHECK(refusal<FrameworkID>(R"({"value":null})") == conversion("Missing required fields: value"));
}

TEST_CASE("an absent field with a default is not set but reads as it", "[json]") {
  const auto filters = read<Filters>("{}");
  CHECK_FALSE(filters.has_refuse_seconds());
  CHECK(filters.refuse_seconds() == 5);
}

TEST_CASE("an empty object sets the presence of a message", "[json]") {
  CHECK(read<Call>(R"({"reconcile":{}})").has_reconcile());
  CHECK(read<Resource>(R"({"name":"cpus","type":"SCALAR","revocable":{}})").has_revocable());
}

TEST_CASE("enums are names; unknown names count only where the field is required", "[json]") {
  CHECK(read<Call>(R"({"type":"ACCEPT"})").type() == Call::ACCEPT);
  CHECK_FALSE(read<Call>(R"({"type":"NOPE"})").has_type());
  const auto info = read<CapabilityInfo>(R"({"capabilities":["CHOWN","NOPE","BPF"]})");
  CHECK(info.capabilities_size() == 2);
  CHECK(refusal<Resource>(R"({"name":"cpus","type":"NOPE"})") == conversion("Failed to find enum for 'NOPE'"));
  CHECK(refusal<Call>(R"({"type":1})") == conversion("Not expecting a JSON number for field 'type'"));
}

TEST_CASE("bytes are standard base64, padding and white space as they please", "[json]") {
  const auto [text, bytes] = GENERATE(table<std::string, std::string>({
      {"", ""},
      {"eA==", "x"},
      {"eA", "x"},
      {"eHk=", "xy"},
      {"eHk", "xy"},
      {"eHl6", "xyz"},
      {"e H\\n\\tl6", "xyz"},
      {"//79", "\xff\xfe\xfd"},
      {"+/+/", "\xfb\xff\xbf"},
      {"eA==ignored", "x"},
      {"e", ""},
  }));
  CAPTURE(text);
  CHECK(read<UUID>("{\"value\":\"" + text + "\"}").value() == bytes);
}

TEST_CASE("other base64 alphabets are refused with the character", "[json]") {
  CHECK(refusal<UUID>(R"({"value":"-_-_"})") ==
        conversion("Failed to base64 decode bytes field 'value': Invalid character '-'"));
  CHECK(refusal<UUID>(R"({"value":"ab_d"})") ==
        conversion("Failed to base64 decode bytes field 'value': Invalid character '_'"));
}

TEST_CASE("integers come bare or in strings, fractions are cut", "[json]") {
  const auto [text, nanoseconds] = GENERATE(table<std::string, std::int64_t>({
      {"5", 5},
      {"-5", -5},
      {"5.9", 5},
      {"1e3", 1000},
      {"\"7\"", 7},
      {"\"-7.5\"", -7},
      {"\" 7 \"", 7},
      {"9223372036854775807", std::numeric_limits<std::int64_t>::max()},
      {"\"-9223372036854775808\"", std::numeric_limits<std::int64_t>::min()},
      {"1e300", std::numeric_limits<std::int64_t>::max()},  // Without a promise of C++; not a crash.
  }));
  CAPTURE(text);
  CHECK(read<TimeInfo>("{\"nanoseconds\":" + text + "}").nanoseconds() == nanoseconds);
}

TEST_CASE("unsigned 64-bit numbers above the signed range keep their digits", "[json]") {
  const auto range = read<Value::Range>(R"({"begin":18446744073709551615,"end":"18446744073709551615"})");
  CHECK(range.begin() == std::numeric_limits<std::uint64_t>::max());
  CHECK(range.end() == std::numeric_limits<std::uint64_t>::max());
}

TEST_CASE("numbers are not checked against the range of a 32-bit field", "[json]") {
  CHECK(read<Address>(R"({"port":4294967297})").port() == 1);
  CHECK(read<CheckStatusInfo::Http>(R"({"status_code":-1})").status_code() == 4294967295U);
}

TEST_CASE("a string that is no number is refused with the reason", "[json]") {
  const auto [text, reason] = GENERATE(table<std::string, std::string>({
      {"\"12x\"",
       "Failed to parse '12x' as a JSON number for field 'nanoseconds': Parsed JSON included "
       "non-whitespace trailing characters: x"},
      {"\"true\"", "Failed to parse 'true' as a JSON number for field 'nanoseconds': Unexpected JSON type parsed"},
      {"\"\"", "Failed to parse '' as a JSON number for field 'nanoseconds': syntax error at line 1 near: "},
      {"true", "Not expecting a JSON boolean for field 'nanoseconds'"},
      {"{}", "Not expecting a JSON object for field 'nanoseconds'"},
      {"[1]", "Not expecting a JSON array for field 'nanoseconds'"},
  }));
  CHECK(refusal<TimeInfo>("{\"nanoseconds\":" + text + "}") == conversion(reason));
}

TEST_CASE("doubles are numbers, numbers in strings, or Infinity", "[json]") {
  const auto value = [](const char* text) {
    return read<Value::Scalar>("{\"value\":" + std::string(text) + "}").value();
  };
  CHECK(value("15") == 15);
  CHECK(value("0.1") == 0.1);
  CHECK(value("1700000000.123456") == 1700000000.123456);
  CHECK(value("\"2.5\"") == 2.5);
  CHECK(value("\"Infinity\"") == std::numeric_limits<double>::infinity());
  CHECK(value("\"-Infinity\"") == -std::numeric_limits<double>::infinity());
  CHECK(refusal<Value::Scalar>(R"({"value":"NaN"})").kind == JsonFailure::Kind::conversion);
  CHECK(refusal<Value::Scalar>(R"({"value":NaN})").kind == JsonFailure::Kind::syntax);
  for (const char* const number : {"1e999", "1.8e308", "-1.8e308"}) {
    CHECK(refusal<Value::Scalar>("{\"value\":" + std::string(number) + "}") == syntax("Value out of range"));
  }
}

TEST_CASE("of what no double holds the nearest is taken, and zero is zero whatever its exponent", "[json]") {
  const auto value = [](const char* text) {
    const std::string json = "{\"value\":" + std::string(text) + "}";
    Value::Scalar by_reflection;
    CHECK_FALSE(read_json_by_reflection(json, by_reflection));
    CHECK(by_reflection.value() == read<Value::Scalar>(json).value());
    return by_reflection.value();
  };
  for (const char* const zero : {"0", "-0", "0.0", "0e30", "0e-30", "0.000000000000000000000000000000e0", "0e-400",
                                 "-0.0e99", "\"0e30\"", "1e-400"}) {
    CAPTURE(zero);
    CHECK(value(zero) == 0);
  }
  CHECK(value("5e-324") == std::numeric_limits<double>::denorm_min());
  CHECK(value("3e-324") == std::numeric_limits<double>::denorm_min());
  CHECK(value("9007199254740993") == 9007199254740992);
  CHECK(value("18446744073709551615") == 18446744073709551615.0);
  CHECK(value("100000000000000000000") == 1e20);
  CHECK(value("-100000000000000000000") == -1e20);
}

TEST_CASE("booleans are true and false, also in strings", "[json]") {
  CHECK(read<CommandInfo>(R"({"shell":false})").has_shell());
  CHECK_FALSE(read<CommandInfo>(R"({"shell":"false"})").shell());
  CHECK(read<CommandInfo>(R"({"shell":"true"})").has_shell());
  CHECK(refusal<CommandInfo>(R"({"shell":"yes"})")
            .text.starts_with(
                "Failed to parse 'yes' as a JSON boolean for field 'shell': syntax error at line 1 near: "));
  CHECK(refusal<CommandInfo>(R"({"shell":1})") == conversion("Not expecting a JSON number for field 'shell'"));
}

TEST_CASE("strings pass through, also when they are not UTF-8", "[json]") {
  CHECK(read<FrameworkID>("{\"value\":\"\xff\xc3(\xe2\x82\"}").value() == "\xff\xc3(\xe2\x82");
  CHECK(read<FrameworkID>(R"({"value":"a\u00e4\ud83d\ude00\"\\\/\b\f\n\r\t"})").value() ==
        "a\xc3\xa4\xf0\x9f\x98\x80\"\\/\b\f\n\r\t");
  CHECK(read<FrameworkID>(R"({"value":"a\u0000b"})").value() == std::string("a\0b", 3));
  CHECK(refusal<FrameworkID>("{\"value\":\"a\nb\"}").kind == JsonFailure::Kind::syntax);
  CHECK(refusal<FrameworkID>(R"({"value":7})") == conversion("Not expecting a JSON number for field 'value'"));
}

TEST_CASE("maps are objects", "[json]") {
  const auto task = read<TaskInfo>(R"({"name":"n","task_id":{"value":"t"},"agent_id":{"value":"a"},
      "limits":{"cpus":{"value":"Infinity"},"mem":{"value":32},"odd":{"value":1,"x":[]}}})");
  CHECK(task.limits_size() == 3);
  CHECK(task.limits().at("mem").value() == 32);
  CHECK(std::isinf(task.limits().at("cpus").value()));
  CHECK(refusal<OfferFilters::ResourceQuantities>(R"({"quantities":7})") ==
        conversion("Not expecting a JSON number for field 'quantities'"));
  CHECK(refusal<OfferFilters::ResourceQuantities>(R"({"quantities":{"cpus":[]}})") ==
        conversion("Not expecting a JSON array for field 'value'"));
}

TEST_CASE("a repeated field takes arrays, empty ones and a single value", "[json]") {
  CHECK(read<Call::Revive>(R"({"roles":[]})").roles_size() == 0);
  CHECK(read<Call::Revive>(R"({"roles":["a","b"]})").roles(1) == "b");
  CHECK(read<Call::Revive>(R"({"roles":"a"})").roles(0) == "a");
  CHECK(refusal<Call>(R"({"framework_id":"x"})") == conversion("Not expecting a JSON string for field 'framework_id'"));
  CHECK(refusal<Call>(R"({"framework_id":[]})") == conversion("Not expecting a JSON array for field 'framework_id'"));
}

TEST_CASE("a Duration is a plain object, never the canonical string", "[json]") {
  using Drain = master::Call::DrainAgent;
  const auto drain = read<Drain>(R"({"agent_id":{"value":"a"},"max_grace_period":{"seconds":5,"nanos":0}})");
  CHECK(drain.max_grace_period().seconds() == 5);
  CHECK(refusal<Drain>(R"({"agent_id":{"value":"a"},"max_grace_period":"5s"})") ==
        conversion("Not expecting a JSON string for field 'max_grace_period'"));
}

TEST_CASE("missing required fields are all named", "[json]") {
  CHECK(refusal<Call>(R"({"type":"SUBSCRIBE","subscribe":{"framework_info":{"roles":["a"]}}})") ==
        conversion("Missing required fields: subscribe.framework_info.user, subscribe.framework_info.name"));
  CHECK(refusal<Call>(R"({"subscribe":{"frameworkInfo":{"user":"root"}}})") ==
        conversion("Missing required fields: subscribe.framework_info"));
  CHECK(refusal<Call>(R"({"accept":{"offer_ids":[{"value":"a"},{}]}})") ==
        conversion("Missing required fields: accept.offer_ids[1].value"));
}

TEST_CASE("only an object is a message", "[json]") {
  const auto json = GENERATE("[]", "[{}]", "1", "\"x\"", "null", "true", "[[[{\"type\":1}]]]");
  CHECK(refusal<Call>(json) == conversion("Expecting a JSON object"));
}

TEST_CASE("nesting is allowed to 200 and no further, also in what is ignored", "[json]") {
  CHECK_FALSE(read<Call>(nested(200)).has_type());
  CHECK(refusal<Call>(nested(201)).kind == JsonFailure::Kind::syntax);
  CHECK(refusal<Call>(std::string(1'000'000, '[')).kind == JsonFailure::Kind::syntax);
  std::string deep = R"({"value":"x"})";
  for (int i = 1; i < 200; ++i) deep = R"({"value":"x","parent":)" + deep + "}";
  CHECK(read<ContainerID>(deep).has_parent());
  CHECK(refusal<ContainerID>(R"({"value":"x","parent":)" + deep + "}").kind == JsonFailure::Kind::syntax);
}

TEST_CASE("what follows the object must be white space", "[json]") {
  CHECK(read<Call>("  {} \r\n\t").ByteSizeLong() == 0);
  CHECK(refusal<Call>("{}x") == syntax("Parsed JSON included non-whitespace trailing characters: x"));
  CHECK(refusal<Call>("{} {} ") == syntax("Parsed JSON included non-whitespace trailing characters:  {}"));
}

TEST_CASE("of equal keys the last one wins", "[json]") {
  CHECK(read<Call>(R"({"type":"KILL","type":"ACCEPT"})").type() == Call::ACCEPT);
  CHECK_FALSE(read<Call>(R"({"type":"KILL","type":null})").has_type());
  CHECK(read<Call>(R"({"type":7,"type":"KILL"})").type() == Call::KILL);
  const auto call = read<Call>(R"({"revive":{"roles":["a","b"]},"revive":{"roles":["c"]}})");
  CHECK(call.revive().roles_size() == 1);
}

TEST_CASE("a syntax error comes before any conversion error, and says where", "[json]") {
  CHECK(refusal<Call>(R"({"type":1,"framework_id":)") == syntax("syntax error at line 1 near: "));
  CHECK(refusal<Call>("{\"type\":\n\n nope}").text.starts_with("syntax error at line 3 near: "));
  CHECK(refusal<Call>("").text == "syntax error at line 1 near: ");
  CHECK(refusal<Call>("{\"type\"}").kind == JsonFailure::Kind::syntax);
  CHECK(refusal<Call>(std::string("{}\0", 3)).kind == JsonFailure::Kind::syntax);
}

TEST_CASE("reading replaces what the message held", "[json]") {
  Call call;
  call.set_type(Call::KILL);
  call.mutable_revive()->add_roles("a");
  REQUIRE_FALSE(read_json(R"({"revive":{}})", call));
  CHECK_FALSE(call.has_type());
  CHECK(call.revive().roles_size() == 0);
}
