#include "scheduler/edge/bbs_desk.hpp"

#include <thread>
#include <utility>

#include "platform/mailbox.hpp"
#include "scheduler/edge/bbs_call.hpp"

namespace edge {
namespace {

constexpr std::size_t kClerks = 4;

}  // namespace

struct BbsDesk::Clerk {
  std::unique_ptr<diego::BbsClient> bbs;
  platform::Mailbox<Call> calls;
  std::thread thread;

  void work(const std::function<void(Answer)>& answer) {
    while (!calls.closed()) {
      for (const Call& call : calls.take(std::nullopt)) {
        if (calls.closed()) return;
        answer(make_bbs_call(*bbs, call));
      }
    }
  }
};

BbsDesk::BbsDesk() = default;

base::Result<std::unique_ptr<BbsDesk>> BbsDesk::open(const diego::BbsClientOptions& options,
                                                     std::function<void(Answer)> answer) {
  std::unique_ptr<BbsDesk> desk(new BbsDesk);
  for (std::size_t i = 0; i < kClerks; ++i) {
    auto bbs = diego::BbsClient::create(options);
    if (!bbs) return bbs.error();
    auto clerk = std::make_unique<Clerk>();
    clerk->bbs = *std::move(bbs);
    clerk->thread = std::thread([one = clerk.get(), answer] { one->work(answer); });
    desk->clerks_.push_back(std::move(clerk));
  }
  return desk;
}

BbsDesk::~BbsDesk() {
  for (const auto& clerk : clerks_) {
    clerk->calls.close();
    clerk->bbs->stop();
  }
  for (const auto& clerk : clerks_) clerk->thread.join();
}

void BbsDesk::call(Call call) { clerks_[next_++ % clerks_.size()]->calls.post(std::move(call)); }

}  // namespace edge
