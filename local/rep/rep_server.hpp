// The rep stand-in behind a socket: the routes of a rep's admin and network listeners on one port,
// answered as a real rep answers them. `diego-local rep` runs one.
#pragma once

#include <memory>
#include <string>

#include "base/result.hpp"
#include "base/time.hpp"
#include "local/rep/rep_bbs_client.hpp"
#include "local/rep/rep_model.hpp"
#include "platform/flags.hpp"
#include "platform/http_server.hpp"

namespace local {

struct RepOptions {
  std::string listen = "127.0.0.1:1800";
  std::string tls_cert, tls_key, tls_ca;  // As a real rep's: of the listener, and shown to the BBS.
  RepBbsOptions bbs;
  RepConfig config;  // rep_url is made from the listener.
};

// The flags of `diego-local rep`; `options` must outlive the parsing.
void add_rep_flags(platform::Flags& flags, RepOptions& options);

// The routes without sockets.
platform::ServerResponse answer_rep(const platform::ServerRequest& request, RepModel& model, base::Time now);

class RepServer {
 public:
  explicit RepServer(RepOptions options);
  ~RepServer();
  RepServer(const RepServer&) = delete;
  RepServer& operator=(const RepServer&) = delete;

  // The port in use.
  base::Result<int> start();
  void stop();

  // True once an evacuation has ended: the real rep then exits by itself.
  bool finished();

  // Gives up the presence, before the process ends at once.
  void leave();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Serves until SIGTERM or SIGINT (at once) or the end of an evacuation; the process's exit code.
// To be called on the main thread before others start: signals are taken from all of them.
int run_rep(const RepOptions& options);

}  // namespace local
