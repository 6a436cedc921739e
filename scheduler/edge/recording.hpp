// --record: a tape and the files it is written to.
#pragma once

#include <memory>
#include <string>

#include "base/result.hpp"
#include "scheduler/edge/options.hpp"
#include "scheduler/record/rotating_files.hpp"
#include "scheduler/record/tape.hpp"

namespace edge {

class Recording {
 public:
  // An error names --record and why it cannot be written. What ends a recording later is one warning in the log.
  static base::Result<std::unique_ptr<Recording>> start(const Options& options, const std::string& version);

  record::Tape& tape() { return tape_; }

 private:
  Recording(record::TapeOptions options, std::unique_ptr<record::RotatingFiles> files);

  std::unique_ptr<record::RotatingFiles> files_;
  record::Tape tape_;
};

}  // namespace edge
