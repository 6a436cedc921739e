// What Diego's auctioneer logs of the auctions it is sent, under its own names: operators look for them. The
// text log says only what went wrong.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "diego/auction.hpp"
#include "platform/http_server.hpp"

namespace bridge {

// Of one request with auctions, from the time it is served until it is answered.
class RequestLog {
 public:
  // `kind` is "lrp" or "task"; `trace_id` as received. Both, and the request, outlive it.
  RequestLog(const platform::ServerRequest& request, std::string_view kind, const std::string& trace_id);
  ~RequestLog();
  RequestLog(const RequestLog&) = delete;
  RequestLog& operator=(const RequestLog&) = delete;

  void malformed(const std::string& error) const;
  void invalid(const diego::LrpStart& start, const std::string& why) const;
  void invalid(const diego::TaskStart& start, const std::string& why) const;
  void submitted(const std::vector<diego::LrpStart>& starts) const;  // The valid ones.
  void submitted(const std::vector<diego::TaskStart>& starts) const;
  void refused(const std::string& why) const;

 private:
  std::string name(std::string_view message) const;

  const platform::ServerRequest& request_;
  const std::string_view kind_;
  const std::string& trace_id_;
};

}  // namespace bridge
