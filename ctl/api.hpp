// Requests to the bridge.
#pragma once

#include <memory>
#include <string>

#include "base/result.hpp"
#include "ctl/fields.hpp"
#include "ctl/options.hpp"
#include "platform/http_client.hpp"

namespace ctl {

// What came of a request: an answer, or why there is none.
struct Answer {
  int code = kOk;     // Else what to exit with, and
  std::string error;  // what to say: one line that names the URL.
  int status = 0;     // 0: nothing came.
  std::string body;
  Json json;  // Of the body, where it is JSON.

  explicit operator bool() const { return code == kOk; }
};

// What an answer means to us. `url`: what was asked. `wants_json`: another answer is none of a diego-scheduler.
Answer judge(const std::string& url, int status, std::string body, bool wants_json = true);

// "?name=value", or "&..." where `path` has a query already.
void add_query(std::string& path, const std::string& name, const std::string& value);

class Api {
 public:
  // An error: the URL or the token's file is not what it should be.
  static base::Result<Api> open(const Options& options);

  // `path` with its query, percent-encoded.
  Answer get(const std::string& path) { return send("GET", path); }
  Answer get_text(const std::string& path) { return send("GET", path, "", false); }
  Answer send(const std::string& method, const std::string& path, std::string body = "", bool wants_json = true);

  // For those who make connections of their own.
  const platform::ClientOptions& client() const { return client_; }
  platform::ClientRequest request(const std::string& method, const std::string& path, std::string body = "") const;
  const std::string& url() const { return url_; }

 private:
  std::string url_, prefix_, token_;
  platform::ClientOptions client_;
  std::unique_ptr<platform::HttpClient> http_;
};

}  // namespace ctl
