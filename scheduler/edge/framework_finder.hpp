// With a lock beside which nothing can be kept (Locket), what leaders share stands in Mesos: the
// framework's own labels say which cluster it is for, and whose state knows all about it. So before the
// lock is reported as acquired, the master is asked for the framework with our label. Around any lock.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "base/leader_lock.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "platform/mailbox.hpp"
#include "scheduler/edge/operator_api.hpp"
#include "scheduler/edge/options.hpp"

namespace edge {

// Labels of our FrameworkInfo; the master replaces them with each SUBSCRIBE.
inline constexpr const char* kClusterLabel = "diego.cluster";
inline constexpr const char* kLeaderLabel = "diego.leader";

struct FinderTimes {
  base::Duration answer_limit = std::chrono::seconds(10);
  base::Duration first_wait = std::chrono::milliseconds(500);  // Doubling.
  base::Duration longest_wait = std::chrono::seconds(5);
};

// LockAcquired comes with "<framework id> <leader>" of the one framework of our cluster, or with nothing
// when there is none and no agent is still to come back that could bring it. Until that is known (the
// master is out of reach, agents are missing, two frameworks carry the label) the lock is held and
// nobody acts. share() is answered at once: what it says reaches the master with the next SUBSCRIBE,
// before which nothing is done.
class FrameworkFinder final : public base::LeaderLock {
 public:
  using StartLock = std::function<base::Result<std::unique_ptr<base::LeaderLock>>(Report)>;

  static base::Result<std::unique_ptr<FrameworkFinder>> start(const MesosOptions& mesos, std::string cluster,
                                                              const StartLock& start_lock, Report report,
                                                              FinderTimes times = {});
  ~FrameworkFinder() override;

  // Where masters are: the URLs of their scheduler API. From any thread.
  void masters(std::vector<std::string> urls);

  void campaign() override { lock_->campaign(); }
  void resign() override { lock_->resign(); }
  void share(std::string value) override;
  bool held() const override { return lock_->held(); }

 private:
  struct Masters {
    std::vector<std::string> urls;
  };
  struct Share {
    std::string value;
  };
  using Message = std::variant<base::LockReport, Masters, Share>;

  // What the master says: the text; or why it is not known yet.
  struct NotYet {
    std::string why;
    bool trouble = true;
  };
  using Finding = std::variant<std::string, NotYet>;

  FrameworkFinder(const MesosOptions& mesos, std::string cluster, Report report, FinderTimes times);
  void run();
  void handle(Message message);
  void on(base::LockReport report);
  void on(Masters masters);
  void on(Share share);
  void ask();
  Finding look();
  Finding look_at(const std::string& url);
  base::Result<std::vector<std::string>> texts_at(const std::string& url);

  const std::string cluster_;
  const Report report_;
  const FinderTimes times_;
  OperatorApi operator_;
  platform::Mailbox<Message> mailbox_;

  // Of the thread.
  std::vector<std::string> urls_;
  std::uint64_t term_ = 0;            // Of holding the lock, and of not.
  std::optional<base::Time> ask_at_;  // While the lock is ours and the framework is not known.
  base::Duration wait_{};
  bool acquired_ = false;  // As reported.
  std::string said_;

  std::thread thread_;
  std::unique_ptr<base::LeaderLock> lock_;
};

}  // namespace edge
