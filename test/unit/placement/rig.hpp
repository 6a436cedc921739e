// Short words for the cells and requests of the placement tests.
#pragma once

#include <initializer_list>
#include <string>
#include <utility>

#include "scheduler/placement/cluster.hpp"

namespace placement_test {

inline placement::ConstraintsPtr wants(const std::string& rootfs, std::set<std::string> tags = {},
                                       std::set<std::string> drivers = {}) {
  return std::make_shared<placement::Constraints>(
      placement::Constraints{diego::parse_rootfs(rootfs), std::move(tags), std::move(drivers)});
}

inline placement::Cell cell(const std::string& agent, const std::string& zone, std::int64_t mem_mb, bool up = false) {
  placement::Cell cell;
  cell.agent_id = agent;
  cell.zone = zone;
  cell.up = up;
  cell.room = cell.last_room = cell.total = {mem_mb, 10'000, 10'000, 250};
  cell.rootfs["preloaded"] = {diego::RootFsProvider::Kind::fixed_set, {"fs"}};
  return cell;
}

inline placement::Request lrp(const std::string& process, std::int64_t mem_mb) {
  placement::Request request;
  request.process = process;
  request.needs = {mem_mb, 1, 100, 1};
  request.constraints = wants("preloaded:fs");
  return request;
}

inline placement::Request task(std::int64_t mem_mb) {
  auto request = lrp("t", mem_mb);
  request.is_lrp = false;
  return request;
}

inline placement::Cluster cluster(const std::string& strategy, std::initializer_list<placement::Cell> cells,
                                  placement::Limits limits = {}) {
  placement::Cluster cluster(std::move(*placement::make_strategy(strategy)), limits);
  for (const placement::Cell& one : cells) cluster.upsert(one);
  return cluster;
}

inline placement::Outcome on(const char* agent, bool starts_cell) { return placement::Placement{agent, starts_cell}; }
inline placement::Outcome refused(const std::string& text) { return placement::Rejection{text}; }

}  // namespace placement_test
