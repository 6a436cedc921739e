// The bridge's routes, without sockets: a request in, a response out. Described for users in
// schemas/bridge.openapi.yaml.
#pragma once

#include <string>

#include "auctionrunner_bridge/desk.hpp"
#include "platform/http_server.hpp"

namespace bridge {

// Decides who may ask.
struct Access {
  std::string token;  // Empty: anyone who reaches the listener. Else every route but /, /healthz
                      // and /readyz wants "Authorization: Bearer <token>".
};

// Answers POST /v1/lrps and /v1/tasks byte for byte as Diego's auctioneer does; elements that Diego
// would drop are dropped and logged in its words. Thread-safe.
platform::ServerResponse answer(const platform::ServerRequest& request, Desk& desk, const Access& access);

platform::ServerResponse json_response(int status, std::string body);

// {"error":"..."}, escaped as Go escapes.
platform::ServerResponse error_response(int status, std::string_view text);

}  // namespace bridge
