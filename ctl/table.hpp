// Tables for people: aligned columns under a heading, no wider than the terminal.
#pragma once

#include <string>
#include <vector>

#include "ctl/text.hpp"

namespace ctl {

struct Column {
  std::string title;
  bool right = false;      // Numbers stand at the right.
  bool gives_way = false;  // Is cut before others where the terminal is narrow.
  bool is_id = false;      // Is cut at its front: ids differ at their ends.
};

struct Field {
  Field(std::string shown, Ink with = Ink::plain) : text(std::move(shown)), ink(with) {}
  Field(const char* shown, Ink with = Ink::plain) : text(shown), ink(with) {}
  std::string text;  // As the data has it; the table makes it printable.
  Ink ink = Ink::plain;
};

class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // As many fields as there are columns.
  void row(std::vector<Field> fields);

  bool empty() const { return rows_.empty(); }
  std::size_t size() const { return rows_.size(); }

  // One line each, the heading first; no blanks at the end of lines. A column without a word in any row is left out.
  std::string text(const Style& style) const;

 private:
  std::vector<std::size_t> widths(const Style& style) const;

  std::vector<Column> columns_;
  std::vector<std::vector<Field>> rows_;
};

}  // namespace ctl
