// The terminal, if there is one.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "base/time.hpp"
#include "ctl/text.hpp"

namespace ctl {

// For stdout. `color`: auto, always or never.
Style style_of_stdout(const std::string& color);
bool stdout_is_terminal();
std::size_t terminal_lines();  // 24 where it does not say.

// A terminal's other screen, without a cursor, keys read one by one without being shown. All is put back by the
// destructor, and by a signal that ends the program. One at a time.
class Screen {
 public:
  Screen();
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  // In place of what is there; lines end in \n.
  void show(const std::string& text);

  // The next key, or nullopt after so long, or when the window has changed; 'q' where there are no more keys.
  std::optional<char> key(base::Duration within);
};

}  // namespace ctl
