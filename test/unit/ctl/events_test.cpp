#include <catch2/catch.hpp>

#include "ctl/event_reader.hpp"

using ctl::ServerEvent;
using Events = std::vector<ServerEvent>;

namespace {

constexpr std::string_view kStream =
    ": events\nid: e-3\n\n"
    "id: e-4\nevent: instance.running\ndata: {\"a\":1}\n\n"
    ":\n\n"
    "data\ndata:  x\ndata:y\n\r\n"
    "id: e-6\r\nevent:gap\r\nretry: 5\r\ndata: {}\r\n\r\n"
    "event: unfinished\ndata: no";

}  // namespace

TEST_CASE("events survive any split of the stream", "[events]") {
  const auto step = GENERATE(range<std::size_t>(1, 40));
  CAPTURE(step);
  ctl::EventReader reader;
  Events all;
  for (std::size_t at = 0; at < kStream.size(); at += step) {
    const Events some = reader.feed(kStream.substr(at, step));
    all.insert(all.end(), some.begin(), some.end());
  }
  CHECK(all == Events{{"instance.running", "{\"a\":1}"}, {"message", "\n x\ny"}, {"gap", "{}"}});
  CHECK(reader.last_id() == "e-6");
}

TEST_CASE("an id that comes alone is kept for the next connection", "[events]") {
  ctl::EventReader reader;
  CHECK(reader.feed(": events\nid: e-3\n\n").empty());
  CHECK(reader.last_id() == "e-3");
}

TEST_CASE("a new connection begins with nothing half read, and keeps the id", "[events]") {
  ctl::EventReader reader;
  reader.feed("id: 7\nevent: cell.up\ndata: hal");
  reader.begin();
  CHECK(reader.feed("f\ndata: x\n\n") == Events{{"message", "x"}});
  CHECK(reader.last_id() == "7");
}

TEST_CASE("what is too long is dropped, and reading goes on", "[events]") {
  ctl::EventReader reader;
  const std::string long_line(2 << 20, 'x');
  CHECK(reader.feed("data: " + long_line + "\n\ndata: y\n\n") == Events{{"message", "y"}});
  std::string many;
  for (int i = 0; i < 40; ++i) many += "data: " + std::string(60'000, 'x') + "\n";
  CHECK(reader.feed(many + "\ndata: z\n\n") == Events{{"message", "z"}});
}
