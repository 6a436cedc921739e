// Who leads by a lock that keeps nothing: the framework of our label, as a master tells of it.
#include "scheduler/edge/framework_finder.hpp"

#include <catch2/catch.hpp>

#include <deque>
#include <utility>

#include "mesos/codec.hpp"
#include "mesos/v1/master/master.pb.h"
#include "platform/clock.hpp"
#include "platform/http_server.hpp"

using namespace std::chrono_literals;
using mesos::v1::master::Call;
using mesos::v1::master::Response;

namespace {

// Answers GET_FRAMEWORKS and GET_AGENTS; what it answers may change with every question.
class Master {
 public:
  struct Answer {
    int status = 200;
    std::string frameworks;  // "F1=west/me F2=east/other": ids with the labels' values.
    int recovered_agents = 0;
    std::string location = {};  // Of a redirect.
  };

  Master() : server_(options(), [this](const platform::ServerRequest& request) { return reply(request); }) {
    const auto started = server_.start("--listen");
    REQUIRE(started);
    url = "http://127.0.0.1:" + std::to_string(*started) + "/api/v1/scheduler";
  }

  // The last one goes for all later questions.
  void answers(std::deque<Answer> all) {
    const std::lock_guard lock(mutex_);
    answers_ = std::move(all);
  }
  std::string asked() {
    const std::lock_guard lock(mutex_);
    return asked_;
  }
  // Called on the thread that answers, before it does.
  std::function<void()> on_call;

  std::string url;

 private:
  static platform::ServerOptions options() {
    platform::ServerOptions options;
    options.listen = {"127.0.0.1", 0};
    return options;
  }

  platform::ServerResponse reply(const platform::ServerRequest& request) {
    if (on_call) on_call();
    const std::lock_guard lock(mutex_);
    Call call;
    // Not a REQUIRE: Catch takes them from one thread only.
    if (!mesos_client::decode(mesos_client::Codec::json, request.body, call))
      return {.status = 400, .headers = {}, .body = ""};
    const Answer answer = answers_.front();
    if (answers_.size() > 1) answers_.pop_front();
    asked_ += (asked_.empty() ? "" : " ") + Call::Type_Name(call.type());
    if (answer.status == 307) return {.status = 307, .headers = {{"Location", answer.location}}, .body = ""};
    if (answer.status != 200) return {.status = answer.status, .headers = {}, .body = "not now\n"};
    Response response;
    if (call.type() == Call::GET_AGENTS) {
      response.set_type(Response::GET_AGENTS);
      for (int i = 0; i < answer.recovered_agents; ++i) {
        response.mutable_get_agents()->add_recovered_agents()->set_hostname("h");
      }
      response.mutable_get_agents();
    } else {
      response.set_type(Response::GET_FRAMEWORKS);
      std::stringstream all(answer.frameworks);
      for (std::string one; all >> one;) add(one, *response.mutable_get_frameworks()->add_frameworks());
    }
    return {.status = 200,
            .headers = {{"Content-Type", "application/json"}},
            .body = mesos_client::encode(mesos_client::Codec::json, response)};
  }

  static void add(const std::string& text, Response::GetFrameworks::Framework& out) {
    auto& info = *out.mutable_framework_info();
    const auto equals = text.find('='), slash = text.find('/');
    info.mutable_id()->set_value(text.substr(0, equals));
    info.set_user("u");
    info.set_name("n");
    out.set_active(false);
    out.set_connected(false);
    out.set_recovered(false);
    if (equals == std::string::npos) return;
    const auto label = [&info](const std::string& key, const std::string& value) {
      auto& added = *info.mutable_labels()->add_labels();
      added.set_key(key);
      added.set_value(value);
    };
    label("unrelated", "west");
    label("diego.cluster", text.substr(equals + 1, slash - equals - 1));
    if (slash != std::string::npos) label("diego.leader", text.substr(slash + 1));
  }

  std::mutex mutex_;
  std::deque<Answer> answers_ = {{}};
  std::string asked_;
  platform::HttpServer server_;
};

class FakeLock final : public base::LeaderLock {
 public:
  explicit FakeLock(Report report, std::atomic<bool>& held) : report_(std::move(report)), held_(held) {}
  void campaign() override { say(base::LockNote{false, "campaigns"}); }
  void resign() override {
    if (held_.exchange(false)) say(base::LockLost{"resigned"});
  }
  void share(std::string) override { FAIL("nothing is shared here"); }
  bool held() const override { return held_; }
  void say(base::LockReport report) const { report_(std::move(report)); }

 private:
  const Report report_;
  std::atomic<bool>& held_;
};

std::string text_of(const base::LockReport& report) {
  struct Words {
    std::string operator()(const base::LockAcquired& one) const { return "acquired '" + one.shared + "'"; }
    std::string operator()(const base::LockLost& one) const { return "lost: " + one.reason; }
    std::string operator()(const base::LockHeldByOther& one) const { return "held by " + one.who; }
    std::string operator()(const base::ShareStored& one) const { return "stored " + one.value; }
    std::string operator()(const base::ShareRefused& one) const { return "not stored: " + one.reason; }
    std::string operator()(const base::LockNote& one) const {
      return (one.trouble ? "trouble: " : "note: ") + one.text;
    }
  };
  return std::visit(Words{}, report);
}

struct Rig {
  Rig() {
    edge::MesosOptions mesos;
    mesos.codec = "json";
    auto started = edge::FrameworkFinder::start(
        mesos, "west",
        [this](base::LeaderLock::Report report) -> base::Result<std::unique_ptr<base::LeaderLock>> {
          auto made = std::make_unique<FakeLock>(std::move(report), held);
          lock = made.get();
          return std::unique_ptr<base::LeaderLock>(std::move(made));
        },
        [this](base::LockReport report) { reports.post(text_of(report)); }, {5s, 1ms, 5ms});
    REQUIRE(started);
    finder = std::move(*started);
  }

  void acquire() {
    held = true;
    lock->say(base::LockAcquired{});
  }
  void lose(const std::string& why) {
    held = false;
    lock->say(base::LockLost{why});
  }
  std::string next() {
    while (heard.empty()) {
      for (std::string& one : reports.take(20s)) heard.push_back(std::move(one));
      if (heard.empty()) return "nothing";
    }
    const std::string one = heard.front();
    heard.pop_front();
    return one;
  }

  std::atomic<bool> held = false;
  platform::Mailbox<std::string> reports;
  std::deque<std::string> heard;
  FakeLock* lock = nullptr;
  std::unique_ptr<edge::FrameworkFinder> finder;  // Last: it reports until it is destroyed.
};

}  // namespace

TEST_CASE("the framework of our label is the one, with whoever led it", "[finder]") {
  const auto [frameworks, found] = GENERATE(table<std::string, std::string>({
      {"F1=west/me", "F1 me"},
      {"F0 F1=west/me F2=east/other", "F1 me"},
      {"F1=west", "F1 -"},  // Its leader had no lock: another than us, to be safe.
  }));
  Master master;
  master.answers({{200, frameworks}});
  Rig rig;
  rig.finder->masters({master.url});
  rig.acquire();
  CHECK(rig.next() == "acquired '" + found + "'");
  CHECK(master.asked() == "GET_FRAMEWORKS");
}

TEST_CASE("a new framework is made only when no agent can bring the old one", "[finder]") {
  Master master;
  Rig rig;
  rig.finder->masters({master.url});
  SECTION("none is missing") {
    master.answers({{200, "F2=east/other"}});
    rig.acquire();
    CHECK(rig.next() == "acquired ''");
    CHECK(master.asked() == "GET_FRAMEWORKS GET_AGENTS GET_FRAMEWORKS");
  }
  SECTION("one is, and brings it") {
    master.answers({{200, ""}, {200, "", 2}, {200, ""}, {200, "", 1}, {200, "F1=west/me"}});
    rig.acquire();
    CHECK(rig.next() ==
          "note: the lock is ours, waiting to act: the master knows no framework with diego.cluster=west, but waits "
          "for 2 agents that may have cells of it");
    CHECK(rig.next().starts_with("note: "));
    CHECK(rig.next() == "acquired 'F1 me'");
  }
  SECTION("the last one came between two questions") {
    master.answers({{200, ""}, {200, "", 0}, {200, "F1=west/me"}});
    rig.acquire();
    CHECK(rig.next() == "acquired 'F1 me'");
  }
}

TEST_CASE("of several frameworks none is chosen, until one is left", "[finder]") {
  Master master;
  master.answers({{200, "F1=west/me F2=west/other"}, {200, "F1=west/me F2=west/other"}, {200, "F2=west/other"}});
  Rig rig;
  rig.finder->masters({master.url});
  rig.acquire();
  CHECK(
      rig.next() ==
      "trouble: the lock is ours, waiting to act: several frameworks carry diego.cluster=west (F1, F2): tear down all "
      "but one");
  CHECK(rig.next() == "acquired 'F2 other'");
}

TEST_CASE("a master that is away or refuses is asked again, in one line", "[finder]") {
  Master master;
  master.answers({{503}, {503}, {200, "F1=west/me"}});
  Rig rig;
  rig.acquire();
  CHECK(rig.next() == "trouble: the lock is ours, waiting to act: no master is known");
  rig.finder->masters({"http://127.0.0.1:1/api/v1/scheduler"});
  CHECK(rig.next().find("connection refused") != std::string::npos);
  rig.finder->masters({master.url});
  CHECK(rig.next() == "trouble: the lock is ours, waiting to act: " + master.url + ": answered 503 not now");
  CHECK(rig.next() == "acquired 'F1 me'");
}

TEST_CASE("the leading master is asked, whoever is asked first", "[finder]") {
  Master follower, leader;
  leader.answers({{200, "F1=west/me"}});
  follower.answers({{307, "", 0, leader.url.substr(5, leader.url.size() - 5 - std::string("/scheduler").size())}});
  Rig rig;
  rig.finder->masters({"http://127.0.0.1:1/api/v1/scheduler", follower.url});
  rig.acquire();
  CHECK(rig.next() == "acquired 'F1 me'");
  CHECK(follower.asked() == "GET_FRAMEWORKS");
}

TEST_CASE("what is shared is stored once it is our turn", "[finder]") {
  Master master;
  master.answers({{200, "F1=west/me"}});
  Rig rig;
  rig.finder->masters({master.url});
  rig.finder->share("F1 other");
  CHECK(rig.next() == "not stored: we do not hold the lock");
  rig.acquire();
  rig.next();
  rig.finder->share("F1 other");
  CHECK(rig.next() == "stored F1 other");
  rig.lose("gone");
  CHECK(rig.next() == "lost: gone");
  rig.finder->share("F1 other");
  CHECK(rig.next() == "not stored: we do not hold the lock");
}

TEST_CASE("a lock that is lost while the master is asked was never ours", "[finder]") {
  Master master;
  Rig rig;
  const bool taken_again = GENERATE(false, true);
  master.answers({{200, "F1=west/me"}, {200, "F1=west/other"}});
  master.on_call = [&, first = true]() mutable {
    if (!std::exchange(first, false)) return;
    rig.lose("gone");
    if (taken_again) rig.acquire();
  };
  rig.finder->masters({master.url});
  rig.acquire();
  CHECK(rig.next() == "note: the lock is lost before the framework was found reason=\"gone\"");
  if (!taken_again) rig.acquire();
  CHECK(rig.next() == "acquired 'F1 other'");  // As it is now, not as it was.
}

TEST_CASE("what else the lock says and is asked goes through", "[finder]") {
  Master master;
  master.answers({{200, "F1=west/me"}});
  Rig rig;
  rig.finder->masters({master.url});
  rig.finder->campaign();
  CHECK(rig.next() == "note: campaigns");
  rig.lock->say(base::LockHeldByOther{"host 7"});
  CHECK(rig.next() == "held by host 7");
  CHECK_FALSE(rig.finder->held());
  rig.acquire();
  CHECK(rig.next() == "acquired 'F1 me'");
  CHECK(rig.finder->held());
  rig.finder->resign();
  CHECK(rig.next() == "lost: resigned");
}

TEST_CASE("an end does not wait for a master that hangs", "[finder]") {
  platform::Mailbox<int> asked, go_on;
  Master master;
  master.on_call = [&] {
    asked.post(1);
    go_on.take(std::nullopt);
  };
  Rig rig;
  rig.finder->masters({master.url});
  rig.acquire();
  REQUIRE(asked.take(20s).size() == 1);
  const base::Time begun = platform::now();
  rig.finder.reset();
  CHECK(platform::now() - begun < 4s);
  go_on.close();
}
