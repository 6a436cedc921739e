// Of the bench's messages the one that takes the scheduler's own code to build.
#include <cstdio>
#include <cstdlib>

#include "diego/rep.hpp"
#include "mesos/v1/scheduler/scheduler.pb.h"
#include "scheduler/core/actions.hpp"
#include "scheduler/core/ids.hpp"
#include "scheduler/edge/translate.hpp"
#include "scheduler/edge/translate_resources.hpp"
#include "wire_messages.hpp"

namespace bench {
namespace {

edge::Options options_for(mesos_client::Codec codec) {
  edge::Options options;
  options.mesos.codec = std::string(mesos_client::codec_name(codec));
  options.cell.containerizer = "none";
  options.cell.executor = "/var/vcap/packages/diego-mesos/bin/diego-executor";
  options.cell.command = "exec /var/vcap/packages/rep/bin/rep -config=/var/vcap/jobs/rep/config/rep.json";
  options.cell.environment = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"};
  return options;
}

core::Launch launch(int i, std::vector<core::Piece>& pool) {
  core::Launch launch;
  const std::string process = guid(i / 5) + "-" + guid(i / 5 + 1'000'000);
  launch.key = {core::Kind::lrp, process, i % 5};
  launch.task_id = core::task_id(launch.key, "k3x9qa7m");
  launch.domain = "cf-apps";
  launch.trace_id = guid(i + 2'000'000);
  diego::Lrp lrp;
  lrp.process_guid = process;
  lrp.index = i % 5;
  lrp.domain = launch.domain;
  lrp.constraint.rootfs = "preloaded:cflinuxfs4";
  lrp.resource.memory_mb = 256;
  lrp.resource.disk_mb = 1024;
  lrp.resource.max_pids = 1024;
  launch.element = diego::write_element(lrp);
  launch.pieces = core::carve(pool, {256, 1024, 1, 100});
  return launch;
}

}  // namespace

struct Calls::Impl {
  explicit Impl(mesos_client::Codec codec) : translator(options_for(codec)) {}

  std::string encode(const core::Action& action) {
    auto call = translator.call("259777ea-1d1c-4c78-ac83-e62716fb1c91-0002", action);
    if (!call) {
      std::fprintf(stderr, "bench-wire: an action is no call\n");
      std::exit(1);
    }
    return *std::move(call);
  }

  edge::Translator translator;
  core::Accept accept;
};

Calls::Calls(mesos_client::Codec codec, int tasks) : impl_(std::make_unique<Impl>(codec)) {
  const auto event = offers_event(0);
  std::vector<core::Piece> pool = edge::offer_of(event.offers().offers(0), "diego").pieces;
  core::Accept& accept = impl_->accept;
  accept.agent_id = event.offers().offers(0).agent_id().value();
  accept.offer_ids = {event.offers().offers(0).id().value()};
  const std::string executor = "diego-cell-" + accept.agent_id;
  accept.executor_info =
      edge::ExecutorCells(options_for(codec))
          .executor_info({executor, "cell-0", accept.agent_id, "z1", core::carve(pool, {512, 1024, 0, 250})});
  for (int i = 0; i < tasks; ++i) accept.launches.push_back(launch(i, pool));
}

Calls::~Calls() = default;

std::string Calls::accept() { return impl_->encode(impl_->accept); }

std::string Calls::acknowledge(const Acknowledged& of) {
  return impl_->encode(core::Acknowledge{of.agent_id, of.task_id, of.uuid});
}

}  // namespace bench
