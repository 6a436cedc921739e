// Why a cell did not come up: asked of its sandbox, and added to the reason of what failed with it.
#include "rig.hpp"

namespace core {
namespace {

constexpr const char* kUrl = "http://10.0.0.1:5051/slave(1)";
constexpr const char* kExited = "Failed to launch container: Container exited with status 125";

struct Sandboxes : Rig {
  explicit Sandboxes(Config config = {}) : Rig(std::move(config)) { subscribe_and_suppress(); }

  // One instance launched on a1, whose address is known.
  void launch(const std::string& guid, std::int32_t indices = 1) {
    std::vector<std::int32_t> all;
    for (std::int32_t i = 0; i < indices; ++i) all.push_back(i);
    lrp(guid, all);
    offer_a1();
    executor = *executor_of("a1");
    done();
  }
  void offer_a1() {
    Offer offer = make_offer("a1", 4000);
    offer.url = kUrl;
    happen(OffersArrived{{offer}});
  }
  void fails(const std::string& guid, std::int32_t index = 0, StatusReason reason = StatusReason::executor_ended,
             const std::string& message = kExited) {
    happen(StatusArrived{{task_id(guid, index), TaskState::failed, reason, "", message, "uuid-of-16-bytes", "a1",
                          executor, reason == StatusReason::none}});
  }
  void tells(const std::string& line, const std::string& file = "stderr") {
    happen(SandboxRead{"a1", executor, file, line, line.empty() ? "no answer within 5 s" : ""});
  }
  std::string reason(const std::string& guid, std::int32_t index = 0) const { return view(guid, index).reason; }
  std::vector<std::string> warnings() const {
    std::vector<std::string> texts;
    for (const Note& note : all<Note>()) {
      if (note.warning) texts.push_back(note.text);
    }
    return texts;
  }

  std::string executor;
};

}  // namespace

TEST_CASE("a cell that did not come up is asked why, once, and everybody who failed with it is told", "[sandbox]") {
  Sandboxes rig;
  rig.launch("p", 3);
  for (int i = 0; i < 3; ++i) rig.fails("p", i);
  rig.happen(ExecutorEnded{"a1", rig.executor, -1});
  CHECK(rig.only<ReadSandbox>() == ReadSandbox{"a1", kUrl, "F", rig.executor, false});
  CHECK(rig.reason("p") == std::string("TASK_FAILED: ") + kExited);
  rig.done();
  rig.tells("docker: Error response from daemon: no such image.");
  for (int i = 0; i < 3; ++i) {
    CHECK(rig.reason("p", i) ==
          std::string("TASK_FAILED: ") + kExited + "; stderr: docker: Error response from daemon: no such image.");
  }
  CHECK(rig.warnings() == std::vector<std::string>{"the cell failed executor=" + rig.executor +
                                                   " agent=a1 file=stderr line=\"docker: Error response from daemon: "
                                                   "no such image.\""});
  CHECK(rig.core.has_changes());
}

TEST_CASE("what fails with a cell that has been asked already is told at once", "[sandbox]") {
  Sandboxes rig;
  rig.launch("p", 2);
  rig.fails("p", 0);
  rig.tells("no such image");
  rig.done();
  rig.fails("p", 1);
  CHECK(rig.none<ReadSandbox>());
  CHECK(rig.reason("p", 1) == std::string("TASK_FAILED: ") + kExited + "; stderr: no such image");
}

TEST_CASE("an end of which only the executor's is heard is asked about", "[sandbox]") {
  Sandboxes rig;
  rig.launch("p");
  rig.happen(ExecutorEnded{"a1", rig.executor, 3 << 8});
  CHECK(rig.all<ReadSandbox>().size() == 1);
  rig.fails("p");
  CHECK(rig.all<ReadSandbox>().size() == 1);
  rig.tells("out of luck");
  CHECK(rig.reason("p") == std::string("TASK_FAILED: ") + kExited + "; stderr: out of luck");
}

TEST_CASE("an instance that is given up is explained, too", "[sandbox]") {
  Config config;
  config.launch_attempts = 1;
  Sandboxes rig(config);
  rig.launch("p");
  rig.fails("p");
  rig.tells("no such image");
  CHECK(rig.state("p", 0) == State::failed);
  CHECK(rig.reason("p") == std::string("TASK_FAILED: ") + kExited + " (1 launches failed); stderr: no such image");
}

TEST_CASE("an answer that comes late changes nothing that has gone on since", "[sandbox]") {
  Sandboxes rig;
  rig.launch("p");
  rig.fails("p");
  SECTION("it is launched again") {
    rig.pass(200ms);
    rig.offer("a2", 4000);
    REQUIRE(rig.state("p", 0) == State::launching);
    rig.tells("no such image");
    CHECK(rig.reason("p").empty());
  }
  SECTION("it has failed again since") {
    const std::string first = std::exchange(rig.executor, "");
    rig.pass(200ms);
    rig.offer_a1();
    REQUIRE(rig.state("p", 0) == State::launching);
    rig.executor = *rig.executor_of("a1");
    rig.fails("p");
    rig.happen(SandboxRead{"a1", first, "stderr", "no such image", ""});
    CHECK(rig.reason("p") == std::string("TASK_FAILED: ") + kExited);
    rig.tells("no such network");
    CHECK(rig.reason("p") == std::string("TASK_FAILED: ") + kExited + "; stderr: no such network");
  }
  SECTION("it is stopped") {
    rig.happen(StopRequested{{Kind::lrp, "p", std::nullopt}});
    rig.tells("no such image");
    CHECK(rig.reason("p") == "stopped by request");
  }
  SECTION("nobody of this term has asked") {
    rig.happen(LeadershipTaken{false});
    rig.done();
    rig.tells("no such image");
    CHECK(rig.reason("p") == std::string("TASK_FAILED: ") + kExited);
    CHECK(rig.none<Note>());
  }
  SECTION("it comes twice") {
    rig.tells("no such image");
    rig.tells("no such image");
    CHECK(rig.reason("p") == std::string("TASK_FAILED: ") + kExited + "; stderr: no such image");
  }
}

TEST_CASE("a sandbox that does not tell is a note, and changes nothing", "[sandbox]") {
  Sandboxes rig;
  rig.launch("p");
  rig.fails("p");
  rig.done();
  rig.tells("");
  CHECK(rig.reason("p") == std::string("TASK_FAILED: ") + kExited);
  const Note note = rig.only<Note>();
  CHECK_FALSE(note.warning);
  CHECK(note.text == "the sandbox does not tell why the cell failed executor=" + rig.executor +
                         " agent=a1 reason=\"no answer within 5 s\"");
}

TEST_CASE("a cell whose executor says that it failed is asked when that has ended, its own stderr first", "[sandbox]") {
  Sandboxes rig;
  rig.launch("p");
  rig.fails("p", 0, StatusReason::none, "the cell's command exited with status 69");
  CHECK(rig.none<ReadSandbox>());
  rig.happen(ExecutorEnded{"a1", rig.executor, 1 << 8});
  CHECK(rig.only<ReadSandbox>() == ReadSandbox{"a1", kUrl, "F", rig.executor, true});
  rig.tells("the host lacks fuse", "cell.stderr");
  CHECK(rig.reason("p") == "TASK_FAILED: the cell's command exited with status 69; cell.stderr: the host lacks fuse");
}

TEST_CASE("nothing is asked where Mesos hides nothing", "[sandbox]") {
  Sandboxes rig;
  rig.launch("p");
  SECTION("the rep has refused it") {
    CellReported report;
    report.agent_id = "a1";
    report.executor_id = rig.executor;
    report.rep_answers = true;
    report.total = {4000, 9000, 0, 10};
    rig.happen(report);
    rig.fails("p", 0, StatusReason::none, "the rep refused it");
    rig.happen(ExecutorEnded{"a1", rig.executor, 0});
  }
  SECTION("it had been started") {
    rig.status(rig.task_id("p", 0), TaskState::running, "a1");
    rig.fails("p");
    rig.happen(ExecutorEnded{"a1", rig.executor, 9});
  }
  SECTION("the offer was gone") {
    rig.status(rig.task_id("p", 0), TaskState::dropped, "a1", StatusReason::invalid_offers, "", false);
  }
  SECTION("it was to stop") {
    rig.happen(StopRequested{{Kind::lrp, "p", std::nullopt}});
    rig.fails("p");
  }
  CHECK(rig.none<ReadSandbox>());
}

TEST_CASE("an agent whose address is not known is not asked", "[sandbox]") {
  Sandboxes rig;
  rig.lrp("p", {0});
  rig.offer("a1", 4000);
  rig.executor = *rig.executor_of("a1");
  rig.fails("p");
  CHECK(rig.none<ReadSandbox>());
  CHECK(rig.reason("p") == std::string("TASK_FAILED: ") + kExited);
}

TEST_CASE("a warm cell that does not boot is asked why", "[sandbox]") {
  Config config;
  config.cells_min = 1;
  Sandboxes rig(config);
  rig.offer_a1();
  rig.executor = *rig.executor_of("a1");
  const std::string boot = rig.only<Accept>().launches.at(0).task_id;
  const bool by_executor = GENERATE(false, true);
  const auto reason = by_executor ? StatusReason::none : StatusReason::executor_ended;
  rig.happen(StatusArrived{
      {boot, TaskState::failed, reason, "", "did not boot", "uuid-of-16-bytes", "a1", rig.executor, by_executor}});
  CHECK(rig.none<ReadSandbox>() == by_executor);
  rig.happen(ExecutorEnded{"a1", rig.executor, 1 << 8});
  CHECK(rig.only<ReadSandbox>() == ReadSandbox{"a1", kUrl, "F", rig.executor, by_executor});
  rig.tells("no such image");
  CHECK(rig.warnings().back() ==
        "the cell failed executor=" + rig.executor + " agent=a1 file=stderr line=\"no such image\"");
}

TEST_CASE("questions, cells and who waits for them are bounded", "[sandbox]") {
  PostMortems all;
  const auto name = [](std::size_t i) { return "e" + std::to_string(i); };
  SECTION("questions without an answer") {
    for (std::size_t i = 0; i < PostMortems::kOpenMax; ++i) CHECK(all.ask(name(i)));
    CHECK_FALSE(all.ask("one more"));
    CHECK(all.answered(name(0), "because"));
    CHECK(all.ask("one more"));
    CHECK_FALSE(all.ask("one more"));
    CHECK_FALSE(all.ask(name(0)));
  }
  SECTION("cells: the oldest is forgotten, and with it who waits") {
    CHECK(all.ask(name(0)));
    all.wait(name(0), {});
    for (std::size_t i = 1; i <= PostMortems::kCellsMax; ++i) all.expect(name(i));
    CHECK(all.open() == 0);
    CHECK(all.waiting() == 0);
    CHECK_FALSE(all.answered(name(0), "because"));
    CHECK(all.expects(name(1)));
  }
  SECTION("who waits") {
    CHECK(all.ask("e"));
    for (std::size_t i = 0; i < PostMortems::kWaitingMax; ++i) all.wait("e", {});
    all.wait("e", {});
    CHECK(all.waiting() == PostMortems::kWaitingMax);
    CHECK(all.answered("e", "because")->size() == PostMortems::kWaitingMax);
    CHECK(all.waiting() == 0);
    CHECK(*all.text_of("e") == "because");
    all.wait("e", {});
    CHECK(all.waiting() == 0);
  }
}

}  // namespace core
