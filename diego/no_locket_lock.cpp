// Stands for locket_lock.cpp in a build without gRPC.
#include "diego/locket_lock.hpp"

namespace diego {

base::Result<std::unique_ptr<base::LeaderLock>> start_locket_lock(std::string_view where, const LocketLockOptions&,
                                                                  base::LeaderLock::Report) {
  return base::Error{std::string(where), "this build has no Locket (Meson: -Dlocket=enabled)"};
}

}  // namespace diego
