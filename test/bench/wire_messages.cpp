#include "wire_messages.hpp"

#include "mesos/record_decoder.hpp"
#include "mesos/v1/scheduler/scheduler.pb.h"

namespace bench {
namespace {

using mesos::v1::scheduler::Event;

constexpr const char* kFramework = "259777ea-1d1c-4c78-ac83-e62716fb1c91-0002";
constexpr int kAgents = 10'000;

std::string agent(int i) { return "259777ea-1d1c-4c78-ac83-e62716fb1c91-S" + std::to_string(i % kAgents); }

std::string uuid_bytes(int i) {
  std::string bytes;
  auto state = static_cast<std::uint64_t>(i) * 0x9E3779B97F4A7C15U + 7;
  for (int byte = 0; byte < 16; ++byte) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    bytes.push_back(static_cast<char>(state >> 56U));
  }
  return bytes;
}

std::string task_id(int i) { return guid(i) + "-" + guid(i / 5) + "." + std::to_string(i % 5) + ".k3x9qa7m"; }

Event update(int i) {
  Event event;
  event.set_type(Event::UPDATE);
  auto& status = *event.mutable_update()->mutable_status();
  status.mutable_task_id()->set_value(task_id(i));
  status.set_state(i % 2 == 0 ? mesos::v1::TASK_STARTING : mesos::v1::TASK_RUNNING);
  status.set_source(mesos::v1::TaskStatus::SOURCE_EXECUTOR);
  status.mutable_agent_id()->set_value(agent(i));
  status.mutable_executor_id()->set_value("diego-cell-" + std::to_string(i % kAgents) + "-5f3a9c1e");
  status.set_timestamp(1795333315.0084553 + i * 0.0123);
  status.set_uuid(uuid_bytes(i));
  auto& container = *status.mutable_container_status();
  container.mutable_container_id()->set_value(guid(i / 25));
  auto& address = *container.add_network_infos()->add_ip_addresses();
  address.set_protocol(mesos::v1::NetworkInfo::IPv4);
  address.set_ip_address("10.0." + std::to_string(i / 250 % 250) + "." + std::to_string(i % 250));
  container.set_executor_pid(static_cast<std::uint32_t>(10361 + i % 30000));
  return event;
}

void add_scalar(mesos::v1::Offer& offer, const char* name, double value) {
  auto& resource = *offer.add_resources();
  resource.set_name(name);
  resource.set_type(mesos::v1::Value::SCALAR);
  resource.mutable_scalar()->set_value(value);
  resource.mutable_allocation_info()->set_role("diego");
}

void add_attribute(mesos::v1::Offer& offer, const char* name, const std::string& value) {
  auto& attribute = *offer.add_attributes();
  attribute.set_name(name);
  attribute.set_type(mesos::v1::Value::TEXT);
  attribute.mutable_text()->set_value(value);
}

Event one_offer(int i) {
  Event event;
  event.set_type(Event::OFFERS);
  auto& offer = *event.mutable_offers()->add_offers();
  offer.mutable_id()->set_value("259777ea-1d1c-4c78-ac83-e62716fb1c91-O" + std::to_string(i));
  offer.mutable_framework_id()->set_value(kFramework);
  offer.mutable_agent_id()->set_value(agent(i));
  offer.set_hostname("cell-" + std::to_string(i % kAgents) + ".example.net");
  auto& url = *offer.mutable_url();
  url.set_scheme("http");
  url.mutable_address()->set_hostname(offer.hostname());
  url.mutable_address()->set_ip("10.1." + std::to_string(i / 250 % 250) + "." + std::to_string(i % 250));
  url.mutable_address()->set_port(5051);
  url.set_path("/slave(1)");
  auto& domain = *offer.mutable_domain()->mutable_fault_domain();
  domain.mutable_region()->set_name("eu");
  domain.mutable_zone()->set_name("z" + std::to_string(i % 3));
  auto& ports = *offer.add_resources();
  ports.set_name("ports");
  ports.set_type(mesos::v1::Value::RANGES);
  auto& range = *ports.mutable_ranges()->add_range();
  range.set_begin(31000);
  range.set_end(32000);
  ports.mutable_allocation_info()->set_role("diego");
  add_scalar(offer, "cpus", 16 - i % 5 * 0.1);
  add_scalar(offer, "mem", 65536 - i % 40 * 256);
  add_scalar(offer, "disk", 200'000 - i % 40 * 1024);
  add_attribute(offer, "zone", "z" + std::to_string(i % 3));
  add_attribute(offer, "rack", "r" + std::to_string(i % 40));
  offer.mutable_allocation_info()->set_role("diego");
  return event;
}

template <class Make>
std::string stream(mesos_client::Codec codec, int count, Make make) {
  std::string bytes;
  for (int i = 0; i < count; ++i) {
    bytes +=
        mesos_client::encode_record(mesos_client::encode(codec, make(i), mesos_client::JsonFields::set_and_defaults));
  }
  return bytes;
}

}  // namespace

std::string guid(int i) {
  static constexpr std::string_view kHex = "0123456789abcdef";
  std::string text;
  auto state = static_cast<std::uint64_t>(i) * 0x9E3779B97F4A7C15U + 1;
  for (int digit = 0; digit < 32; ++digit) {
    if (digit == 8 || digit == 12 || digit == 16 || digit == 20) text.push_back('-');
    state = state * 6364136223846793005U + 1442695040888963407U;
    text.push_back(kHex[state >> 60U]);
  }
  return text;
}

std::string update_stream(mesos_client::Codec codec, int count) { return stream(codec, count, update); }
std::string offers_stream(mesos_client::Codec codec, int count) { return stream(codec, count, one_offer); }

Event offers_event(int i) { return one_offer(i); }

Acknowledged acknowledged(int i) { return {kFramework, agent(i), task_id(i), uuid_bytes(i)}; }

}  // namespace bench
