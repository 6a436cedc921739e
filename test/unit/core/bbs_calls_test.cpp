// Which calls to the BBS are under way, when, and what becomes of their answers.
#include "scheduler/core/bbs_calls.hpp"

#include <catch2/catch.hpp>

#include <map>

namespace core {
namespace {

using namespace std::chrono_literals;
using Why = diego::BbsFailure::Kind;

const base::Time kStart{1h};

BbsCalls::Content content(std::string text) { return {"apps", std::move(text), "trace", BbsCalls::kUnknown}; }
Key key(int index) { return {Kind::lrp, "p", index}; }
diego::BbsFailure failure(Why kind) { return {kind, "no"}; }

template <class A>
std::vector<A> all(const std::vector<Action>& actions) {
  std::vector<A> found;
  for (const Action& action : actions) {
    if (const auto* one = std::get_if<A>(&action)) found.push_back(*one);
  }
  return found;
}

std::map<std::string, std::string> saved(BbsCalls& calls) {
  struct Texts final : Journal {
    std::map<std::string, std::string> texts;
    void text(std::string_view name, std::string_view value) override { texts[std::string(name)] = value; }
    void put(const InstanceRow&, const Wish&) override {}
    void erase(std::uint32_t) override {}
  } journal;
  calls.write_changes(journal);
  calls.changes_saved();
  return journal.texts;
}

}  // namespace

TEST_CASE("few calls are under way at a time, questions before reports", "[bbs]") {
  BbsCalls calls;
  for (int i = 0; i < 30; ++i) REQUIRE(calls.report(key(i), content("full")));
  calls.ask({Kind::lrp, "q"});
  const auto first = calls.take(kStart);
  CHECK(first.size() == BbsCalls::kOpenMax);
  CHECK(all<ReadRows>(first).size() == 1);
  CHECK(std::holds_alternative<ReadRows>(first.front()));
  CHECK(calls.take(kStart).empty());
  CHECK_FALSE(calls.next_due());

  CHECK(calls.answered(ReportAnswered{all<Report>(first)[0].call, {}}, kStart) == key(0));
  CHECK(calls.next_due() == base::Time{});
  CHECK(all<Report>(calls.take(kStart)).size() == 1);
}

TEST_CASE("a report is delivered once, whatever the BBS says but that it cannot", "[bbs]") {
  const auto answer =
      GENERATE(values<std::optional<diego::BbsFailure>>({{}, {failure(Why::gone)}, {failure(Why::refused)}}));
  BbsCalls calls;
  CHECK(calls.report(key(0), content("full")));
  const auto report = all<Report>(calls.take(kStart));
  REQUIRE(report == std::vector<Report>{{1, key(0), "apps", "full", "trace", -1, false}});
  CHECK(calls.answered(ReportAnswered{1, answer}, kStart));
  CHECK_FALSE(calls.owes(key(0)));
  CHECK(calls.take(kStart + 1h).empty());
  CHECK_FALSE(calls.answered(ReportAnswered{1, answer}, kStart));
  CHECK(calls.take_notes().size() == (answer && answer->kind == Why::refused ? 1 : 0));
}

TEST_CASE("while the BBS does not answer one call at a time tries it, at growing intervals", "[bbs]") {
  BbsCalls calls;
  for (int i = 0; i < 3; ++i) CHECK(calls.report(key(i), content("full")));
  base::Time now = kStart;
  for (const Action& action : calls.take(now))
    CHECK(calls.answered(ReportAnswered{std::get<Report>(action).call, failure(Why::transient)}, now));
  CHECK(calls.take_notes() == std::vector<Note>{{true,
                                                 "the BBS does not answer, reports wait and placement goes on "
                                                 "reason=\"no\""}});
  std::vector<base::Duration> pauses;
  for (int i = 0; i < 9; ++i) {
    CHECK_FALSE(calls.reachable(now));
    CHECK(calls.take(now).empty());
    REQUIRE(calls.next_due());
    pauses.push_back(*calls.next_due() - now);
    now = *calls.next_due();
    CHECK(calls.reachable(now));
    const auto probe = all<Report>(calls.take(now));
    REQUIRE(probe.size() == 1);
    CHECK(probe[0].doubtful);
    CHECK(calls.answered(ReportAnswered{probe[0].call, failure(Why::transient)}, now));
  }
  CHECK(pauses == std::vector<base::Duration>{400ms, 800ms, 1600ms, 3200ms, 6400ms, 12800ms, 15s, 15s, 15s});
  CHECK(calls.take_notes().empty());

  now = *calls.next_due();
  CHECK(calls.answered(ReportAnswered{all<Report>(calls.take(now))[0].call, {}}, now));
  CHECK(calls.take_notes() == std::vector<Note>{{false, "the BBS answers again"}});
  CHECK(calls.take(now).size() == 2);
}

TEST_CASE("what is reported anew while a report is under way is sent after it", "[bbs]") {
  BbsCalls calls;
  CHECK(calls.report(key(0), content("first")));
  CHECK(calls.report(key(0), content("second")));  // Not sent yet: it takes its place.
  const auto sent = all<Report>(calls.take(kStart));
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].text == "second");
  CHECK(calls.report(key(0), content("third")));
  CHECK(calls.take(kStart).empty());
  CHECK(calls.answered(ReportAnswered{sent[0].call, {}}, kStart));
  const auto next = all<Report>(calls.take(kStart));
  REQUIRE(next.size() == 1);
  CHECK(next[0].text == "third");
  CHECK_FALSE(next[0].doubtful);
}

TEST_CASE("a withdrawn report is not sent, and one under way is not sent again", "[bbs]") {
  BbsCalls calls;
  CHECK(calls.report(key(0), content("full")));
  calls.withdraw(key(0));
  CHECK(calls.take(kStart).empty());
  CHECK(calls.report(key(1), content("full")));
  const auto sent = all<Report>(calls.take(kStart));
  calls.withdraw(key(1));
  CHECK(calls.answered(ReportAnswered{sent[0].call, {}}, kStart));
  CHECK(calls.reports() == 0);
}

TEST_CASE("a question is put once until it is answered", "[bbs]") {
  BbsCalls calls;
  calls.ask({Kind::lrp, "p"});
  calls.ask({Kind::lrp, "p"});
  const auto asked = all<ReadRows>(calls.take(kStart));
  REQUIRE(asked == std::vector<ReadRows>{{1, Kind::lrp, "p"}});
  calls.ask({Kind::lrp, "p"});
  CHECK(calls.take(kStart).empty());
  const auto answered = calls.answered(RowsRead{1, {}, {}, {}}, kStart + 1s);
  REQUIRE(answered);
  CHECK(answered->at == kStart);
  calls.ask({Kind::lrp, "p"});
  CHECK(calls.take(kStart).size() == 1);
}

TEST_CASE("what an earlier term had under way is sent again, and its answers are nobody's", "[bbs]") {
  BbsCalls calls;
  CHECK(calls.report(key(0), content("full")));
  calls.ask({Kind::task, "t"});
  CHECK(calls.take(kStart).size() == 2);
  CHECK(calls.forget_open() == std::vector<RowsOf>{{Kind::task, "t"}});
  CHECK_FALSE(calls.answered(ReportAnswered{2, {}}, kStart));
  CHECK_FALSE(calls.answered(RowsRead{1, {}, {}, {}}, kStart));
  const auto again = all<Report>(calls.take(kStart));
  REQUIRE(again.size() == 1);
  CHECK(again[0].doubtful);
}

TEST_CASE("reports survive the process, doubtful, until they are delivered", "[bbs]") {
  BbsCalls before;
  const Key task{Kind::task, "t/ü", 0};
  CHECK(before.report(task, {"apps", "\"full\"\n", "trace", 2}));
  CHECK(before.report(key(7), content("no cell")));
  const auto texts = saved(before);
  REQUIRE(texts.size() == 2);
  CHECK_FALSE(before.has_changes());

  BbsCalls after;
  for (const auto& [name, value] : texts) {
    CHECK(BbsCalls::is_report(name));
    CHECK(after.restore(name, value));
  }
  const auto sent = all<Report>(after.take(kStart));
  CHECK(sent == std::vector<Report>{{1, key(7), "apps", "no cell", "trace", -1, true},
                                    {2, task, "apps", "\"full\"\n", "trace", 2, true}});
  CHECK(after.answered(ReportAnswered{1, {}}, kStart));
  const auto changes = saved(after);
  REQUIRE(changes.size() == 1);
  CHECK(changes.begin()->second.empty());
}

TEST_CASE("a Task's rejection that an earlier life may still be making waits until it has been made", "[bbs]") {
  BbsCalls before;
  CHECK(before.report({Kind::task, "t", 0}, {"apps", "full", "", 0}));
  CHECK(before.report(key(7), content("no cell")));
  BbsCalls calls;
  for (const auto& [name, value] : saved(before)) CHECK(calls.restore(name, value));
  calls.calls_may_be_under_way(kStart);
  CHECK(calls.report({Kind::task, "new", 0}, content("full")));
  // An LRP's can be told twice, and what is new has not been sent.
  auto sent = all<Report>(calls.take(kStart));
  REQUIRE(sent.size() == 2);
  CHECK(sent[0].key == key(7));
  CHECK(sent[1].key == Key{Kind::task, "new", 0});
  CHECK(calls.next_due() == kStart + BbsCalls::kCallMax);
  CHECK(calls.take(kStart + BbsCalls::kCallMax - 1ms).empty());
  sent = all<Report>(calls.take(kStart + BbsCalls::kCallMax));
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].key == Key{Kind::task, "t", 0});
  CHECK(sent[0].doubtful);
  CHECK_FALSE(calls.next_due());

  // A term that ends with the call under way is an earlier one, too.
  CHECK(calls.forget_open().empty());
  calls.calls_may_be_under_way(kStart + 20s);
  CHECK(all<Report>(calls.take(kStart + 20s)).size() == 1);
  CHECK(all<Report>(calls.take(kStart + 30s)).size() == 2);
}

TEST_CASE("what is no report in the store is named", "[bbs]") {
  const auto [name, value, why] = GENERATE(table<std::string, std::string, std::string>({
      {"report nonsense", R"({"text":"full"})", "report nonsense: names no instance"},
      {"report lrp/p/0", "{", "report lrp/p/0: unexpected end of JSON input"},
      {"report lrp/p/0", R"({"domain":"d"})", "report lrp/p/0: report: its text is empty"},
  }));
  BbsCalls calls;
  const auto taken = calls.restore(name, value);
  REQUIRE_FALSE(taken);
  CHECK(taken.error().message() == why);
  CHECK(calls.reports() == 0);
}

TEST_CASE("reports are bounded", "[bbs]") {
  BbsCalls calls;
  for (std::size_t i = 0; i < BbsCalls::kReportsMax; ++i) {
    if (!calls.report(key(static_cast<int>(i)), content("full"))) FAIL("refused at " << i);
  }
  CHECK_FALSE(calls.report(key(-1), content("full")));
  CHECK(calls.report(key(0), content("other")));
}

}  // namespace core
