#include <fmt/format.h>

#include <filesystem>
#include <tuple>

#include "mesos/v1/mesos.pb.h"
#include "scheduler/edge/host_command.hpp"
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

// Where the images of images/diego-cell have it.
constexpr const char* kExecutorInImage = "/usr/bin/diego-executor";

// Fetched into the sandbox, where the process starts.
std::string fetched(mesos::v1::CommandInfo& command, const std::string& from) {
  auto& uri = *command.add_uris();
  uri.set_value(from);
  uri.set_executable(true);
  uri.set_extract(false);
  return "./" + std::filesystem::path(from.substr(0, from.find_first_of("?#"))).filename().string();
}

// Of the docker containerizer arguments follow the file, or go to the image's entry point; everywhere else they
// begin with argv[0] (facts of Mesos: DockerContainerizer repeats nothing).
void set_file(mesos::v1::CommandInfo& command, const CellOptions& cell) {
  command.set_shell(false);
  if (cell.containerizer == "docker") {
    if (!cell.executor.empty()) command.set_value(cell.executor);
    return;
  }
  std::string file = cell.executor.empty() ? kExecutorInImage : cell.executor;
  if (is_uri(file)) file = fetched(command, file);
  command.set_value(file);
  command.add_arguments(std::filesystem::path(file).filename().string());
}

void set_container(mesos::v1::ExecutorInfo& info, const CellOptions& cell) {
  using mesos::v1::ContainerInfo;
  if (!cell.in_image()) return;
  ContainerInfo& container = *info.mutable_container();
  for (const std::string& text : cell.volumes) {
    const auto parsed = parse_volume(text);
    if (!parsed) continue;  // finish_cell() has seen them.
    auto& volume = *container.add_volumes();
    volume.set_host_path(parsed->host);
    volume.set_container_path(parsed->container);
    volume.set_mode(parsed->writable ? mesos::v1::Volume::RW : mesos::v1::Volume::RO);
  }
  if (cell.containerizer == "mesos") {
    container.set_type(ContainerInfo::MESOS);
    auto& image = *container.mutable_mesos()->mutable_image();
    image.set_type(mesos::v1::Image::DOCKER);
    image.mutable_docker()->set_name(cell.image);
    return;
  }
  container.set_type(ContainerInfo::DOCKER);
  auto& docker = *container.mutable_docker();
  docker.set_image(cell.image);
  docker.set_network(ContainerInfo::DockerInfo::HOST);
  docker.set_privileged(cell.privileged);
  bool swap_is_said = false;
  for (const std::string& text : cell.docker_parameters) {
    auto& parameter = *docker.add_parameters();
    std::tie(*parameter.mutable_key(), *parameter.mutable_value()) = split_setting(text);
    swap_is_said = swap_is_said || parameter.key() == "memory-swap";
  }
  if (swap_is_said) return;
  // Docker bounds memory and swap together by twice the memory of the start. Mesos raises the memory alone: beyond
  // that bound the kernel refuses, and Mesos destroys the container.
  auto& swap = *docker.add_parameters();
  swap.set_key("memory-swap");
  swap.set_value("-1");
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
  set_file(command, cell);
  set_container(info, cell);
  // The executor takes every flag of its own from DIEGO_MESOS_<FLAG>.
  const std::string cell_command = cell.on_host() ? host_command(cell) : cell.command;
  if (!cell_command.empty()) set_variable(command, "DIEGO_MESOS_CELL_COMMAND", cell_command);  // Else the image's.
  set_variable(command, "DIEGO_MESOS_REP_URL", cell.rep_url);
  set_variable(command, "DIEGO_MESOS_CELL_MEM_MB", std::to_string(cell.mem_mb));
  set_variable(command, "DIEGO_MESOS_CELL_DISK_MB", std::to_string(cell.disk_mb));
  set_variable(command, "DIEGO_MESOS_CELL_MAX_MEM_MB", std::to_string(cell.max_mem_mb));
  set_variable(command, "DIEGO_MESOS_CELL_MAX_DISK_MB", std::to_string(cell.max_disk_mb));
  set_variable(command, "DIEGO_MESOS_MESOS_CODEC", options.mesos.codec);
  set_variable(command, "DIEGO_MESOS_LOG_LEVEL", cell.log_level);
  if (const std::string told = rootfs_told(cell); !told.empty()) set_variable(command, kRootFsVariable, told);
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
