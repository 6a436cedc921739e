#include <fmt/format.h>

#include <filesystem>

#include "mesos/v1/mesos.pb.h"
#include "scheduler/edge/translate.hpp"
#include "scheduler/edge/translate_resources.hpp"

namespace edge {
namespace {

void set_variable(mesos::v1::CommandInfo& command, const std::string& name, const std::string& value) {
  auto* variable = command.mutable_environment()->add_variables();
  variable->set_name(name);
  variable->set_value(value);
}

// FNV-1a, for a short name that changes with the configuration.
std::string fnv1a(std::string_view bytes) {
  std::uint32_t hash = 2166136261U;
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  return fmt::format("{:08x}", hash);
}

}  // namespace

ExecutorCells::ExecutorCells(const Options& options) {
  const CellOptions& cell = options.cell;
  mesos::v1::ExecutorInfo info;
  info.set_type(mesos::v1::ExecutorInfo::CUSTOM);
  info.mutable_executor_id()->set_value("");
  info.set_name("Diego cell");
  info.mutable_shutdown_grace_period()->set_nanoseconds(cell.shutdown_grace.count());
  auto& command = *info.mutable_command();
  command.set_shell(false);
  command.set_value(cell.executor);
  command.add_arguments(std::filesystem::path(cell.executor).filename().string());  // argv[0]
  // The executor takes every flag of its own from DIEGO_MESOS_<FLAG>.
  set_variable(command, "DIEGO_MESOS_CELL_COMMAND", cell.command);
  set_variable(command, "DIEGO_MESOS_REP_URL", cell.rep_url);
  set_variable(command, "DIEGO_MESOS_CELL_MEM_MB", std::to_string(cell.mem_mb));
  set_variable(command, "DIEGO_MESOS_CELL_DISK_MB", std::to_string(cell.disk_mb));
  set_variable(command, "DIEGO_MESOS_CELL_MAX_MEM_MB", std::to_string(cell.max_mem_mb));
  set_variable(command, "DIEGO_MESOS_CELL_MAX_DISK_MB", std::to_string(cell.max_disk_mb));
  set_variable(command, "DIEGO_MESOS_MESOS_CODEC", options.mesos.codec);
  set_variable(command, "DIEGO_MESOS_LOG_LEVEL", cell.log_level);
  for (const std::string& variable : cell.environment) {
    const auto equals = variable.find('=');
    set_variable(command, variable.substr(0, equals), variable.substr(equals + 1));
  }
  prototype_ = info.SerializeAsString();
  fingerprint_ = fnv1a(prototype_);
}

std::string ExecutorCells::executor_info(const core::CellSpec& spec) const {
  mesos::v1::ExecutorInfo info;
  info.ParseFromString(prototype_);
  info.mutable_executor_id()->set_value(spec.executor_id);
  set_variable(*info.mutable_command(), "DIEGO_MESOS_CELL_ID", spec.cell_id);
  set_variable(*info.mutable_command(), "DIEGO_MESOS_CELL_ZONE", spec.zone);
  for (const core::Piece& piece : spec.pieces) *info.add_resources() = resource_of(piece);
  return info.SerializeAsString();
}

}  // namespace edge
