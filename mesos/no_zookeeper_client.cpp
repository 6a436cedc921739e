// Stands for the files zookeeper_*.cpp in a build without libzookeeper.
#include "mesos/master_detector.hpp"
#include "mesos/zookeeper_lock.hpp"

namespace mesos_client {
namespace {

base::Error without(std::string_view where, const ZooKeeperAddress& address) {
  return {std::string(where) + " " + address.text(), "this build has no ZooKeeper (Meson: -Dzookeeper=enabled)"};
}

}  // namespace

base::Result<std::unique_ptr<MasterDetector>> start_zookeeper_detector(std::string_view where,
                                                                       const ZooKeeperAddress& address,
                                                                       const DetectorOptions&, MasterDetector::Report) {
  return without(where, address);
}

base::Result<std::unique_ptr<base::LeaderLock>> start_zookeeper_lock(std::string_view where,
                                                                     const ZooKeeperLockOptions& options,
                                                                     base::LeaderLock::Report) {
  return without(where, options.address);
}

}  // namespace mesos_client
