// Where work would go, and why not elsewhere. Private to the bridge.
#pragma once

#include <vector>

#include "auctionrunner_bridge/desk.hpp"
#include "base/result.hpp"
#include "diego/auction.hpp"
#include "platform/http_server.hpp"

namespace bridge {

// The bodies are those of auctions, but nothing is dropped in silence: an invalid element is a 400 that names it.
platform::ServerResponse explain(const platform::ServerRequest& request, Desk& desk,
                                 base::Result<std::vector<diego::LrpStart>> starts);
platform::ServerResponse explain(const platform::ServerRequest& request, Desk& desk,
                                 base::Result<std::vector<diego::TaskStart>> starts);

platform::ServerResponse explain(const platform::ServerRequest& request, Desk& desk, const core::Key& key);

}  // namespace bridge
