// A test's hand inside a process that it starts with LD_PRELOAD: counts what the process writes to the
// files of one directory and sends over sockets, and kills it or lets a write fail at a chosen one. The
// product has no switch for any of this.
//
//   CRASH_DIR=FOLDER                    files below it count; nothing is done without it
//   CRASH_AT=KIND:N[:before|after|torn] SIGKILL at the N-th call of that kind since the start: before it
//                                       (the default), after it, or after half of its bytes
//   CRASH_FAIL=ERRNO:KIND:FROM:COUNT    the FROM-th and COUNT - 1 more of a kind fail; ERRNO is ENOSPC or EIO
//   CRASH_FAIL_WHILE=ERRNO:KIND:FILE    they fail as long as FILE exists
//   CRASH_COUNT=FILE                    at the end, killed or not: one line `KIND N` for each kind
//   CRASH_LOG=FILE                      one line `NANOSECONDS KIND N` as each call returns (CLOCK_MONOTONIC)
//
// KIND: write (write, pwrite), sync (fsync, fdatasync), truncate (ftruncate), each of files below
// CRASH_DIR; durable: any of these three; send (send, sendmsg, write) on TCP sockets.

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string_view>

namespace {

enum class Kind { write, sync, truncate, durable, send };
constexpr std::size_t kKinds = 5;
constexpr std::array<const char*, kKinds> kNames = {"write", "sync", "truncate", "durable", "send"};

enum class Moment { before, after, torn };

// A kind and which of its calls.
struct Range {
  bool set = false;
  Kind kind = Kind::durable;
  std::uint64_t from = 0, count = 0;

  bool covers(Kind what, std::uint64_t number) const {
    return set && kind == what && number >= from && number - from < count;
  }
};

std::atomic<std::uint64_t> counts[kKinds];

// What is asked for. Read at the first call that matters: constructors of other libraries may write.
struct Orders {
  char folder[PATH_MAX] = "";
  Range die;
  Moment moment = Moment::before;
  Range fail;
  int fail_errno = ENOSPC;
  Kind while_kind = Kind::write;
  int while_errno = ENOSPC;
  const char* while_file = nullptr;
  const char* count_file = nullptr;
  int log_fd = -1;

  Orders();
};

// The kernel's own entries: what we write is not counted.
long raw_open(const char* path) {
  return syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

[[noreturn]] void misused(const char* name) {
  std::fprintf(stderr, "crash_shim: %s cannot be read\n", name);
  _exit(99);
}

// The next part of a text separated by colons.
std::string_view part(std::string_view& text) {
  const std::size_t end = std::min(text.find(':'), text.size());
  const std::string_view found = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return found;
}

std::uint64_t number(std::string_view text, const char* name) {
  if (text.empty()) misused(name);
  std::uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') misused(name);
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return value;
}

Kind kind_of(std::string_view text, const char* name) {
  const auto found = std::find(kNames.begin(), kNames.end(), text);
  if (found == kNames.end()) misused(name);
  return static_cast<Kind>(found - kNames.begin());
}

int errno_of(std::string_view text, const char* name) {
  if (text == "ENOSPC") return ENOSPC;
  if (text == "EIO") return EIO;
  misused(name);
}

Orders::Orders() {
  if (const char* wanted = std::getenv("CRASH_DIR"); wanted == nullptr || realpath(wanted, folder) == nullptr) {
    if (wanted != nullptr) misused("CRASH_DIR");
    folder[0] = '\0';
  }
  if (const char* at = std::getenv("CRASH_AT")) {
    std::string_view text = at;
    die.set = true;
    die.kind = kind_of(part(text), "CRASH_AT");
    die.from = number(part(text), "CRASH_AT");
    die.count = 1;
    if (text == "after") {
      moment = Moment::after;
    } else if (text == "torn") {
      moment = Moment::torn;
    } else if (!text.empty() && text != "before") {
      misused("CRASH_AT");
    }
  }
  if (const char* failing = std::getenv("CRASH_FAIL")) {
    std::string_view text = failing;
    fail.set = true;
    fail_errno = errno_of(part(text), "CRASH_FAIL");
    fail.kind = kind_of(part(text), "CRASH_FAIL");
    fail.from = number(part(text), "CRASH_FAIL");
    fail.count = number(part(text), "CRASH_FAIL");
  }
  if (const char* failing = std::getenv("CRASH_FAIL_WHILE")) {
    std::string_view text = failing;
    while_errno = errno_of(part(text), "CRASH_FAIL_WHILE");
    while_kind = kind_of(part(text), "CRASH_FAIL_WHILE");
    while_file = text.data();  // To the end of the variable.
  }
  count_file = std::getenv("CRASH_COUNT");
  if (const char* log = std::getenv("CRASH_LOG")) log_fd = static_cast<int>(raw_open(log));
}

const Orders& orders() {
  static const Orders read;
  return read;
}

void write_counts() {
  if (orders().count_file == nullptr) return;
  const long fd = syscall(SYS_openat, AT_FDCWD, orders().count_file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return;
  std::array<char, 256> text;
  int length = 0;
  for (std::size_t i = 0; i < kKinds; ++i) {
    const int more = std::snprintf(text.data() + length, text.size() - static_cast<std::size_t>(length), "%s %llu\n",
                                   kNames[i], static_cast<unsigned long long>(counts[i].load()));
    length += more;
  }
  syscall(SYS_write, fd, text.data(), length);
  syscall(SYS_close, fd);
}

// The counts also of a process that ends by _exit or as main returns.
struct AtEnd {
  ~AtEnd() { write_counts(); }
} const at_end;

[[noreturn]] void die() {
  write_counts();
  syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
  for (;;) pause();  // The signal is on its way to all threads.
}

bool is_state_file(int fd) {
  const char* const folder = orders().folder;
  if (folder[0] == '\0') return false;
  std::array<char, 64> link;
  std::snprintf(link.data(), link.size(), "/proc/self/fd/%d", fd);
  std::array<char, PATH_MAX> path;
  const ssize_t length = readlink(link.data(), path.data(), path.size() - 1);
  const std::size_t prefix = std::strlen(folder);
  return length > 0 && static_cast<std::size_t>(length) > prefix && std::memcmp(path.data(), folder, prefix) == 0 &&
         path[prefix] == '/';
}

bool is_tcp_socket(int fd) {
  if (orders().folder[0] == '\0') return false;
  int family = 0;
  socklen_t size = sizeof family;
  return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size) == 0 && (family == AF_INET || family == AF_INET6);
}

// What becomes of one call: of its own kind, and of `durable` where it is.
class Visit {
 public:
  explicit Visit(Kind kind) : kind_(kind), number_(next(kind)) {
    if (kind != Kind::send) durable_ = next(Kind::durable);
    if (meets(Moment::before)) ::die();
  }
  ~Visit() {
    const int kept = errno;
    log();
    if (meets(Moment::after) || meets(Moment::torn)) ::die();
    errno = kept;
  }
  Visit(const Visit&) = delete;
  Visit& operator=(const Visit&) = delete;

  // The error the call is to fail with; 0: it is carried out.
  int error() const {
    const Orders& o = orders();
    if (o.fail.covers(kind_, number_) || (durable_ != 0 && o.fail.covers(Kind::durable, durable_))) return o.fail_errno;
    const bool meant = o.while_kind == kind_ || (o.while_kind == Kind::durable && durable_ != 0);
    if (o.while_file != nullptr && meant && access(o.while_file, F_OK) == 0) return o.while_errno;
    return 0;
  }
  // How much of a write is carried out.
  std::size_t size(std::size_t whole) const { return meets(Moment::torn) ? whole / 2 : whole; }

 private:
  static std::uint64_t next(Kind kind) { return ++counts[static_cast<std::size_t>(kind)]; }
  bool meets(Moment moment) const {
    const Orders& o = orders();
    if (o.moment != moment) return false;
    return o.die.covers(kind_, number_) || (durable_ != 0 && o.die.covers(Kind::durable, durable_));
  }
  void log() const {
    if (orders().log_fd < 0) return;
    timespec time{};
    clock_gettime(CLOCK_MONOTONIC, &time);
    std::array<char, 96> line;
    const int length = std::snprintf(line.data(), line.size(), "%lld %s %llu\n",
                                     static_cast<long long>(time.tv_sec) * 1'000'000'000 + time.tv_nsec,
                                     kNames[static_cast<std::size_t>(kind_)], static_cast<unsigned long long>(number_));
    syscall(SYS_write, orders().log_fd, line.data(), length);
  }

  const Kind kind_;
  const std::uint64_t number_;
  std::uint64_t durable_ = 0;  // Its number among those; 0: it is none.
};

// The function that ours stands before.
template <class Function>
Function* real(Function*, const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}
#define REAL(name)                                       \
  static auto* const real_##name = real(&::name, #name); \
  auto* const call = real_##name

template <class Call>
auto failing(const Visit& visit, Call call) -> decltype(call()) {
  if (const int error = visit.error(); error != 0) {
    errno = error;
    return -1;
  }
  return call();
}

}  // namespace

extern "C" {

ssize_t pwrite64(int fd, const void* bytes, size_t size, off64_t offset) {
  REAL(pwrite64);
  if (!is_state_file(fd)) return call(fd, bytes, size, offset);
  const Visit visit(Kind::write);
  return failing(visit, [&] { return call(fd, bytes, visit.size(size), offset); });
}

ssize_t write(int fd, const void* bytes, size_t size) {
  REAL(write);
  const bool file = is_state_file(fd);
  if (!file && !is_tcp_socket(fd)) return call(fd, bytes, size);
  const Visit visit(file ? Kind::write : Kind::send);
  return failing(visit, [&] { return call(fd, bytes, visit.size(size)); });
}

ssize_t send(int fd, const void* bytes, size_t size, int flags) {
  REAL(send);
  if (!is_tcp_socket(fd)) return call(fd, bytes, size, flags);
  const Visit visit(Kind::send);
  return failing(visit, [&] { return call(fd, bytes, visit.size(size), flags); });
}

// Torn: only what lies in the first half of its parts.
ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  REAL(sendmsg);
  if (!is_tcp_socket(fd)) return call(fd, message, flags);
  const Visit visit(Kind::send);
  msghdr some = *message;
  iovec first{};
  if (visit.size(2) == 1 && message->msg_iovlen > 0) {
    first = {message->msg_iov[0].iov_base, visit.size(message->msg_iov[0].iov_len)};
    some.msg_iov = &first;
    some.msg_iovlen = 1;
  }
  return failing(visit, [&] { return call(fd, &some, flags); });
}

int fsync(int fd) {
  REAL(fsync);
  if (!is_state_file(fd)) return call(fd);
  const Visit visit(Kind::sync);
  return failing(visit, [&] { return call(fd); });
}

int fdatasync(int fd) {
  REAL(fdatasync);
  if (!is_state_file(fd)) return call(fd);
  const Visit visit(Kind::sync);
  return failing(visit, [&] { return call(fd); });
}

int ftruncate64(int fd, off64_t size) noexcept {
  REAL(ftruncate64);
  if (!is_state_file(fd)) return call(fd, size);
  const Visit visit(Kind::truncate);
  return failing(visit, [&] { return call(fd, size); });
}
}
