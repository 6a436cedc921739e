// The master's v1 operator API, as far as we use it.
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
namespace mesos::v1::master {
class Call;
}

namespace edge {

class OperatorApi {
 public:
  // Answers come in `--mesos-codec`'s encoding, and within about `limit` or not at all.
  OperatorApi(const MesosOptions& mesos, base::Duration limit);

  // At the master whose scheduler API `scheduler_url` is, or at the leader that it names. Blocks.
  base::Result<platform::ClientResponse> post(const std::string& scheduler_url, const mesos::v1::master::Call& call);

  // The body of a 200 into `answer`; another status is an error that quotes it.
  base::Status ask(const std::string& scheduler_url, const mesos::v1::master::Call& call,
                   google::protobuf::Message& answer);

  // From another thread: ends the request under way, and every later one, with an error.
  void stop();

 private:
  base::Result<platform::ClientResponse> send(const platform::Url& url, platform::ClientRequest request);

  const MesosOptions mesos_;
  const base::Duration limit_;
  std::mutex mutex_;  // Of what follows: stop() reaches the client in use.
  std::shared_ptr<platform::HttpClient> client_;
  bool stopped_ = false;
};

}  // namespace edge
