// The lock in Locket, plain, against the stand-in.
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <set>

#include "diego/locket.grpc.pb.h"
#include "rig.hpp"

using namespace diego;

namespace {

// A Locket that can be told to leave the calls of an owner without an answer ("*": of everybody).
struct Locket {
  Locket() : server(options()) { restart(); }
  ~Locket() {
    hang("");
    server.stop();
  }

  void restart() {
    const auto started = server.start();
    REQUIRE(started);
    port = *started;
  }

  void hang(const std::string& owner) {
    {
      const std::lock_guard lock(mutex);
      hangs = owner;
    }
    changed.notify_all();
  }

  void wait_for_calls(std::size_t count) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return calls.size() >= count; });
  }

  LocketLockOptions lock(const std::string& owner) const { return quick(owner, {address(port)}); }

  // What another client does.
  bool take(const std::string& owner, int ttl_s) const {
    models::LockRequest request;
    fill(owner, *request.mutable_resource());
    request.set_ttl_in_seconds(ttl_s);
    models::LockResponse response;
    grpc::ClientContext context;
    return stub()->Lock(&context, request, &response).ok();
  }
  void release(const std::string& owner) const {
    models::ReleaseRequest request;
    fill(owner, *request.mutable_resource());
    models::ReleaseResponse response;
    grpc::ClientContext context;
    stub()->Release(&context, request, &response);
  }

  std::mutex mutex;
  std::condition_variable changed;
  std::string hangs;
  std::vector<local::LocketCall> calls;
  local::LocketServer server;
  int port = 0;

 private:
  local::LocketOptions options() {
    local::LocketOptions made;
    made.listen = "127.0.0.1:0";
    made.on_call = [this](const local::LocketCall& call) {
      std::unique_lock lock(mutex);
      calls.push_back(call);
      changed.notify_all();
      changed.wait(lock, [&] { return hangs != "*" && (hangs.empty() || hangs != call.owner); });
    };
    return made;
  }
  static void fill(const std::string& owner, models::Resource& resource) {
    resource.set_key("auctioneer");
    resource.set_owner(owner);
    resource.set_type("lock");
    resource.set_type_code(models::LOCK);
  }
  std::unique_ptr<models::Locket::Stub> stub() const {
    return models::Locket::NewStub(grpc::CreateChannel(address(port), grpc::InsecureChannelCredentials()));
  }
};

// A port where nobody listens.
int closed_port() {
  local::LocketOptions options;
  options.listen = "127.0.0.1:0";
  local::LocketServer server(options);
  const auto port = server.start();
  REQUIRE(port);
  return *port;
}

}  // namespace

TEST_CASE("one leads and the other waits, told who leads; who leaves hands over at once", "[locket]") {
  Locket locket;
  Contender one(locket.lock("one"));
  one.next("acquired");
  CHECK(one.lock().held());
  Contender two(locket.lock("two"));
  two.next("held by one");
  CHECK_FALSE(two.lock().held());
  const base::Time begun = platform::now();
  one.leave();
  two.next("acquired");
  CHECK(two.at - begun < 30s);  // Not by waiting for the time to live.
  CHECK(one.count("lost") == 0);
  CHECK(two.count("trouble") == 0);
}

TEST_CASE("the lock is kept by taking it again and again, each call with an id of its own", "[locket]") {
  Locket locket;
  Contender one(locket.lock("one"));
  one.next("acquired");
  Contender two(locket.lock("two"));
  two.next("held by one");
  locket.wait_for_calls(20);
  CHECK(one.lock().held());
  const std::lock_guard lock(locket.mutex);
  std::set<std::string> uuids;
  for (const local::LocketCall& call : locket.calls) {
    CHECK(call.uuid.size() == 36);
    uuids.insert(call.uuid);
  }
  CHECK(uuids.size() == locket.calls.size());
  const auto takes = std::count_if(locket.calls.begin(), locket.calls.end(), [](const local::LocketCall& call) {
    return call.method == "Lock" && call.owner == "one";
  });
  CHECK(takes > 5);
  CHECK(one.count("lost") == 0);
  CHECK(two.count("acquired") == 0);
  CHECK(two.count("held by") == 1);
}

TEST_CASE("the lock of one who died is free when its time has run out", "[locket]") {
  Locket locket;
  const base::Time taken = platform::now();
  REQUIRE(locket.take("somebody", 2));
  Contender one(locket.lock("one"));
  one.next("held by somebody");
  one.next("acquired");
  CHECK(one.at - taken >= 2s);
  CHECK(one.count("trouble") == 0);
}

TEST_CASE("a process that comes back under its owner's name has its lock at once", "[locket]") {
  Locket locket;
  const base::Time taken = platform::now();
  REQUIRE(locket.take("one", 60));
  Contender one(locket.lock("one"));
  one.next("acquired");
  CHECK(one.at - taken < 10s);
  CHECK(one.count("held by") == 0);
}

TEST_CASE("without an owner's name each start has its own", "[locket]") {
  Locket locket;
  Contender one(locket.lock(""));
  one.next("acquired");
  Contender two(locket.lock(""));
  two.next("held by ");
  CHECK(two.count("acquired") == 0);
}

TEST_CASE("where another has the lock it is lost at once, and who that is is told", "[locket]") {
  Locket locket;
  Contender one(locket.lock("one"));
  one.next("acquired");
  const base::Time begun = platform::now();
  do {  // The contender may be quicker between the two.
    locket.release("one");
  } while (!locket.take("thief", 2));
  CHECK(one.next("lost") == "lost: Locket says that another holds it");
  CHECK(one.at - begun < 30s);
  CHECK_FALSE(one.lock().held());
  one.next("acquired");  // The campaign goes on.
}

TEST_CASE("a Locket that hangs for a while does not cost the lock", "[locket]") {
  Locket locket;
  LocketLockOptions impatient = locket.lock("one");
  impatient.attempt_limit = 200ms;
  Contender one(impatient);
  one.next("acquired");
  locket.hang("*");
  CHECK(one.next("trouble").find("no answer within 200 ms; the lock is kept for ") != std::string::npos);
  CHECK(one.lock().held());
  locket.hang("");
  one.next("note: Locket answers again");
  CHECK(one.lock().held());
  CHECK(one.count("lost") == 0);
}

TEST_CASE("a Locket that is stopped and comes back does not cost the lock", "[locket]") {
  Locket locket;
  Contender one(locket.lock("one"));
  one.next("acquired");
  locket.server.stop();
  one.next("trouble");
  locket.restart();
  one.next("note: Locket answers again");
  CHECK(one.lock().held());
  CHECK(one.count("lost") == 0);
}

TEST_CASE("who does not hear from Locket gives the lock up before another can have it", "[locket]") {
  Locket locket;
  LocketLockOptions brief = locket.lock("one");
  brief.terms = {5s, 2s};
  brief.attempt_limit = 1s;
  Contender one(brief);
  one.next("acquired");
  Contender two(locket.lock("two"));
  two.next("held by one");
  locket.hang("one");
  CHECK(one.next("lost") == "lost: Locket has not taken it for 3 s");
  const base::Time lost = one.at;
  CHECK_FALSE(one.lock().held());
  two.next("acquired");
  CHECK(lost < two.at);
  locket.hang("");
  one.next("held by two");
}

TEST_CASE("an address where nobody listens, or that hangs, is left for the next", "[locket]") {
  Locket first, second;
  LocketLockOptions options = quick("one", {address(closed_port()), address(first.port), address(second.port)});
  options.attempt_limit = 1s;
  Contender one(options);
  one.next("acquired");
  first.hang("*");
  one.next("trouble");
  one.next("note: Locket answers again");
  CHECK(one.count("lost") == 0);
}

TEST_CASE("who resigns lets the next one in and may stand again", "[locket]") {
  Locket locket;
  Contender one(locket.lock("one"));
  one.next("acquired");
  Contender two(locket.lock("two"));
  two.next("held by one");
  one.lock().resign();
  CHECK(one.next("lost") == "lost: resigned");
  two.next("acquired");
  one.lock().campaign();
  one.next("held by two");
  two.lock().resign();
  one.next("acquired");
}

TEST_CASE("nothing is shared beside a lock in Locket", "[locket]") {
  Locket locket;
  Contender one(locket.lock("one"));
  one.next("acquired");
  one.lock().share("F");
  CHECK(one.next("not stored") == "not stored: Locket keeps no text beside a lock");
}

TEST_CASE("an end does not wait for a Locket that hangs or is away", "[locket]") {
  Locket locket;
  LocketLockOptions plain = locket.lock("one");
  plain.attempt_limit = 1s;  // As it is by default.
  Contender one(plain);
  one.next("acquired");
  SECTION("hangs") { locket.hang("*"); }
  SECTION("is away") { locket.server.stop(); }
  const base::Time begun = platform::now();
  one.leave();
  CHECK(platform::now() - begun < 5s);
}
