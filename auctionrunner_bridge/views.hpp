// The bridge's JSON: keys, instances and cells as users see them.
#pragma once

#include <string>
#include <vector>

#include "auctionrunner_bridge/desk.hpp"
#include "scheduler/core/explanation.hpp"
#include "scheduler/core/work.hpp"

namespace bridge {

std::string instance_json(const core::InstanceView& instance);

// {"instances":[...],"next":"<cursor>"|null}; `full`: the page may have a successor.
std::string instances_json(const std::vector<core::InstanceView>& instances, bool full);

// {"stopping":[{"kind":...},...]}
std::string stopping_json(const std::vector<core::Key>& keys);

// {"cells":[...],"next":"<agent id>"|null}; `full`: the page may have a successor.
std::string cells_json(const std::vector<core::CellView>& cells, bool full);

// {"zones":[...]}
std::string zones_json(const std::vector<core::ZoneTotals>& zones);

// `history`: written already.
std::string overview_json(const Desk::Overview& overview, const std::string& history, base::Time now);

std::string explanation_json(const core::ExplanationView& explanation);

// {"explanations":[...]}
std::string explanations_json(const std::vector<core::ExplanationView>& explanations);

// "2026-11-22T10:00:00.123Z"
std::string timestamp(base::Time time);

}  // namespace bridge
