// Scripts by which a shell completes our command lines. Made of what the flags say of themselves.
#pragma once

#include <string>

#include "platform/flags.hpp"

namespace ctl {

std::string bash_completion(const platform::Flags::Description& program);
std::string zsh_completion(const platform::Flags::Description& program);

}  // namespace ctl
