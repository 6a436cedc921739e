// The door of the BBS stand-in for people, tests and the rep stand-in: HTTP with JSON instead of protobuf,
// for what in Diego comes from the Cloud Controller (wishes) and from Locket (presences). Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "local/bbs/bbs_model.hpp"

namespace local {

struct DoorRequest {
  std::string method;
  std::vector<std::string> path;  // Its parts, decoded.
  std::map<std::string, std::string> query;
  std::string body;
  std::string trace_id;  // For the auctions that follow.
};

struct DoorAnswer {
  int status = 200;
  std::string body;   // JSON; of an error {"error":".."}.
  std::string allow;  // Of a 405.
  bool operator==(const DoorAnswer&) const = default;
};

// A presence ends `presence_ttl` after it was set, unless its request says otherwise.
DoorAnswer answer_door(const DoorRequest& request, base::Duration presence_ttl, BbsModel& model, base::Time now);

}  // namespace local
