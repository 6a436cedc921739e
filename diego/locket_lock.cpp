#include "diego/locket_lock.hpp"

#include <grpc/support/log.h>
#include <grpcpp/grpcpp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "base/random.hpp"
#include "diego/locket.grpc.pb.h"
#include "platform/clock.hpp"
#include "platform/http_client.hpp"
#include "platform/log.hpp"
#include "platform/mailbox.hpp"

namespace diego {
namespace {

using base::LeaderLock;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr base::Duration kAskWhoEvery = seconds(10);
constexpr base::Duration kTryFilesEvery = seconds(10);
constexpr std::size_t kExplainedMax = 10;
constexpr int kStallsMax = 3;  // Two unanswered calls in a row on a connection that is up, or every other one.

// gRPC writes to stderr in a form of its own; what matters to people comes with a call's status.
void quiet_grpc() {
  static std::once_flag once;
  std::call_once(once, [] {
    gpr_set_log_function([](gpr_log_func_args* args) {
      if (platform::log_enabled(platform::LogLevel::debug)) platform::log_debug(std::string("grpc: ") + args->message);
    });
  });
}

// For people who ask Locket who holds the lock.
std::string new_owner(base::Random& random) {
  char host[256] = {};
  gethostname(host, sizeof(host) - 1);
  return std::string(host) + "-" + std::to_string(getpid()) + "-" + random.letters(12);
}

// ---- The files

struct TlsFiles {
  std::string ca, cert, key;
};

base::Result<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file || text.empty()) return base::Error{path, "cannot be read or is empty"};
  return text;
}

base::Result<TlsFiles> read_files(const LocketLockOptions& options) {
  TlsFiles files;
  for (const auto& [path, text] : {std::pair(&options.ca_file, &files.ca), std::pair(&options.cert_file, &files.cert),
                                   std::pair(&options.key_file, &files.key)}) {
    auto read = read_file(*path);
    if (!read) return read.error();
    *text = std::move(*read);
  }
  return files;
}

// Changes when one of the files does.
std::string stamp_of(const LocketLockOptions& options) {
  std::string stamp;
  for (const std::string& path : {options.ca_file, options.cert_file, options.key_file}) {
    struct stat file {};
    if (::stat(path.c_str(), &file) != 0) file = {};
    stamp += std::to_string(file.st_ino) + ":" + std::to_string(file.st_size) + ":" +
             std::to_string(file.st_mtim.tv_sec) + "." + std::to_string(file.st_mtim.tv_nsec) + " ";
  }
  return stamp;
}

// ---- The connection

grpc::ChannelArguments channel_arguments() {
  grpc::ChannelArguments arguments;
  // Every address of a name has its turn: one that is dead costs every other attempt, and none the lock.
  arguments.SetLoadBalancingPolicyName("round_robin");
  arguments.SetInt(GRPC_ARG_DNS_MIN_TIME_BETWEEN_RESOLUTIONS_MS, 2000);
  arguments.SetInt(GRPC_ARG_DNS_ARES_QUERY_TIMEOUT_MS, 5000);
  arguments.SetInt(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  // A second or two without an answer must not make the next try late: the lease is short.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 200);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 3000);  // Also how long a connection may take to come up.
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 10'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 22'000);
  // A new channel is a new connection, and not one that gRPC still has.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return arguments;
}

// gRPC's "connections to all backends failing; last error: UNKNOWN: ipv4:10.0.0.1:8891: Connection refused"
// is "10.0.0.1:8891: Connection refused" to us.
std::string reason_of(const grpc::Status& status, const std::string& address, base::Duration limit) {
  if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED)
    return address + ": no answer within " + std::to_string(base::to_millis(limit)) + " ms";
  const std::string& text = status.error_message();
  if (text.empty()) return address + ": gRPC status " + std::to_string(status.error_code());
  const std::size_t at = text.find(": ipv");
  if (at == std::string::npos) return address + ": " + text;
  const std::string peer = text.substr(at + 7);  // Behind "ipv4:" or "ipv6:".
  return peer.starts_with(address) ? peer : address + ": " + peer;
}

// One address of --lock.
struct Server {
  std::string address;
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<models::Locket::Stub> stub;
  std::uint64_t files = 0;  // Which version of the files it was made with.
  int stalls = 0;           // Two for each, one less for an answer.
};

class LocketLock final : public LeaderLock {
 public:
  // `stamp`: of before the files were read.
  LocketLock(LocketLockOptions options, TlsFiles files, std::string stamp, Report report)
      : options_(std::move(options)),
        report_(std::move(report)),
        random_(platform::random_seed()),
        owner_(options_.owner.empty() ? new_owner(random_) : options_.owner),
        lease_(options_.terms),
        files_(std::move(files)),
        stamp_(std::move(stamp)) {
    for (const std::string& address : options_.addresses) servers_.push_back({address, nullptr, nullptr});
    thread_ = std::thread([this] { run(); });
  }

  ~LocketLock() override {
    mailbox_.close();
    thread_.join();
  }

  void campaign() override {
    mailbox_.post([this] {
      if (std::exchange(wanted_, true)) return;
      attempt_at_ = platform::now();
      ask_who_at_ = attempt_at_;
    });
  }

  void resign() override {
    mailbox_.post([this] {
      wanted_ = false;
      tell(lease_.on_resign());
      release();
    });
  }

  void share(std::string) override {
    mailbox_.post([this] { report_(base::ShareRefused{"Locket keeps no text beside a lock"}); });
  }

  bool held() const override { return platform::now().time_since_epoch().count() < held_until_.load(); }

 private:
  using Job = std::function<void()>;

  void run() {
    while (!mailbox_.closed()) {
      for (const Job& job : mailbox_.take(idle_for())) job();
      tell(lease_.on_time(platform::now()));
      if (wanted_ && !mailbox_.closed() && attempt_at_ <= platform::now()) attempt();
    }
    held_until_ = 0;
    release();
  }

  std::optional<base::Duration> idle_for() const {
    std::optional<base::Time> next = lease_.until();
    if (wanted_ && (!next || attempt_at_ < *next)) next = attempt_at_;
    if (!next) return std::nullopt;
    return std::max(*next - platform::now(), base::Duration{0});
  }

  void tell(const Lease::Reports& reports) {
    held_until_ = lease_.until() ? lease_.until()->time_since_epoch().count() : 0;
    for (const base::LockReport& report : reports) report_(report);
  }

  // ---- What is asked of Locket

  void attempt() {
    read_again();
    const base::Time sent = platform::now();
    attempt_at_ = sent + options_.attempt_every;
    Server& server = servers_[current_];
    connect(server);
    models::LockRequest request;
    fill(*request.mutable_resource());
    request.set_ttl_in_seconds(std::chrono::duration_cast<seconds>(options_.terms.ttl).count());
    models::LockResponse response;
    const base::Duration limit = limit_now();
    const grpc::Status status = call(&models::Locket::Stub::Lock, server, request, response, limit);
    const base::Time now = platform::now();
    const LockAnswer answer = lock_answer(status.error_code());
    if (answer == LockAnswer::granted || answer == LockAnswer::silence) maybe_ours_ = true;
    if (answer == LockAnswer::collision) maybe_ours_ = false;
    const bool held = lease_.until().has_value();
    const bool failed = answer == LockAnswer::silence || answer == LockAnswer::refused;
    if (!failed) explained_.clear();
    tell(lease_.on_answer(answer, failed ? explain(reason_of(status, server.address, limit), server) : "", sent, now));
    look_after(server, status);
    if (answer == LockAnswer::collision && (held || ask_who_at_ <= now)) ask_who(now);
  }

  void ask_who(base::Time now) {
    ask_who_at_ = now + kAskWhoEvery;
    Server& server = servers_[current_];
    connect(server);
    models::FetchRequest request;
    request.set_key(options_.key);
    models::FetchResponse response;
    const grpc::Status status = call(&models::Locket::Stub::Fetch, server, request, response, limit_now());
    if (status.ok() && response.resource().owner() != owner_) tell(lease_.on_holder(response.resource().owner()));
  }

  void release() {
    if (!std::exchange(maybe_ours_, false)) return;
    models::ReleaseRequest request;
    fill(*request.mutable_resource());
    models::ReleaseResponse response;
    connect(servers_[current_]);
    call(&models::Locket::Stub::Release, servers_[current_], request, response, options_.attempt_limit);
  }

  void fill(models::Resource& resource) const {
    resource.set_key(options_.key);
    resource.set_owner(owner_);
    resource.set_type("lock");
    resource.set_type_code(models::LOCK);
  }

  // Not past the lease's end: what follows from that must not wait.
  base::Duration limit_now() const {
    if (!lease_.until()) return options_.attempt_limit;
    const base::Duration left = *lease_.until() - platform::now();
    return std::clamp(left, base::Duration(milliseconds(1)), options_.attempt_limit);
  }

  template <class Method, class Request, class Response>
  grpc::Status call(Method method, Server& server, const Request& request, Response& response, base::Duration limit) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + limit);
    context.AddMetadata("uuid", base::uuid_text(random_.uuid4()));
    return (*server.stub.*method)(&context, request, &response);
  }

  // ---- Connections

  // Of a failed handshake gRPC tells little: our own client asks the same server for more.
  std::string explain(const std::string& reason, const Server& server) {
    if (files_.ca.empty() || reason.find("no answer") != std::string::npos) return reason;
    if (const auto known = explained_.find(reason); known != explained_.end()) return known->second;
    const base::Duration limit = options_.attempt_limit;
    if (lease_.until() && *lease_.until() - platform::now() < 4 * limit) return reason;  // No time for that.
    platform::ClientOptions client;
    const auto origin = platform::parse_url("--lock", "https://" + server.address);
    if (!origin) return reason;
    client.origin = *origin;
    client.connect_timeout = client.read_timeout = limit;
    client.ca_file = options_.ca_file;
    client.cert_file = options_.cert_file;
    client.key_file = options_.key_file;
    const auto answer = platform::HttpClient(client).send({});
    const bool tls = !answer && answer.error().text.starts_with("TLS");
    const bool closed =
        reason.ends_with("Socket closed") && !answer && answer.error().text.starts_with("connection closed");
    if (explained_.size() >= kExplainedMax) explained_.clear();
    return explained_[reason] = tls      ? server.address + ": " + answer.error().text
                                : closed ? reason + " (does it trust the CA of our certificate?)"
                                         : reason;
  }

  void connect(Server& server) const {
    if (server.channel == nullptr) server = make(server.address);
  }

  Server make(const std::string& address) const {
    std::shared_ptr<grpc::ChannelCredentials> credentials =
        files_.ca.empty() ? grpc::InsecureChannelCredentials()
                          : grpc::SslCredentials({files_.ca, files_.key, files_.cert});
    Server server{address, grpc::CreateCustomChannel("dns:///" + address, credentials, channel_arguments()), nullptr};
    server.stub = models::Locket::NewStub(server.channel);
    server.files = files_version_;
    return server;
  }

  // gRPC connects again by itself, but not with other files, and it notices late that a connection is
  // dead on which nothing comes back.
  void look_after(Server& server, const grpc::Status& status) {
    const bool stalled = status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED &&
                         server.channel->GetState(false) == GRPC_CHANNEL_READY;
    server.stalls = stalled ? server.stalls + 2 : std::max(server.stalls - 1, 0);
    if (lock_answer(status.error_code()) != LockAnswer::silence) return;
    if (server.stalls >= kStallsMax || server.files != files_version_) server = {server.address, nullptr, nullptr};
    current_ = (current_ + 1) % servers_.size();
  }

  // A connection that works is given up only for one that does.
  void read_again() {
    if (files_.ca.empty()) return;
    const base::Time now = platform::now();
    std::string stamp = stamp_of(options_);
    const bool changed = stamp != stamp_;
    if (!changed && now < try_files_at_) return;
    try_files_at_ = base::Time::max();
    stamp_ = std::move(stamp);
    if (changed) {
      auto files = read_files(options_);
      if (!files)
        return report_(base::LockNote{true, "the lock's certificates have changed, " + files.error().message()});
      files_ = std::move(*files);
      ++files_version_;
    }
    Server& server = servers_[current_];
    if (server.channel == nullptr || server.files == files_version_) return;
    Server fresh = make(server.address);
    const bool up = fresh.channel->WaitForConnected(std::chrono::system_clock::now() + limit_now());
    const bool keep = !up && server.channel->GetState(false) == GRPC_CHANNEL_READY;
    if (changed || !keep) {
      report_(base::LockNote{keep, std::string("the lock's certificates were read again") +
                                       (keep ? ": no connection with them, the old one is kept" : "")});
    }
    if (keep) {
      try_files_at_ = now + kTryFilesEvery;
    } else {
      server = std::move(fresh);
    }
  }

  const LocketLockOptions options_;
  const Report report_;
  std::atomic<base::Duration::rep> held_until_{0};

  // Of the thread.
  base::Random random_;
  const std::string owner_;
  Lease lease_;
  TlsFiles files_;
  std::string stamp_;
  std::uint64_t files_version_ = 0;
  std::vector<Server> servers_;
  std::size_t current_ = 0;
  std::map<std::string, std::string> explained_;  // Failures of this outage.
  bool wanted_ = false;
  bool maybe_ours_ = false;  // As Locket has it.
  base::Time attempt_at_{};
  base::Time ask_who_at_{};
  base::Time try_files_at_ = base::Time::max();  // Those with which there was no connection.

  platform::Mailbox<Job> mailbox_;
  std::thread thread_;
};

}  // namespace

base::Result<std::unique_ptr<LeaderLock>> start_locket_lock(std::string_view where, const LocketLockOptions& options,
                                                            LeaderLock::Report report) {
  quiet_grpc();
  TlsFiles files;
  std::string stamp = stamp_of(options);
  if (!options.ca_file.empty()) {
    auto read = read_files(options);
    if (!read) return base::Error{std::string(where), read.error().message()};
    files = std::move(*read);
  }
  return std::unique_ptr<LeaderLock>(
      std::make_unique<LocketLock>(options, std::move(files), std::move(stamp), std::move(report)));
}

}  // namespace diego
