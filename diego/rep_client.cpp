#include "diego/rep_client.hpp"

#include "platform/http_client.hpp"

namespace diego {
namespace {

// One segment of a path, as Go's url.PathEscape writes the guids Diego uses.
std::string path_segment(const std::string& text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string escaped;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       std::string_view("-_.~$&+=:@").find(c) != std::string_view::npos;
    if (plain) {
      escaped += c;
    } else {
      escaped += {'%', kHex[byte >> 4U], kHex[byte & 15U]};
    }
  }
  return escaped;
}

base::Error refused(const std::string& what, int status) {
  return {what, "the rep answered " + std::to_string(status)};
}

base::Status expect(const base::Result<platform::ClientResponse>& response, const std::string& what, int status) {
  if (!response) return base::Error{what, response.error().text};
  if (response->status != status) return refused(what, response->status);
  return base::ok();
}

}  // namespace

base::Result<std::unique_ptr<RepClient>> RepClient::create(RepClientOptions options) {
  const auto connect = [&](std::string_view where,
                           const std::string& text) -> base::Result<std::unique_ptr<platform::HttpClient>> {
    const auto url = platform::parse_url(where, text);
    if (!url) return url.error();
    return std::make_unique<platform::HttpClient>(platform::ClientOptions{.origin = *url,
                                                                          .connect_timeout = options.timeout,
                                                                          .read_timeout = options.timeout,
                                                                          .ca_file = options.ca_file,
                                                                          .cert_file = options.cert_file,
                                                                          .key_file = options.key_file,
                                                                          .server_name = options.server_name});
  };
  auto network = connect("--rep-url", options.url);
  if (!network) return network.error();
  auto admin = connect("--rep-admin-url", options.admin_url.empty() ? options.url : options.admin_url);
  if (!admin) return admin.error();
  std::unique_ptr<RepClient> client(new RepClient);
  client->cell_id_ = std::move(options.cell_id);
  client->network_ = *std::move(network);
  client->admin_ = *std::move(admin);
  return client;
}

RepClient::~RepClient() = default;

base::Result<platform::ClientResponse> RepClient::send(platform::HttpClient& client, platform::ClientRequest request,
                                                       const std::string& request_id) {
  if (!request_id.empty()) request.headers.emplace_back("X-Vcap-Request-Id", request_id);
  return client.send(request);
}

base::Result<CellState> RepClient::state(const std::string& request_id) {
  const std::string what = "GET /state";
  const auto response = send(*network_, {.path = "/state"}, request_id);
  if (!response) return base::Error{what, response.error().text};
  // 503 says that garden is unhealthy; what the rep holds is still told.
  if (response->status != 200 && response->status != 503) return refused(what, response->status);
  if (response->status == 503 && response->body.empty()) return refused(what, response->status);
  auto state = parse_cell_state(response->body);
  if (!state) return base::Error{what, state.error().text};
  state->garden_healthy = response->status == 200;
  // Reps from before 2017 do not say which cell they are.
  if (!cell_id_.empty() && !state->cell_id.empty() && state->cell_id != cell_id_) {
    return base::Error{what, "the rep says it is cell \"" + state->cell_id + "\", expected \"" + cell_id_ + "\""};
  }
  return state;
}

base::Result<Work> RepClient::work(const Work& work, const std::string& request_id) {
  const std::string what = "POST /work";
  const auto response = send(
      *network_,
      {.method = "POST", .path = "/work", .headers = {{"Content-Type", "application/json"}}, .body = write_work(work)},
      request_id);
  if (!response) return base::Error{what, response.error().text};
  if (response->status != 200) return refused(what, response->status);
  auto failed = parse_work(response->body);
  if (!failed) return base::Error{what, failed.error().text};
  return failed;
}

base::Status RepClient::stop_lrp(const std::string& process_guid, const std::string& instance_guid,
                                 const std::string& request_id) {
  const std::string path =
      "/v1/lrps/" + path_segment(process_guid) + "/instances/" + path_segment(instance_guid) + "/stop";
  const platform::ClientRequest request{
      .method = "POST",
      .path = path,
      .headers = {{"Content-Type", "application/json"}}};  // As Diego's, without a body.
  return expect(send(*network_, request, request_id), "POST " + path, 202);
}

base::Status RepClient::cancel_task(const std::string& task_guid, const std::string& request_id) {
  const std::string path = "/v1/tasks/" + path_segment(task_guid) + "/cancel";
  return expect(send(*network_, {.method = "POST", .path = path}, request_id), "POST " + path, 202);
}

base::Result<ContainerMetrics> RepClient::container_metrics() {
  const std::string what = "GET /container_metrics";
  const auto response = send(*network_, {.path = "/container_metrics"}, {});
  if (!response) return base::Error{what, response.error().text};
  if (response->status != 200) return refused(what, response->status);
  auto metrics = parse_container_metrics(response->body);
  if (!metrics) return base::Error{what, metrics.error().text};
  return metrics;
}

base::Status RepClient::ping() { return expect(send(*admin_, {.path = "/ping"}, {}), "GET /ping", 200); }

base::Status RepClient::evacuate() {
  return expect(send(*admin_, {.method = "POST", .path = "/evacuate"}, {}), "POST /evacuate", 202);
}

void RepClient::stop() {
  network_->stop();
  admin_->stop();
}

}  // namespace diego
