#include "local/bbs/bbs_model.hpp"

#include <algorithm>

namespace local {
namespace {

constexpr std::string_view kTruncated = "(truncated)";
constexpr std::size_t kColumnBytes = 1024;

}  // namespace

std::string truncated(const std::string& text) {
  if (text.size() < kColumnBytes) return text;
  return text.substr(0, kColumnBytes - kTruncated.size()) + std::string(kTruncated);
}

diego::LrpStart lrp_start(const DesiredLrp& desired, std::vector<std::int32_t> indices) {
  diego::LrpStart start;
  start.process_guid = desired.process_guid;
  start.domain = desired.domain;
  start.indices = std::move(indices);
  start.constraint.rootfs = desired.constraint.rootfs;
  // Without items they are null, whatever was desired: so they come out of Diego's tables.
  if (!desired.constraint.placement_tags.empty()) start.constraint.placement_tags = desired.constraint.placement_tags;
  if (!desired.constraint.volume_drivers.empty()) start.constraint.volume_drivers = desired.constraint.volume_drivers;
  start.resource = desired.resource;
  return start;
}

BbsModel::BbsModel(BbsConfig config, base::Random random) : config_(config), random_(random) {}

// ---- Desired LRPs

Refusal BbsModel::desire_lrp(const DesiredLrp& desired, const std::string& trace_id, base::Time now) {
  const auto [at, inserted] = desired_.emplace(desired.process_guid, desired);
  if (!inserted) return exists_already();
  start_instances(at->second, 0, desired.instances, trace_id, now);
  return std::nullopt;
}

Refusal BbsModel::scale_lrp(const std::string& process_guid, std::int32_t instances, const std::string& trace_id,
                            base::Time now) {
  const auto found = desired_.find(process_guid);
  if (found == desired_.end()) return not_found();
  const std::int32_t before = std::exchange(found->second.instances, instances);
  if (instances > before) start_instances(found->second, before, instances, trace_id, now);
  if (instances < before) stop_instances(process_guid, instances, trace_id, now);
  return std::nullopt;
}

Refusal BbsModel::remove_desired_lrp(const std::string& process_guid, const std::string& trace_id, base::Time now) {
  if (desired_.erase(process_guid) == 0) return not_found();
  stop_instances(process_guid, 0, trace_id, now);
  return std::nullopt;
}

void BbsModel::start_instances(const DesiredLrp& desired, std::int32_t from, std::int32_t to,
                               const std::string& trace_id, base::Time now) {
  std::vector<std::int32_t> created;
  for (std::int32_t index = from; index < to; ++index) {
    if (create_unclaimed({desired.process_guid, index, desired.domain}, now)) created.push_back(index);
  }
  if (created.empty()) return;
  diego::LrpStart start = lrp_start(desired, std::move(created));
  // Only here Diego lists no drivers as [].
  if (start.constraint.volume_drivers.null()) start.constraint.volume_drivers = std::vector<std::string>{};
  orders_.emplace_back(PostLrpAuctions{{std::move(start)}, trace_id});
}

void BbsModel::stop_instances(const std::string& process_guid, std::int32_t from, const std::string& trace_id,
                              base::Time now) {
  for (const ActualLrp& lrp : actual_lrps({.process_guid = process_guid})) {
    if (lrp.presence == Presence::evacuating || lrp.key.index < from) continue;
    if (!lrp.on_a_cell()) {
      erase(lrp.key, Presence::ordinary);
    } else if (const CellPresence* const where = cell(lrp.instance.cell_id, now)) {
      orders_.emplace_back(StopLrpAtRep{where->rep_url, process_guid, lrp.instance.instance_guid, trace_id});
    }
  }
}

bool BbsModel::auction(const std::string& process_guid, std::int32_t index, const std::string& trace_id) {
  const auto desired = desired_.find(process_guid);
  if (desired == desired_.end()) return false;
  orders_.emplace_back(PostLrpAuctions{{lrp_start(desired->second, {index})}, trace_id});
  return true;
}

// ---- Cells and domains

void BbsModel::set_presence(const CellPresence& presence, base::Time until) {
  cells_[presence.cell_id] = {presence, until};
}

bool BbsModel::remove_presence(const std::string& cell_id) { return cells_.erase(cell_id) != 0; }

std::vector<CellPresence> BbsModel::cells(base::Time now) const {
  std::vector<CellPresence> out;
  for (const auto& [id, entry] : cells_) {
    if (entry.second > now) out.push_back(entry.first);
  }
  return out;
}

const CellPresence* BbsModel::cell(const std::string& cell_id, base::Time now) const {
  const auto found = cells_.find(cell_id);
  return found != cells_.end() && found->second.second > now ? &found->second.first : nullptr;
}

std::set<std::string> BbsModel::live_cells(base::Time now) const {
  std::set<std::string> out;
  for (const CellPresence& presence : cells(now)) out.insert(presence.cell_id);
  return out;
}

std::vector<std::string> BbsModel::fresh_domains(base::Time now) const {
  std::vector<std::string> out;
  for (const auto& [domain, until] : domains_) {
    if (until > now) out.push_back(domain);
  }
  return out;
}

// ---- Rows

ActualLrp* BbsModel::row(const std::string& process_guid, std::int32_t index, Presence presence) {
  const auto found = actual_.find({process_guid, index, presence});
  return found == actual_.end() ? nullptr : &found->second;
}

ActualLrp* BbsModel::row_of(const LrpKey& key, const InstanceKey& instance) {
  for (const Presence presence : {Presence::ordinary, Presence::evacuating, Presence::suspect}) {
    ActualLrp* const lrp = row(key.process_guid, key.index, presence);
    if (lrp != nullptr && lrp->instance == instance) return lrp;
  }
  return nullptr;
}

bool BbsModel::create_unclaimed(const LrpKey& key, base::Time now) {
  ActualLrp lrp;
  lrp.key = key;
  lrp.since = now;
  lrp.epoch = base::uuid_text(random_.uuid4());
  return actual_.emplace(RowId{key.process_guid, key.index, Presence::ordinary}, std::move(lrp)).second;
}

void BbsModel::touch(ActualLrp& lrp, base::Time now) {
  ++lrp.revision;
  lrp.since = now;
}

}  // namespace local
