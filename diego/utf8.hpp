// Text as Go's encoders make it valid before it goes into JSON or protobuf.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace diego {

// Length of the valid UTF-8 sequence that `text` begins with; 0 where there is none.
std::size_t utf8_length(std::string_view text);

// Each byte that is not UTF-8 becomes U+FFFD.
std::string valid_utf8(std::string_view text);

}  // namespace diego
