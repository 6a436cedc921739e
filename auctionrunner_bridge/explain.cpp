#include "auctionrunner_bridge/explain.hpp"

#include <algorithm>
#include <charconv>

#include "auctionrunner_bridge/answer.hpp"
#include "auctionrunner_bridge/auctions.hpp"
#include "auctionrunner_bridge/views.hpp"

namespace bridge {
namespace {

using platform::ServerRequest;
using platform::ServerResponse;

constexpr std::size_t kCellsDefault = 20;
constexpr std::size_t kCellsMax = 10'000;

// Of ?cells=N.
base::Result<std::size_t> cells_wanted(const ServerRequest& request) {
  std::size_t wanted = kCellsDefault;
  for (const auto& [name, value] : request.query) {
    if (name != "cells") return base::Error{name, "unknown parameter"};
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), wanted);
    if (value.empty() || error != std::errc{} || end != value.data() + value.size() || wanted > kCellsMax)
      return base::Error{"cells", "\"" + value + "\" is not between 0 and " + std::to_string(kCellsMax)};
  }
  return wanted;
}

const std::string& name_of(const diego::LrpStart& start) { return start.process_guid; }
const std::string& name_of(const diego::TaskStart& start) { return start.task_guid; }

template <class Start>
ServerResponse explain_all(const ServerRequest& request, Desk& desk, const base::Result<std::vector<Start>>& starts) {
  const auto cells = cells_wanted(request);
  if (!cells) return error_response(400, cells.error().message());
  if (!starts) return error_response(400, starts.error().message());
  Auctions auctions("", core::kExplainedMax);
  std::string invalid;
  const auto note = [&invalid](const Start& start, const std::string& why) {
    if (invalid.empty()) invalid = "\"" + name_of(start) + "\": " + why;
  };
  for (const Start& start : *starts) {
    if (const auto why = diego::validate(start)) note(start, *why);
    auctions.add(start, note);
  }
  if (!invalid.empty()) return error_response(400, invalid);
  if (auctions.too_many()) {
    return error_response(400, "more instances are asked about than the " + std::to_string(core::kExplainedMax) +
                                   " that are explained at a time");
  }
  std::vector<core::Auction> wanted = auctions.take();
  const auto explanations = desk.explain(std::move(wanted), *cells);
  if (!explanations) return error_response(503, explanations.error().message());
  return json_response(200, explanations_json(*explanations));
}

}  // namespace

ServerResponse explain(const ServerRequest& request, Desk& desk, base::Result<std::vector<diego::LrpStart>> starts) {
  return explain_all(request, desk, starts);
}

ServerResponse explain(const ServerRequest& request, Desk& desk, base::Result<std::vector<diego::TaskStart>> starts) {
  return explain_all(request, desk, starts);
}

ServerResponse explain(const ServerRequest& request, Desk& desk, const core::Key& key) {
  const auto cells = cells_wanted(request);
  if (!cells) return error_response(400, cells.error().message());
  const auto explanation = desk.explain(key, *cells);
  if (!explanation) return error_response(404, "no such instance");
  return json_response(200, explanation_json(*explanation));
}

}  // namespace bridge
