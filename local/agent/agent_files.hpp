// GET /files/browse and /files/read of an agent, and READ_FILE of its operator API: the sandboxes below its work
// directory, under the virtual path /frameworks/<id>/executors/<id>/runs/<run or latest>[/...] or their real one.
#pragma once

#include <map>
#include <string>

#include "local/model/http_api.hpp"
#include "platform/http_server.hpp"

namespace local {

platform::ServerResponse browse_files(const std::string& work_dir, const std::map<std::string, std::string>& query);

// `offset` -1 asks for the size; at most 4 MiB at a time.
platform::ServerResponse read_files(const std::string& work_dir, const std::map<std::string, std::string>& query);

// POST /api/v1. READ_FILE reads at most 64 KiB at a time; every other call is 501.
platform::ServerResponse agent_operator_api(const std::string& work_dir, const HttpRequest& request);

}  // namespace local
