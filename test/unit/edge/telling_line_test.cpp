// Which line of a stderr is shown to people.
#include "scheduler/edge/telling_line.hpp"

#include <catch2/catch.hpp>

using edge::telling_line;

TEST_CASE("the last line that is not noise tells why", "[telling_line]") {
  const auto [text, told] = GENERATE(table<std::string, std::string>({
      {"first\nlast\n", "last"},
      {"no newline at the end", "no newline at the end"},
      {"why\n\n  \r\n\n", "why"},
      {"  indented\t\r\n", "indented"},
      // What docker ends an error with, before and since version 28.
      {"docker: Error response from daemon: unable to apply caps: operation not permitted: unknown.\n"
       "See 'docker run --help'.\n",
       "docker: Error response from daemon: unable to apply caps: operation not permitted: unknown."},
      {"unknown flag: --nosuchflag\n\nRun 'docker run --help' for more information\n", "unknown flag: --nosuchflag"},
      {"cannot open /x\nWARNING: Your kernel does not support swap limit capabilities.\n", "cannot open /x"},
      // The fetcher's and the executor library's glog, with short and with long dates.
      {"Failed to fetch 'http://x': no route\nI0122 10:00:00.123456  1234 fetcher.cpp:562] Fetcher Info: {}\n",
       "Failed to fetch 'http://x': no route"},
      {"why\nW0122 10:00:00.123456  1234 exec.cpp:1] a warning\n", "why"},
      {"E0122 10:00:00.123456  1234 fetcher.cpp:562] EXIT with status 1: Failed\n", "EXIT with status 1: Failed"},
      {"F20260122 10:00:00.123456  1234 a.cpp:5] Check failed: x == y\n*** Check failure stack trace: ***\n"
       "    @     0x7f0000000000  google::LogMessage::Fail()\n",
       "Check failed: x == y"},
      {"I love 0122 10:00 trains\n", "I love 0122 10:00 trains"},
      // Our own programs' logs.
      {"2026-11-22T10:00:00.123Z diego-cell error   the host lacks fuse: /dev/fuse is missing\n"
       "2026-11-22T10:00:00.124Z diego-cell info    ended process=garden: exited with status 0\n",
       "the host lacks fuse: /dev/fuse is missing"},
      {"2026-11-22T10:00:00.123Z error   no name\n", "no name"},
      {"diego-executor: --cell-id: is no DNS label\n2026-11-22T10:00:00.123Z diego-executor warning what\n",
       "diego-executor: --cell-id: is no DNS label"},
      // Diego's.
      {R"({"timestamp":"1","source":"rep","message":"rep.exited-with-failure","log_level":2,"data":{}})"
       "\n"
       R"({"timestamp":"1","source":"rep","message":"rep.exited","log_level":1,"data":{}})",
       R"({"timestamp":"1","source":"rep","message":"rep.exited-with-failure","log_level":2,"data":{}})"},
      {R"({"timestamp":"2018-03-27T17:29:44Z","level":"fatal","source":"rep","message":"rep.x","data":{}})",
       R"({"timestamp":"2018-03-27T17:29:44Z","level":"fatal","source":"rep","message":"rep.x","data":{}})"},
      {R"({"not":"a log"})", R"({"not":"a log"})"},
      // Whatever else it is, it can be shown.
      {"red \x1b[31malert\x07\n", "red [31malert"},
      {"bell\n\x07\x01\n", "bell"},
      {"n\xc2\x85o C1\n", "no C1"},
      {std::string("nul\0byte", 8), "nulbyte"},
      {"caf\xc3\xa9 \xff\xc3\n", "caf\xc3\xa9 \xef\xbf\xbd\xef\xbf\xbd"},
  }));
  CAPTURE(text);
  CHECK(telling_line(text) == told);
}

TEST_CASE("where all is noise no line tells", "[telling_line]") {
  const auto text = GENERATE(as<std::string>{}, "", "\n\n", " \t\r\n", "I0122 10:00:00.123456  1234 a.cpp:5] fine\n",
                             "2026-11-22T10:00:00.123Z diego-executor info    subscribed\n", "See 'docker run --help'.",
                             "2026-11-22T10:00:00.123Z", "2026-11-22T10:00:00", "\x01\x02");
  CAPTURE(text);
  CHECK_FALSE(telling_line(text));
}

TEST_CASE("of a long line the beginning and the end are shown", "[telling_line]") {
  const std::string umlaut = "\xc3\xbc";
  std::string line = "docker: ";
  for (int i = 0; i < 5'000; ++i) line += umlaut;
  line += ": no space left";
  const std::string shown = *telling_line(line);
  CHECK(shown.starts_with("docker: " + umlaut));
  CHECK(shown.ends_with(umlaut + ": no space left"));
  CHECK(shown.find(umlaut + " ... " + umlaut) != std::string::npos);
  CHECK(shown.size() <= 2 * 300);
  const std::string fits(295, 'x');
  CHECK(telling_line(fits) == fits);
  CHECK(telling_line(fits + "y")->size() == 300);
}
