// Instances leave a cell: the old row moves to the presence EVACUATING and stays until its successor runs.
#include "local/bbs/bbs_model.hpp"

namespace local {
namespace {

using State = ActualLrp::State;
using Type = BbsError::Type;

}  // namespace

// An evacuating row that is another's is left alone, which is an error of its own.
Refusal BbsModel::drop_evacuating(const LrpKey& key, const InstanceKey& instance) {
  const ActualLrp* const lrp = row(key.process_guid, key.index, Presence::evacuating);
  if (lrp == nullptr) return std::nullopt;
  if (lrp->instance != instance) return BbsError{Type::lrp_cannot_be_removed, "cannot remove actual LRP"};
  erase(key, Presence::evacuating);
  return std::nullopt;
}

// The instance was evacuating or suspect: its row goes, and nothing else is to be done. nullopt: it was neither.
std::optional<Refusal> BbsModel::remove_moving(const LrpKey& key, const InstanceKey& instance) {
  const ActualLrp* const lrp = row_of(key, instance);
  if (lrp == nullptr || lrp->presence == Presence::ordinary) return std::nullopt;
  if (lrp->presence == Presence::evacuating) return drop_evacuating(key, instance);
  erase(key, Presence::suspect);
  return Refusal{};
}

BbsModel::Evacuation BbsModel::evacuate_claimed(const LrpKey& key, const InstanceKey& instance,
                                                const std::string& trace_id, base::Time now) {
  if (const auto moved = remove_moving(key, instance)) return {*moved, false};
  const Refusal refusal = unclaim(key.process_guid, key.index, now);
  if (refusal == not_found()) return {};
  if (refusal) return {refusal, true};
  auction(key.process_guid, key.index, trace_id);
  return {};
}

Refusal BbsModel::evacuate_row(const LrpKey& key, const InstanceKey& instance, const std::string& net_info,
                               base::Time now) {
  ActualLrp* lrp = row(key.process_guid, key.index, Presence::evacuating);
  if (lrp != nullptr && lrp->key == key && lrp->instance == instance && lrp->net_info == net_info)
    return exists_already();
  if (lrp == nullptr) {
    lrp = &actual_[{key.process_guid, key.index, Presence::evacuating}];
    lrp->epoch = base::uuid_text(random_.uuid4());
    lrp->presence = Presence::evacuating;
    lrp->state = State::running;
    lrp->since = now;
  } else {
    touch(*lrp, now);
  }
  lrp->key = key;
  lrp->instance = instance;
  lrp->net_info = net_info;
  return std::nullopt;
}

BbsModel::Evacuation BbsModel::evacuate_running(const LrpKey& key, const InstanceKey& instance,
                                                const std::string& net_info, const std::string& trace_id,
                                                base::Time now) {
  if (actual_lrps({.process_guid = key.process_guid, .index = key.index}).empty()) return {};
  ActualLrp* const mine = row_of(key, instance);
  const ActualLrp* const ordinary = row(key.process_guid, key.index);
  const bool replaced = ordinary != nullptr && ordinary != mine &&
                        (ordinary->state == State::running || ordinary->state == State::crashed);
  if (ordinary == nullptr || replaced || !desired_.contains(key.process_guid)) {
    if (mine != nullptr) drop_evacuating(key, instance);
    return {};
  }
  if (mine == nullptr || mine->presence == Presence::evacuating) {
    const ActualLrp* const other = row(key.process_guid, key.index, Presence::evacuating);
    if (other != nullptr && other != mine) return {};  // One evacuating instance is enough.
    evacuate_row(key, instance, net_info, now);        // That it is there already is no error here.
    return {std::nullopt, true};
  }
  if (mine->state != State::running && mine->state != State::claimed) return {};
  const bool suspect = mine->presence == Presence::suspect;
  if (Refusal refused = evacuate_row(mine->key, instance, mine->net_info, now)) return {refused, true};
  if (suspect) {  // Its successor was auctioned when it became so.
    erase(key, Presence::suspect);
    return {std::nullopt, true};
  }
  if (Refusal refused = unclaim(key.process_guid, key.index, now)) return {refused, true};
  auction(key.process_guid, key.index, trace_id);
  return {std::nullopt, true};
}

Refusal BbsModel::evacuate_stopped(const LrpKey& key, const InstanceKey& instance) {
  if (const auto moved = remove_moving(key, instance)) return *moved;
  return remove_lrp(key.process_guid, key.index, instance);
}

Refusal BbsModel::evacuate_crashed(const LrpKey& key, const InstanceKey& instance, const std::string& reason,
                                   base::Time now) {
  if (const auto moved = remove_moving(key, instance)) return *moved;
  return crash_row(key, instance, reason, now).refusal;  // No auction: convergence finds the row.
}

Refusal BbsModel::remove_evacuating(const LrpKey& key, const InstanceKey& instance) {
  const ActualLrp* const lrp = row_of(key, instance);
  if (lrp == nullptr || lrp->presence != Presence::evacuating) return not_found();
  return drop_evacuating(key, instance);
}

}  // namespace local
