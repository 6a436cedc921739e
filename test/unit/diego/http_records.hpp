// Recorded HTTP messages, and what of them must be the same when our side sends them.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "base/text.hpp"
#include "platform/http.hpp"

namespace records {

namespace fs = std::filesystem;

// Where DIEGO_MESOS_CAPTURES says, or CAPTURES_DIR.
inline fs::path folder() {
  const char* const chosen = std::getenv("DIEGO_MESOS_CAPTURES");
  return fs::path(chosen != nullptr ? chosen : CAPTURES_DIR) / "diego" / "bbs";
}

inline bool missing() {
  if (fs::is_directory(folder())) return false;
  std::cerr << "SKIPPED: no captures in " << folder() << " (set DIEGO_MESOS_CAPTURES)\n";
  return true;
}

inline std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

inline std::vector<fs::path> files(const std::string& prefix, const std::string& suffix) {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(folder())) {
    const std::string name = entry.path().filename();
    if (name.starts_with(prefix) && name.ends_with(suffix)) found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

struct Message {
  std::string first_line;  // "POST /work HTTP/1.1", "HTTP/1.1 202 Accepted"
  platform::Headers headers;
  std::string body;

  std::string header(std::string_view name) const {
    const std::string* const value = platform::find_header(headers, name);
    return value == nullptr ? "" : *value;
  }
  std::string word(std::size_t index) const {
    std::istringstream words(first_line);
    std::string word;
    for (std::size_t i = 0; i <= index; ++i) words >> word;
    return word;
  }
};

inline Message parse(const std::string& text) {
  Message message;
  const std::size_t end = text.find("\r\n\r\n");
  std::istringstream head(text.substr(0, end));
  std::getline(head, message.first_line);
  if (message.first_line.ends_with('\r')) message.first_line.pop_back();
  for (std::string line; std::getline(head, line);) {
    const std::size_t colon = line.find(':');
    message.headers.emplace_back(line.substr(0, colon), std::string(base::trim(line.substr(colon + 1))));
  }
  if (end != std::string::npos) message.body = text.substr(end + 4);
  return message;
}

// "Name: value" of each header but `aside`, sorted: their order says nothing in HTTP.
inline std::vector<std::string> lines(const platform::Headers& headers, const std::vector<std::string>& aside) {
  std::vector<std::string> out;
  for (const auto& [name, value] : headers) {
    if (std::find(aside.begin(), aside.end(), name) == aside.end()) out.push_back(name + ": " + value);
  }
  std::sort(out.begin(), out.end());
  return out;
}

// Of a request: where it goes, who sends it and what answers that one can read.
inline const std::vector<std::string> kOfTheSender{"Host", "User-Agent", "Accept", "Accept-Encoding"};

}  // namespace records
