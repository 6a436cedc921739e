#include <optional>
#include <utility>

#include "mesos/master_detector.hpp"
#include "mesos/zookeeper_client.hpp"
#include "platform/clock.hpp"

namespace mesos_client {
namespace {

using Code = ZooKeeperAnswer::Code;

// Some things no watch tells of, such as a changed access list.
constexpr base::Duration kLookAgain = std::chrono::seconds(15);

class ZooKeeperDetector final : public MasterDetector, private ZooKeeperUser {
 public:
  ZooKeeperDetector(const ZooKeeperAddress& address, const DetectorOptions& options, Report report)
      : address_(address),
        tls_(options.tls),
        report_(std::move(report)),
        client_({address, options.zookeeper_session_timeout}, *this) {
    client_.start();
  }

 private:
  void connected(base::Duration, bool, base::Time) override {
    if (std::exchange(outage_, false))
      report_(DetectorNote{false, "ZooKeeper answers again source=" + address_.text()});
    look();
  }

  void disconnected(const std::string& why, base::Time) override {
    outage_ = true;
    look_at_.reset();
    const char* what = detected_ ? ": the last known master stays believed" : ": no master is known";
    report_(DetectorNote{true, "ZooKeeper is out of reach, " + why + what + " source=" + address_.text()});
  }

  void expired(const std::string&, base::Time) override { ++look_; }  // connected() looks again.

  void changed(const std::string&, base::Time) override { look(); }

  std::optional<base::Time> next_deadline() const override { return look_at_; }

  void tick(base::Time) override {
    look_at_.reset();
    look();
  }

  // Lists, reads the leader's entry, reports. A later look makes the earlier one's answers void.
  void look() {
    client_.children(address_.path, [this, look = ++look_](const ZooKeeperAnswer& answer) {
      if (look != look_ || answer.code == Code::lost) return;  // Connected again, we look again.
      if (answer.code == Code::no_node) return await_node();
      if (!answer.ok()) return puzzled("listing " + address_.path + ": " + answer.text);
      const auto leader = leading_child(answer.children);
      if (!leader) return nobody("no master stands for election at " + address_.path);
      read(address_.path + "/" + *leader);
    });
  }

  void await_node() {
    client_.exists(address_.path, true, [this, look = look_](const ZooKeeperAnswer& answer) {
      if (look != look_ || answer.code == Code::lost) return;
      if (answer.ok()) return this->look();  // Made in between.
      if (answer.code != Code::no_node) return puzzled("looking at " + address_.path + ": " + answer.text);
      nobody("ZooKeeper has no " + address_.path);
    });
  }

  void read(const std::string& path) {
    client_.get(path, [this, path, look = look_](const ZooKeeperAnswer& answer) {
      if (look != look_ || answer.code == Code::lost) return;
      if (answer.code == Code::no_node) return this->look();  // It stepped down after the listing.
      if (!answer.ok()) return puzzled("reading " + path + ": " + answer.text);
      const auto master = parse_master_node(path, answer.data);
      // Nobody mends an entry: a next leader brings another.
      if (!master) return nobody(master.error().message());
      MasterDetected found{master->urls(tls_), master->address() + " hostname=" + master->hostname +
                                                   " master=" + master->id + " version=" + master->version};
      if (detected_ == found && !nobody_) return;
      nobody_.reset();
      detected_ = found;
      report_(std::move(found));
    });
  }

  void nobody(const std::string& reason) {
    if (nobody_ == NoMaster{reason}) return;
    nobody_ = NoMaster{reason};
    report_(*nobody_);
  }

  void puzzled(const std::string& reason) {
    nobody(reason);
    look_at_ = platform::now() + kLookAgain;
  }

  const ZooKeeperAddress address_;
  const bool tls_;
  const Report report_;

  // Of the client's thread.
  std::uint64_t look_ = 0;
  bool outage_ = false;
  std::optional<base::Time> look_at_;
  std::optional<MasterDetected> detected_;  // The last reported, also if nobody leads since.
  std::optional<NoMaster> nobody_;          // Reported after it.

  ZooKeeperClient client_;  // Last: its thread uses all of the above, until it is destroyed.
};

}  // namespace

base::Result<std::unique_ptr<MasterDetector>> start_zookeeper_detector(std::string_view,
                                                                       const ZooKeeperAddress& address,
                                                                       const DetectorOptions& options,
                                                                       MasterDetector::Report report) {
  return std::unique_ptr<MasterDetector>(std::make_unique<ZooKeeperDetector>(address, options, std::move(report)));
}

}  // namespace mesos_client
