// The BBS's API as bytes, and the captured exchanges with a real BBS replayed against the stand-in.
#include "local/bbs/bbs_api.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>

#include "diego/bbs.pb.h"
#include "test/unit/local_bbs/rig.hpp"

using namespace local;
using namespace local::bbs_test;
namespace fs = std::filesystem;

namespace {

template <class Response, class Request>
Response ask(Rig& rig, const std::string& path, const Request& request, base::Duration now = 0s) {
  Response response;
  REQUIRE(response.ParseFromString(answer_bbs(path, request.SerializeAsString(), "trace", rig.model, at(now))));
  return response;
}

std::string unhex(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2)
    out += static_cast<char>(std::stoi(text.substr(i, 2), nullptr, 16));
  return out;
}

template <class Request>
Request keyed(const std::string& guid, std::int32_t index, const InstanceKey& instance) {
  Request request;
  request.mutable_key()->set_process_guid(guid);
  request.mutable_key()->set_index(index);
  request.mutable_key()->set_domain("cf-apps");
  request.mutable_instance_key()->set_instance_guid(instance.instance_guid);
  request.mutable_instance_key()->set_cell_id(instance.cell_id);
  return request;
}

// ---- Captures

fs::path captures() {
  const char* const given = std::getenv("DIEGO_MESOS_CAPTURES");
  return fs::path(given != nullptr ? given : CAPTURES_DIR) / "diego" / "bbs";
}

bool missing() {
  if (fs::is_directory(captures())) return false;
  std::cerr << "SKIPPED: no captures in " << captures() << " (set DIEGO_MESOS_CAPTURES)\n";
  return true;
}

struct Message {
  std::string path, head, body;  // Of a response the path is empty.
};

Message read_message(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  const std::size_t end = text.find("\r\n\r\n");
  Message out{"", text.substr(0, end), text.substr(end + 4)};
  if (text.starts_with("POST ")) out.path = text.substr(5, text.find(' ', 5) - 5);
  return out;
}

std::vector<fs::path> files(const std::string& prefix, const std::string& suffix) {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(captures())) {
    const std::string name = entry.path().filename();
    if (name.starts_with(prefix) && name.ends_with(suffix)) found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

// Presences come in any order.
std::vector<std::string> cells_in(const std::string& body) {
  models::CellsResponse response;
  REQUIRE(response.ParseFromString(body));
  std::vector<std::string> out;
  for (const auto& cell : response.cells()) out.push_back(cell.SerializeAsString());
  std::sort(out.begin(), out.end());
  return out;
}

void take_presences(Rig& rig, const std::string& body) {
  models::CellsResponse response;
  REQUIRE(response.ParseFromString(body));
  for (const auto& cell : response.cells()) {
    local::CellPresence presence{.cell_id = cell.cell_id(),
                                 .rep_address = cell.rep_address(),
                                 .rep_url = cell.rep_url(),
                                 .zone = cell.zone(),
                                 .memory_mb = cell.capacity().memory_mb(),
                                 .disk_mb = cell.capacity().disk_mb(),
                                 .containers = cell.capacity().containers()};
    for (const auto& provider : cell.rootfs_providers())
      presence.rootfs_providers.emplace_back(
          provider.name(), std::vector<std::string>(provider.properties().begin(), provider.properties().end()));
    rig.model.set_presence(presence, base::Time::max());
  }
}

}  // namespace

TEST_CASE("a failure report is read as Diego's Go client writes it", "[bbs]") {
  Rig rig;
  rig.model.start_lrp({"p", 1, "d"}, on("cell-a"), "net", at(0s));
  const auto answer = [&](const char* body) {
    models::ActualLRPLifecycleResponse response;
    REQUIRE(response.ParseFromString(answer_bbs("/v1/actual_lrps/fail", unhex(body), "", rig.model, at(0s))));
    return response.error().type();
  };
  CHECK(answer("0A060A01701A016412016D") == models::Error::UnknownError);  // No such row: nothing is wrong.
  CHECK(answer("0A080A017010011A016412016D") == models::Error::ActualLRPCannotBeFailed);
}

TEST_CASE("an instance goes its way by protobuf", "[bbs]") {
  Rig rig;
  models::DesireLRPRequest desire;
  desire.mutable_desired_lrp()->set_process_guid("app");
  desire.mutable_desired_lrp()->set_domain("cf-apps");
  desire.mutable_desired_lrp()->set_root_fs("preloaded:cflinuxfs4");
  desire.mutable_desired_lrp()->set_instances(1);
  desire.mutable_desired_lrp()->add_volume_mounts()->set_driver("nfs");
  CHECK_FALSE(ask<models::DesiredLRPLifecycleResponse>(rig, "/v1/desired_lrp/desire.r2", desire).has_error());
  const BbsOrders orders = rig.model.take_orders();
  REQUIRE(orders.size() == 1);
  CHECK(std::get<PostLrpAuctions>(orders[0]).starts[0].constraint.volume_drivers == diego::Slice<std::string>{"nfs"});

  models::ClaimActualLRPRequest claim;
  claim.set_process_guid("app");
  claim.mutable_instance_key()->set_instance_guid("i-1");
  claim.mutable_instance_key()->set_cell_id("cell-a");
  CHECK_FALSE(ask<models::ActualLRPLifecycleResponse>(rig, "/v1/actual_lrps/claim", claim).has_error());
  claim.mutable_instance_key()->set_instance_guid("i-2");
  const auto refused = ask<models::ActualLRPLifecycleResponse>(rig, "/v1/actual_lrps/claim", claim);
  CHECK(refused.error().type() == models::Error::ActualLRPCannotBeClaimed);

  auto start = keyed<models::StartActualLRPRequest>("app", 0, on("cell-a"));
  start.mutable_net_info()->set_address("10.0.0.7");
  start.mutable_net_info()->add_ports()->set_host_port(61001);
  CHECK_FALSE(ask<models::ActualLRPLifecycleResponse>(rig, "/v1/actual_lrps/start.r1", start).has_error());

  models::ActualLRPsRequest list;
  list.set_process_guid("app");
  list.set_index(0);
  const auto rows = ask<models::ActualLRPsResponse>(rig, "/v1/actual_lrps/list", list);
  REQUIRE(rows.actual_lrps_size() == 1);
  CHECK(rows.actual_lrps(0).state() == "RUNNING");
  CHECK(rows.actual_lrps(0).net_info().ports(0).host_port() == 61001);
  CHECK(rows.actual_lrps(0).modification_tag().epoch().size() == 36);
  list.set_index(1);
  CHECK(ask<models::ActualLRPsResponse>(rig, "/v1/actual_lrps/list", list).actual_lrps_size() == 0);

  auto evacuate = keyed<models::EvacuateRunningActualLRPRequest>("app", 0, on("cell-a"));
  *evacuate.mutable_net_info() = start.net_info();
  CHECK(ask<models::EvacuationResponse>(rig, "/v1/actual_lrps/evacuate_running.r1", evacuate).keep_container());
  list.clear_index();
  CHECK(ask<models::ActualLRPsResponse>(rig, "/v1/actual_lrps/list", list).actual_lrps(1).presence() ==
        models::ActualLRP::EVACUATING);
  CHECK(rig.orders() == Lines{"lrps app.0 trace"});
}

TEST_CASE("a Task goes its way by protobuf", "[bbs]") {
  Rig rig;
  models::DesireTaskRequest desire;
  desire.set_task_guid("t");
  desire.set_domain("cf-tasks");
  desire.mutable_task_definition()->set_root_fs("preloaded:cflinuxfs4");
  desire.mutable_task_definition()->set_memory_mb(64);
  desire.mutable_task_definition()->set_annotation("kept");
  CHECK_FALSE(ask<models::TaskLifecycleResponse>(rig, "/v1/tasks/desire.r2", desire).has_error());
  models::StartTaskRequest start;
  start.set_task_guid("t");
  start.set_cell_id("cell-a");
  CHECK(ask<models::StartTaskResponse>(rig, "/v1/tasks/start", start).should_start());
  CHECK_FALSE(ask<models::StartTaskResponse>(rig, "/v1/tasks/start", start).should_start());
  models::CompleteTaskRequest complete;
  complete.set_task_guid("t");
  complete.set_cell_id("cell-a");
  complete.set_result("done");
  CHECK_FALSE(ask<models::TaskLifecycleResponse>(rig, "/v1/tasks/complete", complete, 5s).has_error());
  models::TaskByGuidRequest which;
  which.set_task_guid("t");
  const models::Task task = ask<models::TaskResponse>(rig, "/v1/tasks/get_by_task_guid.r3", which).task();
  CHECK(task.state() == models::Task::Completed);
  CHECK(task.result() == "done");
  CHECK(task.task_definition().annotation() == "kept");
  CHECK(task.first_completed_at() - task.created_at() == 5'000'000'000);
  which.set_task_guid("nosuch");
  CHECK(ask<models::TaskResponse>(rig, "/v1/tasks/get_by_task_guid.r3", which).error().type() ==
        models::Error::ResourceNotFound);
  models::TasksRequest list;
  list.set_cell_id("cell-a");
  CHECK(ask<models::TasksResponse>(rig, "/v1/tasks/list.r3", list).tasks_size() == 0);  // It has left the cell.
}

TEST_CASE("invalid requests are told which fields are wrong", "[bbs]") {
  Rig rig;
  const auto error = [&](const std::string& path, const google::protobuf::Message& request) {
    models::ActualLRPLifecycleResponse response;
    REQUIRE(response.ParseFromString(answer_bbs(path, request.SerializeAsString(), "", rig.model, at(0s))));
    CHECK(response.error().type() == models::Error::InvalidRequest);
    return response.error().message();
  };
  CHECK(error("/v1/actual_lrps/start", models::StartActualLRPRequest{}) ==
        "Invalid field: actual_lrp_key, Invalid field: actual_lrp_instance_key, Invalid field: actual_lrp_net_info");
  auto fail = keyed<models::CrashActualLRPRequest>("", -1, on(""));
  fail.clear_instance_key();
  fail.mutable_key()->clear_domain();
  CHECK(error("/v1/actual_lrps/fail", fail) ==
        "Invalid field: process_guid, Invalid field: index, Invalid field: domain, Invalid field: error_message");
  models::RejectTaskRequest reject;
  reject.set_task_guid("white space");
  CHECK(error("/v1/tasks/reject", reject) == "Invalid field: task_guid, Invalid field: failure_reason");
  models::ActualLRPLifecycleResponse garbage;
  REQUIRE(garbage.ParseFromString(answer_bbs("/v1/actual_lrps/fail", "\xff\xff", "", rig.model, at(0s))));
  CHECK(garbage.error().message() == "the request received is invalid");
}

TEST_CASE("ping, domains and unknown routes", "[bbs]") {
  Rig rig;
  CHECK(answer_bbs("/v1/ping", "", "", rig.model, at(0s)) == "\x08\x01");
  models::UpsertDomainRequest upsert;
  upsert.set_domain("cf-tasks");
  upsert.set_ttl(60);
  CHECK_FALSE(ask<models::UpsertDomainResponse>(rig, "/v1/domains/upsert", upsert).has_error());
  const auto domains = [&](base::Duration now) {
    models::DomainsResponse response;
    REQUIRE(response.ParseFromString(answer_bbs("/v1/domains/list", "", "", rig.model, at(now))));
    return response.domains_size();
  };
  CHECK(domains(59s) == 2);
  CHECK(domains(60s) == 1);
  CHECK_FALSE(is_bbs_route("/v1/cells/list"));
  CHECK(is_bbs_route("/v1/cells/list.r1"));
}

// What the auctioneer sent to a real BBS gets the answers that one gave, byte for byte.
TEST_CASE("the stand-in answers an auctioneer as the captured BBS did", "[bbs][captures]") {
  if (missing()) return;
  Rig rig;
  rig.model.remove_presence("cell-a");
  for (const char* guid : {"app-ok", "app-toobig", "app-badstack", "app-tag", "app-vol", "app-FAILME", "app-CRASHME"})
    rig.desire(an_app(guid, 2));
  for (const char* guid : {"task-ok", "task-toobig", "task-FAILME"})
    rig.model.desire_task(a_task(guid), "", "", at(0s));
  int compared = 0;
  for (const fs::path& file : files("auctioneer-to-bbs-", ".req")) {
    CAPTURE(file.filename());
    const Message asked = read_message(file);
    const Message answered = read_message(fs::path(file).replace_extension(".resp"));
    REQUIRE(is_bbs_route(asked.path));
    if (compared == 0) take_presences(rig, answered.body);
    const std::string body = answer_bbs(asked.path, asked.body, "", rig.model, at(0s));
    if (asked.path == "/v1/cells/list.r1") {
      CHECK(cells_in(body) == cells_in(answered.body));
    } else {
      CHECK(body == answered.body);
    }
    ++compared;
  }
  CHECK(compared >= 20);
}

// Every auction a real BBS posted is posted by the stand-in, byte for byte, when it is asked for the same.
TEST_CASE("the stand-in posts the auctions that the captured BBS posted", "[bbs][captures]") {
  if (missing()) return;
  int compared = 0;
  for (const fs::path& file : files("bbs-to-auctioneer-", ".req")) {
    const Message posted = read_message(file);
    CAPTURE(file.filename(), posted.body);
    Rig rig;
    std::string body;
    if (posted.path == "/v1/lrps") {
      const auto starts = diego::parse_lrp_starts(posted.body);
      REQUIRE(starts);
      REQUIRE(starts->size() == 1);
      const diego::LrpStart& start = starts->front();
      const auto instances = static_cast<std::int32_t>(start.indices.size());
      rig.desire({start.process_guid, start.domain, instances, start.constraint, start.resource});
      if (start.constraint.volume_drivers.null()) {  // It came from convergence.
        rig.orders();
        rig.converge(31s);
      }
      const BbsOrders orders = rig.model.take_orders();
      REQUIRE(orders.size() == 1);
      auto ours = std::get<PostLrpAuctions>(orders[0]).starts;
      auto sorted = start.indices;
      std::sort(sorted.begin(), sorted.end());
      CHECK(ours.at(0).indices == sorted);  // Diego's come in the order in which its rows were made.
      ours[0].indices = start.indices;
      body = diego::write_lrp_starts(ours);
    } else {
      const auto starts = diego::parse_task_starts(posted.body);
      REQUIRE(starts);
      rig.model.desire_task(starts->front(), "", "", at(0s));
      body = diego::write_task_starts(std::get<PostTaskAuctions>(rig.model.take_orders().at(0)).starts);
    }
    CHECK(body == posted.body);
    ++compared;
  }
  CHECK(compared >= 12);
}
