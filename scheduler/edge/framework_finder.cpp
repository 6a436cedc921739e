#include "scheduler/edge/framework_finder.hpp"

#include <algorithm>
#include <utility>

#include "mesos/v1/master/master.pb.h"
#include "mesos/v1/mesos.pb.h"
#include "platform/clock.hpp"

namespace edge {
namespace {

using mesos::v1::master::Call;
using mesos::v1::master::Response;

constexpr std::string_view kNoLeader = "-";

Call call_of(Call::Type type) {
  Call call;
  call.set_type(type);
  return call;
}

std::optional<std::string> label_of(const mesos::v1::FrameworkInfo& info, std::string_view key) {
  for (const auto& label : info.labels().labels()) {
    if (label.key() == key) return label.value();
  }
  return std::nullopt;
}

std::string joined(const std::vector<std::string>& texts) {
  std::string all;
  for (const std::string& text : texts) all += (all.empty() ? "" : ", ") + text.substr(0, text.find(' '));
  return all;
}

}  // namespace

base::Result<std::unique_ptr<FrameworkFinder>> FrameworkFinder::start(const MesosOptions& mesos, std::string cluster,
                                                                      const StartLock& start_lock, Report report,
                                                                      FinderTimes times) {
  std::unique_ptr<FrameworkFinder> finder(new FrameworkFinder(mesos, std::move(cluster), std::move(report), times));
  auto lock = start_lock([one = finder.get()](base::LockReport said) { one->mailbox_.post(std::move(said)); });
  if (!lock) return lock.error();
  finder->lock_ = std::move(*lock);
  finder->thread_ = std::thread([one = finder.get()] { one->run(); });
  return finder;
}

FrameworkFinder::FrameworkFinder(const MesosOptions& mesos, std::string cluster, Report report, FinderTimes times)
    : cluster_(std::move(cluster)),
      report_(std::move(report)),
      times_(times),
      operator_(mesos, {.silence = times.answer_limit}) {}

FrameworkFinder::~FrameworkFinder() {
  mailbox_.close();
  operator_.stop();
  if (thread_.joinable()) thread_.join();
}

void FrameworkFinder::masters(std::vector<std::string> urls) { mailbox_.post(Masters{std::move(urls)}); }

void FrameworkFinder::share(std::string value) { mailbox_.post(Share{std::move(value)}); }

void FrameworkFinder::run() {
  while (!mailbox_.closed()) {
    std::optional<base::Duration> idle;
    if (ask_at_) idle = std::max(*ask_at_ - platform::now(), base::Duration{0});
    for (Message& message : mailbox_.take(idle)) handle(std::move(message));
    if (ask_at_ && *ask_at_ <= platform::now() && !mailbox_.closed()) ask();
  }
}

void FrameworkFinder::handle(Message message) {
  std::visit([this](auto& one) { on(std::move(one)); }, message);
}

void FrameworkFinder::on(base::LockReport report) {
  if (std::holds_alternative<base::LockAcquired>(report)) {
    ++term_;
    wait_ = times_.first_wait;
    ask_at_ = platform::now();
    said_.clear();
    return;
  }
  if (const auto* lost = std::get_if<base::LockLost>(&report)) {
    ++term_;
    ask_at_.reset();
    if (!std::exchange(acquired_, false))
      report = base::LockNote{false, "the lock is lost before the framework was found reason=\"" + lost->reason + "\""};
  }
  report_(std::move(report));
}

void FrameworkFinder::on(Masters masters) {
  urls_ = std::move(masters.urls);
  if (ask_at_) ask_at_ = platform::now();
}

void FrameworkFinder::on(Share share) {
  if (acquired_) return report_(base::ShareStored{std::move(share.value)});
  report_(base::ShareRefused{"we do not hold the lock"});
}

// Takes its time; what came in meanwhile is heard before the answer counts.
void FrameworkFinder::ask() {
  const std::uint64_t term = term_;
  const Finding finding = look();
  for (Message& message : mailbox_.take(base::Duration{0})) handle(std::move(message));
  if (term != term_ || mailbox_.closed()) return;
  if (const auto* text = std::get_if<std::string>(&finding)) {
    ask_at_.reset();
    acquired_ = true;
    return report_(base::LockAcquired{*text});
  }
  ask_at_ = platform::now() + wait_;
  wait_ = std::min(wait_ * 2, times_.longest_wait);
  const NotYet& not_yet = std::get<NotYet>(finding);
  if (std::exchange(said_, not_yet.why) != not_yet.why)
    report_(base::LockNote{not_yet.trouble, "the lock is ours, waiting to act: " + not_yet.why});
}

FrameworkFinder::Finding FrameworkFinder::look() {
  Finding last = NotYet{"no master is known"};
  for (const std::string& url : urls_) {
    last = look_at(url);
    const NotYet* not_yet = std::get_if<NotYet>(&last);
    if (not_yet == nullptr || !not_yet->trouble) return last;
  }
  return last;
}

FrameworkFinder::Finding FrameworkFinder::look_at(const std::string& url) {
  auto texts = texts_at(url);
  if (texts && texts->empty()) {
    Response agents;
    if (auto told = operator_.ask(url, call_of(Call::GET_AGENTS), agents); !told) return NotYet{told.error().message()};
    const int missing = agents.get_agents().recovered_agents_size();
    if (missing > 0) {
      return NotYet{"the master knows no framework with " + std::string(kClusterLabel) + "=" + cluster_ +
                        ", but waits for " + std::to_string(missing) + " agents that may have cells of it",
                    false};
    }
    texts = texts_at(url);  // The last agent may have brought it in between.
  }
  if (!texts) return NotYet{texts.error().message()};
  if (texts->size() > 1) {
    return NotYet{"several frameworks carry " + std::string(kClusterLabel) + "=" + cluster_ + " (" + joined(*texts) +
                  "): tear down all but one"};
  }
  return texts->empty() ? std::string() : texts->front();
}

// "<framework id> <leader>" of each framework of our cluster.
base::Result<std::vector<std::string>> FrameworkFinder::texts_at(const std::string& url) {
  Response response;
  if (auto told = operator_.ask(url, call_of(Call::GET_FRAMEWORKS), response); !told) return told.error();
  std::vector<std::string> texts;
  for (const auto& framework : response.get_frameworks().frameworks()) {
    const auto& info = framework.framework_info();
    if (label_of(info, kClusterLabel) != cluster_) continue;
    const std::string leader = label_of(info, kLeaderLabel).value_or("");
    texts.push_back(info.id().value() + " " + (leader.empty() ? std::string(kNoLeader) : leader));
  }
  return texts;
}

}  // namespace edge
