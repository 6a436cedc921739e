#include "cell/edge/runner.hpp"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <future>

#include "cell/edge/files.hpp"
#include "cell/edge/probes.hpp"
#include "platform/http_server.hpp"

using namespace cell;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

// A folder of its own, and processes that are shell scripts working in it.
class Rig {
 public:
  Rig() : folder_(fs::temp_directory_path() / ("diego-cell-test-" + std::to_string(::getpid()))) {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  ~Rig() { fs::remove_all(folder_); }

  Process& add(const std::string& name, const std::string& script) {
    Process process;
    process.name = name;
    process.argv = {"/bin/sh", "-c", script};
    process.stop = {{SIGTERM, 20s}};
    plan_.processes.push_back(std::move(process));
    plan_.stop_order.insert(plan_.stop_order.begin(), plan_.processes.size() - 1);
    return plan_.processes.back();
  }

  // Says `NAME up` in the story, then waits for TERM, says so and ends.
  Process& add_daemon(const std::string& name) {
    Process& process = add(name, "trap 'echo " + name + " ends >> story; kill $!; exit 0' TERM; echo " + name +
                                     " up >> story; touch " + name + ".up; sleep 600 & wait");
    process.check = {.kind = Check::Kind::command, .target = "test -e " + path(name + ".up"), .every = 20ms};
    return process;
  }

  std::unique_ptr<Runner> runner(std::uint64_t log_bytes_max = 1 << 20,
                                 std::function<void(const Say&)> say = log_said) {
    for (Process& process : plan_.processes) process.argv[2] = "cd " + folder_.string() + "; " + process.argv[2];
    return std::make_unique<Runner>(plan_, RunnerOptions{.log_folder = folder_,
                                                         .log_bytes_max = log_bytes_max,
                                                         .environment = {{"PATH", "/usr/bin:/bin"}},
                                                         .look_every = 5ms,
                                                         .say = std::move(say)});
  }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  std::string text(const std::string& name) const {
    const auto read = read_text(name, path(name));
    return read ? *read : "none";
  }

 private:
  fs::path folder_;
  Plan plan_;
};

// Not as a zombie either, that waits for whoever has inherited it.
bool lives(std::string pid) {
  pid.erase(pid.find_last_not_of('\n') + 1);
  const auto stat = read_text(pid, "/proc/" + pid + "/stat");
  return stat && stat->find(") Z ") == std::string::npos;
}

}  // namespace

TEST_CASE("processes start in order and stop in order, and nothing is left", "[cell]") {
  Rig rig;
  rig.add("step", "echo step >> story").once = true;
  rig.add_daemon("garden");
  rig.add_daemon("rep");
  rig.add("last", "echo $$ > last.pid; exec sleep 600").at_end = Process::AtEnd::restart;
  const auto runner = rig.runner();
  // What is started last is there: the cell may be told to go. The supervisor does not mind from where.
  auto code = std::async(std::launch::async, [&] { return runner->run(); });
  while (rig.text("last.pid") == "none" || rig.text("last.pid").empty()) std::this_thread::yield();
  runner->terminate();
  CHECK(code.get() == 0);
  CHECK(rig.text("story") == "step\ngarden up\nrep up\nrep ends\ngarden ends\n");
  CHECK_FALSE(lives(rig.text("last.pid")));
}

TEST_CASE("when garden dies the rep is killed, the rest told to end", "[cell]") {
  Rig rig;
  rig.add_daemon("agent");
  Process& garden = rig.add("garden", "touch garden.up; while [ ! -e rep.up ]; do :; done; exit 9");
  garden.check = {.kind = Check::Kind::command, .target = "test -e " + rig.path("garden.up"), .every = 20ms};
  garden.exit_code = kGardenEnded;
  rig.add_daemon("rep").exit_code = kRepEnded;
  CHECK(rig.runner()->run() == kGardenEnded);
  // KILLed: it had no chance to report apps as crashed.
  CHECK(rig.text("story") == "agent up\nrep up\nagent ends\n");
}

TEST_CASE("a process that ends takes what it started along", "[cell]") {
  Rig rig;
  Process& rep = rig.add("rep", "sleep 600 & echo $! > orphan.pid; exit 5");
  rep.exit_code = kRepEnded;
  CHECK(rig.runner()->run() == kRepEnded);
  CHECK_FALSE(lives(rig.text("orphan.pid")));
}

TEST_CASE("a program that is not there ends the cell that needs it", "[cell]") {
  Rig rig;
  rig.add_daemon("agent");
  Process& garden = rig.add("garden", "");
  garden.argv[0] = "/no/such/gdn";
  garden.exit_code = kGardenEnded;
  CHECK(rig.runner()->run() == kGardenEnded);
  CHECK(rig.text("story") == "agent up\nagent ends\n");
}

TEST_CASE("what a process says is in logs of its name, and they stay small", "[cell]") {
  Rig rig;
  Process& talker =
      rig.add("talker", "echo oops >&2; i=0; while [ ! -e talker.stdout.log.1 ]; do echo 0123456789; done");
  talker.may_finish = true;
  CHECK(rig.runner(4096)->run() == 0);
  CHECK(rig.text("talker.stderr.log") == "oops\n");
  CHECK(rig.text("talker.stdout.log.1").starts_with("0123456789\n"));
}

TEST_CASE("why a process ended is its last line, or Go's panic, and not what it said in an earlier life", "[cell]") {
  Rig rig;
  const auto [text, from, words] = GENERATE(table<std::string, std::uint64_t, std::string>({
      {"", 0, ""},
      {"one\n\n  two  \n\n", 0, "two"},
      {"one\ntwo", 0, "two"},
      {"one\n", 4, ""},
      {"one\ntwo\n", 4, "two"},
      {"one\n", 400, "one"},  // The log was begun anew.
      {"panic: no garden\n\ngoroutine 1 [running]:\nmain.main()\n\t/src/main.go:7 +0x1\n", 0, "panic: no garden"},
      {std::string(20000, 'x') + "\n" + std::string(500, 'y') + "\n", 0, std::string(300, 'y')},
  }));
  std::ofstream(rig.path("log")) << text;
  CHECK(last_words(rig.path("log"), from) == words);
  CHECK(last_words(rig.path("none"), from).empty());
}

TEST_CASE("the line that ends the cell has the last words of the process that did", "[cell]") {
  Rig rig;
  rig.add("garden", "echo 'unknown flag' >&2; exit 1").exit_code = kGardenEnded;
  std::string said;
  CHECK(rig.runner(1 << 20, [&said](const Say& one) { said = one.text; })->run() == kGardenEnded);
  CHECK(said == "the cell ends: process=garden exited with status 1 stderr=\"unknown flag\"");
}

TEST_CASE("checks ask by HTTP, by TCP and by commands", "[cell]") {
  platform::HttpServer server({.listen = {"127.0.0.1", 0}}, [](const platform::ServerRequest& request) {
    return platform::ServerResponse{.status = request.path == "/ping" ? 200 : 503};
  });
  const auto port = server.start("test");
  REQUIRE(port);
  const std::string address = "127.0.0.1:" + std::to_string(*port);
  CHECK(check({.kind = Check::Kind::http, .target = "http://" + address + "/ping"}));
  CHECK(check({.kind = Check::Kind::http, .target = "http://" + address + "/no"}).error().text == "answered 503");
  CHECK(check({.kind = Check::Kind::tcp, .target = address}));
  server.stop();
  CHECK_FALSE(check({.kind = Check::Kind::http, .target = "http://" + address + "/ping"}));
  CHECK_FALSE(check({.kind = Check::Kind::tcp, .target = address}));
  CHECK(check({.kind = Check::Kind::command, .target = "true"}));
  CHECK(check({.kind = Check::Kind::command, .target = "exit 3"}).error().text == "exited with status 3");
  CHECK(check({}));
}

TEST_CASE("who is asked for the preflight answers, or is not waited for", "[cell]") {
  using Failed = std::map<std::string, std::string>;
  std::promise<void> never;
  const auto silent = [until = never.get_future().share()]() -> base::Status {
    until.wait();
    return base::ok();
  };
  const Question well = [] { return base::ok(); };
  const Question ill = [] { return base::Status(base::Error{"x", "connection refused"}); };
  const Stopped no = [] { return false; };
  CHECK(ask_all({{"bbs", well}, {"locket", ill}}, 1h, no) == Failed{{"locket", "connection refused"}});
  CHECK(ask_all({{"bbs", silent}, {"locket", silent}}, 1ms, no) ==
        Failed{{"bbs", "no answer within 1 ms"}, {"locket", "no answer within 1 ms"}});
  // Told to stop, it waits no longer for anyone.
  CHECK(ask_all({{"bbs", silent}}, 1h, [] { return true; }).size() == 1);
  never.set_value();
}

TEST_CASE("packages and jobs are found by their places", "[cell]") {
  Rig rig;
  for (const char* const file : {"p/guardian/bin/gdn", "p/rep/bin/rep", "p/rep2/rep", "p/cflinuxfs4/rootfs.tar",
                                 "p/healthcheck/healthcheck", "p/grootfs/bin/grootfs"}) {
    const fs::path path = rig.path(file);
    fs::create_directories(path.parent_path());
    std::ofstream(path) << "x";
    fs::permissions(path, fs::perms::owner_all);
  }
  fs::permissions(rig.path("p/grootfs/bin/grootfs"), fs::perms::owner_read);  // No program.
  const Packages packages = find_packages(rig.path("p"));
  CHECK(packages.programs == std::map<std::string, std::string>{{"gdn", rig.path("p/guardian/bin/gdn")},
                                                                {"rep", rig.path("p/rep/bin/rep")}});
  CHECK(packages.rootfs == std::vector<std::string>{"cflinuxfs4:" + rig.path("p/cflinuxfs4/rootfs.tar")});
  CHECK(packages.healthcheck == rig.path("p/healthcheck"));
  CHECK(find_packages(rig.path("nowhere")).programs.empty());

  fs::create_directories(rig.path("jobs"));
  std::ofstream(rig.path("jobs/20-b.toml")) << "command = 'b'";
  std::ofstream(rig.path("jobs/10-c.toml")) << "command = 'c'";
  std::ofstream(rig.path("jobs/README")) << "not one";
  const auto jobs = read_jobs(rig.path("jobs"));
  REQUIRE(jobs);
  REQUIRE(jobs->size() == 2);
  CHECK(jobs->at(0).name == "c");
  std::ofstream(rig.path("jobs/30-d.toml")) << "nonsense";
  CHECK(read_jobs(rig.path("jobs")).error().where == rig.path("jobs/30-d.toml:1"));
  CHECK(read_jobs(rig.path("nowhere"))->empty());
}

TEST_CASE("a plan's files are for us alone", "[cell]") {
  Rig rig;
  Plan plan;
  plan.directories = {rig.path("a/b")};
  plan.files = {{rig.path("a/b/rep.json"), "{}\n"}};
  REQUIRE(prepare(plan));
  CHECK(rig.text("a/b/rep.json") == "{}\n");
  CHECK(fs::status(rig.path("a/b/rep.json")).permissions() == (fs::perms::owner_read | fs::perms::owner_write));
  plan.files = {{rig.path("a/program"), "#!/bin/sh\n", true}};
  REQUIRE(prepare(plan));
  CHECK(fs::status(rig.path("a/program")).permissions() == fs::perms::owner_all);
  plan.files = {{rig.path("no/where"), ""}};
  CHECK_FALSE(prepare(plan));
}
