// Small text codecs that several rooms need and no dependency of ours offers alone.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace base {

// Standard alphabet with '=' padding, as Mesos writes bytes in JSON.
std::string base64_encode(std::string_view bytes);

// Standard alphabet, padding optional, white space skipped (as Mesos reads it). On failure
// `bad` (if given) is the first character outside the alphabet, or '\0' for a bad length.
std::optional<std::string> base64_decode(std::string_view text, char* bad = nullptr);

// Everything outside [A-Za-z0-9_-] becomes %XX: what a Mesos task id is made of (the dot separates).
std::string percent_encode(std::string_view text);

// The reverse; nullopt where a '%' is not followed by two hex digits.
std::optional<std::string> percent_decode(std::string_view text);

// ASCII only.
std::string lower(std::string_view text);
bool equal_ignoring_case(std::string_view a, std::string_view b);

// "a, b,,c" -> {"a","b","c"}: blanks around items are cut, empty items dropped.
std::vector<std::string> split_list(std::string_view text, char separator = ',');

std::string_view trim(std::string_view text);

}  // namespace base
