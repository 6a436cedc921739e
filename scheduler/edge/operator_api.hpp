// Mesos's v1 operator API, of masters and agents, as far as we use it.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "base/result.hpp"
#include "base/time.hpp"
#include "platform/http_client.hpp"
#include "scheduler/edge/options.hpp"

namespace google::protobuf {
class Message;
}

namespace edge {

struct OperatorLimits {
  base::Duration silence = std::chrono::seconds(10);  // Of the peer, while an answer is waited for.
  base::Duration answer{};                            // For the whole of an answer; 0: none.
  std::size_t bytes = std::size_t{256} << 20U;        // Of it. 10,000 agents are some 30 MB of JSON.
};

// Calls are master::Call or agent::Call; they and their answers come in `--mesos-codec`'s encoding.
class OperatorApi {
 public:
  OperatorApi(const MesosOptions& mesos, OperatorLimits limits);

  // At the master whose scheduler API `scheduler_url` is, or at the leader that it names. Blocks.
  base::Result<platform::ClientResponse> post(const std::string& scheduler_url, const google::protobuf::Message& call);

  // At this very address. Blocks.
  base::Result<platform::ClientResponse> post_to(const platform::Url& url, const google::protobuf::Message& call);

  // The body of a 200 into `answer`; another status is an error that quotes it. `where` names who answered.
  base::Status read(const std::string& where, const platform::ClientResponse& response,
                    google::protobuf::Message& answer) const;

  // post() and read().
  base::Status ask(const std::string& scheduler_url, const google::protobuf::Message& call,
                   google::protobuf::Message& answer);

  // From another thread: ends the request under way, and every later one, with an error.
  void stop();

 private:
  base::Result<platform::ClientResponse> send(const platform::Url& url, platform::ClientRequest request);

  const MesosOptions mesos_;
  const OperatorLimits limits_;
  std::mutex mutex_;  // Of what follows: stop() reaches the client in use.
  std::shared_ptr<platform::HttpClient> client_;
  bool stopped_ = false;
};

}  // namespace edge
