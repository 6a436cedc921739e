// The line of a program's stderr that tells why it ended.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace edge {

// The last line that is not mere noise: blank, of a log below level error (ours, Diego's, glog's), a stack trace, a
// warning or the hint at its help that docker ends an error with. Without the time, level and place of a log; its
// control characters left out, valid UTF-8, of about 300 characters: of a longer one the beginning and the end.
// nullopt: there is none.
std::optional<std::string> telling_line(std::string_view text);

}  // namespace edge
