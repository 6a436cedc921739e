// Asks processes whether they are well, on a thread of its own.
#pragma once

#include <functional>
#include <string>
#include <thread>

#include "base/result.hpp"
#include "cell/core/plan.hpp"
#include "platform/mailbox.hpp"

namespace cell {

// One check, within some two seconds.
base::Status check(const Check& what);

// Whether a TCP connection to host:port can be had.
base::Status check_tcp(const std::string& address);

class Checker {
 public:
  // `answer` is called on the checker's thread.
  using Answer = std::function<void(std::size_t index, base::Status status)>;
  explicit Checker(Answer answer);
  ~Checker();  // Waits for the check under way.
  Checker(const Checker&) = delete;
  Checker& operator=(const Checker&) = delete;

  void ask(std::size_t index, const Check& what) { orders_.post({index, what}); }

 private:
  struct Order {
    std::size_t index;
    Check what;
  };
  void serve();

  Answer answer_;
  platform::Mailbox<Order> orders_;
  std::thread thread_;
};

}  // namespace cell
