// The scheduler's decisions as one pure state machine: events in, actions out, time and chance as
// arguments. No sockets, threads, files, clock, Mesos messages or logging in here.
//
//   for each message: carry_out(core.handle(event, now));
//   after the last:   carry_out(core.settle(now));   // places work; sleep until next_deadline()
//
// handle() records; settle() places what waits, answers offers, and runs what is due. So a burst of
// auctions is one batch without a sleep. What is more than one pass may take is planned over several,
// between which others are heard, and launched when all is decided. The caller carries actions out in
// order.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/random.hpp"
#include "base/result.hpp"
#include "scheduler/core/actions.hpp"
#include "scheduler/core/config.hpp"
#include "scheduler/core/events.hpp"
#include "scheduler/core/ledger.hpp"
#include "scheduler/core/offer_book.hpp"
#include "scheduler/core/queue.hpp"
#include "scheduler/core/timers.hpp"
#include "scheduler/placement/cluster.hpp"

namespace core {

class Core {
 public:
  // `cells` must outlive the core.
  Core(Config config, const CellFactory& cells, std::unique_ptr<placement::Strategy> strategy, base::Random random);

  Actions handle(const Event& event, base::Time now);
  // `may_launch`: false while the edge cannot take more ACCEPTs; the rest is done all the same.
  Actions settle(base::Time now, bool may_launch = true);

  // When settle() wants to be called again, if nothing happens before. Long past: at once, for it had
  // more to do than one pass may take.
  std::optional<base::Time> next_deadline() const;

  // Whether so many new auctions may be accepted; the error names the bound.
  base::Status admits(std::size_t auctions) const;

  // For the next SUBSCRIBE: whether our role starts suppressed.
  bool wants_suppressed(base::Time now) const;
  const std::string& framework_id() const { return framework_id_; }
  // At start, from the store.
  void remember_framework(std::string id) { framework_id_ = std::move(id); }

  std::vector<InstanceView> instances(const InstanceQuery& query) const;
  // Keys that a pattern names; ended ones included while they are kept.
  std::vector<Key> matching(const KeyPattern& pattern) const { return items_.matching(pattern); }
  std::vector<CellView> cells() const;

 private:
  using AgentPtr = std::shared_ptr<AgentRecord>;

  // on_work.cpp
  void on(const AuctionsSubmitted& event, base::Time now);
  void on(const StopRequested& event, base::Time now);
  void submit(const Auction& auction, base::Time now);
  void refresh_auction(Item& item, const Auction& auction);
  void enqueue(Item& item, base::Time not_before, base::Time now);
  void dequeue(Item& item);
  void move_to(Item& item, State state, std::string reason, base::Time now);
  void end(Item& item, State state, std::string reason, base::Time now);
  void leave_ended(Item& item);
  void erase_ended(Item& item);
  void kill(Item& item, base::Time now);

  // on_session.cpp
  void on(const Subscribed& event, base::Time now);
  void on(const Disconnected& event, base::Time now);
  void on(const FrameworkRemoved& event, base::Time now);
  void void_offers();
  void reconcile(base::Time now);
  void want_answer(const std::string& task_id, const std::string& agent_id, base::Time ask_at);
  void ask_about_unanswered(base::Time now);

  // on_offers.cpp
  void on(const OffersArrived& event, base::Time now);
  void on(const OfferRescinded& event, base::Time now);
  void on(const InverseOffersArrived& event, base::Time now);
  void see_executors(AgentRecord& agent, const Offer& offer, base::Time now);
  void answer_the_rest(base::Time now);
  void decline(std::vector<HeldOffer> offers);
  void revive_or_suppress(bool waiting, base::Time now);

  // on_placing.cpp
  bool place_some(base::Time now);
  void launch_some(base::Time now);
  void fill_request(const Item& item);
  void plan(Item& item, AgentRecord& agent);
  void unplan(Item& item);
  void unplan_all(AgentRecord& agent);
  void await(Item& item, AgentRecord& agent, base::Time now);
  void end_promise(Item& item);
  void end_promises(AgentRecord& agent);
  void launch(AgentRecord& agent, base::Time now);
  void open_cell(AgentRecord& agent, std::vector<Piece>& pool, base::Time now);

  // on_status.cpp
  void on(const StatusArrived& event, base::Time now);
  void record(const Status& status, base::Time now);
  void hear_of_cell(Item& item, base::Time now);
  void record_live(Item& item, const Status& status, base::Time now);
  void record_end(Item& item, const Status& status, base::Time now);
  void record_stray(const ParsedTaskId& task, const Status& status, base::Time now);
  void adopt(const ParsedTaskId& task, const Status& status, base::Time now);
  void retry_launch(Item& item, const Status& status, base::Time now);
  void requeue_or_end(Item& item, const std::string& why, base::Time now);
  void queue_again(Item& item, std::string reason, base::Time not_before, base::Time now);

  // on_cells.cpp
  void on(const ExecutorEnded& event, base::Time now);
  void on(const AgentLost& event, base::Time now);
  void on(const CellSaidHello& event, base::Time now);
  void on(const CellReported& event, base::Time now);
  void hear_of_work(const CellReported& event, const CellReported::Work& work, base::Time now);
  AgentPtr find_agent(std::string_view agent_id) const;
  AgentPtr agent(const std::string& agent_id);
  AgentPtr agent_of(const Item& item) const;
  CellRecord* cell_of(const Item& item) const;
  CellRecord& see_cell(AgentRecord& agent, const std::string& executor_id, base::Time now);
  void join_cell(Item& item, AgentRecord& agent, bool placement_knows);
  void quit_cell(Item& item, AgentRecord& agent);
  void runs(Item& item);
  void charge(Item& item, const placement::Amounts& amounts);
  void forget_cell(AgentRecord& agent, base::Time now);
  void leave_cell(Item& item, base::Time now);
  void tend_cell(const std::string& agent_id, base::Time now);
  bool may_go(const AgentRecord& agent, base::Time now) const;
  void forget_agent(AgentRecord& agent);
  placement::Cell cell_as_told(AgentRecord& agent) const;
  void refresh(AgentRecord& agent);

  std::string reason_of(const Item& item) const;

  void run_due(base::Time now);
  void run_items_due(base::Time now);
  void end_waits(base::Time now);
  void try_again() { placing_wanted_ = revive_wanted_ = true; }
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

  std::unordered_map<std::string_view, AgentPtr> agents_;  // By id. Never iterated where the order could show.
  struct ById {
    bool operator()(const AgentRecord* a, const AgentRecord* b) const { return a->id < b->id; }
  };
  std::set<AgentRecord*, ById> planned_;  // Those with planned items.
  base::Time planned_since_;              // Meaningful while there are some.
  OfferBook offers_;

  Wishes wishes_;
  Items items_;
  Queue queue_;
  std::deque<std::pair<base::Time, Handle>> ended_;  // Oldest first; some have left since.
  std::size_t ended_count_ = 0;

  bool placing_wanted_ = false;  // Something changed that may let waiting work be placed.
  bool revive_wanted_ = false;
  base::Duration revive_interval_;
  base::Time revive_not_before_;
  base::Time linger_until_;     // Unused offers are kept until then.
  placement::Request request_;  // Of place_some() alone: its memory is used again.

  // Tasks the master is asked about until it answers.
  struct Unanswered {
    std::string agent_id;
    std::optional<base::Time> first_asked;
  };
  std::map<std::string, Unanswered> unanswered_;  // By task id.
  base::Duration ask_interval_{};

  ItemTimers kills_, silences_, placement_timeouts_;
  std::set<std::pair<base::Time, std::string>> cell_timers_;  // By agent id.
  std::optional<base::Time> next_ask_at_, implicit_reconcile_at_, discovered_at_, revive_at_;

  Actions actions_;  // Of the frame under way.
};

}  // namespace core
