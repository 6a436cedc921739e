#include <rapidjson/error/en.h>
#include <rapidjson/reader.h>

#include <cmath>
#include <limits>
#include <span>
#include <utility>

#include "place/json_stream.hpp"
#include "place/workload_builder.hpp"

namespace place {
namespace {

constexpr std::string_view kFormat = "diego-place/1";
constexpr std::size_t kListItemsMax = 10'000;
constexpr std::int32_t kNumberMax = std::numeric_limits<std::int32_t>::max();  // Diego's own numbers have 32 bits.

enum class Section { cells, lrps, tasks };

std::span<const Field> fields_of(Section section) {
  switch (section) {
    case Section::cells:
      return kCellFields;
    case Section::lrps:
      return kLrpFields;
    case Section::tasks:
      break;
  }
  return kTaskFields;
}

// A name of the file's own in a message of one line.
std::string shown(std::string_view name) {
  constexpr std::size_t kMost = 60;
  std::string text(name.substr(0, kMost));
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = '?';
  }
  return text;
}

// What RapidJSON tells of, put where it belongs. Ends the reading at the first thing that is wrong.
class Handler : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, Handler> {
 public:
  Handler(const std::string& file, JsonStream& stream) : file_(file), stream_(stream) {}

  bool Null() { return unexpected("null"); }
  bool Bool(bool) { return unexpected("true or false"); }
  bool Int(int value) { return number(value); }
  bool Uint(unsigned value) { return number(value); }
  bool Int64(std::int64_t value) { return number(static_cast<double>(value)); }
  bool Uint64(std::uint64_t value) { return number(static_cast<double>(value)); }
  bool Double(double value) { return number(value); }

  bool String(const char* text, rapidjson::SizeType size, bool) {
    stream_.mark();
    const std::string_view value(text, size);
    if (state_ == State::list) return item(value);
    if (!expects(FieldKind::text)) return unexpected("text");
    if (state_ == State::element) {
      values_.texts[field_] = value;
    } else if (kFileFields[field_].name == "format" && value != kFormat) {
      return fail(path() + " is not \"" + std::string(kFormat) + "\"");
    } else if (kFileFields[field_].name == "name") {
      name_ = value;
    }
    return true;
  }

  bool Key(const char* text, rapidjson::SizeType size, bool) {
    stream_.mark();
    const std::span<const Field> fields = current_fields();
    const std::string_view name(text, size);
    // Files have their fields in one order: the next is mostly the one that follows in the table.
    std::size_t tries = 0;
    for (; tries < fields.size(); ++tries) {
      field_ = field_ + 1 < fields.size() ? field_ + 1 : 0;
      if (fields[field_].name == name) break;
    }
    if (tries == fields.size()) return fail(prefix() + shown(name) + " is an unknown field");
    std::uint32_t& seen = state_ == State::element ? values_.seen : file_seen_;
    if ((seen & 1U << field_) != 0) return fail(path() + " is given twice");
    seen |= 1U << field_;
    return true;
  }

  bool StartObject() {
    if (state_ != State::nothing && state_ != State::elements) return unexpected("an object");
    if (state_ == State::elements) {
      values_.clear();
      began_on_ = stream_.line();
    }
    state_ = state_ == State::nothing ? State::file : State::element;
    field_ = kNoField;
    return true;
  }

  bool EndObject(rapidjson::SizeType) {
    const std::span<const Field> fields = current_fields();
    const std::uint32_t seen = state_ == State::element ? values_.seen : file_seen_;
    for (std::size_t i = 0; i < fields.size(); ++i) {
      if (!fields[i].required || (seen & 1U << i) != 0) continue;
      if (state_ == State::file) return fail(std::string(fields[i].name) + " is missing");
      return fail_on(began_on_, prefix() + std::string(fields[i].name) + " is missing");
    }
    if (state_ == State::file) {
      state_ = State::nothing;
      return true;
    }
    if (const auto complaint = add()) return fail_on(began_on_, prefix() + *complaint);
    ++element_;
    state_ = State::elements;
    return true;
  }

  bool StartArray() {
    if (state_ == State::file && expects(FieldKind::elements)) {
      section_field_ = field_;
      section_ = kFileFields[field_].name == "cells"  ? Section::cells
                 : kFileFields[field_].name == "lrps" ? Section::lrps
                                                      : Section::tasks;
      element_ = 0;
      state_ = State::elements;
      return true;
    }
    if (state_ != State::element || !expects(FieldKind::list)) return unexpected("an array");
    state_ = State::list;
    return true;
  }

  bool EndArray(rapidjson::SizeType) {
    if (state_ == State::elements) field_ = section_field_;
    state_ = state_ == State::list ? State::element : State::file;
    return true;
  }

  // Where the reading is, as "lrps[3].memory_mb"; empty outside all fields.
  std::string path() const {
    switch (state_) {
      case State::nothing:
        return "";
      case State::file:
        return field_ == kNoField ? "" : std::string(kFileFields[field_].name);
      case State::elements:
        return element_path();
      case State::element:
        return field_ == kNoField ? element_path() : prefix() + field_name();
      case State::list:
        break;
    }
    return prefix() + field_name() + "[" + std::to_string(values_.lists[field_].size()) + "]";
  }

  const std::optional<base::Error>& error() const { return error_; }
  const std::string& name() const { return name_; }
  Workload finish() { return builder_.finish(); }

 private:
  enum class State { nothing, file, elements, element, list };
  static constexpr std::size_t kNoField = std::numeric_limits<std::size_t>::max();

  std::span<const Field> current_fields() const {
    return state_ == State::element || state_ == State::list ? fields_of(section_)
                                                             : std::span<const Field>(kFileFields);
  }
  std::string field_name() const { return std::string(fields_of(section_)[field_].name); }
  std::string element_path() const {
    return std::string(kFileFields[section_field_].name) + "[" + std::to_string(element_) + "]";
  }
  std::string prefix() const { return state_ == State::nothing || state_ == State::file ? "" : element_path() + "."; }
  bool expects(FieldKind kind) const {
    return (state_ == State::file || state_ == State::element) && current_fields()[field_].kind == kind;
  }

  bool fail_on(std::size_t line, std::string text) {
    error_ = base::Error{file_ + ":" + std::to_string(line), std::move(text)};
    return false;
  }
  bool fail(std::string text) { return fail_on(stream_.line(), std::move(text)); }

  // A value of the wrong type where we are.
  bool unexpected(const char* seen) {
    std::string expected = "text";
    if (state_ == State::nothing || state_ == State::elements) {
      expected = "an object";
    } else if (state_ != State::list) {
      const FieldKind kind = current_fields()[field_].kind;
      if (kind == FieldKind::number || kind == FieldKind::any_number) expected = "a number";
      if (kind == FieldKind::list || kind == FieldKind::elements) expected = "an array";
    }
    const std::string where = path();
    return fail((where.empty() ? "the file" : where) + " is " + seen + ", not " + expected);
  }

  bool number(double value) {
    stream_.mark();
    if (expects(FieldKind::any_number)) return true;
    if (!expects(FieldKind::number)) return unexpected("a number");
    if (value < 0) return fail(path() + " is negative");
    if (value > kNumberMax) return fail(path() + " is larger than " + std::to_string(kNumberMax));
    if (value != std::floor(value)) return fail(path() + " is not a whole number");
    values_.numbers[field_] = static_cast<std::int32_t>(value);
    return true;
  }

  bool item(std::string_view value) {
    if (values_.lists[field_].size() == kListItemsMax) {
      return fail(prefix() + field_name() + " has more than " + std::to_string(kListItemsMax) + " items");
    }
    values_.lists[field_].emplace_back(value);
    return true;
  }

  WorkloadBuilder::Complaint add() {
    switch (section_) {
      case Section::cells:
        return builder_.add_cell(values_);
      case Section::lrps:
        return builder_.add_lrp(values_);
      case Section::tasks:
        break;
    }
    return builder_.add_task(values_);
  }

  const std::string& file_;
  JsonStream& stream_;
  WorkloadBuilder builder_;
  State state_ = State::nothing;
  Section section_ = Section::cells;
  std::size_t section_field_ = 0;  // In kFileFields.
  std::size_t element_ = 0;        // In the section.
  std::size_t field_ = kNoField;   // In current_fields().
  std::size_t began_on_ = 1;       // The line the element began on.
  std::uint32_t file_seen_ = 0;
  Values values_;
  std::string name_;
  std::optional<base::Error> error_;
};

// RapidJSON's own words as ours: "Missing a comma or ] after an array element."
std::string words(rapidjson::ParseErrorCode code) {
  std::string text = rapidjson::GetParseError_En(code);
  if (!text.empty() && text.back() == '.') text.pop_back();
  return text;
}

}  // namespace

base::Result<Workload> read_workload(const std::string& file, const Source& source) {
  JsonStream stream(source);
  if (stream.at_end()) return base::Error{file, "is empty"};
  Handler handler(file, stream);
  rapidjson::Reader reader;
  const rapidjson::ParseResult parsed =
      reader.Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag>(stream, handler);

  const auto fail = [&](const std::string& text) {
    const std::string path = handler.path();
    return base::Error{file + ":" + std::to_string(stream.line()), (path.empty() ? "" : path + ": ") + text};
  };
  if (stream.error()) return base::Error{file, stream.error()->text};
  if (handler.error()) return *handler.error();
  if (stream.too_long()) return fail("more than " + std::to_string(kValueBytesMax) + " bytes for one value");
  if (parsed.IsError() && parsed.Code() == rapidjson::kParseErrorDocumentEmpty) return base::Error{file, "is empty"};
  if (parsed.IsError() && stream.at_end()) return fail("the file ends too early");
  if (parsed.IsError()) return fail("not JSON: " + words(parsed.Code()));
  if (!stream.at_end()) return fail("the file does not end with its object");

  Workload workload = handler.finish();
  workload.name = handler.name();
  if (workload.name.empty()) workload.name = file.substr(file.rfind('/') + 1);
  return workload;
}

}  // namespace place
