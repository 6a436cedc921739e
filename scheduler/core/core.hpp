// The scheduler's decisions as one pure state machine: events in, actions out, time and chance as
// arguments. No sockets, threads, files, clock, Mesos messages or logging in here.
//
//   for each message: actions += core.handle(event, now);
//   after the last:   actions += core.settle(now);   // places work; sleep until next_deadline()
//   then:             what changed is saved, and the actions are carried out.
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
#include <utility>
#include <vector>

#include "base/random.hpp"
#include "base/result.hpp"
#include "scheduler/core/actions.hpp"
#include "scheduler/core/bbs_calls.hpp"
#include "scheduler/core/changes.hpp"
#include "scheduler/core/config.hpp"
#include "scheduler/core/events.hpp"
#include "scheduler/core/explanation.hpp"
#include "scheduler/core/figures.hpp"
#include "scheduler/core/journal.hpp"
#include "scheduler/core/ledger.hpp"
#include "scheduler/core/offer_book.hpp"
#include "scheduler/core/post_mortems.hpp"
#include "scheduler/core/queue.hpp"
#include "scheduler/core/rebalance.hpp"
#include "scheduler/core/timers.hpp"
#include "scheduler/placement/cluster.hpp"

namespace core {

// A rebalance that was asked for, and how far it is.
struct RebalanceRun {
  RebalanceView shown;
  std::size_t next = 0;                  // Of its moves: the one under way, or to come.
  bool moving = false;                   // That one is under way...
  base::Time move_until;                 // ...and given up then.
  bool emptied = false;                  // Its cell has gone, without work.
  bool work_ended = false;               // An LRP ended there, and nothing ran in its stead.
  std::optional<base::Time> away_since;  // There is no master.
};

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
  bool connected() const { return connected_; }
  // Subscribe as this one next; what another id was known for is gone with it.
  void remember_framework(std::string id);

  // recovery.cpp: what must survive the process (journal.hpp). Everything that changed since it was last
  // saved; the same again, and more, until changes_saved().
  bool has_changes() const;
  void write_changes(Journal& journal) const;
  void changes_saved();
  // All that a store would hold once everything is saved. Nothing counts as saved by it.
  void write_all(Journal& journal) const;
  std::size_t size() const { return items_.size(); }  // Of what write_all() puts.
  // What it wants done has not been done yet: whoever waits for an answer waits from now on.
  void nothing_was_sent(base::Time now);
  // It could not be saved: forgets the auctions that were accepted since and are only queued.
  void withdraw_unsaved(base::Time now);
  // Before the first event, from a store: the wishes, then the instances that name them, then recovered().
  base::Status restore_wish(std::uint64_t id, std::string_view text);
  base::Status restore(const InstanceRow& row);
  void reserve_wish(std::uint64_t id) { wishes_.reserve(id); }
  base::Status restore_report(std::string_view name, std::string_view value);
  base::Status restore_policy(std::string_view changes);
  void recovered(base::Time now);

  // What changed since this was last called, in order, if Config::tells_changes. What was withdrawn is not among it.
  Changes take_changes() { return std::exchange(changes_, {}); }

  const Policy& policy() const { return config_; }
  const Policy& usual_policy() const { return usual_; }

  std::vector<InstanceView> instances(const InstanceQuery& query) const;
  // Keys that a pattern names; ended ones included while they are kept.
  std::vector<Key> matching(const KeyPattern& pattern) const { return items_.matching(pattern); }
  std::vector<CellView> cells(const CellQuery& query = {}) const;
  std::vector<ZoneTotals> zones() const;  // By name.
  Figures figures(base::Time now) const;  // Looks at every instance: not for every second.
  // explain.cpp: where work would go now, each seeing those before it in the order of an auction, and why not
  // elsewhere; of fitting and of other cells at most `cells_max` each are told one by one. At most kExplainedMax
  // auctions. Nothing changes by it.
  std::vector<ExplanationView> explain(std::vector<Auction> auctions, std::size_t cells_max, base::Time now) const;
  // The same of an instance in the books; of one that is placed, where its next attempt would go if it had to
  // leave. nullopt: it is not known.
  std::optional<ExplanationView> explain(const Key& key, std::size_t cells_max, base::Time now) const;
  // rebalance.cpp: the moves that would be made now. Nothing changes by it.
  RebalanceView plan_rebalance(const RebalanceOrder& order, base::Time now) const;
  // The one under way, or the last of this process.
  std::optional<RebalanceView> rebalance() const;
  bool rebalances() const { return rebalance_ && rebalance_->shown.state == RebalanceState::under_way; }
  // Of the cell on that agent; "" if there is none.
  std::string cell_id_on(std::string_view agent_id) const;
  // Whether two attempts of it are in the books: it moves, or one that was given up came back.
  bool has_two_attempts(const Key& key) const { return twins_.contains(key); }
  // By an operator's wish, whether it is there or not.
  bool drains(const std::string& agent_id) const { return drains_.contains(agent_id); }
  bool knows_agent(std::string_view agent_id) const { return find_agent(agent_id) != nullptr; }

 private:
  using AgentPtr = std::shared_ptr<AgentRecord>;

  // on_policy.cpp
  void on(const PolicyChanged& event, base::Time now);
  void apply(const Policy& policy, base::Time now);
  void replace_cluster(std::unique_ptr<placement::Strategy> strategy);
  std::vector<AgentPtr> agents_in_order() const;

  // on_work.cpp
  void on(const AuctionsSubmitted& event, base::Time now);
  void on(const StopRequested& event, base::Time now);
  void submit(const Auction& auction, base::Time now);
  void refresh_queued(Item& item, const Auction& auction, base::Time now);
  void auctioned_again(Item& item, const Auction& auction, base::Time now);
  void refresh_auction(Item& item, const Auction& auction);
  void enqueue(Item& item, base::Time not_before, base::Time now);
  void dequeue(Item& item);
  void move_to(Item& item, State state, std::string reason, base::Time now);
  void end(Item& item, State state, std::string reason, base::Time now);
  void leave_ended(Item& item);
  void erase_ended(Item& item);
  void kill(Item& item, base::Time now);

  // on_bbs.cpp
  void on(const RowsRead& event, base::Time now);
  void on(const ReportAnswered& event, base::Time now);
  bool row_is_due(const Item& item, base::Time now) const;
  void read_row_of(Item& item);
  std::vector<Item*> queued_of(const RowsOf& rows) const;
  void judge(Item& item, const RowsRead& rows, base::Time asked_at, base::Time now);
  void goes_unread(Item& item);
  void back_to_ready(Item& item);
  void drop_unwanted(Item& item, base::Time now);
  void sweep_queue(base::Time now);
  void start_successor(Item& item, base::Time now);
  void take_up_orphans(const RowsOf& rows, const RowsRead& event, base::Time asked_at, base::Time now);
  void successor_launched(const Item& twin);
  void successor_ended(Item& twin, const Status& status, base::Time now);
  std::string unplaced_reason(const Item& item, base::Time now);
  void report_unplaced(Item& item, base::Time now);
  void report(const Item& item, const std::string& text, std::int32_t rejections, base::Time now);
  void reject(Item& item, const std::string& why, std::int32_t rejections, base::Time now);
  void call_bbs(base::Time now);
  void forget_calls(bool another_led, base::Time now);

  // recovery.cpp
  void mark(Item& item);
  void erase(Item& item);
  void restore_live(Item& item, const InstanceRow& row);

  // on_session.cpp
  void on(const LeadershipTaken& event, base::Time now);
  void raise_fence(base::Time now);
  bool fenced() const { return fence_until_.has_value(); }
  void on(const Subscribed& event, base::Time now);
  void on(const Disconnected& event, base::Time now);
  void on(const FrameworkRemoved& event, base::Time now);
  void void_offers();
  void hear_anew_of_found_cells(base::Time now);
  void reconcile(base::Time now);
  void want_answer(const std::string& task_id, const std::string& agent_id, base::Time ask_at);
  void ask_about_unanswered(base::Time now);

  // on_offers.cpp
  void on(const OffersArrived& event, base::Time now);
  void on(const OfferRescinded& event, base::Time now);
  void see_executors(AgentRecord& agent, const Offer& offer, base::Time now);
  bool forget_unbooked_cell(AgentRecord& agent, const Offer& offer, base::Time now);
  void seat_work(AgentRecord& agent);
  void answer_the_rest(base::Time now);
  void decline(std::vector<HeldOffer> offers);
  void revive_or_suppress(bool waiting, base::Time now);

  // offer_constraints.cpp
  void on(const ConstraintsRefused& event, base::Time now);
  std::vector<AttributeGroup> agents_of_use(base::Time now) const;
  bool attributes_tell_all(const std::vector<AttributeGroup>& groups) const;
  void constrain_offers(base::Time now);

  // twins.cpp: two attempts of a key at a time.
  Item* twin_of(const Item& item) const;
  Item* attempt_of(const ParsedTaskId& task) const;
  void want_move(Item& item, base::Time now);
  void drop_move(const Item& item);
  Item& add_twin(Item& item);
  void erase_twin(Item& twin);
  void swap_attempts(Item& a, Item& b);
  void attempt_runs(Item& item, base::Time now);
  bool hand_over(Item& item, const Status& status, base::Time now);
  void twin_ended(Item& twin, const Status& status, base::Time now);
  void retry_twin(Item& twin, const Status& status, base::Time now);
  void kill_twin(Item& twin, std::string reason, base::Time now);
  void stop_twin(const Item& item, base::Time now);
  bool keep_beside(Item& item, const ParsedTaskId& task, const Status& status, base::Time now);
  void take_seat(Item& item, const Status& status, base::Time now);
  void forget_twins();

  // on_drain.cpp: agents that are left.
  void on(const DrainRequested& event, base::Time now);
  void on(const DrainCancelled& event, base::Time now);
  void on(const InverseOffersArrived& event, base::Time now);
  void on(const InverseOfferRescinded& event, base::Time now);
  Leaving& leave_agent(AgentRecord& agent, bool with_deadline, const char* why, base::Time now);
  void stay(AgentRecord& agent);
  void hear_of_draining(AgentRecord& agent, base::Time now);
  void hear_of_maintenance(AgentRecord& agent, const Offer& offer, base::Time now);
  void press_on(AgentRecord& agent, base::Time now);
  void evacuate(AgentRecord& agent, base::Time now);
  void evict(AgentRecord& agent, base::Time now);
  void cell_left(AgentRecord& agent);
  void roll_some(base::Time now);
  void end_turn_if_stuck(AgentRecord& agent, base::Time now);

  // rebalance.cpp: decides alone. on_rebalance.cpp: carries it out, one cell at a time.
  class Planner;
  void on(const RebalanceRequested& event, base::Time now);
  void on(const RebalanceCancelled& event, base::Time now);
  const char* keeps_its_work(const AgentRecord& agent) const;
  base::Result<RebalanceMove> plan_move(const AgentRecord& agent, Goal goal) const;
  void rebalance_some(base::Time now);
  void begin_move(RebalanceMove& move, base::Time now);
  void mind_move(base::Time now);
  void give_up_move(AgentRecord& agent, std::string reason);
  void end_move(MoveState state, std::string reason);
  void end_rebalance(std::string reason, base::Time now);

  // on_warm.cpp: cells without work.
  bool wants_warm(base::Time now) const;
  void start_warm_cells(base::Time now);
  void boot(AgentRecord& agent, base::Time now);
  void record_boot(const Status& status, base::Time now);

  // on_placing.cpp
  bool place_some(base::Time now);
  void launch_some(base::Time now);
  void fill_request(const Item& item);
  placement::Outcome place_item(const Item& item, bool may_wait);
  void plan(Item& item, AgentRecord& agent);
  void unplan(Item& item);
  void unplan_all(AgentRecord& agent);
  void await(Item& item, AgentRecord& agent, base::Time now);
  void end_promise(Item& item);
  void end_promises(AgentRecord& agent);
  void launch(AgentRecord& agent, base::Time now);
  std::vector<Piece> take_pool(AgentRecord& agent, Accept& accept);
  void open_cell(AgentRecord& agent, std::vector<Piece>& pool, base::Time now);
  bool may_launch_one(base::Time now) const;
  void count_launch(base::Time now);

  // on_status.cpp
  void on(const StatusArrived& event, base::Time now);
  void record(const Status& status, base::Time now);
  void hear_of_cell(Item& item, base::Time now);
  void record_live(Item& item, const Status& status, base::Time now);
  void record_end(Item& item, const Status& status, base::Time now);
  void record_stray(const ParsedTaskId& task, const Status& status, base::Time now);
  void kill_stray(const ParsedTaskId& task, const Status& status, base::Time now);
  void kill_strays_again(base::Time now);
  void stray_ended(const std::string& task_id, base::Time now);
  bool has_stray(const Key& key) const;
  void adopt(const ParsedTaskId& task, const Status& status, base::Time now);
  void retry_launch(Item& item, const Status& status, base::Time now);
  void give_up_launching(Item& item, const Status& status, base::Time now);
  void requeue_or_end(Item& item, const std::string& why, base::Time now);
  void queue_again(Item& item, std::string reason, base::Time not_before, base::Time now);

  // on_sandbox.cpp: why cells did not come up.
  struct Unexplained {
    Key key;
    std::array<char, kAttemptLetters> attempt;
    std::string agent_id, executor_id;
    bool by_executor;  // It said so itself.
  };
  std::optional<Unexplained> unexplained(const Item& item, const Status& status) const;
  void explain(const Unexplained& failure);
  void read_sandbox(const std::string& agent_id, const std::string& executor_id, bool cell_first);
  void on(const SandboxRead& event, base::Time now);
  void add_to_reason(Item& item, const std::string& text);

  // on_report.cpp: what reps say.
  void on(const CellReported& event, base::Time now);
  void on(const CellMeasured& event, base::Time now);
  void hear_of_work(const CellReported& event, const CellReported::Work& work, base::Time now);
  void hear_of_room(AgentRecord& agent, const CellReported& event, base::Time now);
  void hear_of_drift(AgentRecord& agent, const placement::Amounts& drift, base::Time now);
  void tell_of_drift(AgentRecord& agent, base::Time now);

  // on_cells.cpp
  void on(const ExecutorEnded& event, base::Time now);
  void on(const AgentLost& event, base::Time now);
  void on(const CellSaidHello& event, base::Time now);
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
  void forget_agent(AgentRecord& agent);
  placement::Cell cell_as_told(AgentRecord& agent) const;
  void refresh(AgentRecord& agent);

  // tend.cpp
  void tend_cell(const std::string& agent_id, base::Time now);
  bool may_go(const AgentRecord& agent, base::Time now) const;
  void look_when_idle(const AgentRecord& agent, base::Time now);
  void call_back(const Item& item);
  void tell_to_go(AgentRecord& agent, const std::string& why, base::Time now);
  void cell_is_up(AgentRecord& agent);
  void blame(AgentRecord& agent, const std::string& why, base::Time now);
  void end_quarantine(AgentRecord& agent, base::Time now);
  bool is_outdated(const CellRecord& cell) const;
  bool bears(const AgentRecord& agent, CellMark mark) const;
  CellView view_of(const AgentRecord& agent) const;
  void count_cell(AgentRecord& agent);
  void uncount_cell(AgentRecord& agent);

  PlaceView place_view(std::string_view agent_id) const;
  std::vector<std::string> hold_ups(base::Time now) const;
  void fill_outcome(ExplanationView& view, const placement::Explanation& told) const;
  void fill_cells(ExplanationView& view, const placement::Request& request, const placement::Explanation& told,
                  std::size_t cells_max, base::Time now) const;

  void tell(const Item& item);
  void tell(ChangeKind kind, const AgentRecord& agent, std::string_view reason);
  void tell_unplaced(const Item& item, std::string_view reason);
  void tell(ChangeKind kind, std::string_view reason);

  void begin_frame(base::Time now);
  std::string reason_of(const Item& item) const;
  std::string why_no_work(const AgentRecord& agent, base::Time now) const;
  std::string reason_of_move(const Item& item) const;

  void run_due(base::Time now);
  void run_items_due(base::Time now);
  void end_waits(base::Time now);
  void try_again() { placing_wanted_ = revive_wanted_ = boot_wanted_ = true; }
  void act(Action action) { actions_.push_back(std::move(action)); }
  void note(std::string text) { act(Note{false, std::move(text)}); }
  void warn(std::string text, std::optional<Refusal> refusal = {}) {
    act(Note{true, std::move(text), std::move(refusal)});
  }

  Config config_;                        // Its policy may change.
  const Policy usual_;                   // As the flags have it.
  std::optional<Policy> policy_before_;  // Since it was last saved: what was then.
  const CellFactory& cell_factory_;
  base::Random random_;
  placement::Cluster cluster_;

  std::string framework_id_;
  bool framework_changed_ = false;                        // Since it was last saved.
  std::vector<std::pair<Item*, std::uint32_t>> changed_;  // With their rows: an item may have left since.
  std::vector<std::uint32_t> erased_rows_;
  std::uint32_t rows_ = 0;                                      // Given out.
  std::unordered_map<std::uint64_t, WishPtr> restored_wishes_;  // Until recovered().

  // Nothing is launched until the master has answered about this name, which no task has: it answers in
  // order, so by then it has told of every task it knows.
  bool fence_wanted_ = true;
  std::string fence_;
  std::optional<base::Time> fence_until_;
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
  base::Time linger_until_;  // Unused offers are kept until then.
  bool master_takes_constraints_ = false;
  std::vector<AttributeGroup> constrained_to_;  // What the master was asked, since the last subscription.
  std::optional<base::Time> narrowing_since_, narrow_at_;
  base::Time narrowed_at_, constraints_refused_until_;
  bool reports_changed_ = false;  // Since it was narrowed.
  placement::Request request_;    // Of place_some() alone: its memory is used again.

  // Tasks the master is asked about until it answers.
  struct Unanswered {
    std::string agent_id;
    std::optional<base::Time> first_asked;
  };
  std::map<std::string, Unanswered> unanswered_;  // By task id.
  std::optional<base::Time> answered_at_;         // One of them, last, since all were asked about.
  base::Duration ask_interval_{};

  ItemTimers kills_, silences_, placement_timeouts_;
  std::set<std::pair<base::Time, std::string>> cell_timers_;  // By agent id.
  std::optional<base::Time> next_ask_at_, implicit_reconcile_at_, discovered_at_, revive_at_;

  // By key. A twin's process is its own: what its key's has may end before it.
  struct Twin {
    Process process;
    Item* item = nullptr;
  };
  std::map<Key, std::unique_ptr<Twin>> twins_;

  // Attempts that count no more and are told to end, until they have: by task id.
  struct Stray {
    Key key;
    std::string agent_id;
    base::Time since;
  };
  std::map<std::string, Stray> strays_;
  std::optional<base::Time> strays_due_;

  BbsCalls bbs_;
  PostMortems post_mortems_;
  std::optional<base::Time> sweep_at_;
  struct {
    WishPtr wish;
    Kind kind = Kind::lrp;
    base::Time at;
    std::optional<std::string> text;
  } lacks_;  // What was last found to be short, and for whom: many who ask alike time out together.

  std::set<std::string> drains_;  // Agents that an operator drains, whether they are there or not.
  std::set<AgentRecord*, ById> outdated_, rolling_;
  std::optional<RebalanceRun> rebalance_;  // The one under way, or the last.
  std::optional<base::Time> rebalance_at_;
  const std::string cell_prefix_;  // Of the executor ids of this configuration.
  std::int64_t cells_ = 0, cells_opening_ = 0, cells_usable_ = 0;
  bool may_open_ = true;              // Another cell, by --cells-max and --cells-starting-max.
  bool boot_wanted_ = false;          // Something changed that may let a warm cell start.
  base::Time launches_booked_until_;  // By --launch-rate.
  std::optional<base::Time> launch_credit_at_;

  Changes changes_;
  base::Time now_;  // Of the frame under way, for what is told and counted.
  double offer_seconds_ = 0;
  Actions actions_;  // Of the frame under way.
};

}  // namespace core
