// A recording in whatever condition it is found: each frame is read or refused with the file and the offset, nothing
// is read that is not there, and what was read can be written and read again.
//
// The first byte says what the rest is: a file; or the content of frames behind a good preamble, each with its true
// length and checks, cut where two zeros stand.
#include <algorithm>

#include "fuzz.hpp"
#include "scheduler/record/frame.hpp"

namespace {

using fuzz::require;

std::string file_of(std::string_view contents) {
  std::string file = record::write_preamble({"fuzz", "life", 0});
  while (!contents.empty()) {
    const std::string_view content = fuzz::take_until(contents, std::string_view("\0\0", 2));
    file += record::frame_head(content) + std::string(content);
  }
  return file;
}

std::string same(const std::string& info) { return info; }

// The frame once more, without its answer; a beginning and a snapshot begin a segment.
std::string written(record::FrameWriter& writer, const record::Frame& frame) {
  return std::visit(
      [&](const auto& input) -> std::string {
        using Kind = std::decay_t<decltype(input)>;
        if constexpr (std::is_same_v<Kind, record::Beginning>) {
          return std::string(writer.beginning(input));
        } else if constexpr (std::is_same_v<Kind, record::Snapshot>) {
          return std::string(writer.snapshot(input));
        } else if constexpr (std::is_constructible_v<core::Step, Kind>) {
          return std::string(writer.stepped(input, frame.at, frame.opened, {}));
        } else {
          return std::string(writer.heard(input, frame.at, frame.opened, {}));
        }
      },
      frame.input);
}

void check_again(const record::Frame& frame) {
  record::FrameWriter writer(same);
  const std::string once = written(writer, frame);
  const std::string file = record::write_preamble({"fuzz", "life", 0}) + once;
  auto segment = record::Segment::open("again", file);
  require(static_cast<bool>(segment), "what was written is a segment");
  const auto read = segment->next();
  require(read && *read, "with a frame");
  require((*read)->input.index() == frame.input.index(), "of that kind");
  record::FrameWriter another(same);
  require(written(another, **read) == once, "that is the same again");
}

}  // namespace

void fuzz::recording(std::string_view bytes) {
  const bool whole = take_byte(bytes) % 2 == 0;
  const std::string file = whole ? std::string(bytes) : file_of(bytes);
  auto segment = record::Segment::open("f", file);
  if (!segment) {
    require(segment.error().message().starts_with("f at offset "), "a refusal names the file and the offset");
    return;
  }
  for (std::size_t last = 0;;) {
    const auto frame = segment->next();
    if (!frame) {
      require(frame.error().message().starts_with("f at offset "), "damage is told with the file and the offset");
      return;
    }
    if (!*frame) return;
    require((*frame)->offset >= last && (*frame)->offset < file.size(), "frames follow one another");
    last = (*frame)->offset;
    require((*frame)->answer.told.size() <= file.size(), "no more is told than is there");
    check_again(**frame);
  }
}
