#include "scheduler/record/frame.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "scheduler/core/ids.hpp"
#include "scheduler/record/forms.hpp"

namespace record {

FORM(Beginning, at, seed, fingerprint, config);
FORM(Snapshot, framework_id, policy, connected, complete, wishes, rows);
FORM(Opened, executor_id, cell_id, agent_id, stand_in, own);

namespace {

constexpr std::string_view kMagic = "diego-mesos recording 1";
constexpr std::size_t kHeadBytes = 10;  // Length, its check, the content's: 4, 2 and 4 bytes, the lowest first.
constexpr std::size_t kFrameBytesMax = std::size_t{256} << 20U;
constexpr std::size_t kPreambleBytesMax = std::size_t{64} << 10U;

// What is told of an Accept.
struct Placed {
  std::string task_id;
  std::int64_t mem_mb = 0, disk_mb = 0, cpus_milli = 0;
};
struct Accepted {
  std::string agent_id;
  std::vector<std::string> offer_ids;
  std::vector<Placed> placed;
};

}  // namespace

FORM(Placed, task_id, mem_mb, disk_mb, cpus_milli);
FORM(Accepted, agent_id, offer_ids, placed);

namespace {

template <class Variant>
struct Kinds;
template <class... T>
struct Kinds<std::variant<T...>> {
  static_assert((Formed<T> && ...), "a block for it belongs into forms.hpp");
  static constexpr std::array kNames{Form<T>::kName...};
  static std::vector<std::string> codes() { return {Wire<T>::code()...}; }
  template <class One>
  static constexpr std::size_t index_of() {
    std::size_t index = 0, at = 0;
    ((index = std::is_same_v<T, One> ? at : index, ++at), ...);
    return index;
  }
};

using Action = core::Action;
constexpr std::size_t kAccept = Kinds<Action>::index_of<core::Accept>();
constexpr std::size_t kFirstEvent = 2, kFirstStep = kFirstEvent + std::variant_size_v<core::Event>;

std::string_view short_name(std::string_view name) { return name.substr(name.rfind(':') + 1); }

Accepted told_of(const core::Accept& accept) {
  Accepted told{accept.agent_id, accept.offer_ids, {}};
  told.placed.reserve(accept.launches.size());
  for (const core::Launch& launch : accept.launches) {
    const placement::Amounts amounts = core::sum(launch.pieces);
    told.placed.push_back({launch.task_id, amounts.mem_mb, amounts.disk_mb, amounts.cpus_milli});
  }
  return told;
}

core::Accept accept_of(Accepted told) {
  core::Accept accept{std::move(told.agent_id), std::move(told.offer_ids), {}, {}};
  for (Placed& placed : told.placed) {
    core::Launch launch;
    if (auto task = core::parse_task_id(placed.task_id)) launch.key = std::move(task->key);
    launch.task_id = std::move(placed.task_id);
    launch.pieces = {{core::Dimension::cpus, placed.cpus_milli, "", false},
                     {core::Dimension::mem, placed.mem_mb, "", false},
                     {core::Dimension::disk, placed.disk_mb, "", false}};
    accept.launches.push_back(std::move(launch));
  }
  return accept;
}

bool is_told(const Action& action) { return !std::holds_alternative<core::Acknowledge>(action); }

void mix(Mixer& mixer, const core::Accept& accept, const StandIn& stand_in) {
  const auto& [agent_id, offer_ids, executor_info, launches] = accept;
  put(mixer, agent_id);
  put(mixer, offer_ids);
  mixer.text(stand_in(executor_info));
  put(mixer, launches);
}

std::uint64_t hash_of(const core::Actions& actions, const StandIn& stand_in) {
  Mixer mixer;
  for (const Action& action : actions) {
    mixer.number(action.index());
    if (const auto* accept = std::get_if<core::Accept>(&action)) {
      mix(mixer, *accept, stand_in);
    } else {
      std::visit([&mixer](const auto& one) { put(mixer, one); }, action);
    }
  }
  return mixer.value();
}

void put_answer(Sink& sink, const core::Actions& actions, const StandIn& stand_in) {
  sink.number(actions.size());
  if (actions.empty()) return;
  sink.number(hash_of(actions, stand_in));
  sink.number(static_cast<std::uint64_t>(std::count_if(actions.begin(), actions.end(), is_told)));
  for (const Action& action : actions) {
    if (!is_told(action)) continue;
    sink.number(action.index());
    if (const auto* accept = std::get_if<core::Accept>(&action)) {
      put(sink, told_of(*accept));
    } else {
      std::visit([&sink](const auto& one) { put(sink, one); }, action);
    }
  }
}

// The alternative of that number, with what is read of it.
template <class Variant, std::size_t... I>
Variant take_alternative(Source& source, std::size_t number, std::index_sequence<I...>) {
  Variant value;
  const auto one = [&source, &value](auto in_place) { take(source, value.template emplace<in_place.value>()); };
  ((number == I ? one(std::integral_constant<std::size_t, I>{}) : void()), ...);
  return value;
}
template <class Variant>
Variant take_alternative(Source& source, std::size_t number) {
  return take_alternative<Variant>(source, number, std::make_index_sequence<std::variant_size_v<Variant>>{});
}

Action take_action(Source& source, std::size_t number) {
  if (number != kAccept) return take_alternative<Action>(source, number);
  Accepted told;
  take(source, told);
  return accept_of(std::move(told));
}

void append_number(std::string& out, std::uint64_t value, unsigned bytes) {
  for (unsigned i = 0; i < bytes; ++i) out += static_cast<char>(value >> 8U * i & 0xffU);
}
std::uint64_t number_at(std::string_view bytes, std::size_t at, unsigned count) {
  std::uint64_t value = 0;
  for (unsigned i = 0; i < count; ++i)
    value |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[at + i])) << 8U * i;
  return value;
}
std::uint64_t check_of(std::uint64_t length) {
  Hash hash;
  hash.mix(length);
  return hash.value() & 0xffffU;
}
std::uint64_t check_of(std::string_view body) {
  Hash hash;
  hash.mix(body);
  return hash.value() & 0xffffffffU;
}

// "input StatusArrived {sss}": what the numbers of a segment stand for.
template <class Variant>
void append_kinds(std::string& out, std::string_view what) {
  const auto codes = Kinds<Variant>::codes();
  for (std::size_t i = 0; i < codes.size(); ++i)
    out += std::string(what) + " " + std::string(short_name(Kinds<Variant>::kNames[i])) + " " + codes[i] + "\n";
}

template <class Variant>
base::Result<std::size_t> kind_of(std::string_view name, std::string_view code) {
  static const auto codes = Kinds<Variant>::codes();
  for (std::size_t i = 0; i < codes.size(); ++i) {
    if (short_name(Kinds<Variant>::kNames[i]) != name) continue;
    if (codes[i] == code) return i;
    return base::Error{"", std::string(name) + " had another form in the version that wrote it"};
  }
  return base::Error{"", std::string(name) + " is not known to this version"};
}

std::string_view take_word(std::string_view& line) {
  const std::size_t space = line.find(' ');
  const std::string_view word = line.substr(0, space);
  line.remove_prefix(space == std::string_view::npos ? line.size() : space + 1);
  return word;
}

}  // namespace

std::string_view name_of(const Input& input) { return short_name(Kinds<Input>::kNames[input.index()]); }

std::string write_preamble(const Preamble& preamble) {
  std::string out = std::string(kMagic) + "\nversion " + preamble.version + "\nlife " + preamble.life + "\nsegment " +
                    std::to_string(preamble.segment) + "\n";
  append_kinds<Input>(out, "input");
  append_kinds<Action>(out, "action");
  return out + "\n";
}

Answer answer_of(const core::Actions& actions) {
  Answer answer{actions.size(), 0, {}};
  if (!actions.empty()) answer.hash = hash_of(actions, [](const std::string& info) { return info; });
  for (const Action& action : actions) {
    const auto* accept = std::get_if<core::Accept>(&action);
    if (accept != nullptr) {
      answer.told.emplace_back(accept_of(told_of(*accept)));
    } else if (is_told(action)) {
      answer.told.push_back(action);
    }
  }
  return answer;
}

// ---- Writing

std::string frame_head(std::string_view content) {
  std::string head;
  append_number(head, content.size(), 4);
  append_number(head, check_of(std::uint64_t{content.size()}), 2);
  append_number(head, check_of(content), 4);
  return head;
}

std::string_view FrameWriter::beginning(const Beginning& beginning) {
  kind_ = 0;
  body_.clear();
  Sink sink(body_);
  put(sink, beginning);
  last_ = {};
  return finish(beginning.at, {}, {});
}

std::string_view FrameWriter::snapshot(const Snapshot& snapshot) {
  kind_ = 1;
  body_.clear();
  Sink sink(body_);
  put(sink, snapshot);
  return finish(last_, {}, {});
}

std::string_view FrameWriter::heard(const core::Event& event, base::Time at, const std::vector<Opened>& opened,
                                    const core::Actions& answer) {
  kind_ = kFirstEvent + event.index();
  body_.clear();
  Sink sink(body_);
  std::visit([&sink](const auto& one) { put(sink, one); }, event);
  return finish(at, opened, answer);
}

std::string_view FrameWriter::stepped(const core::Step& step, base::Time at, const std::vector<Opened>& opened,
                                      const core::Actions& answer) {
  kind_ = kFirstStep + step.index();
  body_.clear();
  Sink sink(body_);
  std::visit([&sink](const auto& one) { put(sink, one); }, step);
  return finish(at, opened, answer);
}

// `body_` holds the input alone; the frame is head, kind, time, input, opened, answer.
std::string_view FrameWriter::finish(base::Time at, const std::vector<Opened>& opened, const core::Actions& answer) {
  bytes_.assign(kHeadBytes, '\0');
  Sink sink(bytes_);
  sink.number(kind_);
  put(sink, at - last_);
  last_ = at;
  bytes_ += body_;
  put(sink, opened);
  put_answer(sink, answer, stand_in_);
  const std::string_view content = std::string_view(bytes_).substr(kHeadBytes);
  bytes_.replace(0, kHeadBytes, frame_head(content));
  return bytes_;
}

// ---- Reading

base::Error Segment::broken(std::size_t offset, const std::string& what) const {
  return {name_ + " at offset " + std::to_string(offset), what};
}

base::Result<Segment> Segment::open(std::string name, std::string_view bytes) {
  Segment segment(std::move(name));
  segment.bytes_ = bytes;
  if (auto read = segment.read_preamble(); !read) return read.error();
  return segment;
}

base::Status Segment::read_preamble() {
  const auto line = [this]() -> std::optional<std::string_view> {
    const std::size_t end = bytes_.substr(0, kPreambleBytesMax).find('\n', at_);
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view text = bytes_.substr(at_, end - at_);
    at_ = end + 1;
    return text;
  };
  const auto magic = line();
  if (!magic || *magic != kMagic) return broken(0, "is no recording, or none of a form that this version reads");
  for (;;) {
    const std::size_t begun = at_;
    const auto text = line();
    if (!text) return broken(begun, "ends before its first frame");
    if (text->empty()) return base::ok();
    std::string_view rest = *text;
    const std::string_view word = take_word(rest);
    if (word == "version") {
      preamble_.version = rest;
    } else if (word == "life") {
      preamble_.life = rest;
    } else if (word == "segment") {
      const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), preamble_.segment);
      if (error != std::errc{} || end != rest.data() + rest.size()) return broken(begun, "the segment has no number");
    } else if (word == "input") {
      const std::string_view name = take_word(rest);
      inputs_.push_back(kind_of<Input>(name, rest));
    } else if (word == "action") {
      const std::string_view name = take_word(rest);
      actions_.push_back(kind_of<Action>(name, rest));
    }  // Other words are of versions to come.
  }
}

base::Result<std::optional<Frame>> Segment::next() {
  using Some = std::optional<Frame>;
  const std::size_t begun = at_;
  const std::size_t left = bytes_.size() - at_;
  if (left == 0 || cut_at_) return Some{};
  const std::uint64_t size = left < kHeadBytes ? 0 : number_at(bytes_, at_, 4);
  if (left >= kHeadBytes && check_of(size) != number_at(bytes_, at_ + 4, 2))
    return broken(begun, "is damaged: the check of the frame's length is wrong");
  if (size > kFrameBytesMax) return broken(begun, "is damaged: a frame of " + std::to_string(size) + " bytes");
  if (left < kHeadBytes || left - kHeadBytes < size) {
    cut_at_ = begun;
    return Some{};
  }
  const std::string_view content = bytes_.substr(at_ + kHeadBytes, size);
  if (check_of(content) != number_at(bytes_, at_ + 6, 4))
    return broken(begun, "is damaged: the frame's check is wrong");

  Source source(content);
  const auto known = [&](const std::vector<base::Result<std::size_t>>& kinds) -> base::Result<std::size_t> {
    const std::uint64_t number = source.number();
    if (!source.well() || number >= kinds.size()) return broken(begun, "holds something of an unknown kind");
    if (!kinds[number])
      return broken(begun, kinds[number].error().text + " (" + preamble_.version + ": read it with that)");
    return *kinds[number];
  };
  Frame frame;
  frame.offset = begun;
  const auto kind = known(inputs_);
  if (!kind) return kind.error();
  base::Duration since_last{};
  take(source, since_last);
  // Wraps around where the bytes are nonsense.
  const auto count = static_cast<std::uint64_t>(last_.time_since_epoch().count());
  frame.at =
      base::Time(base::Duration(static_cast<std::int64_t>(count + static_cast<std::uint64_t>(since_last.count()))));
  frame.input = take_alternative<Input>(source, *kind);
  take(source, frame.opened);
  frame.answer.actions = source.number();
  if (frame.answer.actions > 0) {
    frame.answer.hash = source.number();
    for (std::uint64_t told = source.number(); told > 0 && source.well(); --told) {
      const auto action = known(actions_);
      if (!action) return action.error();
      frame.answer.told.push_back(take_action(source, *action));
    }
  }
  if (!source.well() || !source.empty()) return broken(begun, "is damaged: the frame is not what it says it is");
  at_ += kHeadBytes + size;
  last_ = frame.at;
  return Some{std::move(frame)};
}

}  // namespace record
