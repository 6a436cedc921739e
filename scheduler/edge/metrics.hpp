// What Prometheus is told: counters as things happen, gauges when it asks. Label sets are bounded: no guid, cell or
// agent is ever a label (GET /v1/cells and /v1/instances tell of those).
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "scheduler/core/actions.hpp"
#include "scheduler/core/changes.hpp"
#include "scheduler/core/events.hpp"
#include "scheduler/core/figures.hpp"
#include "scheduler/core/journal.hpp"

namespace edge {

class Metrics {
 public:
  explicit Metrics(const std::string& version);
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // As they happen, from any thread.
  void saw(const core::Event& event);
  void saw(const core::Action& action);
  void changed(const core::Changes& changes);
  void calls_answered(int status, std::size_t calls);  // 0: no answer.
  void settled(base::Duration took);                   // One round of the loop.
  void committed(base::Duration took, bool saved);

  // What is so now, for the next text().
  struct Now {
    core::Figures figures;
    bool leading = false, subscribed = false;
    std::size_t event_readers = 0;
  };
  // Prometheus's text format.
  std::string text(const Now& now);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// A store whose commits are counted. `store` and `metrics` must outlive it.
class MeasuredStore final : public core::Store {
 public:
  MeasuredStore(core::Store& store, Metrics& metrics) : store_(store), metrics_(metrics) {}
  base::Status commit(const Write& write) override;

 private:
  core::Store& store_;
  Metrics& metrics_;
};

}  // namespace edge
