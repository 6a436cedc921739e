#include "scheduler/record/frame.hpp"

#include "samples.hpp"

namespace record {
namespace {

using namespace std::chrono_literals;

std::string same(const std::string& info) { return info; }

// A segment of those frames, and their offsets.
struct Written {
  std::string bytes = write_preamble({"1.2.3", "life", 7});
  FrameWriter writer{same};
  std::vector<std::size_t> offsets;

  void add(std::string_view frame) {
    offsets.push_back(bytes.size());
    bytes += frame;
  }
};

std::vector<Frame> read(const std::string& bytes) {
  auto segment = Segment::open("dir/x.rec", bytes);
  REQUIRE(segment);
  std::vector<Frame> frames;
  for (;;) {
    auto frame = segment->next();
    if (!frame) FAIL(frame.error().message());
    if (!*frame) break;
    frames.push_back(**std::move(frame));
  }
  return frames;
}

std::string complaint(const std::string& bytes) {
  auto segment = Segment::open("dir/x.rec", bytes);
  if (!segment) return segment.error().message();
  for (;;) {
    auto frame = segment->next();
    if (!frame) return frame.error().message();
    if (!*frame) return "";
  }
}

// As bytes_of() of an event or step has it.
template <class Variant>
std::optional<std::string> bytes_as(const Input& input) {
  return std::visit(
      [](const auto& one) -> std::optional<std::string> {
        if constexpr (std::is_constructible_v<Variant, decltype(one)>) return bytes_of(Variant(one));
        return std::nullopt;
      },
      input);
}

TEST_CASE("every event comes back as it was, with all its members", "[record]") {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    CAPTURE(seed);
    base::Random random(seed);
    Written written;
    const auto events = one_of_each<core::Event>(random);
    std::vector<base::Time> times;
    for (const core::Event& event : events) {
      times.push_back(sample<base::Time>(random));
      written.add(written.writer.heard(event, times.back(), {}, {}));
    }
    const auto frames = read(written.bytes);
    REQUIRE(frames.size() == events.size());
    for (std::size_t i = 0; i < events.size(); ++i) {
      CAPTURE(name_of(frames[i].input));
      CHECK(bytes_as<core::Event>(frames[i].input) == bytes_of(events[i]));
      CHECK(frames[i].at == times[i]);
      CHECK(frames[i].offset == written.offsets[i]);
    }
  }
}

TEST_CASE("every step comes back as it was", "[record]") {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    CAPTURE(seed);
    base::Random random(seed);
    Written written;
    const auto steps = one_of_each<core::Step>(random);
    for (const core::Step& step : steps) written.add(written.writer.stepped(step, base::Time{5s}, {}, {}));
    const auto frames = read(written.bytes);
    REQUIRE(frames.size() == steps.size());
    for (std::size_t i = 0; i < steps.size(); ++i) CHECK(bytes_as<core::Step>(frames[i].input) == bytes_of(steps[i]));
  }
}

TEST_CASE("what the core was made of comes back as it was", "[record]") {
  base::Random random(3);
  Beginning beginning;
  beginning.at = base::Time{77s};
  beginning.seed = 0xfedcba9876543210U;
  beginning.fingerprint = "f00d";
  beginning.config = sample<core::Config>(random);
  beginning.config.weights = {0.5, 0.125};
  Written written;
  written.add(written.writer.beginning(beginning));
  const auto frames = read(written.bytes);
  REQUIRE(frames.size() == 1);
  const auto& got = std::get<Beginning>(frames[0].input);
  FrameWriter again(same);
  CHECK(std::string(again.beginning(got)) == std::string(written.writer.beginning(beginning)));
  CHECK(got.seed == beginning.seed);
  CHECK(got.config.weights.diego_starting_weight == 0.125);
}

TEST_CASE("every action but an acknowledgement is told; an ACCEPT by tasks and amounts", "[record]") {
  base::Random random(4);
  core::Actions actions = one_of_each<core::Action>(random);
  core::Accept accept{"agent", {"o1", "o2"}, "secret", {}};
  accept.launches.push_back({"app.3.abcdefgh",
                             {core::Kind::lrp, "app", 3},
                             "d",
                             "t",
                             "{}",
                             {{core::Dimension::mem, 64, "m", false},
                              {core::Dimension::mem, 36, "r", true},
                              {core::Dimension::cpus, 100, "c", false}}});
  actions[0] = accept;
  Written written;
  written.add(written.writer.stepped(core::Settled{true}, base::Time{}, {{"e", "c", "agent", "info-1", {1, 2, 3, 4}}},
                                     actions));
  const auto frames = read(written.bytes);
  REQUIRE(frames.size() == 1);
  const Answer& answer = frames[0].answer;
  CHECK(answer.actions == actions.size());
  CHECK(answer.hash == answer_of(actions).hash);
  REQUIRE(answer.told.size() == actions.size() - 1);
  const auto& told = std::get<core::Accept>(answer.told[0]);
  CHECK(told.agent_id == "agent");
  CHECK(told.offer_ids == accept.offer_ids);
  CHECK(told.executor_info.empty());
  CHECK(told.launches[0].key == accept.launches[0].key);
  CHECK(core::sum(told.launches[0].pieces) == placement::Amounts{100, 0, 100, 0});
  std::size_t next = 1;
  for (std::size_t i = 1; i < actions.size(); ++i) {
    if (std::holds_alternative<core::Acknowledge>(actions[i])) continue;
    CHECK(answer.told[next++] == actions[i]);
  }
  REQUIRE(frames[0].opened.size() == 1);
  CHECK(frames[0].opened[0].stand_in == "info-1");
}

TEST_CASE("every member of an action counts for whether decisions are the same", "[record]") {
  const core::Accept accept{"agent", {"o1"}, "info", {{"t", {}, "d", "trace", "element", {{{}, 1, "shape", false}}}}};
  const auto hash = [](core::Accept changed) { return answer_of({std::move(changed)}).hash; };
  const std::uint64_t before = hash(accept);
  CHECK(hash(accept) == before);
  const auto changed = [&](auto change) {
    core::Accept one = accept;
    change(one);
    return hash(one) != before;
  };
  CHECK(changed([](auto& a) { a.agent_id = "other"; }));
  CHECK(changed([](auto& a) { a.offer_ids = {"o", "1"}; }));
  CHECK(changed([](auto& a) { a.executor_info = "inf0"; }));
  CHECK(changed([](auto& a) { a.launches[0].element += " "; }));
  CHECK(changed([](auto& a) { a.launches[0].pieces[0].reserved = true; }));
  CHECK(answer_of({core::Acknowledge{"a", "t", "u"}}).hash != answer_of({core::Acknowledge{"a", "t", "v"}}).hash);
}

Written of_three() {
  Written written;
  for (const char* id : {"one", "two", "three"})
    written.add(written.writer.heard(core::OfferRescinded{id}, base::Time{1s}, {}, {core::Revive{}}));
  return written;
}

TEST_CASE("a file that ends within a frame is read up to there", "[record]") {
  const Written written = of_three();
  for (std::size_t size = written.offsets[2] + 1; size < written.bytes.size(); ++size) {
    auto segment = Segment::open("x", std::string_view(written.bytes).substr(0, size));
    REQUIRE(segment);
    for (int i = 0; i < 2; ++i) {
      const auto frame = segment->next();
      REQUIRE(frame);
      CHECK(*frame);
    }
    CHECK_FALSE(segment->cut_at());
    const auto frame = segment->next();
    REQUIRE(frame);
    CHECK_FALSE(*frame);
    CHECK(segment->cut_at() == written.offsets[2]);
  }
}

TEST_CASE("a preamble that is cut or of something else is one line with the file and the offset", "[record]") {
  const Written written = of_three();
  for (std::size_t size = 0; size < written.offsets[0]; ++size) {
    const std::string line = complaint(written.bytes.substr(0, size));
    CHECK(line.starts_with("dir/x.rec at offset "));
    CHECK(line.find('\n') == std::string::npos);
  }
  CHECK(complaint("GIF89a\n") == "dir/x.rec at offset 0: is no recording, or none of a form that this version reads");
}

TEST_CASE("a changed byte of a frame is one line with the file and the frame's offset", "[record]") {
  const Written written = of_three();
  for (std::size_t at = written.offsets[1]; at < written.offsets[2]; ++at) {
    std::string bytes = written.bytes;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x10);
    auto segment = Segment::open("dir/x.rec", bytes);
    REQUIRE(segment);
    REQUIRE(segment->next());
    const auto frame = segment->next();
    REQUIRE_FALSE(frame);
    CHECK(frame.error().message().starts_with("dir/x.rec at offset " + std::to_string(written.offsets[1]) +
                                              ": is damaged"));
  }
}

TEST_CASE("kinds are known by name and form, not by number", "[record]") {
  Written written;
  written.add(written.writer.heard(core::AgentLost{"a"}, base::Time{}, {}, {}));
  SECTION("another kind before it, that nobody knows") {
    std::string bytes = written.bytes;
    bytes.insert(bytes.find("input Beginning"), "input Unheard {s}\n");
    CHECK(complaint(bytes).find("AgentLost") == std::string::npos);  // Its number means another one there.
  }
  SECTION("one that had other members") {
    std::string bytes = written.bytes;
    const std::size_t at = bytes.find("input AgentLost {s}");
    bytes.replace(at, 19, "input AgentLost {b}");
    CHECK(complaint(bytes) ==
          "dir/x.rec at offset " + std::to_string(written.offsets[0]) +
              ": AgentLost had another form in the version that wrote it (1.2.3: read it with that)");
  }
  SECTION("one that is not in it does not matter") {
    std::string bytes = written.bytes;
    const std::size_t at = bytes.find("input StopRequested {");
    bytes.replace(at, 21, "input StopRequested [");
    CHECK(complaint(bytes).empty());
  }
}

TEST_CASE("what a length claims is not believed", "[record]") {
  // A list of 2^62 items in a frame of a few bytes.
  std::string bytes = "\xff\xff\xff\xff\xff\xff\xff\xff\x3f";
  Source source(bytes);
  std::vector<std::string> items;
  take(source, items);
  CHECK_FALSE(source.well());
  CHECK(items.empty());
  bytes = "\x0e";
  Source enums(bytes);
  core::TaskState state{};
  take(enums, state);
  CHECK_FALSE(enums.well());
  bytes = "\x80\x80\x80\x80\x40";
  Source narrow(bytes);
  std::int32_t index = 0;
  take(narrow, index);
  CHECK_FALSE(narrow.well());
}

TEST_CASE("the keyed hash is SipHash-2-4", "[record]") {
  const Key key{0x0706050403020100U, 0x0f0e0d0c0b0a0908U};
  std::string text;
  for (char i = 0; i < 15; ++i) text += i;
  CHECK(keyed_hash(key, text) == 0xa129ca6149be45e5U);
  CHECK(keyed_hash(key, "") == 0x726fdb47dd0e0e31U);
}

}  // namespace
}  // namespace record
