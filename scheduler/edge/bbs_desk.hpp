// The core's calls to the BBS, made on a few threads, each with a connection of its own: placement never
// waits for them. Whatever is called is answered once, until the desk ends.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "base/result.hpp"
#include "diego/bbs_client.hpp"
#include "scheduler/edge/bbs_call.hpp"

namespace edge {

class BbsDesk {
 public:
  using Call = BbsCall;
  using Answer = BbsCallAnswer;

  // `answer` is called on the desk's threads and must outlive it. An error names the flag that is wrong; that
  // nobody answers at the address is none.
  static base::Result<std::unique_ptr<BbsDesk>> open(const diego::BbsClientOptions& options,
                                                     std::function<void(Answer)> answer);
  ~BbsDesk();  // Breaks off what is under way.
  BbsDesk(const BbsDesk&) = delete;
  BbsDesk& operator=(const BbsDesk&) = delete;

  // From one thread. How many may wait is the core's to bound.
  void call(Call call);

 private:
  BbsDesk();
  struct Clerk;
  std::vector<std::unique_ptr<Clerk>> clerks_;
  std::size_t next_ = 0;
};

}  // namespace edge
