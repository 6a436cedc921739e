// The cell's directories and files.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "cell/core/plan.hpp"

namespace cell {

// PACKAGE/NAME and PACKAGE/bin/NAME of each directory in `directory`, in the order of their names; of two of one name
// the first counts. A directory that is not there holds nothing.
Packages find_packages(const std::string& directory);

// Of every *.toml, in the order of the file names. A directory that is not there holds none.
base::Result<std::vector<Job>> read_jobs(const std::string& directory);

base::Result<std::string> read_text(const std::string& where, const std::string& path);

// Makes the plan's directories, and writes its files for us alone.
base::Status prepare(const Plan& plan);

// A log that has grown beyond `bytes_max` becomes PATH.1, and PATH is empty. Whoever appends to it goes on; what is
// written in the very moment may be lost.
void bound_log(const std::string& path, std::uint64_t bytes_max);

// Why a program ended, of what its log says from byte `from` on: the last panic of Go's, else the last line; at most
// 300 bytes, "" where there is none.
std::string last_words(const std::string& path, std::uint64_t from);

}  // namespace cell
