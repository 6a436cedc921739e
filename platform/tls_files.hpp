// Looks at certificates, keys and authorities before somebody depends on them: at start, where what cannot
// work ends the program with a line that names flag and file, and later again, for they expire.
#pragma once

#include <ctime>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace platform {

// The files of one end of one connection; those without a path are not looked at.
struct TlsFiles {
  struct File {
    std::string flag;  // As the operator writes it, "--bridge-cert".
    std::string path;
  };
  enum class For { server, client };

  For role = For::client;
  File cert, key, ca;
};

struct TlsFindings {
  // What cannot work: not to be read, not PEM, a key that needs a passphrase or is another certificate's,
  // expired, not yet valid, an authority without certificates. `where` is "--flag /path".
  std::vector<base::Error> errors;
  // What works but should be looked after: it expires within 7 days, is not for its role, or its authority
  // holds certificates that have expired.
  std::vector<std::string> warnings;
};

TlsFindings look_at(const TlsFiles& files, std::time_t now);

// All of them, now; warnings are logged. What is left is for the caller: at start the end of the program,
// later lines of the log.
std::vector<base::Error> check_tls_files(const std::vector<TlsFiles>& all);

// As check_tls_files, with the errors logged too: for once a day and after SIGHUP.
void log_tls_files(const std::vector<TlsFiles>& all);

// How often that is.
inline constexpr long kTlsFilesEverySeconds = 24L * 60 * 60;

}  // namespace platform
