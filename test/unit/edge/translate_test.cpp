#include "scheduler/edge/translate.hpp"

#include <catch2/catch.hpp>

#include "cell.pb.h"
#include "mesos/v1/mesos.pb.h"
#include "mesos/v1/scheduler/scheduler.pb.h"
#include "scheduler/edge/translate_cell.hpp"
#include "scheduler/edge/translate_resources.hpp"

namespace {

edge::Options options() {
  edge::Options options;
  options.state_dir = "/tmp/x";
  options.mesos.principal = "diego";
  options.cell.containerizer = "none";
  options.cell.executor = "/opt/bin/diego-executor";
  options.cell.command = "exec rep";
  options.cell.environment = {"A=b=c"};
  return options;
}

mesos::v1::scheduler::Call call_of(const edge::Translator& translator, const core::Action& action) {
  const auto bytes = translator.call("F", action);
  REQUIRE(bytes);
  mesos::v1::scheduler::Call call;
  REQUIRE(mesos_client::decode(translator.codec(), *bytes, call));
  return call;
}

core::Event event_of(const std::string& json) {
  const auto record = edge::Translator(options()).read(json);
  REQUIRE(record.core);
  return *record.core;
}

}  // namespace

TEST_CASE("only what may be used of an offer reaches the core", "[translate]") {
  const std::string head =
      R"({"type":"OFFERS","offers":{"offers":[{"id":{"value":"O"},"framework_id":{"value":"F"},"agent_id":{"value":"S"},"hostname":"h",
    "url":{"scheme":"http","address":{"ip":"10.0.0.7","port":5051}},"domain":{"fault_domain":{"region":{"name":"r"},"zone":{"name":"z1"}}},
    "attributes":[{"name":"rootfs","type":"TEXT","text":{"value":"a"}},{"name":"rootfs","type":"TEXT","text":{"value":"b"}},{"name":"n","type":"SCALAR","scalar":{"value":8.0}}],
    "executor_ids":[{"value":"E"}],"resources":[)";
  const std::string role = R"("allocation_info":{"role":"diego"})";
  const auto event = event_of(
      head + R"({"name":"ports","type":"RANGES","ranges":{"range":[{"begin":1,"end":2}]},)" + role + "}," +
      R"({"name":"cpus","type":"SCALAR","scalar":{"value":3.9995},)" + role + "}," +
      R"({"name":"mem","type":"SCALAR","scalar":{"value":1024.7},)" + role + "}," +
      R"({"name":"mem","type":"SCALAR","scalar":{"value":256},"reservations":[{"type":"STATIC","role":"diego"}],)" +
      role + "}," +
      R"({"name":"mem","type":"SCALAR","scalar":{"value":99},"reservations":[{"type":"STATIC","role":"other"}],)" +
      role + "}," + R"({"name":"cpus","type":"SCALAR","scalar":{"value":7},"revocable":{},)" + role + "}," +
      R"({"name":"disk","type":"SCALAR","scalar":{"value":50},"disk":{"source":{"type":"MOUNT"}},)" + role + "}," +
      R"({"name":"disk","type":"SCALAR","scalar":{"value":2048},)" + role + "}]}]}}");
  const auto& offer = std::get<core::OffersArrived>(event).offers.at(0);
  CHECK(offer.ip == "10.0.0.7");
  CHECK(offer.fault_domain_zone == "z1");
  CHECK(offer.attributes == std::map<std::string, std::string>{{"n", "8"}, {"rootfs", "a,b"}});
  CHECK(offer.repeats_attributes);
  CHECK(offer.executor_ids == std::vector<std::string>{"E"});
  REQUIRE(offer.pieces.size() == 4);
  CHECK(offer.pieces[0].amount == 4000);
  CHECK(offer.pieces[1].amount == 1024);
  CHECK(offer.pieces[2].amount == 256);
  CHECK(offer.pieces[2].reserved);
  CHECK(offer.pieces[3].dimension == core::Dimension::disk);

  core::Piece part = offer.pieces[2];
  part.amount = 100;
  const auto back = edge::resource_of(part);
  CHECK(back.scalar().value() == 100);
  CHECK(back.reservations(0).role() == "diego");
  CHECK(back.allocation_info().role() == "diego");
}

TEST_CASE("an agent is asked where its offer says; by its name and over TLS where we trust a CA", "[translate]") {
  const auto [url, plain, with_ca] = GENERATE(table<std::string, std::string, std::string>({
      {R"url({"scheme":"http","address":{"hostname":"a1","ip":"10.0.0.7","port":5051},"path":"/slave(1)"})url",
       "http://10.0.0.7:5051/slave(1)", "https://a1:5051/slave(1)"},
      {R"url({"scheme":"https","address":{"hostname":"a1","port":5051}})url", "https://a1:5051", "https://a1:5051"},
      {R"url({"scheme":"http","address":{"ip":"fd00::7","port":5051},"path":"/slave(2)"})url",
       "http://[fd00::7]:5051/slave(2)", "https://[fd00::7]:5051/slave(2)"},
      {R"url({"scheme":"http","address":{"port":5051}})url", "", ""},
  }));
  edge::Options options = ::options();
  const bool tls = GENERATE(false, true);
  if (tls) options.mesos.ca_file = "/ca.pem";
  const auto record = edge::Translator(options).read(
      R"({"type":"OFFERS","offers":{"offers":[{"id":{"value":"O"},"framework_id":{"value":"F"},"agent_id":{"value":"S"},"hostname":"h","url":)" +
      url + "}]}}");
  REQUIRE(record.core);
  CHECK(std::get<core::OffersArrived>(*record.core).offers.at(0).url == (tls ? with_ca : plain));
}

TEST_CASE("a status keeps what the core decides by", "[translate]") {
  const auto event = event_of(
      R"({"type":"UPDATE","update":{"status":{"task_id":{"value":"p.0.abcd2345"},"state":"TASK_DROPPED","source":"SOURCE_MASTER",
      "reason":"REASON_INVALID_OFFERS","message":"gone","agent_id":{"value":"S"},"executor_id":{"value":"E"},"uuid":"AAAAAAAAQACAAAAAAAAAAA=="}}})");
  const auto& status = std::get<core::StatusArrived>(event).status;
  CHECK(status.state == core::TaskState::dropped);
  CHECK(status.reason == core::StatusReason::invalid_offers);
  CHECK(status.reason_name == "REASON_INVALID_OFFERS");
  CHECK(status.uuid.size() == 16);
  CHECK(status.executor_id == "E");
}

TEST_CASE("an absent reason is none, not the enum's zero", "[translate]") {
  const auto event =
      event_of(R"({"type":"UPDATE","update":{"status":{"task_id":{"value":"t"},"state":"TASK_RUNNING"}}})");
  CHECK(std::get<core::StatusArrived>(event).status.reason == core::StatusReason::none);
}

TEST_CASE("FAILURE with an executor is the executor's, without one the agent's", "[translate]") {
  const auto executor =
      event_of(R"({"type":"FAILURE","failure":{"agent_id":{"value":"S"},"executor_id":{"value":"E"},"status":9}})");
  CHECK(std::get<core::ExecutorEnded>(executor).wait_status == 9);
  const auto agent = event_of(R"({"type":"FAILURE","failure":{"agent_id":{"value":"S"}}})");
  CHECK(std::get<core::AgentLost>(agent).agent_id == "S");
}

TEST_CASE("inverse offers name their agents, offers tell of planned maintenance", "[translate]") {
  const auto arrived = event_of(
      R"({"type":"INVERSE_OFFERS","inverse_offers":{"inverse_offers":[{"id":{"value":"I"},"framework_id":{"value":"F"},"agent_id":{"value":"S"},
      "unavailability":{"start":{"nanoseconds":1}},"resources":[]}]}})");
  CHECK(std::get<core::InverseOffersArrived>(arrived).offers == std::vector<core::InverseOffer>{{"I", "S"}});
  const auto rescinded =
      event_of(R"({"type":"RESCIND_INVERSE_OFFER","rescind_inverse_offer":{"inverse_offer_id":{"value":"I"}}})");
  CHECK(std::get<core::InverseOfferRescinded>(rescinded).inverse_offer_id == "I");
  for (const bool planned : {false, true}) {
    const auto offers = event_of(
        std::string(
            R"({"type":"OFFERS","offers":{"offers":[{"id":{"value":"O"},"framework_id":{"value":"F"},"agent_id":{"value":"S"},)") +
        (planned ? R"("unavailability":{"start":{"nanoseconds":1}},)" : "") + R"("hostname":"h"}]}})");
    CHECK(std::get<core::OffersArrived>(offers).offers.at(0).unavailable == planned);
  }
}

TEST_CASE("a boot task says what it is for", "[translate]") {
  core::Accept accept{"S", {"O"}, edge::ExecutorCells(options()).executor_info({"E", "cell-1", "S", "z1", {}}), {}};
  accept.launches.push_back({"~cell.abcd2345", {core::Kind::task, "~cell", 0}, "", "", "", {}});
  const auto call = call_of(edge::Translator(options()), accept);
  const auto& task = call.accept().operations(0).launch().task_infos(0);
  CHECK(task.task_id().value() == "~cell.abcd2345");
  CHECK(task.data().empty());
  REQUIRE(task.labels().labels_size() == 1);
  CHECK(task.labels().labels(0).value() == "cell");
}

TEST_CASE("a record that cannot be read is the session's to report", "[translate]") {
  const auto record = edge::Translator(options()).read("{garbage");
  CHECK(record.session.kind == mesos_client::StreamEvent::Kind::unreadable);
  CHECK_FALSE(record.core);
}

TEST_CASE("the subscription asks for what a restart needs", "[translate]") {
  const edge::Translator translator(options());
  mesos::v1::scheduler::Call call;
  REQUIRE(mesos_client::decode(translator.codec(), translator.subscribe("F", "", true), call));
  const auto& info = call.subscribe().framework_info();
  CHECK(call.framework_id().value() == "F");
  CHECK(info.id().value() == "F");
  CHECK(info.checkpoint());
  CHECK(info.failover_timeout() == 604800);
  CHECK(info.principal() == "diego");
  CHECK(info.roles(0) == "diego");
  CHECK(info.capabilities_size() == 4);
  CHECK(call.subscribe().suppressed_roles(0) == "diego");
}

TEST_CASE("the subscription says which cluster it is for and who leads", "[translate]") {
  auto with_cluster = options();
  const auto labels = [&](const std::string& leader) {
    const edge::Translator translator(with_cluster);
    mesos::v1::scheduler::Call call;
    REQUIRE(mesos_client::decode(translator.codec(), translator.subscribe("F", leader, false), call));
    std::string all;
    for (const auto& label : call.subscribe().framework_info().labels().labels())
      all += label.key() + "=" + label.value() + " ";
    return all;
  };
  CHECK(labels("me").empty());
  with_cluster.lock.cluster_name = "west";
  CHECK(labels("me") == "diego.cluster=west diego.leader=me ");
  CHECK(labels("") == "diego.cluster=west ");
}

TEST_CASE("an ACCEPT carries its tasks with the stored executor and no filter", "[translate]") {
  const edge::Translator translator(options());
  const edge::ExecutorCells cells(options());
  mesos::v1::Resource mem;
  mem.set_name("mem");
  mem.set_type(mesos::v1::Value::SCALAR);
  const core::Piece piece{core::Dimension::mem, 128, mem.SerializePartialAsString()};
  core::Accept accept{"S", {"O1", "O2"}, cells.executor_info({"E", "cell-1", "S", "z1", {piece}}), {}};
  accept.launches.push_back({"p.3.abcd2345", {core::Kind::lrp, "p", 3}, "apps", "trace", "{\"x\":1}", {piece}});
  const auto call = call_of(translator, accept);
  CHECK(call.accept().offer_ids_size() == 2);
  CHECK(call.accept().filters().refuse_seconds() == 0);
  const auto& task = call.accept().operations(0).launch().task_infos(0);
  CHECK(task.name() == "p.3");
  CHECK(task.agent_id().value() == "S");
  CHECK(task.data() == "{\"x\":1}");
  CHECK(task.resources(0).scalar().value() == 128);
  CHECK(task.executor().executor_id().value() == "E");
  CHECK(task.executor().resources(0).scalar().value() == 128);
  std::map<std::string, std::string> labels;
  for (const auto& label : task.labels().labels()) labels[label.key()] = label.value();
  CHECK(labels == std::map<std::string, std::string>{{"diego.domain", "apps"},
                                                     {"diego.index", "3"},
                                                     {"diego.kind", "lrp"},
                                                     {"diego.process_guid", "p"},
                                                     {"diego.trace_id", "trace"}});
}

TEST_CASE("every order that is a call becomes one, the others none", "[translate]") {
  using Call = mesos::v1::scheduler::Call;
  const edge::Translator translator(options());
  CHECK(call_of(translator, core::Decline{{"O"}, std::chrono::minutes(10)}).decline().filters().refuse_seconds() ==
        600);
  CHECK(call_of(translator, core::Revive{}).revive().roles(0) == "diego");
  CHECK(call_of(translator, core::Suppress{}).suppress().roles(0) == "diego");
  CHECK(call_of(translator, core::Kill{"S", "t"}).kill().agent_id().value() == "S");
  CHECK_FALSE(call_of(translator, core::Kill{"", "t"}).kill().has_agent_id());
  CHECK(call_of(translator, core::Acknowledge{"S", "t", std::string(16, 'u')}).acknowledge().uuid() ==
        std::string(16, 'u'));
  CHECK(call_of(translator, core::Reconcile{}).has_reconcile());
  CHECK(call_of(translator, core::Reconcile{{{"t", "S"}}}).reconcile().tasks(0).agent_id().value() == "S");
  CHECK(call_of(translator, core::ShutdownExecutor{"S", "E"}).type() == Call::SHUTDOWN);
  CHECK(call_of(translator, core::DeclineInverseOffers{{"I"}}).type() == Call::DECLINE_INVERSE_OFFERS);
  CHECK(call_of(translator, core::AcceptInverseOffers{{"I"}}).type() == Call::ACCEPT_INVERSE_OFFERS);
  const auto request = call_of(translator, core::RequestReport{"S", "E"});
  cell::v1::ToExecutor message;
  REQUIRE(message.ParseFromString(request.message().data()));
  CHECK(message.has_report_request());
  const auto drain = call_of(translator, core::Evacuate{"S", "E"});
  REQUIRE(message.ParseFromString(drain.message().data()));
  CHECK(message.has_drain());
  CHECK_FALSE(translator.call("F", core::Note{false, "x"}));
  CHECK_FALSE(translator.call("F", core::Report{}));
  CHECK_FALSE(translator.call("F", core::ReadRows{}));
}

TEST_CASE("a state tells of room, health and what the rep has; metrics of what is used", "[translate]") {
  const auto heard = [](const cell::v1::ToScheduler& message) {
    return *edge::cell_message("S", "E", message.SerializeAsString());
  };
  cell::v1::ToScheduler message;
  auto& state = *message.mutable_state();
  state.mutable_available()->set_memory_mb(300);
  state.mutable_available()->set_disk_mb(std::numeric_limits<std::int64_t>::min());
  state.set_garden_unhealthy(true);
  state.set_starting_containers(3);
  state.set_others_starting(-2);
  state.add_work()->set_task_id("a");
  auto& taken = *state.add_work();
  taken.set_task_id("b");
  taken.set_rep_state("CLAIMED");
  const auto report = std::get<core::CellReported>(heard(message));
  REQUIRE(report.available);
  CHECK(report.available->mem_mb == 300);
  CHECK(report.available->disk_mb > -(std::int64_t{1} << 50));  // Sums must not overflow.
  CHECK_FALSE(report.garden_healthy);
  CHECK(report.starting == 3);
  CHECK(report.others_starting == 0);
  CHECK_FALSE(report.work.at(0).with_rep);
  CHECK(report.work.at(1).with_rep);

  auto& usage = *message.mutable_metrics()->add_usage();
  usage.set_task_id("a");
  usage.set_cpus_milli(10);
  usage.set_memory_bytes(20);
  usage.set_disk_bytes(-30);
  message.mutable_metrics()->set_dropped(4);
  CHECK(std::get<core::CellMeasured>(heard(message)) == core::CellMeasured{"S", "E", {{"a", 10, 20, 0}}, 4});
}

TEST_CASE("a hello and a state from an executor become events, garbage nothing", "[translate]") {
  cell::v1::ToScheduler message;
  message.mutable_state()->set_rep_answers(true);
  message.mutable_state()->mutable_total()->set_memory_mb(700);
  auto* provider = message.mutable_state()->add_rootfs_providers();
  provider->set_scheme("preloaded");
  provider->add_fixed_set("fs");
  mesos::v1::scheduler::Event event;
  event.set_type(mesos::v1::scheduler::Event::MESSAGE);
  event.mutable_message()->mutable_agent_id()->set_value("S");
  event.mutable_message()->mutable_executor_id()->set_value("E");
  event.mutable_message()->set_data(message.SerializeAsString());
  const auto reported = event_of(mesos_client::encode(mesos_client::Codec::json, event));
  const auto& report = std::get<core::CellReported>(reported);
  CHECK(report.executor_id == "E");
  CHECK(report.rep_answers);
  CHECK(report.total.mem_mb == 700);
  CHECK(report.rootfs.at("preloaded").set.contains("fs"));
  CHECK(report.garden_healthy);
  CHECK_FALSE(report.available);  // Not said.
  event.mutable_message()->set_data("\xff\xff");
  CHECK_FALSE(edge::Translator(options()).read(mesos_client::encode(mesos_client::Codec::json, event)).core);
}

TEST_CASE("a master is asked for offers of some agents with all that a subscription says", "[translate]") {
  for (const char* codec : {"json", "protobuf"}) {
    CAPTURE(codec);
    edge::Options given = options();
    given.mesos.codec = codec;
    given.lock.cluster_name = "c";
    const edge::Translator translator(given);
    const auto read = [&translator](const std::string& bytes) {
      mesos::v1::scheduler::Call call;
      REQUIRE(mesos_client::decode(translator.codec(), bytes, call));
      return call;
    };
    const auto subscribe = read(translator.subscribe("F", "L", false));
    const auto call = read(translator.constrain("F", "L",
                                                {{{{"placement_tags", {"my-tag_1"}}, {"rootfs", {"a", "b.c"}}},
                                                  {{"volume_drivers", {std::string(70, 'x')}}}}}));
    CHECK(call.type() == mesos::v1::scheduler::Call::UPDATE_FRAMEWORK);
    CHECK(call.framework_id().value() == "F");
    const auto& update = call.update_framework();
    CHECK(update.framework_info().SerializeAsString() == subscribe.subscribe().framework_info().SerializeAsString());
    CHECK(update.suppressed_roles().empty());
    const auto& groups = update.offer_constraints().role_constraints().at("diego").groups();
    REQUIRE(groups.size() == 2);
    REQUIRE(groups[0].attribute_constraints().size() == 2);
    const auto& tag = groups[0].attribute_constraints()[0];
    CHECK(tag.selector().attribute_name() == "placement_tags");
    CHECK(tag.predicate().text_matches().regex() == R"((?:\C*,)?\s*(?:my\-tag_1)\s*(?:,\C*)?)");
    CHECK(groups[0].attribute_constraints()[1].predicate().text_matches().regex() ==
          R"((?:\C*,)?\s*(?:a|b\.c)\s*(?:,\C*)?)");
    CHECK(groups[1].attribute_constraints()[0].predicate().has_exists());  // Longer than a master takes.

    const auto none = read(translator.constrain("F", "", {}));
    CHECK(none.update_framework().has_framework_info());
    CHECK(none.update_framework().offer_constraints().role_constraints().empty());
  }
}

TEST_CASE("offer constraints are for masters that know them", "[translate]") {
  const auto takes = [](const std::string& info) {
    const auto event = event_of(R"({"type":"SUBSCRIBED","subscribed":{"framework_id":{"value":"F"})" + info + "}}");
    return std::get<core::Subscribed>(event).takes_constraints;
  };
  const auto version = [&takes](const std::string& text) {
    return takes(R"(,"master_info":{"id":"m","ip":1,"port":5050,"version":")" + text + "\"}");
  };
  CHECK(version("1.11.0"));
  CHECK(version("1.12.0-rc1"));
  CHECK(version("2.0"));
  for (const char* old : {"1.10.1", "1.9", "0.28.2", "1", "", "x.y"}) CHECK_FALSE(version(old));
  CHECK_FALSE(takes(""));
}
