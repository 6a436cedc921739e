// GET /files/browse and /files/read of an agent: the sandboxes below its work directory, under the
// virtual path /frameworks/<id>/executors/<id>/runs/<run or latest>[/...] or their real one.
#pragma once

#include <map>
#include <string>

#include "platform/http_server.hpp"

namespace local {

platform::ServerResponse browse_files(const std::string& work_dir, const std::map<std::string, std::string>& query);

// `offset` -1 asks for the size; at most 4 MiB at a time.
platform::ServerResponse read_files(const std::string& work_dir, const std::map<std::string, std::string>& query);

}  // namespace local
