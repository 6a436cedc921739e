// The BBS's own API: protobuf messages in, protobuf messages out, over the model. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/time.hpp"
#include "local/bbs/bbs_model.hpp"

namespace local {

// Every route is a POST of one message; `path` is literal.
bool is_bbs_route(std::string_view path);

// The body of the answer, whose status is 200 whatever happened: errors are in it. The route must be known.
std::string answer_bbs(std::string_view path, const std::string& body, const std::string& trace_id, BbsModel& model,
                       base::Time now);

// What is passed on unread, for those who do not speak protobuf: a TaskDefinition that says what the task
// needs, and the address in an ActualLRPNetInfo.
std::string task_definition(const diego::TaskStart& task);
std::string net_info_address(const std::string& net_info);

}  // namespace local
