// Carries out what the model orders: auctions go to the auctioneer, stops and cancels to reps.
#pragma once

#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "local/bbs/bbs_rows.hpp"
#include "platform/http.hpp"
#include "platform/mailbox.hpp"

namespace platform {
class HttpClient;
}
namespace diego {
class RepClient;
}

namespace local {

struct BbsOrdersOptions {
  std::string auctioneer;                    // http(s)://host:port; empty: nobody is asked, auctions are only logged.
  std::string ca_file, cert_file, key_file;  // For https, towards auctioneer and reps.
  base::Duration timeout = std::chrono::seconds(10);
};

class BbsOrdersClient {
 public:
  // Fails on an unreadable URL; connects when there is something to do.
  static base::Result<std::unique_ptr<BbsOrdersClient>> create(BbsOrdersOptions options);
  ~BbsOrdersClient();  // As stop().
  BbsOrdersClient(const BbsOrdersClient&) = delete;
  BbsOrdersClient& operator=(const BbsOrdersClient&) = delete;

  // Auctions are posted on the calling thread before it returns, as the BBS posts them before it answers
  // its own caller; reps are told by a thread behind. What fails is logged and left to convergence. Any
  // thread, several at a time.
  void carry_out(BbsOrders orders);

  // From any thread: ends what is under way; later orders are dropped. Final.
  void stop();

 private:
  using Client = std::unique_ptr<platform::HttpClient>;

  BbsOrdersClient(BbsOrdersOptions options, platform::Url auctioneer);
  void post(const std::string& path, const std::string& body, const std::string& trace_id, std::size_t elements);
  Client borrow();
  void give_back(Client client, bool usable);
  void tell_reps();
  base::Result<std::unique_ptr<diego::RepClient>> rep(const std::string& url) const;
  base::Status tell(const StopLrpAtRep& order) const;
  base::Status tell(const CancelTaskAtRep& order) const;

  const BbsOrdersOptions options_;
  const platform::Url auctioneer_;
  std::mutex mutex_;
  bool stopped_ = false;
  std::vector<Client> idle_;
  std::set<platform::HttpClient*> busy_;
  platform::Mailbox<BbsOrder> for_reps_;
  std::thread rep_thread_;  // Last: it uses the others.
};

}  // namespace local
