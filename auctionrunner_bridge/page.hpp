// The operator's page: one HTML document with its styles and scripts inside, made from page/ when the program is built.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "platform/http_server.hpp"

namespace bridge {

// What page/embed.py writes. `parts` make the document; `policy` (Content-Security-Policy) lets just what is in it run.
struct PageSource {
  std::vector<std::string_view> parts;
  std::string_view etag;
  std::string_view policy;
};
const PageSource& page_source();

// GET or HEAD of the page: whole, or 304 where the browser has it already.
platform::ServerResponse page_response(const platform::ServerRequest& request);

}  // namespace bridge
