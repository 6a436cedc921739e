// The scheduler's decisions as one pure state machine: events in, actions out, time and chance as
// arguments. No sockets, threads, files, clock, Mesos messages or logging in here.
//
//   for each message: carry_out(core.handle(event, now));
//   after the last:   carry_out(core.settle(now));   // places work; sleep until next_deadline()
//
// handle() records; settle() places everything that waits, answers offers, and runs what is due.
// So a burst of auctions is one batch without a sleep. The caller carries actions out in order.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "base/result.hpp"
#include "scheduler/core/actions.hpp"
#include "scheduler/core/config.hpp"
#include "scheduler/core/events.hpp"
#include "scheduler/core/ledger.hpp"
#include "scheduler/core/offer_book.hpp"
#include "scheduler/core/timers.hpp"
#include "scheduler/placement/cluster.hpp"

namespace core {

class Core {
 public:
  // `cells` must outlive the core. `config.strategy` must name a strategy.
  Core(Config config, const CellFactory& cells, base::Random random);

  Actions handle(const Event& event, base::Time now);
  Actions settle(base::Time now);

  // When settle() wants to be called again, if nothing happens before.
  std::optional<base::Time> next_deadline() const { return timers_.next(); }

  // Whether so many new auctions may be accepted; the error names the bound.
  base::Status admits(std::size_t auctions) const;

  // For the next SUBSCRIBE: whether our role starts suppressed.
  bool wants_suppressed(base::Time now) const;
  const std::string& framework_id() const { return framework_id_; }
  // At start, from the store.
  void remember_framework(std::string id) { framework_id_ = std::move(id); }

  std::vector<InstanceView> instances(const InstanceQuery& query) const;
  // Keys that a pattern names; ended ones included while they are kept.
  std::vector<Key> matching(const KeyPattern& pattern) const;
  std::vector<CellView> cells() const;

 private:
  // on_work.cpp
  void on(const AuctionsSubmitted& event, base::Time now);
  void on(const StopRequested& event, base::Time now);
  void submit(const Auction& auction, base::Time now);
  void refresh_auction(Item& item, const Auction& auction);
  void enqueue(Item& item, base::Time not_before, base::Time now);
  void dequeue(const Item& item);
  void move_to(Item& item, State state, std::string reason, base::Time now);
  void end(Item& item, State state, std::string reason, base::Time now);
  void kill(Item& item, base::Time now);
  placement::Request request_of(const Auction& auction) const;

  // on_session.cpp
  void on(const Subscribed& event, base::Time now);
  void on(const Disconnected& event, base::Time now);
  void on(const FrameworkRemoved& event, base::Time now);
  void reconcile(base::Time now);
  void want_answer(const std::string& task_id, const std::string& agent_id, base::Time ask_at);
  void ask_about_unanswered(base::Time now);

  // on_offers.cpp
  void on(const OffersArrived& event, base::Time now);
  void on(const OfferRescinded& event, base::Time now);
  void on(const InverseOffersArrived& event, base::Time now);
  void see_executors(AgentRecord& agent, const Offer& offer, base::Time now);
  bool has_live_work(const std::string& executor_id) const;
  bool anything_waits(base::Time now) const;
  void place_waiting(base::Time now);
  void await(Item& item, const std::string& agent_id, base::Time now);
  void launch(const std::string& agent_id, const std::vector<Key>& keys, base::Time now);
  void open_cell(AgentRecord& agent, std::vector<Piece>& pool, base::Time now);
  void answer_the_rest(base::Time now);
  void decline(const std::vector<Offer>& offers);
  void revive_or_suppress(bool waiting, base::Time now);

  // on_status.cpp
  void on(const StatusArrived& event, base::Time now);
  void record(const Status& status, base::Time now);
  void hear_of_cell(const Item& item, base::Time now);
  void record_live(Item& item, const Status& status, base::Time now);
  void record_end(Item& item, const Status& status, base::Time now);
  void record_stray(const Key& key, const Status& status, base::Time now);
  void adopt(const Key& key, const Status& status, base::Time now);
  void retry_launch(Item& item, const Status& status, base::Time now);
  void requeue_or_end(Item& item, const std::string& why, base::Time now);
  void queue_again(Item& item, std::string reason, base::Time not_before, base::Time now);

  // on_cells.cpp
  void on(const ExecutorEnded& event, base::Time now);
  void on(const AgentLost& event, base::Time now);
  void on(const CellSaidHello& event, base::Time now);
  void on(const CellReported& event, base::Time now);
  void hear_of_work(const CellReported& event, const CellReported::Work& work, base::Time now);
  AgentRecord& agent(const std::string& agent_id);
  CellRecord* cell_of(const std::string& agent_id, const std::string& executor_id);
  CellRecord& see_cell(AgentRecord& agent, const std::string& executor_id, base::Time now);
  void forget_cell(AgentRecord& agent, base::Time now);
  void leave_cell(Item& item, base::Time now);
  void tend_cell(const std::string& agent_id, base::Time now);
  bool may_go(const CellRecord& cell, base::Time now) const;
  void forget_agent(const std::string& agent_id);
  void refresh(const AgentRecord& agent);

  void run_due(base::Time now);
  void run(const Timer& timer, base::Time now);
  Item* find(const Key& key);
  void act(Action action) { actions_.push_back(std::move(action)); }
  void note(std::string text) { act(Note{false, std::move(text)}); }
  void warn(std::string text) { act(Note{true, std::move(text)}); }

  const Config config_;
  const CellFactory& cell_factory_;
  base::Random random_;
  placement::Cluster cluster_;

  std::string framework_id_;
  bool connected_ = false;
  bool suppressed_ = false;
  std::optional<base::Time> discovering_until_;  // Set by the first subscription of this process.

  std::map<Key, Item> items_;
  std::set<QueueRank> queue_;
  std::set<std::pair<base::Time, Key>> ended_;
  std::map<std::string, AgentRecord> agents_;
  OfferBook offers_;

  bool placing_wanted_ = false;  // Something changed that may let waiting work be placed.
  bool revive_wanted_ = false;
  base::Duration revive_interval_;
  base::Time revive_not_before_;

  // Tasks the master is asked about until it answers. One chain of timers: `next_ask_at_`.
  struct Unanswered {
    std::string agent_id;
    std::optional<base::Time> first_asked;
  };
  std::map<std::string, Unanswered> unanswered_;  // By task id.
  std::optional<base::Time> next_ask_at_;
  base::Duration ask_interval_{};

  Timers timers_;
  Actions actions_;  // Of the frame under way.
};

}  // namespace core
