#include <catch2/catch.hpp>

#include "master_rig.hpp"

using local_test::Lines;
using local_test::MasterRig;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

// One agent, subscribed, with offer O0 in hand.
MasterRig offered() {
  MasterRig rig;
  rig.add_agent();
  rig.subscribe();
  rig.take();
  return rig;
}

std::string decline(const std::string& offer, const std::string& filters) {
  return R"({"type":"DECLINE","framework_id":{"value":"F"},"decline":{"offer_ids":[{"value":")" + offer + "\"}]" +
         filters + "}}";
}

}  // namespace

TEST_CASE("a new framework is told its id and offered what is free at once", "[master]") {
  MasterRig rig;
  rig.add_agent();
  rig.add_agent("cpus:2;mem:128");
  rig.take();
  CHECK(rig.subscribe().status == 200);
  CHECK(rig.take() == Lines{"SUBSCRIBED 0000 on 1", "HEARTBEAT",
                            "OFFERS O0@S0 ports:[31000-31099]; cpus:4; mem:4096 O1@S1 cpus:2; mem:128"});
}

TEST_CASE("an agent that joins is offered at once", "[master]") {
  MasterRig rig = offered();
  rig.add_agent("cpus:2;mem:128");
  CHECK(rig.take() == Lines{"2<- Registered", "OFFERS O1@S1 cpus:2; mem:128"});
}

TEST_CASE("heartbeats come every 15 seconds", "[master]") {
  MasterRig rig = offered();
  rig.pass(seconds(46));
  CHECK(rig.take() == Lines{"HEARTBEAT", "HEARTBEAT", "HEARTBEAT"});
}

TEST_CASE("declined with 0 s an offer returns with the next batch, not before", "[master]") {
  MasterRig rig = offered();
  CHECK(rig.call(decline("O0", R"(,"filters":{"refuse_seconds":0})")).status == 202);
  CHECK(rig.take().empty());
  rig.pass(seconds(1));
  CHECK(rig.take() == Lines{"OFFERS O1@S0 ports:[31000-31099]; cpus:4; mem:4096"});
}

TEST_CASE("a refusal holds for its time, 5 s if none or a bad one is given", "[master]") {
  const auto [filters, waits] = GENERATE(table<std::string, int>({{"", 5},
                                                                  {R"(,"filters":{})", 5},
                                                                  {R"(,"filters":{"refuse_seconds":-3})", 5},
                                                                  {R"(,"filters":{"refuse_seconds":3})", 3},
                                                                  {R"(,"filters":{"refuse_seconds":0.2})", 1}}));
  CAPTURE(filters);
  MasterRig rig = offered();
  rig.call(decline("O0", filters));
  rig.pass(seconds(waits) - milliseconds(1));
  CHECK(rig.take_of("OFFERS").empty());
  rig.pass(seconds(1));
  CHECK(rig.take_of("OFFERS").size() == 1);
}

TEST_CASE("REVIVE forgets refusals and offers within the same call", "[master]") {
  MasterRig rig = offered();
  rig.call(decline("O0", R"(,"filters":{"refuse_seconds":600})"));
  rig.pass(seconds(30));
  CHECK(rig.take_of("OFFERS").empty());
  CHECK(rig.call(R"({"type":"REVIVE","framework_id":{"value":"F"}})").status == 202);
  CHECK(rig.take() == Lines{"OFFERS O1@S0 ports:[31000-31099]; cpus:4; mem:4096"});
}

TEST_CASE("a refusal does not hide more than was refused", "[master]") {
  MasterRig rig = offered();
  rig.launch("O0", "t", R"("command":{"value":"true"})", 600);
  rig.pass(seconds(5));
  CHECK(rig.take_of("OFFERS").empty());
  rig.status("t", 2, "0123456789abcdef");  // Finished: its resources come on top of what was refused.
  rig.pass(seconds(1));
  CHECK(rig.take_of("OFFERS") == Lines{"OFFERS O1@S0 ports:[31000-31099]; cpus:4; mem:4096"});
}

TEST_CASE("SUPPRESS stops offers and keeps those in hand", "[master]") {
  MasterRig rig = offered();
  rig.call(R"({"type":"SUPPRESS","framework_id":{"value":"F"}})");
  rig.add_agent("cpus:2;mem:128");
  rig.pass(seconds(5));
  CHECK(rig.take() == Lines{"2<- Registered"});
  rig.launch("O0", "t");
  CHECK(rig.take() == Lines{"1<- RunTask t"});
}

TEST_CASE("one role that is not ours makes SUPPRESS and REVIVE void without a word", "[master]") {
  const std::string type = GENERATE("SUPPRESS", "REVIVE");
  const std::string body = type == "SUPPRESS" ? "suppress" : "revive";
  const std::string role = GENERATE("other", "/bad", "a//b");
  CAPTURE(type, role);
  MasterRig rig = offered();
  rig.call(decline("O0", R"(,"filters":{"refuse_seconds":2})"));
  CHECK(rig.call("{\"type\":\"" + type + R"(","framework_id":{"value":"F"},")" + body + R"(":{"roles":["r",")" + role +
                 "\"]}}")
            .status == 202);
  CHECK(rig.take().empty());
  rig.pass(seconds(3));
  CHECK(rig.take_of("OFFERS").size() == 1);
}

TEST_CASE("subscribing again replaces the suppressed set", "[master]") {
  MasterRig rig = offered();
  rig.call(R"({"type":"SUPPRESS","framework_id":{"value":"F"}})");
  rig.subscribe(R"("id":{"value":"F"})", R"(,"framework_id":{"value":"F"})");
  rig.take();
  rig.pass(seconds(1));
  CHECK(rig.take_of("OFFERS").size() == 1);
}

TEST_CASE("less than a hundredth cpu and less than 32 MB are not offered", "[master]") {
  MasterRig rig;
  rig.add_agent("cpus:0.009;mem:31");
  rig.subscribe();
  CHECK(rig.take_of("OFFERS").empty());
  rig.add_agent("cpus:0.009;mem:32");
  CHECK(rig.take_of("OFFERS").size() == 1);
}

TEST_CASE("a second framework gets the next agent, for its share is smaller", "[master]") {
  MasterRig rig;
  rig.add_agent();
  rig.subscribe();
  rig.subscribe(R"("roles":["s"])");
  rig.take();
  rig.add_agent();
  CHECK(rig.take_of("OFFERS") == Lines{"OFFERS O1@S1 ports:[31000-31099]; cpus:4; mem:4096"});
  CHECK(rig.call(decline("O1", R"(,"filters":{"refuse_seconds":600})")).status == 202);  // Was the second one's.
  rig.pass(seconds(1));
  CHECK(rig.take_of("OFFERS") == Lines{"OFFERS O2@S1 ports:[31000-31099]; cpus:4; mem:4096"});
}

TEST_CASE("a plain framework sees roles in the old format and no allocation", "[master]") {
  MasterRig rig;
  rig.add_agent("cpus(batch):1;cpus:2;mem:64");
  const auto answer =
      rig.post("/api/v1/scheduler",
               R"({"type":"SUBSCRIBE","subscribe":{"framework_info":{"user":"u","name":"n","role":"batch"}}})");
  CHECK(answer.status == 200);
  CHECK(rig.take_of("OFFERS") == Lines{"OFFERS O0@S0 cpus(reservations: [(STATIC,batch)]):1; cpus:2; mem:64"});
}

TEST_CASE("constraints keep agents without the attribute away", "[master]") {
  MasterRig rig;
  rig.add_agent();
  rig.post(
      "/api/v1/scheduler",
      R"({"type":"SUBSCRIBE","subscribe":{"framework_info":{"user":"u","name":"n","roles":["r"],"capabilities":[{"type":"MULTI_ROLE"}]},)"
      R"("offer_constraints":{"role_constraints":{"r":{"groups":[{"attribute_constraints":[{"selector":{"attribute_name":"gpu"},)"
      R"("predicate":{"exists":{}}}]}]}}}}})");
  rig.pass(seconds(2));
  CHECK(rig.take_of("OFFERS").empty());
}

TEST_CASE("constraints may be expressions, of which the whole text must match", "[master]") {
  const auto answer_to = [](const std::string& expression, const std::string& attribute) {
    MasterRig rig;
    rig.subscribe();
    rig.take();
    const auto answer = rig.call(
        R"({"type":"UPDATE_FRAMEWORK","framework_id":{"value":"F"},"update_framework":{"framework_info":{"id":{"value":"F"},)"
        R"("user":"u","name":"n","checkpoint":true,"roles":["r"],)"
        R"("capabilities":[{"type":"MULTI_ROLE"}]},"offer_constraints":{"role_constraints":{"r":{"groups":[{"attribute_constraints":)"
        R"([{"selector":{"attribute_name":"a"},"predicate":{"text_matches":{"regex":")" +
        expression + R"("}}}]}]}}}}})");
    if (answer.status != 200) return std::to_string(answer.status) + " " + answer.body;
    rig.add_agent("cpus:4;mem:4096", 0, attribute);
    rig.pass(std::chrono::seconds(2));
    return std::string(rig.take_of("OFFERS").empty() ? "kept away" : "offered");
  };
  CHECK(answer_to("b|c+", "a:cc") == "offered");
  CHECK(answer_to("b|c+", "a:ccd") == "kept away");
  CHECK(answer_to("b|c+", "z:cc") == "kept away");
  CHECK(answer_to("(", "a:b") ==
        "400 'UpdateFramework' call is not valid: Offer constraints are not valid: Failed to construct regex from "
        "pattern "
        "'(': missing ): (");
  CHECK_THAT(answer_to(std::string(120, 'x'), "a:b"), Catch::Contains("is larger than maximum of 100 allowed"));
}
