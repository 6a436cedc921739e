#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>
#include <thread>
#include <utility>
#include <variant>

#include "mesos/master_detector.hpp"
#include "platform/mailbox.hpp"

namespace mesos_client {
namespace {

// The whole, or one byte more than is allowed.
base::Result<std::string> read_file(const std::string& path) {
  const auto close = [](std::FILE* file) { std::fclose(file); };
  const std::unique_ptr<std::FILE, decltype(close)> file(std::fopen(path.c_str(), "re"), close);
  if (!file) return base::Error{path, std::strerror(errno)};
  std::string content(kMasterTextBytesMax + 1, '\0');
  content.resize(std::fread(content.data(), 1, content.size(), file.get()));
  if (std::ferror(file.get()) != 0) return base::Error{path, std::strerror(errno)};
  return content;
}

base::Result<MasterAddress> read_masters(const std::string& path) {
  const auto text = read_file(path);
  if (!text) return text.error();
  return parse_master_file(path, *text);
}

// A file is polled rather than watched: it may be a link that is turned, or on a network.
class FileDetector final : public MasterDetector {
 public:
  FileDetector(std::string path, const DetectorOptions& options, Report report)
      : path_(std::move(path)), options_(options), report_(std::move(report)) {}

  ~FileDetector() override {
    stop_.close();
    if (thread_.joinable()) thread_.join();
    inner_.reset();
  }

  base::Status start() {
    const auto address = read_masters(path_);
    if (!address) return address.error();
    if (auto status = follow(*address); !status) return status;
    thread_ = std::thread([this] { run(); });
    return base::ok();
  }

 private:
  struct Nothing {};

  void run() {
    while (true) {
      stop_.take(options_.file_poll);
      if (stop_.closed()) return;
      poll();
    }
  }

  void poll() {
    const auto address = read_masters(path_);
    base::Status status = base::ok();
    if (!address) {
      status = address.error();
    } else if (*address != address_) {
      status = follow(*address);
    }
    const std::string trouble = status ? "" : status.error().message();
    if (trouble == trouble_) return;
    trouble_ = trouble;
    report_(trouble.empty()
                ? DetectorNote{false, path_ + " can be read again"}
                : DetectorNote{true, "the file of masters is of no use, what it held before stays: " + trouble});
  }

  base::Status follow(const MasterAddress& address) {
    inner_.reset();  // Before its successor reports.
    address_.reset();
    auto inner = start_master_detector(path_, address, options_, report_);
    if (!inner) return inner.error();
    inner_ = std::move(*inner);
    address_ = address;
    return base::ok();
  }

  const std::string path_;
  const DetectorOptions options_;
  const Report report_;
  platform::Mailbox<Nothing> stop_;

  // Of the thread, once it runs.
  std::optional<MasterAddress> address_;  // What inner_ was made from.
  std::string trouble_;
  std::unique_ptr<MasterDetector> inner_;

  std::thread thread_;
};

class NamedMasters final : public MasterDetector {};

}  // namespace

base::Result<std::unique_ptr<MasterDetector>> start_file_detector(const std::string& path,
                                                                  const DetectorOptions& options,
                                                                  MasterDetector::Report report) {
  auto detector = std::make_unique<FileDetector>(path, options, std::move(report));
  if (auto status = detector->start(); !status) return status.error();
  return std::unique_ptr<MasterDetector>(std::move(detector));
}

base::Result<std::unique_ptr<MasterDetector>> start_master_detector(std::string_view where,
                                                                    const MasterAddress& address,
                                                                    const DetectorOptions& options,
                                                                    MasterDetector::Report report) {
  if (const auto* list = std::get_if<MasterList>(&address)) {
    report(MasterDetected{list->urls, "as named by " + std::string(where)});
    return std::unique_ptr<MasterDetector>(std::make_unique<NamedMasters>());
  }
  if (const auto* file = std::get_if<MasterFile>(&address)) return start_file_detector(file->path, options, report);
  return start_zookeeper_detector(where, std::get<ZooKeeperAddress>(address), options, std::move(report));
}

}  // namespace mesos_client
