// A rep's HTTP API over one keep-alive connection per listener. Calls block; one thread at a time
// per client (stop() excepted). Nothing is retried: POST /work is not idempotent for LRPs, so after
// an unclear answer the caller reads /state first.
#pragma once

#include <memory>
#include <string>

#include "base/result.hpp"
#include "base/time.hpp"
#include "diego/container_metrics.hpp"
#include "diego/rep.hpp"

namespace platform {
class HttpClient;
struct ClientRequest;
struct ClientResponse;
}  // namespace platform

namespace diego {

struct RepClientOptions {
  std::string url;        // http(s)://host:port of the network listener.
  std::string admin_url;  // Of the admin listener (/ping, /evacuate); empty: as `url`.
  std::string ca_file, cert_file, key_file;
  std::string server_name;  // Whom the certificate of both listeners must be for; empty: the URL's host.
  std::string cell_id;      // A /state that names another one is an error; empty: not compared.
  base::Duration timeout = std::chrono::seconds(10);
};

class RepClient {
 public:
  // Fails on an unreadable URL; connects with the first call.
  static base::Result<std::unique_ptr<RepClient>> create(RepClientOptions options);
  ~RepClient();
  RepClient(const RepClient&) = delete;
  RepClient& operator=(const RepClient&) = delete;

  // 200 and 503 both carry a state that can be used; 503 says that garden is unhealthy.
  base::Result<CellState> state(const std::string& request_id = {});

  // The part the rep refused; empty when it took everything.
  base::Result<Work> work(const Work& work, const std::string& request_id = {});

  // Stopping what is already gone is an error of the LRP route (500) and none of the task route.
  base::Status stop_lrp(const std::string& process_guid, const std::string& instance_guid,
                        const std::string& request_id = {});
  base::Status cancel_task(const std::string& task_guid, const std::string& request_id = {});

  // What running containers use; reps from before 2018 have no such route.
  base::Result<ContainerMetrics> container_metrics();

  base::Status ping();

  // Irreversible: the rep takes no more work, moves LRPs away and exits when it is empty.
  base::Status evacuate();

  // From another thread: ends what is under way and every later call with an error.
  void stop();

 private:
  RepClient() = default;
  base::Result<platform::ClientResponse> send(platform::HttpClient& client, platform::ClientRequest request,
                                              const std::string& request_id);

  std::string cell_id_;
  std::unique_ptr<platform::HttpClient> network_;
  std::unique_ptr<platform::HttpClient> admin_;
};

}  // namespace diego
