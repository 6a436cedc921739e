#include "scheduler/core/policy.hpp"

#include <algorithm>
#include <charconv>
#include <functional>
#include <limits>
#include <vector>

#include "diego/json.hpp"

namespace core {
namespace {

using diego::JsonValue;

struct Bounds {
  double least = 0, most = 0;
};

// One member: how it is written, and read. Reading fails with what is wrong with the value.
struct Member {
  std::string_view name;
  std::function<void(const Policy&, diego::GoWriter&)> write;
  std::function<base::Status(Policy&, const Policy&, const JsonValue&)> read;
  std::function<bool(const Policy&, const Policy&)> same;
  std::function<void(Policy&, const Policy&)> reset;
};

base::Result<double> number_of(const JsonValue& value, const Bounds& bounds, bool whole) {
  double number = 0;
  const char* const end = value.text.data() + value.text.size();
  const auto parsed = std::from_chars(value.text.data(), end, number);
  const bool is_number = value.kind == JsonValue::Kind::number && parsed.ptr == end && parsed.ec == std::errc{};
  if (!is_number || number < bounds.least || number > bounds.most ||
      (whole && number != static_cast<double>(static_cast<std::int64_t>(number)))) {
    const auto text = [whole](double bound) {
      return whole ? std::to_string(static_cast<std::int64_t>(bound)) : std::to_string(bound);
    };
    return base::Error{"", std::string("is not ") + (whole ? "a whole number" : "a number") + " between " +
                               text(bounds.least) + " and " + text(bounds.most)};
  }
  return number;
}

// `at(policy)` is the place of the member, whose values convert to and from numbers by `unit` of them.
template <class At>
Member number(std::string_view name, Bounds bounds, At at) {
  using Value = std::remove_reference_t<decltype(at(std::declval<Policy&>()))>;
  Member member;
  member.name = name;
  member.write = [at](const Policy& policy, diego::GoWriter& out) {
    const Value& value = at(const_cast<Policy&>(policy));
    if constexpr (std::is_same_v<Value, base::Duration>) {
      out.number(base::to_millis(value));
    } else if constexpr (std::is_floating_point_v<Value>) {
      char text[32];
      const auto end = std::to_chars(text, text + sizeof text, value).ptr;
      out.raw({text, static_cast<std::size_t>(end - text)});
    } else {
      out.number(static_cast<std::int64_t>(value));
    }
  };
  member.read = [at, bounds](Policy& policy, const Policy&, const JsonValue& value) -> base::Status {
    const auto read = number_of(value, bounds, !std::is_floating_point_v<Value>);
    if (!read) return read.error();
    if constexpr (std::is_same_v<Value, base::Duration>) {
      at(policy) = std::chrono::milliseconds(static_cast<std::int64_t>(*read));
    } else {
      at(policy) = static_cast<Value>(*read);
    }
    return base::ok();
  };
  member.same = [at](const Policy& a, const Policy& b) {
    return at(const_cast<Policy&>(a)) == at(const_cast<Policy&>(b));
  };
  member.reset = [at](Policy& policy, const Policy& usual) { at(policy) = at(const_cast<Policy&>(usual)); };
  return member;
}

Member strategy() {
  Member member;
  member.name = "strategy";
  member.write = [](const Policy& policy, diego::GoWriter& out) { out.string(policy.strategy); };
  member.read = [](Policy& policy, const Policy& usual, const JsonValue& value) -> base::Status {
    const std::vector<std::string> known = placement::strategy_names();
    const bool is_known = std::find(known.begin(), known.end(), value.text) != known.end();
    if (value.kind != JsonValue::Kind::string || (!is_known && value.text != usual.strategy)) {
      std::string names;
      for (const std::string& name : known) names += (names.empty() ? "" : ", ") + name;
      return base::Error{"", "is none of " + names};
    }
    policy.strategy = value.text;
    return base::ok();
  };
  member.same = [](const Policy& a, const Policy& b) { return a.strategy == b.strategy; };
  member.reset = [](Policy& policy, const Policy& usual) { policy.strategy = usual.strategy; };
  return member;
}

const std::vector<Member>& members() {
  constexpr Bounds kMillis{0, 7.0 * 24 * 3600 * 1000};
  constexpr Bounds kSomeMillis{1, 7.0 * 24 * 3600 * 1000};
  constexpr Bounds kCount{0, 10'000'000};
  static const std::vector<Member> kMembers = {
      strategy(),
      number("diego_bin_pack_weight", {0, 1}, [](Policy& p) -> double& { return p.weights.diego_bin_pack_weight; }),
      number("diego_starting_weight", {0, 1e6}, [](Policy& p) -> double& { return p.weights.diego_starting_weight; }),
      number("starting_container_count_maximum", kCount,
             [](Policy& p) -> std::int64_t& { return p.limits.starting_max; }),
      number("cell_starting_max", kCount, [](Policy& p) -> std::int64_t& { return p.limits.starting_per_cell_max; }),
      number("queue_max", {1, 10'000'000}, [](Policy& p) -> std::size_t& { return p.queue_max; }),
      number("placement_timeout_ms", kSomeMillis, [](Policy& p) -> base::Duration& { return p.placement_timeout; }),
      number("offer_hold_ms", kSomeMillis, [](Policy& p) -> base::Duration& { return p.offer_hold; }),
      number("offer_linger_ms", kMillis, [](Policy& p) -> base::Duration& { return p.offer_linger; }),
      number("offer_wait_ms", kMillis, [](Policy& p) -> base::Duration& { return p.offer_wait; }),
      number("cell_idle_timeout_ms", kMillis, [](Policy& p) -> base::Duration& { return p.cell_idle_timeout; }),
      number("evacuation_timeout_ms", kMillis, [](Policy& p) -> base::Duration& { return p.evacuation_timeout; }),
      number("launch_rate", kCount, [](Policy& p) -> std::int64_t& { return p.launch_rate; }),
      number("cells_min", kCount, [](Policy& p) -> std::int64_t& { return p.cells_min; }),
      number("cells_max", kCount, [](Policy& p) -> std::int64_t& { return p.cells_max; }),
      number("cells_starting_max", kCount, [](Policy& p) -> std::int64_t& { return p.cells_starting_max; }),
      number("cells_roll_max", kCount, [](Policy& p) -> std::int64_t& { return p.cells_roll_max; }),
      number("quarantine_failures", kCount, [](Policy& p) -> std::int64_t& { return p.quarantine_failures; }),
      number("quarantine_half_life_ms", kSomeMillis,
             [](Policy& p) -> base::Duration& { return p.quarantine_half_life; }),
  };
  return kMembers;
}

template <class Shown>
std::string written(const Policy& policy, const Shown& shown) {
  diego::GoWriter out;
  out.begin_object();
  for (const Member& member : members()) {
    if (!shown(member)) continue;
    out.key(member.name);
    member.write(policy, out);
  }
  out.end_object();
  return out.take();
}

}  // namespace

std::string policy_json(const Policy& policy) {
  return written(policy, [](const Member&) { return true; });
}

std::string policy_changes_json(const Policy& policy, const Policy& usual) {
  return written(policy, [&](const Member& member) { return !member.same(policy, usual); });
}

base::Result<Policy> merged(const Policy& policy, const Policy& usual, std::string_view json) {
  const auto read = diego::parse_json(json);
  if (!read) return read.error();
  if (read->kind != JsonValue::Kind::object) return base::Error{"policy", "is not a JSON object"};
  Policy changed = policy;
  for (const diego::JsonMember& given : read->members) {
    const auto member =
        std::find_if(members().begin(), members().end(), [&given](const Member& one) { return one.name == given.key; });
    if (member == members().end()) return base::Error{given.key, "is no part of the policy"};
    if (given.value.kind == JsonValue::Kind::null) {
      member->reset(changed, usual);
    } else if (auto taken = member->read(changed, usual, given.value); !taken) {
      return base::Error{given.key, taken.error().text};
    }
  }
  return changed;
}

}  // namespace core
