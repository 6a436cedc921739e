#include "executor/edge/cell_process.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace executor {

using namespace std::chrono_literals;

base::Result<std::unique_ptr<CellProcess>> CellProcess::start(const platform::Command& command,
                                                              std::function<void(std::string how)> ended) {
  auto child = platform::ChildProcess::start(command);
  if (!child) return child.error();
  return std::unique_ptr<CellProcess>(new CellProcess(*std::move(child), std::move(ended)));
}

CellProcess::CellProcess(platform::ChildProcess child, std::function<void(std::string how)> ended)
    : child_(std::move(child)), ended_(std::move(ended)), thread_([this] { watch(); }) {}

CellProcess::~CellProcess() {
  stops_.close();
  thread_.join();
  child_.stop(0ms);
}

// All use of the child while it runs is on this thread.
void CellProcess::watch() {
  std::optional<int> status;
  while (!status && !stops_.closed()) {
    const auto stops = stops_.take(50ms);
    status = stops.empty() ? child_.poll() : child_.stop(stops.front());
  }
  if (!status) return;
  // The command may have left others of its group behind.
  child_.stop(0ms);
  ended_(platform::describe_wait_status(*status));
}

base::Result<int> free_loopback_port() {
  const auto failed = [](int fd) {
    const base::Error error{"a free port on 127.0.0.1", std::strerror(errno)};
    if (fd >= 0) ::close(fd);
    return error;
  };
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return failed(fd);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0) return failed(fd);
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return failed(fd);
  ::close(fd);
  return ntohs(address.sin_port);
}

}  // namespace executor
