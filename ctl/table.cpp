#include "ctl/table.hpp"

#include <algorithm>
#include <cassert>
#include <numeric>

namespace ctl {
namespace {

constexpr std::size_t kGap = 2;
constexpr std::size_t kNarrowest = 8;  // To which a column is cut.

// Takes `excess` from the widest of those that may give, down to kNarrowest; what could not be taken.
std::size_t narrow(std::vector<std::size_t>& widths, const std::vector<bool>& may, std::size_t excess) {
  while (excess > 0) {
    std::size_t widest = widths.size(), second = kNarrowest, many = 0;
    for (std::size_t at = 0; at < widths.size(); ++at) {
      if (may[at] && widths[at] > kNarrowest && (widest == widths.size() || widths[at] > widths[widest])) widest = at;
    }
    if (widest == widths.size()) return excess;
    const std::size_t width = widths[widest];
    for (std::size_t at = 0; at < widths.size(); ++at) {
      if (!may[at]) continue;
      if (widths[at] == width) ++many;
      if (widths[at] < width) second = std::max(second, widths[at]);
    }
    const std::size_t each = std::max<std::size_t>(1, std::min(width - second, excess / many));
    for (std::size_t at = 0; at < widths.size() && excess > 0; ++at) {
      if (!may[at] || widths[at] != width) continue;
      const std::size_t taken = std::min(each, excess);
      widths[at] -= taken;
      excess -= taken;
    }
  }
  return 0;
}

std::string cut_front(const std::string& text, std::size_t columns) {
  if (columns_of(text) <= columns || columns == 0) return cut(text, columns);
  std::size_t from = 0;
  const auto inside = [&text](std::size_t at) { return (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U; };
  do {
    ++from;
  } while (from < text.size() && (inside(from) || columns_of(text.substr(from)) + 1 > columns));
  return "…" + text.substr(from);
}

}  // namespace

void Table::row(std::vector<Field> fields) {
  assert(fields.size() == columns_.size());
  for (Field& field : fields) field.text = printable(field.text);
  rows_.push_back(std::move(fields));
}

// 0: the column is left out.
std::vector<std::size_t> Table::widths(const Style& style) const {
  std::vector<std::size_t> widths(columns_.size());
  for (const auto& row : rows_) {
    for (std::size_t at = 0; at < row.size(); ++at) widths[at] = std::max(widths[at], columns_of(row[at].text));
  }
  std::size_t shown = 0;
  for (std::size_t at = 0; at < widths.size(); ++at) {
    if (widths[at] == 0 && !rows_.empty()) continue;
    widths[at] = std::max(widths[at], columns_of(columns_[at].title));
    ++shown;
  }
  const std::size_t total =
      std::accumulate(widths.begin(), widths.end(), std::size_t{0}) + (shown > 0 ? (shown - 1) * kGap : 0);
  if (style.columns == 0 || total <= style.columns) return widths;
  std::vector<bool> may(columns_.size()), all(columns_.size());
  for (std::size_t at = 0; at < columns_.size(); ++at) may[at] = columns_[at].gives_way, all[at] = !columns_[at].right;
  const std::size_t left = narrow(widths, may, total - style.columns);
  narrow(widths, all, left);
  return widths;
}

std::string Table::text(const Style& style) const {
  const std::vector<std::size_t> width = widths(style);
  std::string out;
  const auto line = [&](const std::vector<Field>& fields) {
    std::string text;
    std::size_t at_column = 0, wanted = 0;  // Blanks come before the next word, never at the end.
    for (std::size_t at = 0; at < fields.size(); ++at) {
      if (width[at] == 0) continue;
      const std::size_t room =
          style.columns == 0 ? width[at] : std::min(width[at], style.columns - std::min(style.columns, wanted));
      const std::string shown = columns_[at].is_id ? cut_front(fields[at].text, room) : cut(fields[at].text, room);
      const std::size_t taken = columns_of(shown);
      const std::size_t begin = wanted + (columns_[at].right ? room - taken : 0);
      if (taken > 0) {
        text += std::string(begin - at_column, ' ') + inked(shown, fields[at].ink, style);
        at_column = begin + taken;
      }
      wanted += width[at] + kGap;
    }
    out += text + "\n";
  };
  std::vector<Field> heading;
  for (const Column& column : columns_) heading.emplace_back(column.title, Ink::bold);
  line(heading);
  for (const auto& row : rows_) line(row);
  return out;
}

}  // namespace ctl
