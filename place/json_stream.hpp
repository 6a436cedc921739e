// Bytes for RapidJSON's reader from a Source: counts lines, and bounds how much may come between two
// values. This and workload_reader.cpp alone see RapidJSON's reader.
#pragma once

#include <array>
#include <cstddef>
#include <optional>

#include "place/workload.hpp"

namespace place {

class JsonStream {
 public:
  using Ch = char;

  explicit JsonStream(const Source& source) : source_(source) { refill(); }

  Ch Peek() const { return at_ < end_ ? buffer_[at_] : '\0'; }
  Ch Take() {
    if (at_ == end_) return '\0';
    const Ch taken = buffer_[at_++];
    if (taken == '\n') ++line_;
    if (at_ == end_) refill();
    return taken;
  }
  std::size_t Tell() const { return before_ + at_; }

  // RapidJSON asks for these to parse in place, which we do not.
  Ch* PutBegin() { return nullptr; }
  void Put(Ch) {}
  void Flush() {}
  std::size_t PutEnd(Ch*) { return 0; }

  // A value has been read: the next one may be as long again.
  void mark() { mark_ = Tell(); }

  std::size_t line() const { return line_; }
  bool at_end() const { return at_ == end_ && !too_long_ && !error_; }
  bool too_long() const { return too_long_; }
  const std::optional<base::Error>& error() const { return error_; }

 private:
  void refill() {
    before_ += end_;
    at_ = end_ = 0;
    too_long_ = before_ - mark_ > kValueBytesMax;
    if (too_long_ || error_) return;
    auto size = source_(buffer_.data(), buffer_.size());
    if (size) {
      end_ = *size;
    } else {
      error_ = size.error();
    }
  }

  const Source& source_;
  std::array<char, 65536> buffer_{};
  std::size_t at_ = 0, end_ = 0;
  std::size_t before_ = 0;  // Bytes in earlier fillings.
  std::size_t mark_ = 0;
  std::size_t line_ = 1;
  bool too_long_ = false;
  std::optional<base::Error> error_;
};

}  // namespace place
