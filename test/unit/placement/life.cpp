// A case lived in a Cluster and in the Oracle side by side.
#include <algorithm>
#include <limits>
#include <sstream>
#include <tuple>

#include "cases.hpp"

namespace placement_test {

namespace {

using placement::Amounts;
using placement::Candidate;
using placement::Cell;
using placement::Cost;
using placement::Outcome;
using placement::Request;

constexpr double kBinPackWeights[] = {0, 0.25, 0.5, 0.75, 1, 0.1};
constexpr double kStartingWeights[] = {0.25, 0, 0.5, 0.33, 1};
template <std::size_t count>
double weight(const double (&weights)[count], int which) {
  return weights[static_cast<std::size_t>(which) % count];
}

// What a strategy of the tests' own may look at, all of it: so the cluster must tell all of it right.
Cost scanned_cost(const Request& request, const Cell& cell, const Seen& seen) {
  return {
      -cell.room.disk_mb,
      seen.same_process * 4 + seen.lrps * 2 - seen.tasks + seen.starting * 3 + (cell.up ? 1 : 0) + request.needs.mem_mb,
      seen.position * 5 + cell.proxy_mem_mb + cell.total.mem_mb + cell.room.containers +
          static_cast<std::int64_t>(cell.zone.size())};
}
Cost indexed_cost(const Request& request, const Cell& cell, const Seen& seen) {
  if (!request.is_lrp) return {cell.up ? 1 : 0, -cell.room.disk_mb, 0};
  return {seen.same_process, seen.position * 3 + seen.starting, cell.up ? -1 : 0};
}

Cell cell_of(const Candidate& candidate) {
  Cell cell;
  cell.agent_id = candidate.agent_id;
  cell.zone = candidate.zone;
  cell.up = candidate.up;
  cell.total = candidate.total;
  cell.room = candidate.room;
  cell.proxy_mem_mb = candidate.proxy_mem_mb;
  return cell;
}
template <class Price>
Cost cost_by(Price price, const Request& request, const Candidate& candidate) {
  const Cell cell = cell_of(candidate);
  return price(
      request, cell,
      Seen{cell, candidate.index, candidate.starting, candidate.lrps, candidate.tasks, candidate.same_process});
}

class Scanned final : public placement::Strategy {
 public:
  std::string_view name() const override { return "scanned"; }
  Cost cost(const Request& request, const Candidate& cell) const override {
    return cost_by(scanned_cost, request, cell);
  }
  bool awaits_up_cells() const override { return true; }
};

// Ranks LRPs and Tasks apart, and LRPs by what the built-in strategies do not rank by.
class Indexed final : public placement::IndexedStrategy {
 public:
  std::string_view name() const override { return "indexed"; }
  Cost cost(const Request& request, const Candidate& cell) const override {
    return cost_by(indexed_cost, request, cell);
  }
  std::int64_t rank(bool is_lrp, const Candidate& cell) const override {
    return is_lrp ? cell.index * 3 + cell.starting : -cell.room.disk_mb;
  }
  bool tasks_rank_apart() const override { return true; }
  bool depends_on_index() const override { return true; }
};

std::string agent_name(int number) { return "s" + std::to_string(number); }  // s10 sorts before s2.
std::string process_name(int number) { return "process-" + std::to_string(number); }

std::set<std::string> chosen(int bits, std::initializer_list<const char*> names) {
  std::set<std::string> some;
  for (const char* name : names) {
    if ((bits & 1) != 0) some.insert(name);
    bits /= 2;
  }
  return some;
}

diego::RootFsProviders providers(int which) {
  using Kind = diego::RootFsProvider::Kind;
  switch (which) {
    case 0:
      return {{"preloaded", {Kind::fixed_set, {"a"}}}, {"docker", {Kind::arbitrary, {}}}};
    case 1:
      return {{"preloaded", {Kind::fixed_set, {"a", "b"}}}};
    case 2:
      return {{"docker", {Kind::arbitrary, {}}}};
    case 3:
      return {{"preloaded", {Kind::unknown, {"a"}}}};
    default:
      return {};
  }
}

std::optional<diego::RootFs> rootfs(int which) {
  switch (which) {
    case 0:
      return diego::RootFs{"preloaded", "a"};
    case 1:
      return diego::RootFs{"preloaded", "b"};
    case 2:
      return diego::RootFs{"docker", ""};
    case 3:
      return diego::RootFs{"preloaded+layer", "a"};
    default:
      return std::nullopt;
  }
}

Amounts room_of(const Command& c) { return {c.room_mem, c.room_disk, c.room_cpu, c.room_containers}; }
Amounts last_room_of(const Command& c) { return {c.last_mem, c.last_disk, c.last_cpu, c.last_containers}; }

Cell cell_of(const Command& c) {
  Cell cell;
  cell.agent_id = agent_name(c.agent);
  cell.zone = "zone " + std::to_string(c.zone);
  cell.index = c.index;
  cell.up = c.up != 0;
  cell.takes_work = c.idle == 0;
  cell.total = {c.mem, c.disk, c.cpu, c.containers};
  cell.room = room_of(c);
  cell.last_room = last_room_of(c);
  cell.proxy_mem_mb = c.proxy;
  cell.rootfs = providers(c.rootfs);
  cell.placement_tags = chosen(c.tags, {"x", "y", "z"});
  cell.optional_placement_tags = chosen(c.optional_tags, {"x", "y", "z"});
  cell.volume_drivers = chosen(c.drivers, {"nfs", "smb"});
  cell.starting = c.starting;
  return cell;
}

// As callers have them: alike ones are one.
class Kinds {
 public:
  placement::ConstraintsPtr of(const Command& c) {
    auto& known = known_[{c.rootfs, c.tags, c.drivers}];
    if (!known) {
      known = std::make_shared<placement::Constraints>(
          placement::Constraints{rootfs(c.rootfs), chosen(c.tags, {"x", "y", "z"}), chosen(c.drivers, {"nfs", "smb"})});
    }
    return known;
  }

 private:
  std::map<std::tuple<int, int, int>, placement::ConstraintsPtr> known_;
};

class Life {
 public:
  Life(const Case& one, Tally* tally)
      : tally_(tally),
        cluster_(strategy_of(one), {one.starting_max, one.starting_per_cell_max}),
        oracle_(rules_of(one), {one.starting_max, one.starting_per_cell_max}) {}

  // What is wrong after it; empty: nothing.
  std::string live(const Command& command) {
    const std::string agent = agent_name(command.agent);
    const bool known = oracle_.find(agent).has_value();
    switch (command.kind) {
      case Command::upsert:
        cluster_.upsert(cell_of(command));
        oracle_.upsert(cell_of(command));
        return look_at(agent);
      case Command::remove:
        cluster_.remove(agent);
        oracle_.remove(agent);
        std::erase_if(there_, [&agent](const Inhabitant& one) { return one.agent == agent; });
        return look_at(agent);
      case Command::set_room:
        if (!known) return {};
        cluster_.set_room(agent, room_of(command), last_room_of(command));
        oracle_.set_room(agent, room_of(command), last_room_of(command));
        return look_at(agent);
      case Command::occupy:
        return occupy(command);
      case Command::vacate:
        return vacate(agent, known, command);
      case Command::started:
        return known ? start(agent) : std::string();
      case Command::place:
        return place(command);
      case Command::release:
        return release(command);
      case Command::explain:
        return explain(request_of(command), command.may_wait != 0);
    }
    return {};
  }

  std::string look_at_all() const {
    if (cluster_.agent_ids() != oracle_.agent_ids()) return "other agents are known";
    for (const auto& agent : oracle_.agent_ids()) {
      if (auto wrong = look_at(agent); !wrong.empty()) return wrong;
    }
    return {};
  }

 private:
  Request request_of(const Command& c) {
    Request request;
    request.is_lrp = c.task == 0;
    request.process = process_name(c.process);
    request.needs = {c.need_mem, c.need_disk, c.need_cpu, c.need_containers};
    request.constraints = kinds_.of(c);
    for (int agent = 0; agent < c.avoid_first; ++agent) request.avoid.insert(agent_name(agent));
    if (c.avoid_one > 0) request.avoid.insert(agent_name(c.avoid_one - 1));
    return request;
  }

  struct Inhabitant {
    std::string agent;
    Request request;
    bool starting = true;
    bool took_room = true;
  };

  std::string look_at(const std::string& agent) const {
    const auto is = cluster_.find(agent);
    const auto ought = oracle_.find(agent);
    if (is != ought)
      return "is    " + (is ? text(*is) : "unknown " + agent) + "\nought " + (ought ? text(*ought) : "to be unknown");
    for (int number = 0; number < 5; ++number) {
      const std::string process = process_name(number);
      if (cluster_.instances(agent, process) != oracle_.instances(agent, process))
        return process + " has " + std::to_string(cluster_.instances(agent, process)) + " instances on " + agent +
               ", ought " + std::to_string(oracle_.instances(agent, process));
    }
    if (cluster_.tasks(agent) != oracle_.tasks(agent)) return "another number of tasks on " + agent;
    if (cluster_.starting() != oracle_.starting())
      return "starting " + std::to_string(cluster_.starting()) + ", ought " + std::to_string(oracle_.starting());
    if (cluster_.size() != oracle_.size()) return "another number of cells";
    return {};
  }

  std::string occupy(const Command& command) {
    const Request request = request_of(command);
    for (int number = command.agent; number <= command.agent + command.through; ++number) {
      const std::string agent = agent_name(number);
      if (!oracle_.find(agent)) continue;
      for (int times = 0; times <= command.more; ++times) {
        cluster_.occupy(agent, {request.is_lrp, process_name(command.process), command.starting != 0});
        oracle_.occupy(agent, {request.is_lrp, request.process, command.starting != 0});
        there_.push_back({agent, request, command.starting != 0, false});
      }
      if (auto wrong = look_at(agent); !wrong.empty()) return wrong;
    }
    return {};
  }

  std::string vacate(const std::string& agent, bool known, const Command& command) {
    // Somebody who is not there: nothing happens.
    const Request request = request_of(command);
    const auto absent = [&](const Inhabitant& one) {
      return one.agent != agent || one.request.is_lrp != request.is_lrp ||
             (request.is_lrp && one.request.process != request.process);
    };
    if (known && std::all_of(there_.begin(), there_.end(), absent)) {
      cluster_.vacate(agent, {request.is_lrp, request.process, true});
      return look_at(agent);
    }
    if (there_.empty()) return {};
    const Inhabitant gone = take(command.pick, false);
    cluster_.vacate(gone.agent, {gone.request.is_lrp, gone.request.process, gone.starting});
    oracle_.vacate(gone.agent, {gone.request.is_lrp, gone.request.process, gone.starting});
    return look_at(gone.agent);
  }

  std::string start(const std::string& agent) {
    const auto one = std::find_if(there_.begin(), there_.end(), [&agent](const Inhabitant& inhabitant) {
      return inhabitant.agent == agent && inhabitant.starting;
    });
    if (one == there_.end()) return {};
    one->starting = false;
    cluster_.started(agent);
    oracle_.started(agent);
    return look_at(agent);
  }

  std::string release(const Command& command) {
    if (std::none_of(there_.begin(), there_.end(), [](const Inhabitant& one) { return one.took_room; })) return {};
    const Inhabitant gone = take(command.pick, true);
    cluster_.release(gone.agent, gone.request, gone.starting);
    oracle_.release(gone.agent, gone.request, gone.starting);
    return look_at(gone.agent);
  }

  Inhabitant take(int pick, bool with_room) {
    std::vector<std::size_t> fit;
    for (std::size_t at = 0; at < there_.size(); ++at) {
      if (there_[at].took_room || !with_room) fit.push_back(at);
    }
    const std::size_t at = fit[static_cast<std::size_t>(pick) % fit.size()];
    const Inhabitant gone = there_[at];
    there_.erase(there_.begin() + static_cast<std::ptrdiff_t>(at));
    return gone;
  }

  // All that is about to be placed, with an offer awaited besides; nothing of it may stay.
  std::string rehearse(const Command& command, const Request& request, std::vector<std::string>& outcomes) const {
    std::vector<std::string> touched;
    {
      placement::Cluster::Rehearsal rehearsal(cluster_);
      for (int times = 0; times <= command.more; ++times) {
        const Outcome outcome = rehearsal.place(request, command.may_wait != 0);
        outcomes.push_back(text(outcome));
        if (const auto* placed = std::get_if<placement::Placement>(&outcome)) touched.emplace_back(placed->agent_id);
        if (const auto* awaited = std::get_if<placement::Awaited>(&outcome)) touched.emplace_back(awaited->agent_id);
      }
      if (!touched.empty()) rehearsal.await(touched.front(), request);
      const std::size_t moment = rehearsal.moment();
      rehearsal.offer_all();
      for (int number = command.agent; number <= command.agent + command.through; ++number) {
        if (cluster_.find(agent_name(number))) empty(rehearsal, agent_name(number), request, touched);
      }
      if (command.more % 2 == 0) rehearsal.back_to(moment);
      if (command.more % 2 == 0 && rehearsal.moment() != moment) return "it is not back at that moment";
    }
    for (const std::string& agent : touched) {
      if (auto wrong = look_at(agent); !wrong.empty()) return "after a rehearsal: " + wrong;
    }
    return {};
  }

  // Who is on the cell goes elsewhere, and the cell itself is gone.
  void empty(placement::Cluster::Rehearsal& rehearsal, const std::string& agent, const Request& request,
             std::vector<std::string>& touched) const {
    touched.push_back(agent);
    rehearsal.leave(agent);
    for (const Inhabitant& one : there_) {
      if (one.agent != agent) continue;
      rehearsal.vacate(agent, {one.request.is_lrp, one.request.process, one.starting});
      const Outcome outcome = rehearsal.place(one.request);
      const auto* placed = std::get_if<placement::Placement>(&outcome);
      if (placed == nullptr) continue;
      touched.emplace_back(placed->agent_id);
      if (one.request.is_lrp) rehearsal.started(placed->agent_id, one.request.process);
    }
    rehearsal.ended(agent, request.needs);
  }

  std::string place(const Command& command) {
    const Request request = request_of(command);
    std::vector<std::string> rehearsed;
    if (auto wrong = rehearse(command, request, rehearsed); !wrong.empty()) return wrong;
    for (int times = 0; times <= command.more; ++times) {
      const auto right = oracle_.answer(request, command.may_wait != 0);
      const std::string previewed = text(cluster_.preview(request, command.may_wait != 0));
      const Outcome outcome = cluster_.place(request, command.may_wait != 0);
      if (!right.allows(outcome)) return "is    " + text(outcome) + "\nought " + text(right);
      if (previewed != text(outcome)) return "preview " + previewed + "\nplace   " + text(outcome);
      if (rehearsed.at(static_cast<std::size_t>(times)) != text(outcome))
        return "rehearsed " + rehearsed[static_cast<std::size_t>(times)] + "\nplace     " + text(outcome);
      oracle_.book(request, outcome);
      count(request, outcome);
      std::string touched;
      if (const auto* placed = std::get_if<placement::Placement>(&outcome)) {
        touched = placed->agent_id;
        there_.push_back({touched, request, true, true});
      } else if (const auto* awaited = std::get_if<placement::Awaited>(&outcome)) {
        touched = awaited->agent_id;
      } else {
        return {};  // Again would be alike.
      }
      if (auto wrong = look_at(touched); !wrong.empty()) return wrong;
    }
    return {};
  }

  void count(const Request& request, const Outcome& outcome) {
    if (tally_ == nullptr) return;
    const auto* placed = std::get_if<placement::Placement>(&outcome);
    const auto* refused = std::get_if<placement::Rejection>(&outcome);
    ++(*tally_)[refused != nullptr    ? refused->text
                : placed == nullptr   ? "awaits"
                : placed->starts_cell ? "starts"
                                      : "joins"];
    if (placed == nullptr) return;
    if (request.avoid.count(std::string(placed->agent_id)) != 0) ++(*tally_)["joins those to avoid"];
    const std::string agent(placed->agent_id);
    if (oracle_.instances(agent, request.process) > 1) ++(*tally_)["joins its own"];
  }

  std::string explain(const Request& request, bool may_wait) const {
    const placement::Explanation is = cluster_.explain(request, may_wait);
    const auto right = oracle_.answer(request, may_wait);
    if (!right.allows(is.outcome)) return "explained " + text(is.outcome) + "\nought     " + text(right);
    if (text(cluster_.preview(request, may_wait)) != text(is.outcome)) return "explain and preview differ";
    const auto ought = oracle_.judge(request);
    if (is.cells.size() != ought.size()) return "not every cell is explained";
    for (std::size_t at = 0; at < ought.size(); ++at) {
      if (auto wrong = compare(is.cells[at], ought[at]); !wrong.empty()) return wrong;
    }
    return nearest(is);
  }

  std::string compare(const placement::Verdict& is, const Oracle::Judgement& ought) const {
    std::ostringstream out;
    const Cell cell = *oracle_.find(ought.agent_id);
    if (is.agent_id == ought.agent_id && is.zone == cell.zone && is.up == cell.up &&
        is.obstacles == ought.told_obstacles && is.short_by == ought.told_short_by &&
        is.zone_instances == ought.zone_instances && (ought.obstacles != 0 || is.cost == ought.cost))
      return {};
    out << "verdict on " << is.agent_id << ": obstacles " << is.obstacles << ", short by {" << text(is.short_by)
        << "}, cost " << is.cost[0] << ' ' << is.cost[1] << ' ' << is.cost[2] << ", in zone " << is.zone_instances
        << "\nought on   " << ought.agent_id << ": obstacles " << ought.told_obstacles << ", short by {"
        << text(ought.told_short_by) << "}, cost " << ought.cost[0] << ' ' << ought.cost[1] << ' ' << ought.cost[2]
        << ", in zone " << ought.zone_instances;
    return out.str();
  }

  // Whatever "least" is: no other miss lacks a part of what the nearest one lacks, and nothing more.
  static std::string nearest(const placement::Explanation& is) {
    const bool any_miss =
        std::any_of(is.cells.begin(), is.cells.end(), [](const placement::Verdict& one) { return !one.fits(); });
    if (is.nearest_miss.has_value() != any_miss) return "a nearest miss too many or too few";
    if (!any_miss) return {};
    if (*is.nearest_miss >= is.cells.size() || is.cells[*is.nearest_miss].fits()) return "the nearest miss is none";
    const placement::Verdict& near = is.cells[*is.nearest_miss];
    if (placement::has(near.obstacles, placement::Obstacle::no_offer))
      return {};  // What it is short of counts for nothing.
    for (const placement::Verdict& other : is.cells) {
      if (other.fits() || (other.obstacles & ~near.obstacles) != 0 || !near.short_by.holds(other.short_by)) continue;
      if (other.obstacles != near.obstacles || other.short_by != near.short_by)
        return std::string(near.agent_id) + " is called the nearest miss, but " + std::string(other.agent_id) +
               " lacks less";
    }
    return {};
  }

  Tally* tally_;
  placement::Cluster cluster_;
  Oracle oracle_;
  Kinds kinds_;
  std::vector<Inhabitant> there_;
};

}  // namespace

std::unique_ptr<placement::Strategy> strategy_of(const Case& one) {
  switch (one.strategy) {
    case Case::binpack:
      return placement::make_binpack();
    case Case::spread:
      return placement::make_spread();
    case Case::diego:
      return placement::make_diego(
          {weight(kBinPackWeights, one.bin_pack_weight), weight(kStartingWeights, one.starting_weight)});
    case Case::scanned:
      return std::make_unique<Scanned>();
    default:
      return std::make_unique<Indexed>();
  }
}

Rules rules_of(const Case& one) {
  switch (one.strategy) {
    case Case::binpack:
      return binpack_rules();
    case Case::spread:
      return spread_rules();
    case Case::diego:
      return diego_rules(weight(kBinPackWeights, one.bin_pack_weight), weight(kStartingWeights, one.starting_weight));
    case Case::scanned:
      return {[](const Request& request, const Seen& seen) { return scanned_cost(request, seen.cell, seen); }, true};
    default:
      return {[](const Request& request, const Seen& seen) { return indexed_cost(request, seen.cell, seen); }, false};
  }
}

std::optional<std::string> disagreement(const Case& one, Tally* tally) {
  Life life(one, tally);
  for (std::size_t at = 0; at < one.commands.size(); ++at) {
    if (auto wrong = life.live(one.commands[at]); !wrong.empty())
      return "after command " + std::to_string(at + 1) + ":\n" + wrong;
  }
  auto wrong = life.look_at_all();
  if (wrong.empty()) return std::nullopt;
  return "in the end:\n" + wrong;
}

}  // namespace placement_test
