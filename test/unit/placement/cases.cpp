#include "cases.hpp"

#include <algorithm>
#include <iterator>
#include <ostream>
#include <sstream>
#include <utility>

namespace placement_test {

namespace {

struct Field {
  const char* name;
  int Command::*value;
};
constexpr Field kFields[] = {{"agent", &Command::agent},
                             {"zone", &Command::zone},
                             {"index", &Command::index},
                             {"up", &Command::up},
                             {"idle", &Command::idle},
                             {"proxy", &Command::proxy},
                             {"starting", &Command::starting},
                             {"optional_tags", &Command::optional_tags},
                             {"mem", &Command::mem},
                             {"disk", &Command::disk},
                             {"cpu", &Command::cpu},
                             {"containers", &Command::containers},
                             {"room_mem", &Command::room_mem},
                             {"room_disk", &Command::room_disk},
                             {"room_cpu", &Command::room_cpu},
                             {"room_containers", &Command::room_containers},
                             {"last_mem", &Command::last_mem},
                             {"last_disk", &Command::last_disk},
                             {"last_cpu", &Command::last_cpu},
                             {"last_containers", &Command::last_containers},
                             {"rootfs", &Command::rootfs},
                             {"tags", &Command::tags},
                             {"drivers", &Command::drivers},
                             {"task", &Command::task},
                             {"process", &Command::process},
                             {"need_mem", &Command::need_mem},
                             {"need_disk", &Command::need_disk},
                             {"need_cpu", &Command::need_cpu},
                             {"need_containers", &Command::need_containers},
                             {"avoid_first", &Command::avoid_first},
                             {"avoid_one", &Command::avoid_one},
                             {"may_wait", &Command::may_wait},
                             {"more", &Command::more},
                             {"through", &Command::through},
                             {"pick", &Command::pick}};
constexpr const char* kKinds[] = {"upsert",  "remove", "set_room", "occupy", "vacate",
                                  "started", "place",  "release",  "explain"};

struct Setting {
  const char* name;
  int Case::*value;
};
constexpr Setting kSettings[] = {{"strategy", &Case::strategy},
                                 {"bin_pack_weight", &Case::bin_pack_weight},
                                 {"starting_weight", &Case::starting_weight},
                                 {"starting_max", &Case::starting_max},
                                 {"starting_per_cell_max", &Case::starting_per_cell_max}};

// What a random case draws from.
class Draw {
 public:
  Draw(base::Random& random, int size) : random_(random), size_(size) {
    many_ = once_in(48);
    agents_ = many_ ? 34 + below(30) : 1 + below(2 + size_ * 39 / 100);
    zones_ = 1 + below(4);
    plain_ = below(2) == 0;
    proxies_ = below(2) == 0;
    sizes_ = below(3);
    crowded_ = below(2) == 0;
  }

  Case draw(int strategy) {
    Case one;
    one.strategy = strategy;
    one.bin_pack_weight = below(6);
    one.starting_weight = below(5);
    if (below(10) < 2) one.starting_max = 1 + below(25);
    if (below(10) < 3) one.starting_per_cell_max = 1 + below(4);
    const bool backwards = once_in(4);
    for (int agent = 0; agent < agents_; ++agent) one.commands.push_back(cell(backwards ? agents_ - 1 - agent : agent));
    if (many_) one.commands.push_back(crowd());
    const int steps = 4 + below(1 + size_ * 28 / 100);
    for (int step = 0; step < steps; ++step) one.commands.push_back(command());
    return one;
  }

 private:
  int below(int bound) { return static_cast<int>(random_.below(static_cast<std::uint64_t>(bound))); }
  int one_of(std::initializer_list<int> all) { return *(all.begin() + below(static_cast<int>(all.size()))); }
  bool once_in(int many) { return below(many) == 0; }

  Command command() {
    const int what = below(100);
    Command next;
    next.agent = below(agents_);
    next.pick = below(16);
    next.process = below(4) * below(2);
    next.task = below(4) == 0 ? 1 : 0;
    if (many_ && lost_ >= 0) return cell(std::exchange(lost_, -1));
    if (many_ && once_in(8)) {
      lost_ = next.agent;  // Comes back at once.
      return with(next, Command::remove);
    }
    if (what < 52) return request(Command::place);
    if (what < 60) return request(Command::explain);
    if (what < 67) return cell(below(agents_ + 1));
    if (what < 70) return with(next, Command::remove);
    if (what < 77) return room(with(next, Command::set_room));
    if (what < 78 && many_) return crowd();
    if (what < 83) {
      next.starting = below(2);
      return with(next, Command::occupy);
    }
    if (what < 86) return with(next, Command::vacate);
    if (what < 91) return with(next, Command::started);
    return with(next, Command::release);
  }

  // A process on so many cells that a list of them would be long.
  Command crowd() {
    Command next;
    next.kind = Command::occupy;
    next.agent = below(3);
    next.through = agents_ - below(6);
    next.more = below(2) * below(2);
    return next;
  }

  static Command with(Command command, Command::Kind kind) {
    command.kind = kind;
    return command;
  }

  Command cell(int agent) {
    Command next;
    next.agent = agent;
    next.zone = below(zones_);
    next.index = once_in(3) ? below(5) : agent;
    next.up = below(2);
    next.idle = once_in(10) ? 1 : 0;
    next.proxy = proxies_ ? one_of({0, 1, 2}) : 0;
    next.starting = once_in(8) ? below(4) : 0;
    if (!plain_) {
      next.rootfs = below(5) * below(2);
      next.tags = below(8) * below(2);
      next.optional_tags = below(8) * below(2);
      next.drivers = below(4);
    }
    return room(total(next));
  }

  // Few sizes make ties and shared classes; sizes all different make none.
  Command total(Command next) {
    if (sizes_ < 2) {
      next.mem = one_of({8, 16, 32});
      next.disk = one_of({16, 64});
      next.cpu = one_of({100, 1000});
      next.containers = one_of({3, 10, 250});
    } else {
      next.mem = 1000 + below(30'000);
      next.disk = 1000 + below(60'000);
      next.cpu = 1000 + below(16'000);
      next.containers = 10 + below(240);
    }
    if (once_in(30)) next.mem = one_of({0, -5});
    if (once_in(30)) next.disk = 0;
    return next;
  }

  Command room(Command next) {
    const bool known = next.kind == Command::upsert;
    next.room_mem = room_of(known ? next.mem : 16, next.mem);
    next.room_disk = room_of(known ? next.disk : 16, next.disk);
    next.room_cpu = room_of(known ? next.cpu : 1000, next.cpu);
    next.room_containers = room_of(known ? next.containers : 10, next.containers);
    next.last_mem = next.room_mem;
    next.last_disk = next.room_disk;
    next.last_cpu = next.room_cpu;
    next.last_containers = next.room_containers;
    const int offered = below(8);
    if (offered < 2) next.room_mem = next.room_disk = next.room_cpu = next.room_containers = 0;  // No offer in hand.
    if (offered == 2) next.last_mem = room_of(16, 0);
    if (offered == 3) next.room_mem = below(4) - 1;
    return next;
  }

  int room_of(int total, int fallback) {
    if (sizes_ == 0 || total <= 0) return total > 0 ? total : std::max(8, fallback);
    if (sizes_ == 1) return once_in(20) ? total + 1 : std::max(0, total - one_of({0, 0, 1, 4, 8}));
    return crowded_ ? below(total + 1) : total - below(total / 4 + 1);
  }

  Command request(Command::Kind kind) {
    Command next;
    next.kind = kind;
    next.task = below(4) == 0 ? 1 : 0;
    next.process = below(4) * below(2);
    const bool large = sizes_ == 2;
    next.need_mem = large ? below(crowded_ ? 10'000 : 4'000) : one_of({0, 1, 1, 2, 4, 7, 16});
    next.need_disk = large ? below(5'000) : one_of({0, 1, 1, 2, 16});
    next.need_cpu = large ? below(2'000) : one_of({0, 10, 50});
    next.need_containers = once_in(20) ? one_of({0, 2}) : 1;
    if (!plain_) {
      next.rootfs = below(5) * below(2);
      next.tags = below(8) * below(2);
      next.drivers = once_in(4) ? below(4) : 0;
    }
    if (once_in(8)) next.avoid_first = below(agents_ + 1);
    if (once_in(8)) next.avoid_one = below(agents_ + 1);
    next.may_wait = below(2);
    if (kind == Command::place) next.more = below(6) * below(2);
    return next;
  }

  base::Random& random_;
  int lost_ = -1;
  int size_, agents_ = 1, zones_ = 1, sizes_ = 0;
  bool many_ = false, plain_ = true, proxies_ = false, crowded_ = false;
};

template <class Thing>
void simplify(const Case& whole, int value, const Thing& set, std::vector<Case>& found) {
  for (const int simple : {0, value / 2, value > 0 ? value - 1 : value + 1}) {
    if (value == 0 || simple == value) continue;
    found.push_back(whole);
    set(found.back(), simple);
    if (simple == 0 && (value == 1 || value == -1)) return;
  }
}

}  // namespace

Case random_case(int strategy, base::Random& random, int size) { return Draw(random, size).draw(strategy); }

std::vector<Case> simpler(const Case& one) {
  std::vector<Case> found;
  const std::size_t count = one.commands.size();
  for (std::size_t chunk = count; chunk > 0; chunk /= 2) {
    for (std::size_t from = 0; from + chunk <= count; from += chunk) {
      found.push_back(one);
      auto& commands = found.back().commands;
      const auto first = commands.begin() + static_cast<std::ptrdiff_t>(from);
      commands.erase(first, first + static_cast<std::ptrdiff_t>(chunk));
    }
  }
  for (const Setting& setting : kSettings) {
    if (setting.value == &Case::strategy) continue;
    simplify(
        one, one.*setting.value, [&setting](Case& whole, int to) { whole.*setting.value = to; }, found);
  }
  for (std::size_t at = 0; at < count; ++at) {
    for (const Field& field : kFields) {
      simplify(
          one, one.commands[at].*field.value,
          [&field, at](Case& whole, int to) { whole.commands[at].*field.value = to; }, found);
    }
  }
  return found;
}

std::ostream& operator<<(std::ostream& out, const Case& one) {
  for (const Setting& setting : kSettings) out << setting.name << '=' << one.*setting.value << ' ';
  out << '\n';
  for (const Command& command : one.commands) {
    out << kKinds[command.kind];
    for (const Field& field : kFields) {
      if (command.*field.value != 0) out << ' ' << field.name << '=' << command.*field.value;
    }
    out << '\n';
  }
  return out;
}

Case read_case(const std::string& text) {
  Case one;
  std::istringstream lines(text);
  std::string line;
  while (std::getline(lines, line)) {
    std::istringstream words(line);
    for (std::string word; words >> word;) {
      const auto equals = word.find('=');
      if (equals == std::string::npos) {
        const auto kind = std::find(std::begin(kKinds), std::end(kKinds), word);
        one.commands.emplace_back();
        one.commands.back().kind = static_cast<Command::Kind>(kind - std::begin(kKinds));
        continue;
      }
      const std::string name = word.substr(0, equals);
      const int value = std::stoi(word.substr(equals + 1));
      for (const Setting& setting : kSettings) {
        if (name == setting.name && one.commands.empty()) one.*setting.value = value;
      }
      for (const Field& field : kFields) {
        if (name == field.name && !one.commands.empty()) one.commands.back().*field.value = value;
      }
    }
  }
  return one;
}

}  // namespace placement_test
