// Carries out the core's orders to the rep one after the other on a thread of its own, so that the
// loop never waits for a socket.
#pragma once

#include <functional>
#include <memory>
#include <thread>

#include "diego/rep_client.hpp"
#include "executor/core/events.hpp"
#include "platform/mailbox.hpp"

namespace executor {

class RepWorker {
 public:
  // `post` is called on the worker's thread with exactly one answer per order.
  RepWorker(std::unique_ptr<diego::RepClient> client, std::function<void(Event)> post);
  ~RepWorker();  // Ends the call under way; orders not begun are dropped.
  RepWorker(const RepWorker&) = delete;
  RepWorker& operator=(const RepWorker&) = delete;

  // One of PollState, PollMetrics, PostWork, StopLrp, CancelTask, Evacuate.
  void order(Action action) { orders_.post(std::move(action)); }

 private:
  void run();
  Event carry_out(const Action& action);

  std::unique_ptr<diego::RepClient> client_;
  std::function<void(Event)> post_;
  platform::Mailbox<Action> orders_;
  std::thread thread_;
};

}  // namespace executor
