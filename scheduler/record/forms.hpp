// What a recording knows of each struct: its name and its members. One block for each; a member that is forgotten,
// or that a struct has got since, does not compile, for a structured binding names them all. An event, a step or
// an action without a block does not compile either (frame.cpp).
#pragma once

#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "scheduler/core/witness.hpp"
#include "scheduler/placement/strategy.hpp"
#include "scheduler/record/wire.hpp"

namespace record {

// FORM(core::Key, kind, guid, index): the struct and all its members, in the order of their declaration. NO_PARTS
// for one that has none. LAST: the last value of an enum.
#define FORM(Type, ...)                              \
  template <>                                        \
  struct Form<Type> {                                \
    static constexpr std::string_view kName = #Type; \
    template <class X>                               \
    static auto parts(X& x) {                        \
      auto& [__VA_ARGS__] = x;                       \
      return std::tie(__VA_ARGS__);                  \
    }                                                \
    static constexpr bool kEmpty = false;            \
  }
#define NO_PARTS(Type)                                    \
  template <>                                             \
  struct Form<Type> {                                     \
    static constexpr std::string_view kName = #Type;      \
    static std::tuple<> parts(const Type&) { return {}; } \
    static constexpr bool kEmpty = true;                  \
  }

template <class Base, class X>
auto& base_of(X& x) {
  return static_cast<std::conditional_t<std::is_const_v<X>, const Base, Base>&>(x);
}

// Whether a struct can be made of its parts in their order, and of nothing more.
struct Anything {
  template <class T>
  operator T() const;
};
template <class T, class... Part>
constexpr bool made_of(std::type_identity<std::tuple<Part&...>>) {
  return requires { T{std::declval<Part>()...}; }
  &&!requires { T{std::declval<Part>()..., Anything{}}; };
}
template <class T>
constexpr bool names_all_parts() {
  return made_of<T>(std::type_identity<decltype(Form<T>::parts(std::declval<T&>()))>{});
}

#define LAST(Enum, Value)                      \
  template <>                                  \
  struct Last<Enum> {                          \
    static constexpr Enum value = Enum::Value; \
  }

// ---- What the others are made of
LAST(core::Kind, task);
LAST(core::Dimension, disk);
LAST(core::Goal, spread);
LAST(core::State, rejected);
LAST(core::TaskState, unknown);
LAST(core::StatusReason, other);
LAST(diego::RootFsProvider::Kind, fixed_set);
LAST(diego::BbsFailure::Kind, refused);
LAST(diego::LrpRow::State, unknown);
LAST(diego::LrpRow::Presence, suspect);
LAST(diego::TaskRow::State, resolving);

FORM(placement::Amounts, mem_mb, disk_mb, cpus_milli, containers);
FORM(placement::Limits, starting_max, starting_per_cell_max);
FORM(placement::StrategyOptions, diego_bin_pack_weight, diego_starting_weight);
FORM(diego::PlacementConstraint, placement_tags, volume_drivers, rootfs);
FORM(diego::Resource, memory_mb, disk_mb, max_pids);
FORM(diego::RootFsProvider, kind, set);
FORM(diego::BbsFailure, kind, text);
FORM(diego::LrpRow, process_guid, domain, index, state, presence, instance_guid, cell_id, placement_error);
FORM(diego::TaskRow, task_guid, domain, state, cell_id, rejection_count, rejection_reason, failure_reason, failed);
FORM(core::Key, kind, guid, index);
FORM(core::KeyPattern, kind, guid, index);
FORM(core::Auction, key, domain, constraint, resource, trace_id);
FORM(core::Piece, dimension, amount, shape, reserved);
FORM(core::Offer, id, agent_id, hostname, ip, url, fault_domain_zone, attributes, repeats_attributes, pieces,
     executor_ids, unavailable);
FORM(core::InverseOffer, id, agent_id);
FORM(core::Status, task_id, state, reason, reason_name, message, uuid, agent_id, executor_id, from_executor);
FORM(core::CellReported::Work, task_id, domain, memory_mb, disk_mb, with_rep);
FORM(core::CellMeasured::Usage, task_id, cpus_milli, memory_bytes, disk_bytes);
FORM(core::InstanceRow, id, kind, guid, index, wish, trace_id, auction_known, accepted, state, since, attempt, agent_id,
     executor_id, charged, attempts, failures, heard, started, ran, stop_wanted, queue_again, successor, reason);
FORM(core::Policy, strategy, weights, limits, queue_max, placement_timeout, offer_hold, offer_linger, offer_wait,
     cell_idle_timeout, evacuation_timeout, launch_rate, cells_min, cells_max, cells_starting_max, cells_roll_max,
     quarantine_failures, quarantine_half_life);

// One with a base, of which no structured binding can be: that all members are named is asserted.
template <>
struct Form<core::Config> {
  static constexpr std::string_view kName = "core::Config";
  template <class X>
  static auto parts(X& x) {
    return std::tie(base_of<core::Policy>(x), x.tells_changes, x.placements_per_pass, x.launch_attempts,
                    x.unused_offer_refuse, x.revive_interval_min, x.revive_interval_max, x.discovery, x.fence_max,
                    x.implicit_reconcile_interval, x.agent_reregister_timeout, x.launch_silence, x.kill_retry,
                    x.shutdown_retry, x.ended_keep, x.ended_max, x.tasks_per_accept_max, x.with_bbs, x.row_fresh,
                    x.queue_expiry, x.rep_silence_max, x.instance_mem_floor_mb, x.instance_cpus_milli,
                    x.cpus_milli_per_gib, x.cell_own, x.cell_max_mem_mb, x.cell_max_disk_mb, x.cell_max_containers,
                    x.cell_proxy_mem_mb, x.cell_zone, x.cell_rootfs, x.cell_placement_tags,
                    x.cell_optional_placement_tags, x.cell_volume_drivers);
  }
  static constexpr bool kEmpty = false;
};
static_assert(names_all_parts<core::Config>());

// ---- Events
FORM(core::AuctionsSubmitted, auctions);
FORM(core::StopRequested, pattern);
FORM(core::PolicyChanged, policy);
FORM(core::DrainRequested, agent_id);
FORM(core::DrainCancelled, agent_id);
FORM(core::RebalanceOrder, goal, max_moves);
FORM(core::RebalanceRequested, order);
NO_PARTS(core::RebalanceCancelled);
FORM(core::LeadershipTaken, another_led);
FORM(core::Subscribed, framework_id, suppressed, takes_constraints);
FORM(core::Disconnected, reason);
FORM(core::FrameworkRemoved, text);
FORM(core::OffersArrived, offers);
FORM(core::OfferRescinded, offer_id);
FORM(core::ConstraintsRefused, text);
FORM(core::InverseOffersArrived, offers);
FORM(core::InverseOfferRescinded, inverse_offer_id);
FORM(core::StatusArrived, status);
FORM(core::ExecutorEnded, agent_id, executor_id, wait_status);
FORM(core::AgentLost, agent_id);
FORM(core::CellSaidHello, agent_id, executor_id, cell_id, executor_info);
FORM(core::CellReported, agent_id, executor_id, rep_answers, evacuating, garden_healthy, zone, total, available,
     proxy_mem_mb, rootfs, placement_tags, optional_placement_tags, volume_drivers, starting, others_starting, work,
     work_is_cut);
FORM(core::CellMeasured, agent_id, executor_id, usage, dropped);
FORM(core::ReportAnswered, call, failure);
FORM(core::RowsRead, call, failure, lrps, task);
FORM(core::SandboxRead, agent_id, executor_id, file, line, failure);

// ---- Steps
FORM(core::FrameworkRemembered, id);
FORM(core::PolicyRestored, changes);
FORM(core::ReportRestored, name, value);
FORM(core::WishRestored, id, text);
FORM(core::WishReserved, id);
FORM(core::InstanceRestored, row);
NO_PARTS(core::Recovered);
FORM(core::Settled, may_launch);
NO_PARTS(core::NothingWasSent);
NO_PARTS(core::ChangesSaved);
NO_PARTS(core::UnsavedWithdrawn);

// ---- Actions
FORM(core::Launch, task_id, key, domain, trace_id, element, pieces);
FORM(core::Accept, agent_id, offer_ids, executor_info, launches);
FORM(core::Decline, offer_ids, refuse_for);
FORM(core::AcceptInverseOffers, inverse_offer_ids);
FORM(core::DeclineInverseOffers, inverse_offer_ids);
NO_PARTS(core::Revive);
NO_PARTS(core::Suppress);
FORM(core::AttributeNeed, attribute, words);
FORM(core::ConstrainOffers, any_of);
FORM(core::Acknowledge, agent_id, task_id, uuid);
FORM(core::Kill, agent_id, task_id);
FORM(core::Reconcile::Task, task_id, agent_id);
FORM(core::Reconcile, tasks);
FORM(core::ShutdownExecutor, agent_id, executor_id);
FORM(core::RequestReport, agent_id, executor_id);
FORM(core::Evacuate, agent_id, executor_id);
FORM(core::Report, call, key, domain, text, trace_id, rejections, doubtful);
FORM(core::ReadRows, call, kind, guid);
FORM(core::ReadSandbox, agent_id, agent_url, framework_id, executor_id, cell_first);
FORM(core::Refusal, key, reason, trace_id);
FORM(core::Note, warning, text, refusal);

}  // namespace record
