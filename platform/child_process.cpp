#include "platform/child_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <functional>
#include <mutex>
#include <thread>

namespace platform {
namespace {

using SteadyClock = std::chrono::steady_clock;

// PDEATHSIG fires when the *thread* that forked ends, not the process. So children that die with us
// are forked by one thread that lives as long as the process.
class ForkThread {
 public:
  static pid_t run(const std::function<pid_t()>& fork_child) {
    static auto* const thread = new ForkThread;  // Never destroyed: its thread never ends.
    return thread->ask(fork_child);
  }

 private:
  ForkThread() {
    std::thread([this] { serve(); }).detach();
  }

  pid_t ask(const std::function<pid_t()>& fork_child) {
    const std::lock_guard one_at_a_time(askers_);
    std::unique_lock lock(mutex_);
    job_ = &fork_child;
    changed_.notify_all();
    changed_.wait(lock, [this] { return job_ == nullptr; });
    return answer_;
  }

  void serve() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return job_ != nullptr; });
      answer_ = (*job_)();
      job_ = nullptr;
      changed_.notify_all();
    }
  }

  std::mutex askers_;
  std::mutex mutex_;
  std::condition_variable changed_;
  const std::function<pid_t()>* job_ = nullptr;
  pid_t answer_ = -1;
};

class Fd {
 public:
  explicit Fd(int fd = -1) : fd_(fd) {}
  ~Fd() { reset(); }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  int get() const { return fd_; }
  void reset(int fd = -1) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }

 private:
  int fd_;
};

// argv[0] as a path: looked up in the child's own PATH unless it has a slash.
std::string find_program(const Command& command) {
  const std::string& name = command.argv[0];
  if (name.find('/') != std::string::npos) return name;
  const auto path = command.environment.find("PATH");
  std::string rest = path == command.environment.end() ? "/usr/local/bin:/usr/bin:/bin" : path->second;
  rest += ':';
  std::size_t at = 0;
  for (std::size_t end = rest.find(':'); end != std::string::npos; end = rest.find(':', at)) {
    const std::string folder = end == at ? "." : rest.substr(at, end - at);
    const std::string candidate = folder + "/" + name;
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
    at = end + 1;
  }
  return "";
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (std::string& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

// Everything the child needs, made before the fork: after it only async-signal-safe calls are allowed.
struct Prepared {
  std::string program;
  std::vector<char*> argv, environment;
  const char* directory = nullptr;
  int in = -1, out = -1, err = -1;  // -1: inherited.
  int report = -1;                  // Where errno goes if exec fails.
  bool die_with_parent = false;
  pid_t parent = 0;
};

[[noreturn]] void report_and_exit(int report, int error) {
  [[maybe_unused]] const ssize_t ignored = ::write(report, &error, sizeof error);
  ::_exit(127);
}

[[noreturn]] void become(const Prepared& prepared) {
  ::setpgid(0, 0);
  if (prepared.die_with_parent) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != prepared.parent) ::_exit(127);  // It ended before the line above.
  }
  for (const int signal : {SIGPIPE, SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCHLD, SIGUSR1, SIGUSR2})
    ::signal(signal, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
  if (prepared.in >= 0 && ::dup2(prepared.in, 0) < 0) report_and_exit(prepared.report, errno);
  if (prepared.out >= 0 && ::dup2(prepared.out, 1) < 0) report_and_exit(prepared.report, errno);
  if (prepared.err >= 0 && ::dup2(prepared.err, 2) < 0) report_and_exit(prepared.report, errno);
  // Sockets that a library opened without close-on-exec must not live on in the child.
  ::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
  if (prepared.directory != nullptr && ::chdir(prepared.directory) != 0) report_and_exit(prepared.report, errno);
  ::execve(prepared.program.c_str(), prepared.argv.data(), prepared.environment.data());
  report_and_exit(prepared.report, errno);
}

// Blocks until the child has ended or `limit` has passed, without reaping it.
void await_end(pid_t pid, base::Duration limit) {
  // Not by its glibc name: 2.36 declares that without C linkage.
  const int fd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (fd < 0) {
    std::this_thread::sleep_for(std::min<base::Duration>(limit, std::chrono::milliseconds(5)));
    return;
  }
  pollfd waiting{fd, POLLIN, 0};
  const auto millis = std::chrono::ceil<std::chrono::milliseconds>(limit).count();
  ::poll(&waiting, 1, static_cast<int>(std::clamp<std::int64_t>(millis, 0, 3'600'000)));
  ::close(fd);
}

}  // namespace

std::map<std::string, std::string> own_environment() {
  std::map<std::string, std::string> out;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const char* equals = std::strchr(*entry, '=');
    if (equals != nullptr) out.emplace(std::string(*entry, static_cast<std::size_t>(equals - *entry)), equals + 1);
  }
  return out;
}

base::Result<ChildProcess> ChildProcess::start(const Command& command) {
  if (command.argv.empty() || command.argv[0].empty()) return base::Error{"command", "is empty"};
  const auto fail = [&](const std::string& what, int error) { return base::Error{what, std::strerror(error)}; };
  Prepared prepared;
  prepared.program = find_program(command);
  if (prepared.program.empty()) return base::Error{command.argv[0], "not found in PATH"};

  std::vector<std::string> argv = command.argv;
  std::vector<std::string> environment;
  for (const auto& [name, value] : command.environment) environment.push_back(name + "=" + value);
  prepared.argv = pointers(argv);
  prepared.environment = pointers(environment);
  prepared.directory = command.directory.empty() ? nullptr : command.directory.c_str();
  prepared.die_with_parent = command.die_with_parent;
  prepared.parent = ::getpid();

  Fd in(::open("/dev/null", O_RDONLY | O_CLOEXEC)), out, err;
  if (in.get() < 0) return fail("/dev/null", errno);
  const int append = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC;
  if (!command.stdout_file.empty()) {
    out.reset(::open(command.stdout_file.c_str(), append, 0644));
    if (out.get() < 0) return fail(command.stdout_file, errno);
  }
  if (!command.stderr_file.empty()) {
    err.reset(::open(command.stderr_file.c_str(), append, 0644));
    if (err.get() < 0) return fail(command.stderr_file, errno);
  }
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail(command.argv[0], errno);
  Fd report_read(ends[0]), report_write(ends[1]);
  prepared.in = in.get();
  prepared.out = out.get();
  prepared.err = err.get();
  prepared.report = report_write.get();

  int fork_error = 0;
  const std::function<pid_t()> fork_child = [&prepared, &fork_error] {
    const pid_t pid = ::fork();
    if (pid == 0) become(prepared);
    fork_error = errno;
    return pid;
  };
  const pid_t pid = command.die_with_parent ? ForkThread::run(fork_child) : fork_child();
  if (pid < 0) return fail(command.argv[0], fork_error);
  ::setpgid(pid, pid);  // Here too: whoever comes first, the group exists when we return.

  report_write.reset();
  int exec_error = 0;
  ssize_t got = 0;
  do {
    got = ::read(report_read.get(), &exec_error, sizeof exec_error);
  } while (got < 0 && errno == EINTR);
  if (got == sizeof exec_error) {
    ::waitpid(pid, nullptr, 0);
    return fail(command.directory.empty() ? command.argv[0] : command.argv[0] + " in " + command.directory, exec_error);
  }
  return ChildProcess(pid);
}

std::optional<int> ChildProcess::poll() {
  if (status_) return status_;
  int status = 0;
  const pid_t ended = ::waitpid(pid_, &status, WNOHANG);
  // ECHILD: someone else reaped it (SIGCHLD ignored); how it ended is lost.
  if (ended == pid_ || (ended < 0 && errno == ECHILD)) status_ = status;
  return status_;
}

std::optional<int> ChildProcess::wait(base::Duration limit) {
  const auto deadline = SteadyClock::now() + limit;
  for (;;) {
    if (poll()) return status_;
    const auto left = deadline - SteadyClock::now();
    if (left <= SteadyClock::duration::zero()) return std::nullopt;
    await_end(pid_, left);
  }
}

void ChildProcess::signal_group(int signal) {
  if (group_gone_) return;
  // While a process of the group lives its number cannot be given to another group; once it is
  // empty the number may be reused, so it is never signalled again.
  if (::kill(-pid_, signal) != 0 && errno == ESRCH) group_gone_ = true;
}

int ChildProcess::stop(base::Duration grace) {
  if (!poll()) {
    signal_group(SIGTERM);
    wait(grace);
  }
  signal_group(SIGKILL);
  while (!poll()) await_end(pid_, std::chrono::seconds(1));
  // Killed members vanish when their new parent reaps them; where that parent (a container's
  // process 1) never does, they stay as zombies and there is nothing to wait for.
  for (int i = 0; i < 50 && !group_gone_; ++i) {
    signal_group(SIGKILL);
    if (!group_gone_) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  group_gone_ = true;
  return *status_;
}

std::string describe_wait_status(int status) {
  if (WIFEXITED(status)) return "exited with status " + std::to_string(WEXITSTATUS(status));
  if (WIFSIGNALED(status)) return "killed by signal " + std::to_string(WTERMSIG(status));
  return "ended with wait status " + std::to_string(status);
}

}  // namespace platform
