#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "platform/child_process.hpp"

using namespace std::chrono_literals;
using platform::ChildProcess;
using platform::Command;

namespace {

struct Folder {
  Folder() {
    std::string made = "/tmp/diego-child-XXXXXX";
    REQUIRE(::mkdtemp(made.data()) != nullptr);
    path = made;
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string file(const std::string& name) const { return (path / name).string(); }
  std::string read(const std::string& name) const {
    std::ifstream in(path / name);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::filesystem::path path;
};

Command shell(const std::string& script) {
  Command command;
  command.argv = {"sh", "-c", script};
  command.environment = {{"PATH", "/usr/bin:/bin"}};
  return command;
}

bool alive(pid_t pid) { return ::kill(pid, 0) == 0; }

// Reads a number that a child is about to write.
pid_t await_pid(const Folder& folder, const std::string& name) {
  for (int i = 0; i < 1000; ++i) {
    const std::string text = folder.read(name);
    if (text.ends_with("\n")) return static_cast<pid_t>(std::stol(text));
    std::this_thread::sleep_for(5ms);
  }
  return 0;
}

}  // namespace

TEST_CASE("a child gets its arguments, environment, folder and files, and nothing else", "[child]") {
  const Folder folder;
  ::setenv("DIEGO_TEST_SECRET", "leaked", 1);
  Command command = shell("echo out:$GREETING:$DIEGO_TEST_SECRET:$(pwd); echo err >&2; ls /proc/self/fd | wc -l >&2");
  command.environment["GREETING"] = "hello";
  command.directory = folder.path;
  command.stdout_file = folder.file("out");
  command.stderr_file = folder.file("err");
  const int leaked = ::dup(0);  // Without close-on-exec.
  auto child = ChildProcess::start(command);
  REQUIRE(child);
  REQUIRE(child->wait(10s) == 0);
  ::close(leaked);
  CHECK(folder.read("out") == "out:hello::" + folder.path.string() + "\n");
  CHECK(folder.read("err") == "err\n4\n");  // 0, 1, 2 and the one ls itself opens.
  CHECK(child->poll() == 0);
}

TEST_CASE("output is appended", "[child]") {
  const Folder folder;
  Command command = shell("echo line");
  command.stdout_file = folder.file("out");
  for (int i = 0; i < 2; ++i) {
    auto child = ChildProcess::start(command);
    REQUIRE(child);
    REQUIRE(child->wait(10s) == 0);
  }
  CHECK(folder.read("out") == "line\nline\n");
}

TEST_CASE("what cannot be started says why", "[child]") {
  Command nothing;
  CHECK_FALSE(ChildProcess::start(nothing));

  Command unknown = shell("");
  unknown.argv[0] = "no-such-program";
  CHECK(ChildProcess::start(unknown).error().message() == "no-such-program: not found in PATH");

  Command missing = shell("");
  missing.argv[0] = "/no/such/program";
  CHECK(ChildProcess::start(missing).error().message() == "/no/such/program: No such file or directory");

  Command folder = shell("true");
  folder.directory = "/no/such/folder";
  CHECK(ChildProcess::start(folder).error().message() == "sh in /no/such/folder: No such file or directory");
  CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);  // No zombie is left behind.
}

TEST_CASE("how a child ended is told in words", "[child]") {
  auto exited = ChildProcess::start(shell("exit 3"));
  REQUIRE(exited);
  CHECK(platform::describe_wait_status(*exited->wait(10s)) == "exited with status 3");
  auto killed = ChildProcess::start(shell("kill -9 $$"));
  REQUIRE(killed);
  CHECK(platform::describe_wait_status(*killed->wait(10s)) == "killed by signal 9");
}

TEST_CASE("waiting for a child that goes on ends at its limit", "[child]") {
  auto child = ChildProcess::start(shell("exec sleep 100"));
  REQUIRE(child);
  CHECK_FALSE(child->wait(10ms));
  CHECK_FALSE(child->poll());
  CHECK(WTERMSIG(child->stop(10s)) == SIGTERM);
}

TEST_CASE("a child that ignores the polite signal is killed with all it started", "[child]") {
  const Folder folder;
  auto child = ChildProcess::start(shell("trap '' TERM; sh -c 'trap \"\" TERM; echo $$ > " + folder.file("inner") +
                                         "; while :; do sleep 1; done' & echo $$ > " + folder.file("outer") +
                                         "; while :; do sleep 1; done"));
  REQUIRE(child);
  const pid_t inner = await_pid(folder, "inner");
  REQUIRE(inner > 0);
  REQUIRE(await_pid(folder, "outer") == child->pid());
  CHECK(::getpgid(inner) == child->pid());
  const int status = child->stop(50ms);
  CHECK(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGKILL);
  CHECK(child->poll() == status);
  // The inner one is its new parent's to reap; it must at least be dead.
  std::ifstream in("/proc/" + std::to_string(inner) + "/stat");
  std::string stat;
  std::getline(in, stat);
  CHECK((!alive(inner) || stat.find(") Z ") != std::string::npos));
}

TEST_CASE("what a child leaves behind in its group is ended by stop", "[child]") {
  const Folder folder;
  auto child = ChildProcess::start(shell("sleep 100 & echo $! > " + folder.file("left")));
  REQUIRE(child);
  REQUIRE(child->wait(10s) == 0);
  const pid_t left = await_pid(folder, "left");
  REQUIRE(alive(left));
  CHECK(child->stop(1s) == 0);
  std::ifstream in("/proc/" + std::to_string(left) + "/stat");
  std::string stat;
  std::getline(in, stat);
  CHECK((!alive(left) || stat.find(") Z ") != std::string::npos));
}

TEST_CASE("a child that dies with its parent outlives the thread that started it", "[child]") {
  Command command = shell("exec sleep 100");
  command.die_with_parent = true;
  std::optional<ChildProcess> child;
  std::thread([&] {
    auto started = ChildProcess::start(command);
    if (started) child = std::move(*started);
  }).join();
  REQUIRE(child);
  CHECK_FALSE(child->wait(50ms));
  CHECK(WTERMSIG(child->stop(10s)) == SIGTERM);
}

// Not run by itself: the parent of the next test, in a process of its own.
TEST_CASE("a parent that waits to be killed", "[.parent]") {
  Command command = shell("echo $$ > \"$PID_FILE\"; exec sleep 100");
  command.environment["PID_FILE"] = platform::own_environment().at("PID_FILE");
  command.die_with_parent = true;
  const auto child = ChildProcess::start(command);
  REQUIRE(child);
  ::pause();
}

TEST_CASE("a child that dies with its parent does", "[child]") {
  const Folder folder;
  Command command;
  command.argv = {std::filesystem::read_symlink("/proc/self/exe"), "[.parent]"};
  command.environment = platform::own_environment();
  command.environment["PID_FILE"] = folder.file("pid");
  auto parent = ChildProcess::start(command);
  REQUIRE(parent);
  const pid_t grandchild = await_pid(folder, "pid");
  REQUIRE(grandchild > 0);
  ::kill(parent->pid(), SIGKILL);
  REQUIRE(parent->wait(10s));
  const auto running = [&] {
    std::ifstream in("/proc/" + std::to_string(grandchild) + "/stat");
    std::string stat;
    std::getline(in, stat);
    return !stat.empty() && stat.find(") Z ") == std::string::npos;
  };
  for (int i = 0; i < 1000 && running(); ++i) std::this_thread::sleep_for(5ms);
  CHECK_FALSE(running());
}

TEST_CASE("our own environment can be handed on", "[child]") {
  ::setenv("DIEGO_TEST_OWN", "a=b", 1);
  CHECK(platform::own_environment().at("DIEGO_TEST_OWN") == "a=b");
}
