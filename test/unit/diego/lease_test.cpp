// What Locket's answers mean, second by second.
#include "diego/lease.hpp"

#include <catch2/catch.hpp>

using namespace std::chrono_literals;
using diego::Lease;
using diego::LockAnswer;

namespace {

using Said = std::vector<std::string>;

constexpr base::Time kStart{1000s};

struct Rig {
  Lease lease{{15s, 5s}};

  static Said words(const Lease::Reports& reports) {
    struct Words {
      std::string operator()(const base::LockAcquired&) const { return "acquired"; }
      std::string operator()(const base::LockLost& one) const { return "lost: " + one.reason; }
      std::string operator()(const base::LockHeldByOther& one) const { return "held by " + one.who; }
      std::string operator()(const base::ShareStored&) const { return "stored"; }
      std::string operator()(const base::ShareRefused&) const { return "not stored"; }
      std::string operator()(const base::LockNote& one) const {
        return (one.trouble ? "trouble: " : "note: ") + one.text;
      }
    };
    Said said;
    for (const auto& report : reports) said.push_back(std::visit(Words{}, report));
    return said;
  }

  Said answer(LockAnswer answer, base::Duration sent, base::Duration now, const std::string& text = "why") {
    return words(lease.on_answer(answer, text, kStart + sent, kStart + now));
  }
  Said time(base::Duration now) { return words(lease.on_time(kStart + now)); }
};

}  // namespace

TEST_CASE("gRPC's codes tell who holds the lock, or nothing", "[lease]") {
  const auto [code, answer] = GENERATE(table<int, LockAnswer>({{0, LockAnswer::granted},      // OK
                                                               {6, LockAnswer::collision},    // ALREADY_EXISTS
                                                               {1, LockAnswer::silence},      // CANCELLED
                                                               {4, LockAnswer::silence},      // DEADLINE_EXCEEDED
                                                               {14, LockAnswer::silence},     // UNAVAILABLE
                                                               {2, LockAnswer::refused},      // UNKNOWN
                                                               {3, LockAnswer::refused},      // INVALID_ARGUMENT
                                                               {5, LockAnswer::refused},      // NOT_FOUND
                                                               {12, LockAnswer::refused},     // UNIMPLEMENTED
                                                               {16, LockAnswer::refused}}));  // UNAUTHENTICATED
  CAPTURE(code);
  CHECK(diego::lock_answer(code) == answer);
}

TEST_CASE("a lease counts from when the Lock was sent, and ends a margin before Locket forgets it", "[lease]") {
  Rig rig;
  CHECK(rig.answer(LockAnswer::granted, 0s, 1s) == Said{"acquired"});
  CHECK(rig.lease.until() == kStart + 10s);
  CHECK(rig.answer(LockAnswer::granted, 2s, 3s).empty());
  CHECK(rig.lease.until() == kStart + 12s);
  CHECK(rig.time(12s - 1ns).empty());
  CHECK(rig.time(12s) == Said{"lost: Locket has not taken it for 10 s"});
  CHECK(rig.time(20s).empty());
}

TEST_CASE("what each answer does to a lease that is held, and to one that is not", "[lease]") {
  struct Case {
    bool held;
    LockAnswer answer;
    base::Duration sent, now;
    Said said;
    bool held_after;
  };
  const auto one = GENERATE(
      Case{false, LockAnswer::granted, 8s, 8s, {"acquired"}, true},
      Case{false, LockAnswer::granted, 8s, 18s, {}, false},  // An answer of ten seconds ago is none.
      Case{false, LockAnswer::collision, 8s, 8s, {}, false},
      Case{false, LockAnswer::silence, 8s, 8s, {"trouble: Locket is out of reach: why"}, false},
      Case{false, LockAnswer::refused, 8s, 8s, {"trouble: Locket refuses: why"}, false},
      Case{true, LockAnswer::granted, 8s, 9s, {}, true},
      Case{true, LockAnswer::collision, 8s, 8s, {"lost: Locket says that another holds it"}, false},
      Case{true,
           LockAnswer::silence,
           7s,
           8s,
           {"trouble: Locket is out of reach: why; the lock is kept for 2 s more"},
           true},
      Case{true, LockAnswer::refused, 8s, 8s, {"trouble: Locket refuses: why; the lock is kept for 2 s more"}, true},
      Case{true,
           LockAnswer::silence,
           9s,
           10s,
           {"lost: Locket has not taken it for 10 s", "trouble: Locket is out of reach: why"},
           false},
      // It was ours all the time, but we had to stop believing so.
      Case{true, LockAnswer::granted, 9s, 10s, {"lost: Locket has not taken it for 10 s", "acquired"}, true});
  Rig rig;
  if (one.held) REQUIRE(rig.answer(LockAnswer::granted, 0s, 0s) == Said{"acquired"});
  CAPTURE(one.held, static_cast<int>(one.answer), one.now.count());
  CHECK(rig.answer(one.answer, one.sent, one.now) == one.said);
  CHECK(rig.lease.until().has_value() == one.held_after);
}

TEST_CASE("eight seconds of silence keep the lock, eleven lose it before anybody else can have it", "[lease]") {
  Rig rig;
  REQUIRE(rig.answer(LockAnswer::granted, 0s, 0s) == Said{"acquired"});
  for (base::Duration at = 1s; at <= 8s; at += 1s) rig.answer(LockAnswer::silence, at - 1s, at);
  CHECK(rig.lease.until());
  CHECK(rig.answer(LockAnswer::granted, 8s, 8s) == Said{"note: Locket answers again"});
  Said said;
  for (base::Duration at = 9s; at <= 19s; at += 1s) {
    rig.answer(LockAnswer::silence, at - 1s, at);
    if (!rig.lease.until()) said.push_back(std::to_string(at / 1s));
  }
  CHECK(said.front() == "18");  // Locket gives it to others from 23 on.
}

TEST_CASE("an outage is one line for each thing that goes wrong, and one for its end", "[lease]") {
  Rig rig;
  CHECK(rig.answer(LockAnswer::silence, 0s, 1s, "refused") == Said{"trouble: Locket is out of reach: refused"});
  CHECK(rig.answer(LockAnswer::silence, 1s, 2s, "no answer") == Said{"trouble: Locket is out of reach: no answer"});
  CHECK(rig.answer(LockAnswer::silence, 2s, 3s, "refused").empty());
  CHECK(rig.answer(LockAnswer::granted, 3s, 3s) == Said{"note: Locket answers again", "acquired"});
  CHECK(rig.answer(LockAnswer::silence, 4s, 4s, "refused").size() == 1);
  std::size_t lines = 0;
  for (int i = 0; i < 100; ++i) lines += rig.answer(LockAnswer::silence, 4s, 4s, std::to_string(i)).size();
  CHECK(lines == 9);  // Whatever it comes up with.
}

TEST_CASE("each new holder is told once, and we ourselves never", "[lease]") {
  Rig rig;
  CHECK(Rig::words(rig.lease.on_holder("a")) == Said{"held by a"});
  CHECK(rig.lease.on_holder("a").empty());
  CHECK(Rig::words(rig.lease.on_holder("b")) == Said{"held by b"});
  CHECK(rig.lease.on_holder("").empty());
  rig.answer(LockAnswer::granted, 0s, 0s);
  CHECK(rig.lease.on_holder("b").empty());
  CHECK(Rig::words(rig.lease.on_resign()) == Said{"lost: resigned"});
  CHECK(rig.lease.on_resign().empty());
  CHECK(Rig::words(rig.lease.on_holder("b")) == Said{"held by b"});
}
