#include "auctionrunner_bridge/page.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace bridge {
namespace {

const std::string& document() {
  static const std::string whole = [] {
    std::string text;
    for (const std::string_view part : page_source().parts) text += part;
    return text;
  }();
  return whole;
}

bool has_it_already(const platform::ServerRequest& request) {
  const std::string* const known = platform::find_header(request.headers, "If-None-Match");
  if (known == nullptr) return false;
  const auto tags = base::split_list(*known);
  return std::any_of(tags.begin(), tags.end(), [](std::string_view tag) {
    if (tag.starts_with("W/")) tag.remove_prefix(2);  // A proxy that compressed it.
    return tag == page_source().etag || tag == "*";
  });
}

}  // namespace

platform::ServerResponse page_response(const platform::ServerRequest& request) {
  platform::ServerResponse response;
  response.headers = {{"Content-Type", "text/html; charset=utf-8"},
                      {"Content-Security-Policy", std::string(page_source().policy)},
                      {"X-Content-Type-Options", "nosniff"},
                      {"X-Frame-Options", "DENY"},
                      {"Referrer-Policy", "no-referrer"},
                      {"Cross-Origin-Opener-Policy", "same-origin"},
                      {"Cross-Origin-Resource-Policy", "same-origin"},
                      {"Cache-Control", "no-cache"},
                      {"ETag", std::string(page_source().etag)}};
  if (has_it_already(request)) {
    response.status = 304;
  } else {
    response.body = document();
  }
  return response;
}

}  // namespace bridge
