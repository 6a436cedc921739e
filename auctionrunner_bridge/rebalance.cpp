#include "auctionrunner_bridge/rebalance.hpp"

#include <charconv>

#include "auctionrunner_bridge/answer.hpp"
#include "auctionrunner_bridge/views.hpp"
#include "auctionrunner_bridge/write.hpp"
#include "base/text.hpp"
#include "diego/json.hpp"

namespace bridge {
namespace {

using platform::ServerRequest;
using platform::ServerResponse;

base::Result<bool> parse_dry_run(const ServerRequest& request) {
  bool dry = false;
  for (const auto& [name, value] : request.query) {
    if (name != "dry_run") return base::Error{name, "unknown parameter"};
    dry = value == "1" || value == "true";
    if (!dry && value != "0" && value != "false")
      return base::Error{"dry_run", "\"" + value + "\" is none of 1, true, 0, false"};
  }
  return dry;
}

base::Status read_member(const diego::JsonMember& member, core::RebalanceOrder& order) {
  using Kind = diego::JsonValue::Kind;
  const diego::JsonValue& value = member.value;
  if (member.key == "goal") {
    order.goal = core::parse_goal(value.text);
    if (value.kind != Kind::string || !order.goal) return base::Error{"goal", "is neither \"pack\" nor \"spread\""};
  } else if (member.key == "max_moves") {
    const char* const last = value.text.data() + value.text.size();
    const auto [end, error] = std::from_chars(value.text.data(), last, order.max_moves);
    const bool number = value.kind == Kind::number && error == std::errc{} && end == last;
    if (!number || order.max_moves < 1 || order.max_moves > core::kMovesMax)
      return base::Error{"max_moves", "is no whole number between 1 and " + std::to_string(core::kMovesMax)};
  } else {
    return base::Error{member.key, "is no part of a rebalance"};
  }
  return base::ok();
}

void write_balance(diego::GoWriter& out, std::string_view name, const core::Balance& balance) {
  out.key(name);
  out.begin_object();
  out.member("cells_with_work", balance.cells);
  out.member("cell_pairs", balance.cell_pairs);
  out.member("zone_pairs", balance.zone_pairs);
  out.member("memory_unevenness_permille", balance.unevenness_permille);
  out.end_object();
}

void write_move(diego::GoWriter& out, const core::RebalanceMove& move) {
  out.begin_object();
  write_place_members(out, move.from);
  out.member("memory_mb", move.memory_mb);
  out.member("state", core::to_string(move.state));
  out.member("reason", move.reason);
  write_balance(out, "before", move.before);
  write_balance(out, "after", move.after);
  out.key("instances");
  out.begin_array();
  for (const auto& instance : move.instances) {
    out.begin_object();
    write_key_members(out, instance.key);
    out.member("memory_mb", instance.memory_mb);
    out.key("to");
    out.begin_object();
    write_place_members(out, instance.to);
    out.end_object();
    out.member("starts_cell", instance.starts_cell);
    out.end_object();
  }
  out.end_array();
  out.end_object();
}

ServerResponse begin(const ServerRequest& request, Desk& desk) {
  const auto dry = parse_dry_run(request);
  if (!dry) return error_response(400, dry.error().message());
  const auto order = parse_rebalance(request.body);
  if (!order) return error_response(400, order.error().message());
  const Desk::Rebalanced answer = desk.rebalance(*order, *dry);
  if (const auto* refused = std::get_if<Desk::RebalanceRefused>(&answer))
    return error_response(refused->unavailable ? 503 : 409, refused->text);
  return json_response(*dry ? 200 : 202, rebalance_json(std::get<core::RebalanceView>(answer)));
}

}  // namespace

base::Result<core::RebalanceOrder> parse_rebalance(std::string_view body) {
  core::RebalanceOrder order;
  if (base::trim(body).empty()) return order;
  const auto read = diego::parse_json(body);
  if (!read) return read.error();
  if (read->kind != diego::JsonValue::Kind::object) return base::Error{"rebalance", "is not a JSON object"};
  for (const diego::JsonMember& member : read->members) {
    if (const auto taken = read_member(member, order); !taken) return taken.error();
  }
  return order;
}

std::string rebalance_json(const core::RebalanceView& rebalance) {
  diego::GoWriter out;
  out.begin_object();
  out.member("goal", core::to_string(rebalance.goal));
  out.member("max_moves", static_cast<std::int64_t>(rebalance.max_moves));
  out.member("state", core::to_string(rebalance.state));
  out.member("reason", rebalance.reason);
  out.member("planned", timestamp(rebalance.planned));
  out.key("ended");
  rebalance.ended ? out.string(timestamp(*rebalance.ended)) : out.null();
  write_balance(out, "before", rebalance.before);
  write_balance(out, "after", rebalance.after);
  out.key("moves");
  out.begin_array();
  for (const core::RebalanceMove& move : rebalance.moves) write_move(out, move);
  out.end_array();
  out.key("stay");
  out.begin_array();
  for (const auto& [reason, cells] : rebalance.stay) {
    out.begin_object();
    out.member("reason", reason);
    out.member("cells", cells);
    out.end_object();
  }
  out.end_array();
  out.member("cut_short", rebalance.cut_short);
  out.end_object();
  return out.take();
}

ServerResponse rebalance(const ServerRequest& request, Desk& desk) {
  if (request.method == "POST") return begin(request, desk);
  const bool ends = request.method == "DELETE";
  const auto shown = ends ? desk.cancel_rebalance() : desk.rebalance();
  if (!shown) return error_response(404, ends ? "no rebalance is under way" : "there was no rebalance");
  return json_response(ends ? 202 : 200, rebalance_json(*shown));
}

}  // namespace bridge
