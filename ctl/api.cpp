#include "ctl/api.hpp"

#include "base/text.hpp"
#include "ctl/files.hpp"

namespace ctl {
namespace {

std::string hint(int status) {
  if (status == 401 || status == 403) return " (--token-file)";
  return "";
}

}  // namespace

Answer judge(const std::string& url, int status, std::string body, bool wants_json) {
  Answer answer;
  answer.status = status;
  answer.body = std::move(body);
  const bool good = status >= 200 && status < 300;
  if (good && !wants_json) return answer;
  if (auto json = diego::parse_json(answer.body)) answer.json = *std::move(json);
  const auto says = [&](int code, const std::string& words) {
    answer.code = code;
    answer.error = url + ": " + words;
    return answer;
  };
  if (good) {
    if (is_object(answer.json)) return answer;
    return says(kUnreachable, "answers, but not as a diego-scheduler does (--url)");
  }
  const std::string words = text(answer.json, "error");
  if (words.empty()) {
    return says(kUnreachable, "answers " + std::to_string(status) + ", and not as a diego-scheduler does (--url)");
  }
  return says(status == 400 || status == 413 ? kUsage : kNotSo, words + hint(status));
}

void add_query(std::string& path, const std::string& name, const std::string& value) {
  path += (path.find('?') == std::string::npos ? '?' : '&') + name + "=" + base::percent_encode(value);
}

base::Result<Api> Api::open(const Options& options) {
  const auto url = platform::parse_url("--url", options.url);
  if (!url) return url.error();
  Api api;
  api.url_ = url->origin();
  api.prefix_ = url->path.substr(0, url->path.find('?'));
  while (api.prefix_.ends_with('/')) api.prefix_.pop_back();
  if (!options.token_file.empty()) {
    auto token = read_file(options.token_file);
    if (!token) return base::Error{"--token-file " + options.token_file, token.error().text};
    api.token_ = std::string(base::trim(*token));
    if (api.token_.empty() || api.token_.find_first_of("\r\n") != std::string::npos)
      return base::Error{"--token-file " + options.token_file, "is not one line"};
  }
  api.client_ = {.origin = *url,
                 .connect_timeout = options.timeout,
                 .read_timeout = options.timeout,
                 .ca_file = options.ca,
                 .cert_file = options.cert,
                 .key_file = options.key,
                 .server_name = options.server_name,
                 .answer_bytes_max = std::size_t{1} << 30U};
  api.http_ = std::make_unique<platform::HttpClient>(api.client_);
  return api;
}

platform::ClientRequest Api::request(const std::string& method, const std::string& path, std::string body) const {
  platform::ClientRequest request{.method = method, .path = prefix_ + path, .body = std::move(body)};
  if (!token_.empty()) request.headers.emplace_back("Authorization", "Bearer " + token_);
  if (!request.body.empty()) request.headers.emplace_back("Content-Type", "application/json");
  return request;
}

Answer Api::send(const std::string& method, const std::string& path, std::string body, bool wants_json) {
  auto response = http_->send(request(method, path, std::move(body)));
  if (!response) {
    Answer answer;
    answer.code = kUnreachable;
    answer.error = response.error().message() + (http_->sent() ? "" : " (--url names the scheduler)");
    return answer;
  }
  return judge(url_, response->status, std::move(response->body), wants_json);
}

}  // namespace ctl
