// A recording, frame by frame: what the core was told, when, and what it answered. Frames lie in segments; a
// segment is one file. FORMAT.md beside this file has it byte by byte.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.hpp"
#include "scheduler/core/witness.hpp"

namespace record {

// The first frame of every segment: what the core was made of, and when the segment begins.
struct Beginning {
  base::Time at;
  std::uint64_t seed = 0;
  std::string fingerprint;  // Of the cells.
  core::Config config;
};

// The second frame of every segment but the first: what a store held then, for a replay that has lost what was
// before. Views into the segment.
struct Snapshot {
  std::string framework_id;
  std::string policy;  // What of it differs from the Beginning's, as a store has it.
  bool connected = false;
  bool complete = true;  // False: there were too many instances to write them down.
  std::vector<std::pair<std::uint64_t, std::string_view>> wishes;
  std::vector<core::InstanceRow> rows;
};

template <class... Variants>
struct JoinedVariants;
template <class... A, class... B, class... C>
struct JoinedVariants<std::variant<A...>, std::variant<B...>, std::variant<C...>> {
  using Type = std::variant<A..., B..., C...>;
};
using Input = JoinedVariants<std::variant<Beginning, Snapshot>, core::Event, core::Step>::Type;

// "StatusArrived".
std::string_view name_of(const Input& input);

// A cell that was started meanwhile. In place of what describes it to Mesos, which may hold secrets, stands a text
// that is the same where the description was the same.
struct Opened {
  std::string executor_id, cell_id, agent_id, stand_in;
  placement::Amounts own;
};

// What the core answered: all of it as a hash, and what of it is told one by one: everything but acknowledgements;
// of an Accept the agent, the offers, and of each launch its task, key and amounts (as pieces without shape).
struct Answer {
  std::uint64_t actions = 0, hash = 0;
  core::Actions told;
};

struct Frame {
  Input input;  // Its views are into the segment.
  base::Time at;
  std::vector<Opened> opened;
  Answer answer;
  std::size_t offset = 0;  // In its segment.
};

// What stands in front of a segment, as text.
struct Preamble {
  std::string version;  // Of the program that wrote it.
  std::string life;     // Of the process; sorts by when it began.
  std::uint64_t segment = 0;
};
std::string write_preamble(const Preamble& preamble);

// What stands in front of a frame's content: how long it is, and what tells a changed byte from a good one, of the
// length too: damage is no end of a file.
std::string frame_head(std::string_view content);

// What is written in place of Accept::executor_info.
using StandIn = std::function<std::string(const std::string&)>;

// Writes the frames of one segment after the other.
class FrameWriter {
 public:
  explicit FrameWriter(StandIn stand_in) : stand_in_(std::move(stand_in)) {}

  // The bytes are good until the next call.
  std::string_view beginning(const Beginning& beginning);
  std::string_view snapshot(const Snapshot& snapshot);
  std::string_view heard(const core::Event& event, base::Time at, const std::vector<Opened>& opened,
                         const core::Actions& answer);
  std::string_view stepped(const core::Step& step, base::Time at, const std::vector<Opened>& opened,
                           const core::Actions& answer);

 private:
  std::string_view finish(base::Time at, const std::vector<Opened>& opened, const core::Actions& answer);

  const StandIn stand_in_;
  std::string bytes_, body_;
  std::uint64_t kind_ = 0;
  base::Time last_;
};

// The answer as it would be recorded, of a core that knows the stand-ins alone.
Answer answer_of(const core::Actions& actions);

// Reads one segment. One thread.
class Segment {
 public:
  // `name`: for errors, which name the offset besides. `bytes` must outlive it and what it gives.
  static base::Result<Segment> open(std::string name, std::string_view bytes);

  const std::string& name() const { return name_; }
  const Preamble& preamble() const { return preamble_; }

  // nullopt: there is none behind, or only the beginning of one (see cut_at()).
  base::Result<std::optional<Frame>> next();

  // Where the bytes end in the middle of a frame: the writer was killed, or its disk was full.
  std::optional<std::size_t> cut_at() const { return cut_at_; }

 private:
  explicit Segment(std::string name) : name_(std::move(name)) {}
  base::Status read_preamble();
  base::Error broken(std::size_t offset, const std::string& what) const;

  std::string name_;
  std::string_view bytes_;
  std::size_t at_ = 0;
  Preamble preamble_;
  // By the number in the segment: ours; or why it cannot be read.
  std::vector<base::Result<std::size_t>> inputs_, actions_;
  base::Time last_;
  std::optional<std::size_t> cut_at_;
};

}  // namespace record
