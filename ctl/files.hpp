// Files and streams.
#pragma once

#include <string>

#include "base/result.hpp"

namespace ctl {

// The whole of a file, or of stdin for "-"; at most 64 MiB. The error's text does not name it.
base::Result<std::string> read_file(const std::string& path);

// To stdout, at once. False: nobody reads it any more, or the disk is full; the latter is said.
bool print(const std::string& text);
bool stdout_failed();  // The latter, so far.

// A line on stderr: "diego-ctl: text", made printable.
void complain(const std::string& text);

}  // namespace ctl
