#include "scheduler/edge/telling_line.hpp"

#include <algorithm>
#include <vector>

#include "base/text.hpp"
#include "diego/utf8.hpp"

namespace edge {
namespace {

// An error names first what failed, and last why.
constexpr std::size_t kHeadCharacters = 180;
constexpr std::size_t kTailCharacters = 115;

// Whether `text` begins as the pattern has it: '#' is a digit, everything else itself.
bool begins_as(std::string_view text, std::string_view pattern) {
  if (text.size() < pattern.size()) return false;
  return std::equal(pattern.begin(), pattern.end(), text.begin(),
                    [](char wanted, char c) { return wanted == '#' ? c >= '0' && c <= '9' : c == wanted; });
}

std::string_view take_word(std::string_view& text) {
  const std::size_t end = std::min(text.find(' '), text.size());
  const std::string_view word = text.substr(0, end);
  text = base::trim(text.substr(end));
  return word;
}

// "2026-11-22T10:00:00.123Z diego-cell error   what happened": platform/log.hpp.
std::optional<std::string_view> of_our_log(std::string_view line) {
  take_word(line);
  for (int words = 0; words < 2; ++words) {  // The program's name may be missing.
    const std::string_view word = take_word(line);
    if (word == "error") return line;
    if (word == "debug" || word == "info" || word == "warning") return std::nullopt;
  }
  return std::nullopt;
}

// "E0122 10:00:00.123456  1234 fetcher.cpp:562] what happened".
std::optional<std::string_view> of_glog(std::string_view line) {
  const auto end = line.find("] ");
  if (line.front() == 'I' || line.front() == 'W' || end == std::string_view::npos) return std::nullopt;
  return line.substr(end + 2);
}

// Diego's JSON, in both of its forms.
std::optional<std::string_view> of_lager(std::string_view line) {
  for (const std::string_view level :
       {R"("log_level":2)", R"("log_level":3)", R"("level":"error")", R"("level":"fatal")"}) {
    if (line.find(level) != std::string_view::npos) return line;
  }
  return std::nullopt;
}

bool is_noise(std::string_view line) {
  const bool hint = line.starts_with("See 'docker") || line.starts_with("Run 'docker");  // Before and since docker 28.
  const bool trace = line.starts_with("*** ") || line.starts_with("@ ");
  return line.empty() || hint || trace || line.starts_with("WARNING: ");
}

std::optional<std::string_view> what_it_tells(std::string_view line) {
  if (is_noise(line)) return std::nullopt;
  if (begins_as(line, "####-##-##T##:##:##")) return of_our_log(line);
  const bool short_date = begins_as(line.substr(1), "#### ##:##:##");
  const bool glog = short_date || begins_as(line.substr(1), "######## ##:##:##");
  if (glog && std::string_view("IWEF").find(line.front()) != std::string_view::npos) return of_glog(line);
  if (line.starts_with(R"({"timestamp":)")) return of_lager(line);
  return line;
}

bool is_control(std::string_view character) {
  const auto first = static_cast<unsigned char>(character.front());
  const bool c1 = first == 0xc2 && static_cast<unsigned char>(character.back()) < 0xa0;
  return first < 0x20 || first == 0x7f || c1;
}

std::string printable(std::string_view line) {
  const std::string text = diego::valid_utf8(line);
  std::vector<std::string_view> characters;
  for (std::string_view rest = text; !rest.empty(); rest.remove_prefix(diego::utf8_length(rest))) {
    const std::string_view character = rest.substr(0, diego::utf8_length(rest));
    if (!is_control(character)) characters.push_back(character);
  }
  const std::size_t count = characters.size();
  const bool fits = count <= kHeadCharacters + kTailCharacters;
  std::string out;
  for (std::size_t i = 0; i < count; ++i) {
    if (!fits && i == kHeadCharacters) {
      out += " ... ";
      i = count - kTailCharacters;
    }
    out += characters[i];
  }
  return out;
}

}  // namespace

std::optional<std::string> telling_line(std::string_view text) {
  while (!text.empty()) {
    const auto newline = text.rfind('\n');
    const std::size_t begin = newline == std::string_view::npos ? 0 : newline + 1;
    if (const auto told = what_it_tells(base::trim(text.substr(begin)))) {
      if (std::string line = printable(*told); !base::trim(line).empty()) return line;
    }
    text = text.substr(0, begin == 0 ? 0 : begin - 1);
  }
  return std::nullopt;
}

}  // namespace edge
