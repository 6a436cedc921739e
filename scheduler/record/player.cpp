#include "scheduler/record/player.hpp"

namespace record {
namespace {

core::Config told_to_nobody(core::Config config) {
  config.tells_changes = false;  // Nobody would take them.
  return config;
}

core::Actions apply(core::Core& core, const core::FrameworkRemembered& step, base::Time) {
  core.remember_framework(std::string(step.id));
  return {};
}
core::Actions apply(core::Core& core, const core::PolicyRestored& step, base::Time) {
  (void)core.restore_policy(step.changes);
  return {};
}
// What the core did not take then, it does not take now.
core::Actions apply(core::Core& core, const core::ReportRestored& step, base::Time) {
  (void)core.restore_report(step.name, step.value);
  return {};
}
core::Actions apply(core::Core& core, const core::WishRestored& step, base::Time) {
  (void)core.restore_wish(step.id, step.text);
  return {};
}
core::Actions apply(core::Core& core, const core::WishReserved& step, base::Time) {
  core.reserve_wish(step.id);
  return {};
}
core::Actions apply(core::Core& core, const core::InstanceRestored& step, base::Time) {
  (void)core.restore(step.row);
  return {};
}
core::Actions apply(core::Core& core, const core::Recovered&, base::Time at) {
  core.recovered(at);
  return {};
}
core::Actions apply(core::Core& core, const core::Settled& step, base::Time at) {
  return core.settle(at, step.may_launch);
}
core::Actions apply(core::Core& core, const core::NothingWasSent&, base::Time at) {
  core.nothing_was_sent(at);
  return {};
}
core::Actions apply(core::Core& core, const core::ChangesSaved&, base::Time) {
  core.changes_saved();
  return {};
}
core::Actions apply(core::Core& core, const core::UnsavedWithdrawn&, base::Time at) {
  core.withdraw_unsaved(at);
  return {};
}
core::Actions apply(core::Core&, const Beginning&, base::Time) { return {}; }
core::Actions apply(core::Core&, const Snapshot&, base::Time) { return {}; }
template <class Event>
requires std::is_constructible_v<core::Event, Event> core::Actions apply(core::Core& core, const Event& event,
                                                                         base::Time at) {
  return core.handle(event, at);
}

}  // namespace

std::string RecordedCells::executor_info(const core::CellSpec& spec) const {
  const auto known = stand_ins_.find(spec.executor_id);
  std::string info = known == stand_ins_.end() ? "info of " + spec.executor_id : known->second;
  opened_.push_back({spec.executor_id, spec.cell_id, spec.agent_id, info, core::sum(spec.pieces)});
  return info;
}

Player::Player(const Beginning& beginning, std::unique_ptr<placement::Strategy> strategy)
    : cells_(beginning.fingerprint),
      core_(told_to_nobody(beginning.config), cells_, std::move(strategy), base::Random(beginning.seed)) {}

core::Actions Player::play(const Frame& frame) {
  for (const Opened& cell : frame.opened) cells_.learn(cell);
  core::Actions actions = record::apply(core_, frame.input, frame.at);
  cells_.take_opened();
  return actions;
}

core::Actions apply(core::Core& core, const Input& input, base::Time at) {
  return std::visit([&core, at](const auto& one) { return apply(core, one, at); }, input);
}

void restore(core::Core& core, const Snapshot& snapshot, base::Time at) {
  core.remember_framework(snapshot.framework_id);
  if (!snapshot.policy.empty()) (void)core.restore_policy(snapshot.policy);
  for (const auto& [id, text] : snapshot.wishes) (void)core.restore_wish(id, text);
  for (const core::InstanceRow& row : snapshot.rows) (void)core.restore(row);
  core.recovered(at);
  if (snapshot.connected) core.handle(core::Subscribed{snapshot.framework_id, false}, at);
}

std::optional<Difference> difference(const Answer& expected, const core::Actions& got, const Print& print) {
  const Answer answer = answer_of(got);
  if (expected.actions == answer.actions && expected.hash == answer.hash) return std::nullopt;
  for (std::size_t i = 0; i < std::max(expected.told.size(), answer.told.size()); ++i) {
    const std::string then = i < expected.told.size() ? print(expected.told[i]) : "nothing more";
    const std::string now = i < answer.told.size() ? print(answer.told[i]) : "nothing more";
    if (then != now) return Difference{then, now};
  }
  // What the lines do not show: an acknowledgement, what is launched, with which resources.
  const auto digest = [](const Answer& of) {
    return std::to_string(of.actions) + " actions that differ in what is not told of them, hash " +
           std::to_string(of.hash);
  };
  return Difference{digest(expected), digest(answer)};
}

}  // namespace record
