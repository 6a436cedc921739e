// Calls to Diego's BBS, which is at one of several addresses: only the one that holds the BBS's lock
// listens. Calls block; one thread at a time per client (stop() excepted), so whoever wants calls side by
// side has several clients. Nothing is asked twice: a call that may have reached a BBS is the caller's to
// repeat, for a report that is taken twice counts twice.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "diego/bbs.hpp"

namespace platform {
class HttpClient;
}

namespace diego {

struct BbsCall;
struct BbsReply;

inline constexpr std::size_t kBbsAddressesMax = 16;

struct BbsClientOptions {
  // "https://bbs.service.cf.internal:8889", "https://10.0.0.1:8889,10.0.0.2:8889": an address without a
  // scheme has the one before it. Of a name with several DNS addresses each is tried by itself.
  std::string url;
  std::string ca_file, cert_file, key_file;
  base::Duration timeout = std::chrono::seconds(10);  // Of a call, all addresses together.
};

class BbsClient {
 public:
  // Fails on an unreadable URL, naming --bbs-url; connects with the first call.
  static base::Result<std::unique_ptr<BbsClient>> create(const BbsClientOptions& options);
  ~BbsClient();
  BbsClient(const BbsClient&) = delete;
  BbsClient& operator=(const BbsClient&) = delete;

  // `request_id` is passed on as X-Vcap-Request-Id. What the calls mean: bbs_wire.hpp.
  BbsAnswer<BbsTaken> fail_actual_lrp(const LrpKey& key, std::string_view reason, std::string_view request_id = {});
  BbsAnswer<BbsTaken> reject_task(std::string_view task_guid, std::string_view reason,
                                  std::string_view request_id = {});
  BbsAnswer<std::vector<CellRow>> cells(std::string_view request_id = {});
  BbsAnswer<std::vector<LrpRow>> actual_lrps(std::string_view process_guid,
                                             std::optional<std::int32_t> index = std::nullopt,
                                             std::string_view request_id = {});
  BbsAnswer<TaskRow> task_by_guid(std::string_view task_guid, std::string_view request_id = {});
  BbsAnswer<bool> ping(std::string_view request_id = {});

  // From another thread: ends the call under way, and every later one, with a transient failure. Final.
  void stop();

 private:
  BbsClient(std::vector<std::unique_ptr<platform::HttpClient>> addresses, base::Duration timeout);

  template <class Value>
  BbsAnswer<Value> ask(const BbsCall& call, std::string_view request_id, BbsAnswer<Value> (*read)(const BbsReply&));
  base::Result<BbsReply> send(const BbsCall& call, std::string_view request_id);

  std::vector<std::unique_ptr<platform::HttpClient>> addresses_;
  std::size_t first_ = 0;  // To be tried first: the one that answered last.
  const base::Duration timeout_;
  std::atomic<bool> stopped_{false};
};

}  // namespace diego
