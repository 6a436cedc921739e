// The rep stand-in's side of a BBS: carries out the model's calls, in order for each container, and keeps
// the cell's presence up at the door of the BBS stand-in (a real BBS has it from Locket).
#pragma once

#include <array>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/result.hpp"
#include "base/time.hpp"
#include "local/rep/rep_model.hpp"
#include "platform/http.hpp"
#include "platform/mailbox.hpp"

namespace platform {
class HttpClient;
}

namespace local {

struct RepBbsOptions {
  std::string url;   // http(s)://host:port of the BBS; empty: there is none.
  std::string door;  // http://host:port of its door; empty: no presence is kept.
  std::string ca_file, cert_file, key_file;
  base::Duration presence_interval = std::chrono::seconds(5);
  base::Duration presence_ttl = std::chrono::seconds(15);
};

class RepBbsClient {
 public:
  // On one of this object's threads; must not destroy it.
  using Answered = std::function<void(const RepBbsAnswer&)>;

  // Fails on an unreadable URL. `presence` is the body of PUT /cells/{id}; it is there once this returns,
  // if the door can be reached.
  static base::Result<std::unique_ptr<RepBbsClient>> create(RepBbsOptions options, std::string cell_id,
                                                            std::string presence, Answered answered);
  ~RepBbsClient();  // Carries out what was called for, gives up the presence.
  RepBbsClient(const RepBbsClient&) = delete;
  RepBbsClient& operator=(const RepBbsClient&) = delete;

  void call(RepBbsCall call);

  // The cell is not there any more, from now on; before the process ends at once.
  void leave();

 private:
  static constexpr std::size_t kWorkers = 4;
  struct Worker {
    platform::Mailbox<RepBbsCall> calls;
    std::unique_ptr<platform::HttpClient> client;
    std::thread thread;
  };

  RepBbsClient(RepBbsOptions options, std::string cell_id, std::string presence, Answered answered);
  base::Status connect();
  std::unique_ptr<platform::HttpClient> client_to(const platform::Url& url) const;
  void work(Worker& worker);
  void keep_presence();
  void say_presence(const std::string& method);

  const RepBbsOptions options_;
  const std::string cell_id_, presence_;
  const Answered answered_;
  std::unique_ptr<platform::HttpClient> door_;
  std::mutex mutex_;  // Of the presence.
  std::condition_variable ends_;
  bool ending_ = false;
  std::thread presence_thread_;
  std::array<Worker, kWorkers> workers_;
};

// What a cell says of itself to Locket, and to the door: the JSON of Diego's CellPresence.
std::string presence_json(const diego::CellState& state);

// Reads and writes of the calls, without a socket.
struct RepBbsRequest {
  std::string path, body;
};
RepBbsRequest request_of(const RepBbsCall& call, const std::string& cell_id);
RepBbsAnswer answer_of(const RepBbsCall& call, const std::string& body);

}  // namespace local
