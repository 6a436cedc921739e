#include "auctionrunner_bridge/answer.hpp"

#include <fmt/format.h>

#include <charconv>
#include <limits>
#include <type_traits>

#include "auctionrunner_bridge/auctions.hpp"
#include "auctionrunner_bridge/explain.hpp"
#include "auctionrunner_bridge/page.hpp"
#include "auctionrunner_bridge/rebalance.hpp"
#include "auctionrunner_bridge/request_log.hpp"
#include "auctionrunner_bridge/views.hpp"
#include "base/text.hpp"
#include "diego/auction.hpp"
#include "diego/json.hpp"
#include "platform/clock.hpp"

namespace bridge {
namespace {

using platform::ServerRequest;
using platform::ServerResponse;

constexpr std::size_t kBodyInstancesMax = 500'000;  // A body names millions in few bytes.
constexpr std::size_t kPageDefault = 1000;
constexpr std::size_t kPageMax = 10'000;

// As Go's http.Error writes it: what the auctioneer's router answers where no handler is.
ServerResponse go_text(int status, std::string_view text) {
  return ServerResponse{
      .status = status,
      .headers = {{"Content-Type", "text/plain; charset=utf-8"}, {"X-Content-Type-Options", "nosniff"}},
      .body = std::string(text) + "\n"};
}

ServerResponse not_allowed(const std::string& allow) {
  ServerResponse response = error_response(405, "method not allowed");
  response.headers.emplace_back("Allow", allow);
  return response;
}

bool reads(const ServerRequest& request) { return request.method == "GET" || request.method == "HEAD"; }

// Equal work for every wrong token of the right length; its length is no secret.
bool same_secret(std::string_view given, std::string_view expected) {
  if (given.size() != expected.size()) return false;
  unsigned difference = 0;
  for (std::size_t i = 0; i < given.size(); ++i) {
    difference |= static_cast<unsigned>(static_cast<unsigned char>(given[i]) ^ static_cast<unsigned char>(expected[i]));
  }
  return difference == 0;
}

bool admitted(const ServerRequest& request, const Access& access) {
  if (access.token.empty()) return true;
  constexpr std::string_view kScheme = "Bearer ";
  const std::string* const given = platform::find_header(request.headers, "Authorization");
  if (given == nullptr || given->size() < kScheme.size()) return false;
  const std::string_view text = *given;
  return base::equal_ignoring_case(text.substr(0, kScheme.size()), kScheme) &&
         same_secret(base::trim(text.substr(kScheme.size())), access.token);
}

std::string trace_of(const ServerRequest& request) {
  const std::string* const trace = platform::find_header(request.headers, "X-Vcap-Request-Id");
  return trace == nullptr ? "" : *trace;
}

template <class Start>
ServerResponse take_auctions(const ServerRequest& request, Desk& desk, base::Result<std::vector<Start>> starts) {
  const std::string trace_id = trace_of(request);
  const RequestLog log(request, std::is_same_v<Start, diego::LrpStart> ? "lrp" : "task", trace_id);
  if (!starts) {
    log.malformed(starts.error().message());
    return error_response(400, starts.error().message());
  }
  std::erase_if(*starts, [&log](const Start& start) {
    const auto why = diego::validate(start);
    if (why) log.invalid(start, *why);
    return why.has_value();
  });
  Auctions auctions(trace_id, kBodyInstancesMax);
  for (const Start& start : *starts)
    auctions.add(start, [&log](const Start& of, const std::string& why) { log.invalid(of, why); });
  if (auctions.too_many()) {
    const std::string text = "more than " + std::to_string(kBodyInstancesMax) + " instances in one request";
    log.malformed(text);
    return error_response(400, text);
  }
  std::vector<core::Auction> wanted = auctions.take();
  if (!wanted.empty()) {
    if (const base::Status taken = desk.submit(std::move(wanted)); !taken) {
      log.refused(taken.error().message());
      return error_response(503, taken.error().message());
    }
  }
  log.submitted(*starts);
  return json_response(202, "{}");
}

base::Result<std::size_t> parse_limit(const std::string& text) {
  std::size_t limit = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), limit);
  const bool number = !text.empty() && error == std::errc{} && end == text.data() + text.size();
  if (number && limit > 0 && limit <= kPageMax) return limit;
  return base::Error{"limit", fmt::format("\"{}\" is not between 1 and {}", text, kPageMax)};
}

base::Result<core::InstanceQuery> parse_instance_query(const ServerRequest& request) {
  core::InstanceQuery query;
  query.limit = kPageDefault;
  for (const auto& [name, value] : request.query) {
    if (name == "state") {
      query.state = core::parse_state(value);
      if (!query.state) return base::Error{"state", "\"" + value + "\" is no state of an instance"};
    } else if (name == "process_guid") {
      query.process_guid = value;
    } else if (name == "limit") {
      const auto limit = parse_limit(value);
      if (!limit) return limit.error();
      query.limit = *limit;
    } else if (name == "after") {
      query.after = core::parse_cursor(value);
      if (!query.after) return base::Error{"after", "\"" + value + "\" is not the \"next\" of a page"};
    } else {
      return base::Error{name, "unknown parameter"};
    }
  }
  return query;
}

ServerResponse list_instances(const ServerRequest& request, Desk& desk) {
  const auto query = parse_instance_query(request);
  if (!query) return error_response(400, query.error().message());
  const auto instances = desk.instances(*query);
  return json_response(200, instances_json(instances, instances.size() == query->limit));
}

// One LRP index, one Task, or all indices of a process.
ServerResponse show(const core::KeyPattern& pattern, Desk& desk) {
  core::InstanceQuery query;
  query.process_guid = pattern.guid;
  query.limit = std::numeric_limits<std::size_t>::max();
  std::vector<core::InstanceView> instances = desk.instances(query);
  std::erase_if(instances, [&](const core::InstanceView& instance) { return !pattern.matches(instance.key); });
  if (instances.empty()) return error_response(404, "no such instance");
  const bool one = pattern.index || pattern.kind == core::Kind::task;
  return json_response(200, one ? instance_json(instances.front()) : instances_json(instances, false));
}

ServerResponse stop(const core::KeyPattern& pattern, Desk& desk) {
  const auto keys = desk.stop(pattern);
  if (!keys) return error_response(503, keys.error().message());
  if (keys->empty()) return error_response(404, "no such instance");
  return json_response(202, stopping_json(*keys));
}

ServerResponse show_or_stop(const ServerRequest& request, const core::KeyPattern& pattern, Desk& desk) {
  if (reads(request)) return show(pattern, desk);
  if (request.method == "DELETE") return stop(pattern, desk);
  return not_allowed("GET, HEAD, DELETE");
}

base::Result<std::int32_t> parse_index(const std::string& text) {
  std::int32_t index = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), index);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size() || index < 0) {
    return base::Error{"index", "\"" + text + "\" is not an instance index"};
  }
  return index;
}

// The parts of "/a/b%2Fc": {"a", "b/c"}. A guid may contain anything, so parts are decoded after
// the split. nullopt: a '%' without two hex digits.
std::optional<std::vector<std::string>> split_path(std::string_view path) {
  std::vector<std::string> parts;
  while (!path.empty()) {
    path.remove_prefix(1);
    const std::size_t end = std::min(path.find('/'), path.size());
    const auto part = base::percent_decode(path.substr(0, end));
    if (!part) return std::nullopt;
    parts.push_back(*part);
    path.remove_prefix(end);
  }
  return parts;
}

ServerResponse drain(const ServerRequest& request, const std::string& agent_id, Desk& desk) {
  const bool wanted = request.method == "POST";
  if (!wanted && request.method != "DELETE") return not_allowed("POST, DELETE");
  const auto known = desk.drain(agent_id, wanted);
  if (!known) return error_response(503, known.error().message());
  if (!*known) return error_response(404, "no such agent");
  diego::GoWriter out;
  out.begin_object();
  out.member("agent_id", agent_id);
  out.member("draining", wanted);
  out.end_object();
  return json_response(202, out.take());
}

base::Result<core::CellQuery> parse_cell_query(const ServerRequest& request) {
  core::CellQuery query;
  for (const auto& [name, value] : request.query) {
    if (name == "zone") {
      query.zone = value;
    } else if (name == "mark") {
      query.mark = core::parse_cell_mark(value);
      if (!query.mark) return base::Error{"mark", "\"" + value + "\" is no mark of a cell"};
    } else if (name == "match") {
      query.match = value;
    } else if (name == "limit") {
      const auto limit = parse_limit(value);
      if (!limit) return limit.error();
      query.limit = *limit;
    } else if (name == "after") {
      query.after = value;
    } else {
      return base::Error{name, "unknown parameter"};
    }
  }
  return query;
}

ServerResponse show_cells(const ServerRequest& request, Desk& desk) {
  const auto query = parse_cell_query(request);
  if (!query) return error_response(400, query.error().message());
  const auto cells = desk.cells(*query);
  return json_response(200, cells_json(cells, cells.size() == query->limit));
}

ServerResponse show_readiness(Desk& desk) {
  const core::Health health = desk.health();
  if (!health.subscribed) return error_response(503, health.detail.empty() ? "not subscribed" : health.detail);
  diego::GoWriter out;
  out.begin_object();
  out.member("ready", true);
  out.member("detail", health.detail);
  out.end_object();
  return json_response(200, out.take());
}

ServerResponse show_or_change_policy(const ServerRequest& request, Desk& desk) {
  if (request.method == "PUT") {
    if (const auto refused = desk.change_policy(request.body))
      return error_response(refused->unavailable ? 503 : 400, refused->text);
  } else if (!reads(request)) {
    return not_allowed("GET, HEAD, PUT");
  }
  return json_response(200, desk.policy());
}

ServerResponse show_overview(Desk& desk) {
  return json_response(200, overview_json(desk.overview(), desk.history(), platform::now()));
}

ServerResponse show_events(const ServerRequest& request, Desk& desk) {
  auto response = desk.events(request);
  if (!response) return error_response(400, response.error().message());
  return *std::move(response);
}

// Of another site's page: its reader's browser may reach us where the page's author does not. Browsers say where a
// request comes from, other clients say nothing of it.
bool foreign(const ServerRequest& request) {
  if (const std::string* site = platform::find_header(request.headers, "Sec-Fetch-Site"); site != nullptr)
    return *site != "same-origin" && *site != "none";
  const std::string* const origin = platform::find_header(request.headers, "Origin");
  if (origin == nullptr) return false;
  const std::string* const host = platform::find_header(request.headers, "Host");
  const std::size_t scheme = origin->find("://");
  return host == nullptr || scheme == std::string::npos ||
         !base::equal_ignoring_case(std::string_view(*origin).substr(scheme + 3), *host);
}

ServerResponse route(const ServerRequest& request, Desk& desk) {
  const std::string& path = request.path;
  // The two routes of Diego's auctioneer, spelled as its own router spells them.
  if (path == "/v1/lrps" || path == "/v1/tasks") {
    if (request.method != "POST") {
      ServerResponse response = go_text(405, "Method Not Allowed");
      response.headers.emplace_back("Allow", "POST");
      return response;
    }
    return path == "/v1/lrps" ? take_auctions(request, desk, diego::parse_lrp_starts(request.body))
                              : take_auctions(request, desk, diego::parse_task_starts(request.body));
  }
  if (path == "/v1/lrps/" || path == "/v1/tasks/") return go_text(404, "404 page not found");

  const auto parts = split_path(path == "*" ? "" : path);
  if (!parts) return error_response(400, "path: \"" + path + "\" is not percent-encoded");
  const std::size_t depth = parts->size();
  const auto under = [&](std::string_view collection) {
    return depth >= 2 && (*parts)[0] == "v1" && (*parts)[1] == collection;
  };
  const auto read_only = [&](auto reply) { return reads(request) ? reply() : not_allowed("GET, HEAD"); };

  if (path == "/metrics") {
    return read_only([&] {
      return ServerResponse{.status = 200,
                            .headers = {{"Content-Type", "text/plain; version=0.0.4; charset=utf-8"}},
                            .body = desk.metrics()};
    });
  }
  if (under("policy") && depth == 2) return show_or_change_policy(request, desk);
  if (under("rebalance") && depth == 2) {
    if (!reads(request) && request.method != "POST" && request.method != "DELETE")
      return not_allowed("GET, HEAD, POST, DELETE");
    return rebalance(request, desk);
  }
  if (under("overview") && depth == 2) return read_only([&] { return show_overview(desk); });
  if (under("events") && depth == 2) return read_only([&] { return show_events(request, desk); });
  if (under("instances") && depth == 2) return read_only([&] { return list_instances(request, desk); });
  if (under("cells") && depth == 2) return read_only([&] { return show_cells(request, desk); });
  if (under("zones") && depth == 2) return read_only([&] { return json_response(200, zones_json(desk.zones())); });
  if (under("cells") && depth == 4 && !(*parts)[2].empty() && (*parts)[3] == "drain")
    return drain(request, (*parts)[2], desk);
  if (under("explain") && depth == 3 && ((*parts)[2] == "lrps" || (*parts)[2] == "tasks")) {
    if (request.method != "POST") return not_allowed("POST");
    return (*parts)[2] == "lrps" ? explain(request, desk, diego::parse_lrp_starts(request.body))
                                 : explain(request, desk, diego::parse_task_starts(request.body));
  }
  const bool explained = depth > 3 && parts->back() == "explain";
  if (under("lrps") && (depth == 3 || depth == 4 || (depth == 5 && explained)) && !(*parts)[2].empty()) {
    core::KeyPattern pattern{core::Kind::lrp, (*parts)[2], {}};
    if (depth >= 4) {
      const auto index = parse_index((*parts)[3]);
      if (!index) return error_response(400, index.error().message());
      pattern.index = *index;
    }
    if (depth < 5) return show_or_stop(request, pattern, desk);
    return read_only([&] { return explain(request, desk, core::Key{core::Kind::lrp, pattern.guid, *pattern.index}); });
  }
  if (under("tasks") && (depth == 3 || (depth == 4 && explained)) && !(*parts)[2].empty()) {
    const core::Key key{core::Kind::task, (*parts)[2], 0};
    if (depth == 3) return show_or_stop(request, {key.kind, key.guid, {}}, desk);
    return read_only([&] { return explain(request, desk, key); });
  }
  return error_response(404, "no such route: " + path);
}

}  // namespace

ServerResponse json_response(int status, std::string body) {
  return ServerResponse{.status = status, .headers = {{"Content-Type", "application/json"}}, .body = std::move(body)};
}

ServerResponse error_response(int status, std::string_view text) {
  diego::GoWriter out;
  out.begin_object();
  out.member("error", text);
  out.end_object();
  return json_response(status, out.take());
}

ServerResponse answer(const ServerRequest& request, Desk& desk, const Access& access) {
  // Probes carry no credentials and learn nothing of the work.
  if (request.path == "/healthz" || request.path == "/readyz") {
    if (!reads(request)) return not_allowed("GET, HEAD");
    return request.path == "/healthz" ? json_response(200, "{\"status\":\"ok\"}") : show_readiness(desk);
  }
  // The page carries nothing of the work either: it asks its reader for the token.
  if (request.path == "/") return reads(request) ? page_response(request) : not_allowed("GET, HEAD");
  if (!admitted(request, access)) {
    ServerResponse response = error_response(401, "a bearer token is required");
    response.headers.emplace_back("WWW-Authenticate", "Bearer");
    return response;
  }
  if (!reads(request) && foreign(request)) return error_response(403, "another site's page may not ask for this");
  return route(request, desk);
}

}  // namespace bridge
