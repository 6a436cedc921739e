// The fast way to read JSON makes no difference but in speed.
#include "mesos/json_transcode.hpp"

#include <catch2/catch.hpp>

#include "base/random.hpp"
#include "mesos/json.hpp"
#include "mesos/json_shape.hpp"
#include "mesos/v1/scheduler/scheduler.pb.h"

using namespace mesos_client;
using mesos::v1::scheduler::Call;
using mesos::v1::scheduler::Event;

namespace {

// In the shape of recorded events; between them they hold every kind of value.
const std::vector<std::string>& events() {
  static const std::vector<std::string> all = {
      R"({"type":"UPDATE","update":{"status":{"task_id":{"value":"g.0.abc"},"state":"TASK_RUNNING","message":"a \"b\" \\ \/ \n",)"
      R"("source":"SOURCE_EXECUTOR","agent_id":{"value":"S1"},"executor_id":{"value":"E"},"timestamp":1795333315.0084553,)"
      R"("uuid":"YHWw5qRGRreY8UFIk5jS3Q==","healthy":true,"labels":{"labels":[{"key":"k","value":"v"},{"key":"l"}]},)"
      R"("container_status":{"container_id":{"value":"c"},"network_infos":[{"ip_addresses":[{"protocol":"IPv4",)"
      R"("ip_address":"127.0.0.1"}]}],"executor_pid":10361}}}})",
      R"({"type":"OFFERS","offers":{"offers":[{"id":{"value":"O1"},"framework_id":{"value":"F"},"agent_id":{"value":"S"},)"
      R"-("hostname":"h","url":{"scheme":"http","address":{"ip":"10.0.0.1","port":5051},"path":"/slave(1)"},"resources":[)-"
      R"({"name":"ports","type":"RANGES","ranges":{"range":[{"begin":31000,"end":31099},{"begin":-1,"end":0}]}},)"
      R"({"name":"cpus","type":"SCALAR","scalar":{"value":4.0},"reservations":[]},)"
      R"({"name":"mem","type":"SCALAR","scalar":{"value":1e3},"disk":null},)"
      R"({"name":"set","type":"SET","set":{"item":["a","","b"]}}],"allocation_info":{"role":"r"}}]}})",
      R"( { "type" : "SUBSCRIBED" , "subscribed" : { "framework_id" : { "value" : "F" } ,)"
      R"( "heartbeat_interval_seconds" : 15 , "unknown" : [ 1 , -2.5e-3 , { "a" : [ ] , "b" : { } } , "x" , true , false , null ] } } )",
      R"({"type":"HEARTBEAT"})",
      R"({"type":"FAILURE","failure":{"agent_id":{"value":"S"},"executor_id":{"value":"E"},"status":-9}})",
      R"({"type":"MESSAGE","message":{"agent_id":{"value":"S"},"executor_id":{"value":"E"},"data":"AAECAwQ"}})",
      R"({"type":"A_NEWER_PEERS","error":{"message":""}})",
  };
  return all;
}

bool reads_fast(const std::string& json) {
  Event event;
  return json_transcode::read(json, json_shape::of(*Event::descriptor()), event);
}

// The message, or why there is none.
template <class Read>
std::string outcome(Read read, const std::string& json) {
  Event event;
  event.mutable_error()->set_message("must be gone");
  const auto failure = read(json, event);
  if (failure) return (failure->kind == JsonFailure::Kind::syntax ? "syntax: " : "conversion: ") + failure->text;
  return "read: " + event.SerializeAsString();
}

std::string mutated(std::string json, base::Random& random) {
  static const std::vector<std::string> kPieces = {"\"",
                                                   "\\",
                                                   "{",
                                                   "}",
                                                   "[",
                                                   "]",
                                                   ",",
                                                   ":",
                                                   " ",
                                                   "null",
                                                   "true",
                                                   "-",
                                                   "0",
                                                   ".",
                                                   "e5",
                                                   "1E+2",
                                                   "12345678901234567890",
                                                   "\"x\"",
                                                   "\"\":1,",
                                                   "\"type\":\"ERROR\",",
                                                   "\xc3\xa4",
                                                   "\\u0041",
                                                   "\t",
                                                   "\n",
                                                   "=",
                                                   "AB",
                                                   "\"value\":\"v\"",
                                                   "1.5",
                                                   "\x01"};
  const std::size_t changes = 1 + random.below(2);
  for (std::size_t i = 0; i < changes; ++i) {
    const std::size_t at = random.below(json.size());
    switch (random.below(4)) {
      case 0:
        json.erase(at, 1 + random.below(3));
        break;
      case 1:
        json.insert(at, kPieces[random.below(kPieces.size())]);
        break;
      case 2:
        json.replace(at, 1, kPieces[random.below(kPieces.size())]);
        break;
      default: {  // Says something twice.
        const std::string part = json.substr(at, random.below(40));
        json.insert(random.below(json.size()), part);
      }
    }
    if (json.empty()) return "{}";
  }
  return json;
}

}  // namespace

TEST_CASE("what Mesos writes takes the fast way", "[json]") {
  for (const std::string& json : events()) {
    CAPTURE(json);
    CHECK(reads_fast(json));
    CHECK(outcome(read_json, json) == outcome(read_json_by_reflection, json));
    CHECK_THAT(outcome(read_json, json), Catch::StartsWith("read: "));
  }
}

TEST_CASE("the fast way leaves alone what no double may hold", "[json]") {
  const std::string many(400, '1');
  const std::vector<std::string> numbers = {"0e400", "1e-400", many, "0." + many, many + "e-200", "-" + many};
  for (const std::string& number : numbers) {
    CAPTURE(number);
    const std::string json = R"({"type":"UPDATE","update":{"status":{"task_id":{"value":"t"},"state":"TASK_LOST",)"
                             R"("timestamp":)" +
                             number + "}}}";
    CHECK_FALSE(reads_fast(json));
    CHECK(outcome(read_json, json) == outcome(read_json_by_reflection, json));
  }
}

TEST_CASE("the fast way and the slow way agree on whatever is made of an event", "[json]") {
  const auto seed = GENERATE(range<std::uint64_t>(1, 21));
  base::Random random(seed);
  int fast = 0, refused = 0;
  for (int i = 0; i < 2000; ++i) {
    const std::string json = mutated(events()[random.below(events().size())], random);
    const std::string slow = outcome(read_json_by_reflection, json);
    if (outcome(read_json, json) != slow) FAIL("they differ on " << json << "\nslow: " << slow);
    fast += reads_fast(json) ? 1 : 0;
    refused += slow.starts_with("read: ") ? 0 : 1;
  }
  CHECK(fast > 100);  // Else nothing was compared.
  CHECK(refused > 100);
}

TEST_CASE("messages of any size are put together", "[json]") {
  // Lengths around those where the length of a length changes, at two levels.
  for (const std::size_t size : {0U,   1U,   100U, 110U,  120U,  121U,   122U,   123U,   124U,    125U,      126U,
                                 127U, 128U, 129U, 4000U, 5000U, 16370U, 16380U, 16384U, 70'000U, 2'100'000U}) {
    const std::string json = R"({"type":"ERROR","error":{"message":")" + std::string(size, 'x') + R"("}})";
    CAPTURE(size);
    CHECK(reads_fast(json));
    Event event;
    REQUIRE_FALSE(read_json(json, event));
    CHECK(event.error().message() == std::string(size, 'x'));
  }
  const std::string escaped =
      R"({"type":"ERROR","error":{"message":")" + std::string(70, 'x') + R"(\n\")" + std::string(70, 'y') + "\"}}";
  CHECK(reads_fast(escaped));
  CHECK(outcome(read_json, escaped) == outcome(read_json_by_reflection, escaped));
}

TEST_CASE("what is out of the ordinary takes the slow way", "[json]") {
  const std::string json = GENERATE(
      R"({"type":"ERROR","type":"ERROR"})",                         // The last one counts.
      R"({"type":"ERROR","error":{"message":"\u00e4"}})",           // Escapes by number.
      "{\"type\":\"ERROR\",\"error\":{\"message\":\"\xc3\xa4\"}}",  // Beyond ASCII.
      R"({"subscribed":{"framework_id":{"value":"F"},"heartbeat_interval_seconds":"15"}})",
      R"({"failure":{"status":1.0}})", R"({"failure":{"status":99999999999999999999}})",
      R"({"subscribed":{"framework_id":{"value":"F"},"heartbeat_interval_seconds":-0}})",
      R"({"update":{"status":{"task_id":{"value":"t"},"state":"NEW_STATE"}}})",  // A required enum.
      R"({"message":{"agent_id":{"value":"S"},"executor_id":{"value":"E"},"data":"AA EC"}})", "{", "[]", "{} x", "");
  CAPTURE(json);
  CHECK_FALSE(reads_fast(json));
  CHECK(outcome(read_json, json) == outcome(read_json_by_reflection, json));
}

TEST_CASE("nesting beyond the fast way's depth is left to the slow way", "[json]") {
  for (const std::size_t depth : {40U, 60U, 150U, 500U}) {
    const std::string json = R"({"x":)" + std::string(depth, '[') + std::string(depth, ']') + "}";
    CAPTURE(depth);
    CHECK(reads_fast(json) == (depth < 50));
    CHECK(outcome(read_json, json) == outcome(read_json_by_reflection, json));
  }
}

TEST_CASE("numbers and maps of calls read the same both ways", "[json]") {
  const std::string json = GENERATE(
      R"({"accept":{"filters":{"refuse_seconds":0.1}}})",
      R"({"accept":{"filters":{"refuse_seconds":1.7976931348623157e308}}})",
      R"({"accept":{"filters":{"refuse_seconds":5e-324}}})", R"({"accept":{"filters":{"refuse_seconds":1e999}}})",
      R"({"accept":{"filters":{"refuse_seconds":123456789012345678}}})",
      R"({"accept":{"filters":{"refuse_seconds":00}}})", R"({"accept":{"filters":{"refuse_seconds":.5}}})",
      R"({"accept":{"filters":{"refuse_seconds":1.}}})", R"({"accept":{"filters":{"refuse_seconds":-}}})",
      R"({"kill":{"task_id":{"value":"t"},"kill_policy":{"grace_period":{"nanoseconds":-9223372036854775808}}}})",
      R"({"kill":{"task_id":{"value":"t"},"kill_policy":{"grace_period":{"nanoseconds":9223372036854775808}}}})",
      R"({"subscribe":{"framework_info":{"user":"u","name":"n","offer_filters":{"r":{"min_allocatable_resources":{"quantities":[{"quantities":{"cpus":{"value":1.5}}}]}}}}}})");
  CAPTURE(json);
  Call fast, slow;
  const auto fast_failure = read_json(json, fast), slow_failure = read_json_by_reflection(json, slow);
  CHECK(fast_failure == slow_failure);
  CHECK(fast.SerializePartialAsString() == slow.SerializePartialAsString());
}
