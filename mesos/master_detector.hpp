// Who leads the masters, as far as one can know: named in the flags, in a file, or in ZooKeeper.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "mesos/master_address.hpp"

namespace mesos_client {

// Go to one of these, in this order. From ZooKeeper: the leader alone; it may answer 307 or 503 for
// some seconds after its election.
struct MasterDetected {
  std::vector<std::string> urls;  // Of the scheduler API; never empty.
  std::string who;                // For the log.
  bool operator==(const MasterDetected&) const = default;
};

// Nobody is known to lead. An election is under way, or there are no masters, or their entry cannot be
// read. A subscription that still works is better than none: keep it, and what was detected before.
struct NoMaster {
  std::string reason;
  bool operator==(const NoMaster&) const = default;
};

// A line for the log, once per change: the source of our knowledge is out of reach, or back. What was
// detected before stays believed in the meantime.
struct DetectorNote {
  bool trouble = false;  // Worth a warning.
  std::string text;
  bool operator==(const DetectorNote&) const = default;
};

using MasterReport = std::variant<MasterDetected, NoMaster, DetectorNote>;

// Reports the present state once, as soon as it is known, and then each change: never the same
// MasterDetected or NoMaster twice in a row. A ZooKeeper out of reach reports only notes, for as long as
// it takes: the end of its session, too, says nothing about who leads. Retries for ever, with jitter.
// Destroying it stops it and waits for its thread (up to 5 s with a ZooKeeper server that hangs); no
// report follows.
class MasterDetector {
 public:
  // Called on the detector's thread, or from within start_master_detector: should only post, must not
  // destroy the detector, and must outlive it.
  using Report = std::function<void(MasterReport)>;

  MasterDetector() = default;
  virtual ~MasterDetector() = default;
  MasterDetector(const MasterDetector&) = delete;
  MasterDetector& operator=(const MasterDetector&) = delete;
};

struct DetectorOptions {
  bool tls = false;  // Of masters found in ZooKeeper, whose entries do not say.
  base::Duration zookeeper_session_timeout = std::chrono::seconds(10);  // As Mesos's own masters.
  base::Duration file_poll = std::chrono::seconds(1);
};

// Fails on what no waiting cures: zk:// in a build without ZooKeeper; a file that cannot be read or
// makes no sense (later changes for the worse are notes). `where` names the flag.
base::Result<std::unique_ptr<MasterDetector>> start_master_detector(std::string_view where,
                                                                    const MasterAddress& address,
                                                                    const DetectorOptions& options,
                                                                    MasterDetector::Report report);

// One kind each, for start_master_detector.
base::Result<std::unique_ptr<MasterDetector>> start_file_detector(const std::string& path,
                                                                  const DetectorOptions& options,
                                                                  MasterDetector::Report report);
base::Result<std::unique_ptr<MasterDetector>> start_zookeeper_detector(std::string_view where,
                                                                       const ZooKeeperAddress& address,
                                                                       const DetectorOptions& options,
                                                                       MasterDetector::Report report);

}  // namespace mesos_client
