// Between Mesos's messages and the core's values: the only file of the scheduler where both appear.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "mesos/codec.hpp"
#include "scheduler/core/actions.hpp"
#include "scheduler/core/config.hpp"
#include "scheduler/core/events.hpp"
#include "scheduler/edge/launch_calls.hpp"
#include "scheduler/edge/options.hpp"
#include "scheduler/engine/engine.hpp"

namespace mesos::v1 {
class FrameworkInfo;
}

namespace edge {

class Translator final : public engine::Wire {
 public:
  explicit Translator(const Options& options);

  // Any thread. What cannot be read becomes an `unreadable` session event: framing is intact, so
  // only that record is lost.
  engine::StreamRecord read(std::string_view record) const;

  // The SUBSCRIBE body; an empty id subscribes as a new framework. The cluster's name and the leader become labels.
  std::string subscribe(const std::string& framework_id, const std::string& leader, bool suppressed) const override;

  std::string constrain(const std::string& framework_id, const std::string& leader,
                        const core::ConstrainOffers& action) const override;

  // The call an action asks for, encoded; nullopt for actions that are not calls. One thread.
  std::optional<std::string> call(const std::string& framework_id, const core::Action& action) const override;

  mesos_client::Codec codec() const { return codec_; }

 private:
  mesos::v1::FrameworkInfo framework_info(const std::string& framework_id, const std::string& leader) const;

  const MesosOptions mesos_;
  const std::string cluster_name_;
  const mesos_client::Codec codec_;
  mutable LaunchCalls launch_calls_;  // Remembers what it has encoded.
};

// Cells as --cell-* describe them.
class ExecutorCells final : public core::CellFactory {
 public:
  explicit ExecutorCells(const Options& options);

  std::string executor_info(const core::CellSpec& spec) const override;
  std::string fingerprint() const override { return fingerprint_; }

 private:
  std::string prototype_;  // mesos.v1.ExecutorInfo without what differs from cell to cell.
  std::string fingerprint_;
};

}  // namespace edge
