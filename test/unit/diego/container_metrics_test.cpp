#include <catch2/catch.hpp>

#include "diego/container_metrics.hpp"

using namespace diego;

TEST_CASE("container metrics are read by guid, a core as a thousand", "[container_metrics]") {
  const auto metrics = parse_container_metrics(
      R"({"cell_id":"c","lrps":[{"instance_guid":"i1","process_guid":"p","index":0,"metric_guid":"",)"
      R"("cpu_usage_fraction":0.0125,"disk_usage_bytes":1048576,"disk_quota_bytes":2,"memory_usage_bytes":134217728,)"
      R"("memory_quota_bytes":3,"rx_bytes":4,"tx_bytes":5}],)"
      R"("tasks":[{"task_guid":"t","cpu_usage_fraction":2,"disk_usage_bytes":0,"memory_usage_bytes":1}]})");
  REQUIRE(metrics);
  CHECK(*metrics == ContainerMetrics{"c", {{"i1", 13, 134217728, 1048576}}, {{"t", 2000, 1, 0}}});
}

TEST_CASE("nonsense in container metrics is cut to size, what has no guid left out", "[container_metrics]") {
  const auto metrics = parse_container_metrics(
      R"({"lrps":[{"instance_guid":"i","cpu_usage_fraction":1e300,"disk_usage_bytes":-1,"memory_usage_bytes":-5},)"
      R"({"process_guid":"p"},{"instance_guid":"j","cpu_usage_fraction":-3}],"tasks":null})");
  REQUIRE(metrics);
  CHECK(*metrics == ContainerMetrics{"", {{"i", 1'000'000'000, 0, 0}, {"j", 0, 0, 0}}, {}});
}

TEST_CASE("what is no container metrics is an error", "[container_metrics]") {
  const auto [body, text] = GENERATE(table<std::string, std::string>({
      {"", "unexpected end of JSON input"},
      {"[]", "json: cannot unmarshal array into Go value of type rep.ContainerMetricsCollection"},
      {R"({"lrps":{}})",
       "json: cannot unmarshal object into Go struct field ContainerMetricsCollection.lrps of type []rep.LRPMetric"},
      {R"({"lrps":[{"instance_guid":"i","memory_usage_bytes":1.5}]})",
       "json: cannot unmarshal number 1.5 into Go struct field "
       "ContainerMetricsCollection.memory_usage_bytes of type int"},
  }));
  const auto metrics = parse_container_metrics(body);
  REQUIRE_FALSE(metrics);
  CHECK(metrics.error().text == text);
}
