// A server that answers every request with a bare 202 as fast as it can: what is left is the client's.
#pragma once

#include <atomic>
#include <string>
#include <thread>

namespace bench {

class Sink {
 public:
  Sink();  // Listens on 127.0.0.1, any port.
  ~Sink();
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;

  std::string url() const { return url_; }

 private:
  void serve(int connection);

  int listener_ = -1;
  int wake_ = -1;  // Readable: end.
  std::string url_;
  std::thread thread_;
};

}  // namespace bench
