// The files of the tool. Errors are one line that names the file.
#pragma once

#include <cstdio>
#include <memory>
#include <string>

#include "base/result.hpp"
#include "place/workload.hpp"

namespace place {

base::Result<Workload> load_workload(const std::string& path);

// A file to write, or stdout for "-".
class OutFile {
 public:
  static base::Result<OutFile> open(const std::string& path);

  // All of `text` is on its way to the disk, or an Error says why not. Once.
  base::Status write(const std::string& text);

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::string path_;
  std::unique_ptr<std::FILE, Close> file_;  // nullptr: stdout.
};

// The most memory this process had in use so far, in MiB.
double peak_rss_mb();

}  // namespace place
