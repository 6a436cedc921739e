// What runs, packed or spread anew. Private to the bridge.
#pragma once

#include <string>
#include <string_view>

#include "auctionrunner_bridge/desk.hpp"
#include "base/result.hpp"
#include "platform/http_server.hpp"

namespace bridge {

// {"goal":"pack"|"spread","max_moves":N}, each of which may be missing, as the whole may be. An error names the member.
base::Result<core::RebalanceOrder> parse_rebalance(std::string_view body);

std::string rebalance_json(const core::RebalanceView& rebalance);

// Of any method.
platform::ServerResponse rebalance(const platform::ServerRequest& request, Desk& desk);

}  // namespace bridge
