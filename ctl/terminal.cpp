#include "ctl/terminal.hpp"

#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string_view>

#include "ctl/files.hpp"

namespace ctl {
namespace {

constexpr std::string_view kEnter = "\x1b[?1049h\x1b[?25l";
constexpr std::string_view kLeave = "\x1b[?25h\x1b[?1049l";
constexpr std::array kEnding = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

termios before;  // For the handler, too.
bool changed = false;

winsize window() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) return {};
  return size;
}

void put_back() {
  if (changed) ::tcsetattr(STDIN_FILENO, TCSANOW, &before);
  if (::write(STDOUT_FILENO, kLeave.data(), kLeave.size()) < 0) return;  // Nothing is left to be done about it.
}

// SA_RESETHAND: the second time it ends the program.
void on_ending(int signal) {
  put_back();
  ::raise(signal);
}

void on_window(int) {}  // Ends the wait for a key.

}  // namespace

bool stdout_is_terminal() { return ::isatty(STDOUT_FILENO) == 1; }

Style style_of_stdout(const std::string& color) {
  const bool terminal = stdout_is_terminal();
  const char* const no_color = std::getenv("NO_COLOR");
  const char* const kind = std::getenv("TERM");
  Style style;
  const bool wanted = (no_color == nullptr || *no_color == '\0') && kind != nullptr && std::string_view(kind) != "dumb";
  style.color = color == "always" || (color == "auto" && terminal && wanted);
  if (terminal) style.columns = std::max<std::size_t>(window().ws_col, 20);
  if (terminal && window().ws_col == 0) style.columns = 80;
  return style;
}

std::size_t terminal_lines() { return window().ws_row == 0 ? 24 : window().ws_row; }

Screen::Screen() {
  changed = ::tcgetattr(STDIN_FILENO, &before) == 0;
  struct sigaction action {};
  action.sa_handler = on_ending;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  for (const int signal : kEnding) ::sigaction(signal, &action, nullptr);
  action.sa_handler = on_window;
  action.sa_flags = 0;
  ::sigaction(SIGWINCH, &action, nullptr);
  if (changed) {
    termios raw = before;
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    ::tcsetattr(STDIN_FILENO, TCSANOW, &raw);
  }
  print(std::string(kEnter));
}

Screen::~Screen() {
  put_back();
  for (const int signal : kEnding) std::signal(signal, SIG_DFL);
}

void Screen::show(const std::string& text) {
  std::string out = "\x1b[H";
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    // The last line of the screen without a line's end: it would scroll.
    out += text.substr(at, end - at) + "\x1b[K" + (end + 1 < text.size() ? "\r\n" : "");
    at = end + 1;
  }
  print(out + "\x1b[J");
}

std::optional<char> Screen::key(base::Duration within) {
  pollfd keys{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
  const int ready = ::poll(&keys, 1, static_cast<int>(std::min<std::int64_t>(base::to_millis(within), 1 << 30)));
  if (ready <= 0) return std::nullopt;
  char byte = 0;
  const auto got = ::read(STDIN_FILENO, &byte, 1);
  if (got < 0 && errno == EINTR) return std::nullopt;
  return got == 1 ? byte : 'q';
}

}  // namespace ctl
