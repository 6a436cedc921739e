#include "mesos/zookeeper_lock.hpp"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "base/random.hpp"
#include "mesos/zookeeper_client.hpp"
#include "platform/clock.hpp"

namespace mesos_client {
namespace {

using Code = ZooKeeperAnswer::Code;
using base::LeaderLock;

constexpr std::string_view kPrefix = "contender-";
constexpr base::Duration kTryAgain = std::chrono::seconds(2);
constexpr std::size_t kSharedBytesMax = 4096;
constexpr std::size_t kWhoBytesMax = 256;

struct Contender {
  std::int64_t sequence = 0;
  std::string name;
  auto operator<=>(const Contender&) const = default;
};

std::vector<Contender> contenders(const std::vector<std::string>& children) {
  std::vector<Contender> all;
  for (const std::string& name : children) {
    const std::size_t dash = name.rfind('-');
    if (!name.starts_with(kPrefix) || dash < kPrefix.size()) continue;
    Contender contender{0, name};
    const char* end = name.data() + name.size();
    const auto [stop, error] = std::from_chars(name.data() + dash + 1, end, contender.sequence);
    if (error == std::errc{} && stop == end) all.push_back(std::move(contender));
  }
  std::sort(all.begin(), all.end());
  return all;
}

class ZooKeeperLock final : public LeaderLock, private ZooKeeperUser {
 public:
  ZooKeeperLock(const ZooKeeperLockOptions& options, Report report)
      : address_(options.address),
        who_(options.who.substr(0, kWhoBytesMax)),
        report_(std::move(report)),
        process_(base::Random(platform::random_seed()).letters(12)),
        timeout_(options.session_timeout),
        client_({options.address, options.session_timeout}, *this) {
    client_.start();
  }

  void campaign() override {
    client_.post([this] {
      if (std::exchange(wanted_, true)) return;
      if (online_) look();
    });
  }

  void resign() override {
    client_.post([this] {
      if (!std::exchange(wanted_, false)) return;
      ++step_;
      lose("resigned");
      if (online_) leave();
    });
  }

  void share(std::string value) override {
    client_.post([this, value = std::move(value)] {
      if (!held_) return report_(base::ShareRefused{"we do not hold the lock"});
      if (value.size() > kSharedBytesMax) return report_(base::ShareRefused{"it is too long"});
      to_share_ = value;
      store();
    });
  }

  bool held() const override { return platform::now().time_since_epoch().count() < lease_until_.load(); }

 private:
  // ---- What the session does.

  void connected(base::Duration timeout, bool fresh, base::Time) override {
    online_ = true;
    timeout_ = timeout;
    if (fresh) {
      ++session_;
      node_.clear();
    }
    if (std::exchange(outage_, false))
      report_(base::LockNote{false, "ZooKeeper answers again source=" + address_.text()});
    wanted_ ? look() : leave();
  }

  void disconnected(const std::string& why, base::Time) override {
    online_ = false;
    outage_ = true;
    ++step_;
    look_at_.reset();
    report_(base::LockNote{true, "the lock's ZooKeeper is out of reach, " + why + " source=" + address_.text()});
  }

  void expired(const std::string& why, base::Time) override {
    ++step_;
    node_.clear();
    holder_.clear();
    lose(why);
  }

  void changed(const std::string&, base::Time) override {
    if (wanted_ && online_) look();
  }

  std::optional<base::Time> next_deadline() const override {
    std::optional<base::Time> next = look_at_;
    const auto sooner = [&next](base::Time time) {
      if (!next || time < *next) next = time;
    };
    if (held_) sooner(lease_end());
    if (held_ && online_) sooner(probe_at_);
    return next;
  }

  void tick(base::Time now) override {
    if (held_ && now >= lease_end()) {
      lose("ZooKeeper has not answered for " + std::to_string(base::to_millis(lock_lease(timeout_))) + " ms");
      // Should this session live on: it is looked at again.
      if (online_) look_at_ = now + kTryAgain;
    }
    if (held_ && online_ && now >= probe_at_) probe(now);
    if (look_at_ && now >= *look_at_) {
      look_at_.reset();
      if (wanted_ && online_) look();
    }
  }

  // ---- The campaign: list; stand; if first, read what is shared, and lead. A later look makes the
  // answers of an earlier one void.

  void look() {
    client_.children(address_.path, [this, step = ++step_](const ZooKeeperAnswer& answer) {
      if (step != step_ || answer.code == Code::lost) return;
      if (answer.code == Code::no_node) return make_path(1);
      if (!answer.ok()) return puzzled("listing " + address_.path, answer);
      judge(contenders(answer.children));
    });
  }

  // Creates the part of the path that ends before the next '/' from `from`, and so on.
  void make_path(std::size_t from) {
    const std::size_t end = std::min(address_.path.find('/', from), address_.path.size());
    client_.create(address_.path.substr(0, end), "", ZooKeeperClient::Kind::lasting,
                   [this, end, step = step_](const ZooKeeperAnswer& answer) {
                     if (step != step_ || answer.code == Code::lost) return;
                     if (!answer.ok() && answer.code != Code::node_exists)
                       return puzzled("making " + address_.path, answer);
                     if (end == address_.path.size()) return look();
                     make_path(end + 1);
                   });
  }

  void judge(const std::vector<Contender>& all) {
    said_.clear();
    const std::string session = of_process() + std::to_string(session_) + "-";
    const Contender* own = nullptr;
    for (const Contender& contender : all) {
      if (contender.name.starts_with(session)) {
        // Found by its name, for the answer to its creation may have been lost.
        own = own == nullptr ? &contender : own;
      } else if (contender.name.starts_with(of_process())) {
        // Of a session we gave up, which ZooKeeper keeps until its timeout: we need not wait behind ourselves.
        remove(contender.name);
      }
    }
    node_ = own == nullptr ? "" : address_.path + "/" + own->name;
    const bool first = own != nullptr && own == &all.front();
    if (held_ && !first) lose("our entry in ZooKeeper is gone");
    if (own == nullptr) return stand(session);
    if (!first) return hear_of(all.front().name);
    holder_.clear();
    if (!held_) return take();
    if (to_share_ && std::exchange(store_again_, false)) store();
  }

  std::string of_process() const { return std::string(kPrefix) + process_ + "."; }

  void stand(const std::string& name) {
    client_.create(address_.path + "/" + name, who_, ZooKeeperClient::Kind::ephemeral_sequential,
                   [this, step = step_](const ZooKeeperAnswer& answer) {
                     if (step != step_ || answer.code == Code::lost) return;
                     if (!answer.ok() && answer.code != Code::no_node)
                       return puzzled("standing at " + address_.path, answer);
                     look();
                   });
  }

  // Tells who leads instead of us; the watch on the children tells when that changes.
  void hear_of(const std::string& name) {
    if (holder_ == name) return;
    client_.get(address_.path + "/" + name, [this, name, step = step_](const ZooKeeperAnswer& answer) {
      if (step != step_ || answer.code == Code::lost) return;
      if (answer.code == Code::no_node) return look();
      holder_ = name;
      report_(base::LockHeldByOther{answer.ok() ? answer.data.substr(0, kWhoBytesMax) : name});
    });
  }

  void take() {
    const base::Time asked = platform::now();
    client_.get(shared_path(), [this, asked, step = step_](const ZooKeeperAnswer& answer) {
      if (step != step_ || answer.code == Code::lost) return;
      if (!answer.ok() && answer.code != Code::no_node) return puzzled("reading " + shared_path(), answer);
      if (answer.data.size() > kSharedBytesMax)
        return puzzled("reading " + shared_path(), {Code::failed, "it is too long", {}, 0, {}});
      if (platform::now() >= asked + lock_lease(timeout_)) return look();  // Too old an answer to build on.
      shared_version_ = answer.ok() ? std::optional(answer.version) : std::nullopt;
      held_ = true;
      extend(asked);
      probe_at_ = asked + timeout_ / 10;
      report_(base::LockAcquired{answer.data});
    });
  }

  // ---- Holding. ZooKeeper counts a session's timeout from when it last heard of us, which is not
  // before we sent what it answered.

  void probe(base::Time now) {
    probe_at_ = now + timeout_ / 10;
    client_.exists(node_, false, [this, now, node = node_](const ZooKeeperAnswer& answer) {
      if (!held_ || node != node_) return;
      if (answer.ok()) return extend(now);
      if (answer.code == Code::no_node) look();
    });
  }

  void extend(base::Time heard) {
    const base::Time until = heard + lock_lease(timeout_);
    lease_until_ = std::max(lease_until_.load(), until.time_since_epoch().count());
  }

  base::Time lease_end() const { return base::Time(base::Duration(lease_until_.load())); }

  void lose(const std::string& reason) {
    lease_until_ = 0;
    to_share_.reset();
    store_again_ = false;
    if (std::exchange(held_, false)) report_(base::LockLost{reason});
  }

  // Takes back every entry of ours, also one whose creation was not answered yet: requests are
  // executed in order.
  void leave() {
    node_.clear();
    holder_.clear();
    look_at_.reset();
    client_.children(address_.path, [this](const ZooKeeperAnswer& answer) {
      if (wanted_) return;  // Again; and a lost answer is asked for when we are connected again.
      for (const Contender& contender : contenders(answer.children)) {
        if (contender.name.starts_with(of_process())) remove(contender.name);
      }
    });
  }

  void remove(const std::string& name) {
    client_.remove(address_.path + "/" + name, [](const ZooKeeperAnswer&) {});
  }

  void puzzled(const std::string& what, const ZooKeeperAnswer& answer) {
    look_at_ = platform::now() + kTryAgain;
    const std::string text = what + ": " + answer.text;
    if (std::exchange(said_, text) != text) report_(base::LockNote{true, text});
  }

  // ---- The shared text.

  std::string shared_path() const { return address_.path + "/framework-id"; }

  void store() {
    client_.put_guarded(node_, shared_path(), *to_share_, shared_version_,
                        [this, value = *to_share_](const ZooKeeperAnswer& answer) {
                          if (!held_ || to_share_ != value) return;
                          if (answer.code == Code::bad_version || answer.code == Code::node_exists) return compare();
                          if (answer.code == Code::lost) {
                            store_again_ = true;
                            return;
                          }
                          to_share_.reset();
                          if (!answer.ok())
                            return report_(base::ShareRefused{"storing " + shared_path() + ": " + answer.text});
                          shared_version_ = shared_version_ ? *shared_version_ + 1 : 0;
                          report_(base::ShareStored{value});
                        });
  }

  // Somebody wrote since we read: we ourselves, if an answer was lost on the way.
  void compare() {
    client_.get(shared_path(), [this](const ZooKeeperAnswer& answer) {
      if (!held_ || !to_share_) return;
      if (answer.code == Code::lost) {
        store_again_ = true;
        return;
      }
      const std::string value = *std::exchange(to_share_, std::nullopt);
      if (!answer.ok() || answer.data != value) {
        return report_(base::ShareRefused{"somebody else wrote " + shared_path() + " while we held the lock"});
      }
      shared_version_ = answer.version;
      report_(base::ShareStored{value});
    });
  }

  const ZooKeeperAddress address_;
  const std::string who_;
  const Report report_;
  const std::string process_;  // Random: tells our entries from others'.

  std::atomic<base::Duration::rep> lease_until_{0};

  // Of the client's thread.
  base::Duration timeout_;
  bool wanted_ = false, online_ = false, outage_ = false, held_ = false;
  std::uint64_t step_ = 0;
  std::uint64_t session_ = 0;
  std::string node_;    // Our entry, as far as we know.
  std::string holder_;  // The name of the entry that leads, as reported.
  std::string said_;
  base::Time probe_at_{};
  std::optional<base::Time> look_at_;
  std::optional<int> shared_version_;
  std::optional<std::string> to_share_;
  bool store_again_ = false;  // Its answer was lost.

  ZooKeeperClient client_;  // Last: its thread uses all of the above, until it is destroyed.
};

}  // namespace

base::Result<std::unique_ptr<LeaderLock>> start_zookeeper_lock(std::string_view, const ZooKeeperLockOptions& options,
                                                               LeaderLock::Report report) {
  return std::unique_ptr<LeaderLock>(std::make_unique<ZooKeeperLock>(options, std::move(report)));
}

}  // namespace mesos_client
