#include "local/model/resources.hpp"

#include <catch2/catch.hpp>

#include "mesos/v1/mesos.pb.h"

using local::Resources;

namespace {

Resources sum(const std::string& text) {
  const auto parsed = local::parse_resources("test", text);
  REQUIRE(parsed);
  mesos::v1::AgentInfo list;
  for (const auto& resource : *parsed) *list.add_resources() = resource;
  return Resources::of(list.resources());
}

}  // namespace

TEST_CASE("resources print as Mesos prints them", "[resources]") {
  CHECK(sum("disk:8;mem:1984;cpus:3.8;ports:[32000-32010, 31000-31099]").text("batch") ==
        "ports(allocated: batch):[31000-31099, 32000-32010]; cpus(allocated: batch):3.8; mem(allocated: batch):1984; "
        "disk(allocated: batch):8");
  CHECK(sum("cpus(batch):0.5;cpus:3.2").text("batch") ==
        "cpus(allocated: batch)(reservations: [(STATIC,batch)]):0.5; cpus(allocated: batch):3.2");
}

TEST_CASE("taking ports out of the middle splits the range and giving them back closes it", "[resources]") {
  const Resources whole = sum("ports:[31000-31009]");
  Resources left = whole - sum("ports:[31003-31004]");
  CHECK(left.ranges_text("ports") == "[31000-31002, 31005-31009]");
  CHECK_FALSE(left.contains(sum("ports:[31002-31003]")));
  CHECK(left.contains(sum("ports:[31005-31009]")));
  left += sum("ports:[31003-31004]");
  CHECK(left == whole);
}

TEST_CASE("a sum contains what is within every dimension, to a thousandth", "[resources]") {
  const Resources whole = sum("cpus:0.3;mem:32");
  const auto [part, fits] = GENERATE(table<std::string, bool>({{"cpus:0.3", true},
                                                               {"cpus:0.3;mem:32", true},
                                                               {"cpus:0.301", false},
                                                               {"cpus:0.1;mem:33", false},
                                                               {"gpus:1", false},
                                                               {"cpus(r):0.1", false}}));
  CAPTURE(part);
  CHECK(whole.contains(sum(part)) == fits);
}

TEST_CASE("reserved resources are offered to their role and the roles below it", "[resources]") {
  const Resources all = sum("cpus(a):1;cpus:2");
  CHECK(all.offerable_to("a").milli("cpus") == 3000);
  CHECK(all.offerable_to("a/b").milli("cpus") == 3000);
  CHECK(all.offerable_to("ab").milli("cpus") == 2000);
}

TEST_CASE("both reservation formats read as the same resources and each framework gets its own", "[resources]") {
  mesos::v1::AgentInfo old_format;
  sum("cpus(batch):1;cpus:2").write(*old_format.mutable_resources(), "", true);
  REQUIRE(old_format.resources_size() == 2);
  CHECK(old_format.resources(0).role() == "batch");
  CHECK(old_format.resources(1).role() == "*");
  CHECK(Resources::of(old_format.resources()) == sum("cpus(batch):1;cpus:2"));
}

TEST_CASE("a bad scalar is refused in the words of Mesos", "[resources]") {
  mesos::v1::Resource resource;
  resource.set_name("cpus");
  resource.set_type(mesos::v1::Value::SCALAR);
  resource.mutable_scalar()->set_value(GENERATE(-1.0, 0.0, 0.0001));
  REQUIRE(local::invalid_resource(resource));
  CHECK(local::invalid_resource(resource)->find("is invalid: Invalid scalar resource: value <= 0") !=
        std::string::npos);
}

TEST_CASE("what is not a list of resources names the flag and the item", "[resources]") {
  const auto [text, message] = GENERATE(table<std::string, std::string>({
      {"cpus", "--resources: 'cpus' is not NAME:VALUE"},
      {"cpus:many", "--resources: 'cpus:many' is neither a number, nor [ranges], nor {a set}"},
      {"ports:[5-1]", "--resources: 'ports:[5-1]' is neither a number, nor [ranges], nor {a set}"},
  }));
  const auto parsed = local::parse_resources("--resources", text);
  REQUIRE_FALSE(parsed);
  CHECK(parsed.error().message() == message);
}

TEST_CASE("attributes are numbers, ranges or text", "[resources]") {
  const auto parsed = local::parse_attributes("--attributes", "zone:z1;slots:8;bays:[1-4]");
  REQUIRE(parsed);
  REQUIRE(parsed->size() == 3);
  CHECK((*parsed)[0].text().value() == "z1");
  CHECK((*parsed)[1].scalar().value() == 8);
  CHECK((*parsed)[2].ranges().range(0).end() == 4);
}
