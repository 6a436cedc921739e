// What is said to the BBS, byte by byte, and what is made of its answers.
#include "diego/bbs_wire.hpp"

#include <catch2/catch.hpp>

#include "protobuf_bytes.hpp"

using namespace diego;
using wire_test::hex;
using wire_test::number;
using wire_test::text;

namespace {

using Kind = BbsFailure::Kind;

BbsReply ok(std::string body) {
  return {.status = 200, .content_type = "application/x-protobuf", .router_error = "", .body = std::move(body)};
}

std::string error(std::uint32_t type, std::string_view message) {
  return text(1, (type == 0 ? "" : number(1, type)) + text(2, message));
}

// The kind of a failure; a value is a failure of the test.
template <class Value>
Kind kind(const BbsAnswer<Value>& answer) {
  REQUIRE_FALSE(answer);
  return answer.failure().kind;
}

}  // namespace

TEST_CASE("calls are the bytes Diego's own client would send", "[bbs]") {
  const auto [call, path, bytes] = GENERATE(table<BbsCall, std::string, std::string>({
      {fail_actual_lrp_call({"p", 0, "d"}, "m"), "/v1/actual_lrps/fail", "0A 06 0A 01 70 1A 01 64 12 01 6D"},
      {fail_actual_lrp_call({"p", 1, "d"}, "m"), "/v1/actual_lrps/fail", "0A 08 0A 01 70 10 01 1A 01 64 12 01 6D"},
      {reject_task_call("t", "r"), "/v1/tasks/reject", "0A 01 74 12 01 72"},
      {cells_call(), "/v1/cells/list.r1", ""},
      {actual_lrps_call("p"), "/v1/actual_lrps/list", "1A 01 70"},
      {actual_lrps_call("p", 0), "/v1/actual_lrps/list", "1A 01 70 20 00"},
      {actual_lrps_call("p", 300), "/v1/actual_lrps/list", "1A 01 70 20 AC 02"},
      {task_by_guid_call("t"), "/v1/tasks/get_by_task_guid.r3", "0A 01 74"},
      {ping_call(), "/v1/ping", ""},
  }));
  CAPTURE(path, bytes);
  CHECK(call == BbsCall{path, hex(bytes)});
}

TEST_CASE("a key without anything is still said", "[bbs]") {
  CHECK(fail_actual_lrp_call({}, "m").body == hex("0A 00 12 01 6D"));
}

TEST_CASE("a reason is never empty, always text, and bounded", "[bbs]") {
  const auto [given, sent] = GENERATE(table<std::string, std::string>({
      {"", "insufficient resources"},
      {"caf\xc3\xa9", "caf\xc3\xa9"},
      {"cut \xc3", "cut \xef\xbf\xbd"},
      {std::string(4096, 'a'), std::string(4096, 'a')},
      {std::string(4097, 'a'), std::string(4096, 'a')},
      {std::string(4095, 'a') + "\xc3\xa9 and more", std::string(4095, 'a')},  // Not half of a character.
      {std::string(4094, 'a') + "\xc3\xa9 and more", std::string(4094, 'a') + "\xc3\xa9"},
      {std::string(4090, 'a') + std::string(20, '\xff'), std::string(4090, 'a') + "\xef\xbf\xbd\xef\xbf\xbd"},
  }));
  CAPTURE(given);
  CHECK(reject_task_call("t", given).body == text(1, "t") + text(2, sent));
  CHECK(fail_actual_lrp_call({"p", 0, "d"}, given).body == text(1, text(1, "p") + text(3, "d")) + text(2, sent));
}

TEST_CASE("guids that are no text are made text, for the whole message would be unreadable", "[bbs]") {
  const std::string mended = "\xef\xbf\xbd";
  CHECK(reject_task_call("\xff", "r").body == text(1, mended) + text(2, "r"));
  CHECK(fail_actual_lrp_call({"\xff", 0, "\xff"}, "r").body ==
        text(1, text(1, mended) + text(3, mended)) + text(2, "r"));
  CHECK(actual_lrps_call("\xff").body == text(3, mended));
  CHECK(task_by_guid_call("\xff").body == text(1, mended));
}

TEST_CASE("an empty answer takes a report", "[bbs]") {
  CHECK(read_fail_actual_lrp(ok("")));
  CHECK(read_reject_task(ok("")));
}

TEST_CASE("what an error means to a failed LRP", "[bbs]") {
  const auto [type, message, meaning] = GENERATE(table<unsigned, std::string, Kind>({
      {0, "the request failed for an unknown reason", Kind::transient},
      {3, "", Kind::refused},
      {4, "Invalid field: error_message", Kind::refused},
      {4, "the request received is invalid", Kind::refused},
      {11, "the resource is in conflict", Kind::transient},
      {13, "the requested resource could not be found", Kind::gone},
      {14, "", Kind::transient},
      {18, "cannot fail actual LRP", Kind::gone},
      {19, "", Kind::refused},
      {27, "could not deserialize", Kind::refused},
      {28, "the request failed due to deadlock", Kind::transient},
      {29, "unrecoverable", Kind::transient},
      {30, "", Kind::transient},
      {31, "", Kind::transient},
      {99, "of a later BBS", Kind::refused},
  }));
  CAPTURE(type, message);
  CHECK(kind(read_fail_actual_lrp(ok(error(type, message)))) == meaning);
}

TEST_CASE("what an error means to a rejected Task", "[bbs]") {
  const auto [type, message, meaning] = GENERATE(table<unsigned, std::string, Kind>({
      {4, "the request received is invalid", Kind::gone},  // Of a Task that is completed.
      {4, "Invalid field: failure_reason", Kind::refused},
      {4, "Invalid field: task_guid, Invalid field: rejection_reason", Kind::refused},
      {9, "Cannot transition from Completed to Pending", Kind::gone},
      {13, "the requested resource could not be found", Kind::gone},
      {18, "cannot fail actual LRP", Kind::refused},
      {28, "the request failed due to deadlock", Kind::transient},
  }));
  CAPTURE(type, message);
  CHECK(kind(read_reject_task(ok(error(type, message)))) == meaning);
}

TEST_CASE("a failure is one line that says what was asked", "[bbs]") {
  CHECK(read_fail_actual_lrp(ok(error(18, "cannot fail\nactual LRP"))).failure() ==
        BbsFailure{Kind::gone, "POST /v1/actual_lrps/fail: cannot fail actual LRP (ActualLRPCannotBeFailed)"});
  CHECK(read_cells(ok(error(99, ""))).failure() ==
        BbsFailure{Kind::refused, "POST /v1/cells/list.r1: no text (error 99)"});
  CHECK(read_ping(ok("")));
  CHECK(read_task_by_guid(ok(error(4, std::string(5000, 'x')))).failure().text.size() < 400);
}

TEST_CASE("an HTTP answer without a message", "[bbs]") {
  const auto [status, type, router, meaning, said] = GENERATE(table<int, std::string, std::string, Kind, std::string>({
      {503, "", "", Kind::transient, "the BBS answered 503"},
      {500, "text/plain", "", Kind::transient, "the BBS answered 500"},
      {429, "", "", Kind::transient, "the BBS answered 429"},
      {408, "", "", Kind::transient, "the BBS answered 408"},
      {404, "text/plain; charset=utf-8", "", Kind::refused, "the BBS answered 404"},
      {403, "", "", Kind::refused, "the BBS answered 403"},
      {302, "text/html", "", Kind::refused, "the BBS answered 302"},
      {200, "text/html", "", Kind::transient, "the answer is of type \"text/html\", not application/x-protobuf"},
      {200, "", "", Kind::transient, "the answer is of type \"\", not application/x-protobuf"},
      {200, "application/x-protobuffer", "", Kind::transient,
       "the answer is of type \"application/x-protobuffer\", not application/x-protobuf"},
      {404, "text/plain", "unknown_route", Kind::transient, "a router on the way to the BBS answered unknown_route"},
      {200, "application/x-protobuf", "endpoint_failure", Kind::transient,
       "a router on the way to the BBS answered endpoint_failure"},
  }));
  CAPTURE(status, type, router);
  const BbsReply reply{.status = status, .content_type = type, .router_error = router, .body = ""};
  CHECK(read_reject_task(reply).failure() == BbsFailure{meaning, "POST /v1/tasks/reject: " + said});
  CHECK(kind(read_fail_actual_lrp(reply)) == meaning);
  CHECK(kind(read_cells(reply)) == meaning);
  CHECK(kind(read_actual_lrps(reply)) == meaning);
  CHECK(kind(read_task_by_guid(reply)) == meaning);
  CHECK(kind(read_ping(reply)) == meaning);
}

TEST_CASE("a message counts whatever the status, with or without parameters of its type", "[bbs]") {
  auto reply = ok(error(13, "gone"));
  reply.status = 404;
  reply.content_type = "application/x-protobuf; charset=utf-8";
  CHECK(kind(read_reject_task(reply)) == Kind::gone);
}

TEST_CASE("bytes that are no message are a transient failure", "[bbs]") {
  const auto bytes = GENERATE(as<std::string>(), "\xff\xff", "<html>", "\x0a\x7f", "\x12\x02\x0a\x05");
  CAPTURE(bytes);
  CHECK(kind(read_cells(ok(bytes))) == Kind::transient);
  CHECK(read_cells(ok(bytes)).failure().text == "POST /v1/cells/list.r1: the answer is not the message expected");
  CHECK(kind(read_actual_lrps(ok(bytes))) == Kind::transient);
  CHECK(kind(read_task_by_guid(ok(bytes))) == Kind::transient);
}

TEST_CASE("answers beyond the bounds are not built", "[bbs]") {
  std::string rows;
  for (std::size_t i = 0; i < kBbsRowsMax + 1; ++i) rows += std::string("\x12\0", 2);
  CHECK(read_actual_lrps(ok(rows)).failure() ==
        BbsFailure{Kind::transient, "POST /v1/actual_lrps/list: the answer has more than 1000000 rows"});
  CHECK(read_cells(ok(std::string(kBbsAnswerBytesMax + 1, '\0'))).failure() ==
        BbsFailure{Kind::transient, "POST /v1/cells/list.r1: the answer is longer than 67108864 bytes"});
}

TEST_CASE("cells are read with all that they announce", "[bbs]") {
  const std::string cell = text(1, "cell-1") + text(2, "https://10.0.0.1:1801") + text(3, "z1") +
                           text(4, number(1, 1024) + number(2, 2048) + number(3, 20)) +
                           text(5, text(1, "preloaded") + text(2, "cflinuxfs4") + text(2, "windows")) +
                           text(5, text(1, "docker")) + text(6, "iso") + text(7, "gpu") + text(7, "ssd") +
                           text(8, "https://cell-1:1802") + text(9, text(1, "k") + text(2, "v")) + number(77, 5);
  const auto cells = read_cells(ok(text(2, cell) + text(2, text(1, "bare"))));
  REQUIRE(cells);
  CHECK(*cells == std::vector<CellRow>{{.cell_id = "cell-1",
                                        .rep_address = "https://10.0.0.1:1801",
                                        .rep_url = "https://cell-1:1802",
                                        .zone = "z1",
                                        .memory_mb = 1024,
                                        .disk_mb = 2048,
                                        .containers = 20,
                                        .rootfs_providers = {{"docker", {}}, {"preloaded", {"cflinuxfs4", "windows"}}},
                                        .placement_tags = {"iso"},
                                        .optional_placement_tags = {"gpu", "ssd"}},
                                       {.cell_id = "bare"}});
}

TEST_CASE("the rows of an instance that moves", "[bbs]") {
  const auto row = [](std::string_view state, unsigned presence, const std::string& more) {
    return text(2, text(1, text(1, "p") + number(2, 3) + text(3, "d")) + text(6, state) + number(10, presence) + more);
  };
  const auto rows =
      read_actual_lrps(ok(row("RUNNING", 1, text(2, text(1, "i1") + text(2, "cell-1")) + number(4, 2) + number(8, 1)) +
                          row("UNCLAIMED", 0, text(7, "insufficient resources: memory")) + row("CLAIMED", 2, "") +
                          row("CRASHED", 0, "") + row("UPSIDE DOWN", 9, "")));
  REQUIRE(rows);
  const auto lrp = [](LrpRow::State state, LrpRow::Presence presence) {
    return LrpRow{.process_guid = "p", .domain = "d", .index = 3, .state = state, .presence = presence};
  };
  std::vector<LrpRow> expected{
      lrp(LrpRow::State::running, LrpRow::Presence::evacuating),
      lrp(LrpRow::State::unclaimed, LrpRow::Presence::ordinary), lrp(LrpRow::State::claimed, LrpRow::Presence::suspect),
      lrp(LrpRow::State::crashed, LrpRow::Presence::ordinary), lrp(LrpRow::State::unknown, LrpRow::Presence::ordinary)};
  expected[0].instance_guid = "i1";
  expected[0].cell_id = "cell-1";
  expected[1].placement_error = "insufficient resources: memory";
  CHECK(*rows == expected);
}

TEST_CASE("a process without rows has none, however the BBS says it", "[bbs]") {
  CHECK(read_actual_lrps(ok(""))->empty());
  CHECK(read_actual_lrps(ok(error(13, "the requested resource could not be found")))->empty());
  CHECK(kind(read_actual_lrps(ok(error(28, "deadlock")))) == Kind::transient);
}

TEST_CASE("a placement error that the BBS cut inside a character is read", "[bbs]") {
  const auto rows = read_actual_lrps(ok(text(2, text(6, "UNCLAIMED") + text(7, "caf\xc3(truncated)"))));
  REQUIRE(rows);
  CHECK(rows->at(0).placement_error == "caf\xef\xbf\xbd(truncated)");
}

TEST_CASE("a task is read", "[bbs]") {
  const auto [number_of_state, state] = GENERATE(table<unsigned, TaskRow::State>({
      {0, TaskRow::State::invalid},
      {1, TaskRow::State::pending},
      {2, TaskRow::State::running},
      {3, TaskRow::State::completed},
      {4, TaskRow::State::resolving},
      {5, TaskRow::State::invalid},
  }));
  const std::string task = text(1, text(1, "preloaded:x") + number(4, 64)) + text(2, "t") + text(3, "d") +
                           number(4, 1) + number(5, 2) + number(7, number_of_state) + text(8, "cell-1") +
                           text(9, "42") + number(10, 1) + text(11, "why") + number(12, 3) + text(13, "no room");
  CHECK(read_task_by_guid(ok(text(2, task))) == BbsAnswer<TaskRow>(TaskRow{.task_guid = "t",
                                                                           .domain = "d",
                                                                           .state = state,
                                                                           .cell_id = "cell-1",
                                                                           .rejection_count = 3,
                                                                           .rejection_reason = "no room",
                                                                           .failure_reason = "why",
                                                                           .failed = true}));
}

TEST_CASE("a task that is not there is gone, an answer without one is not understood", "[bbs]") {
  CHECK(kind(read_task_by_guid(ok(error(13, "")))) == Kind::gone);
  CHECK(read_task_by_guid(ok("")).failure() ==
        BbsFailure{Kind::transient, "POST /v1/tasks/get_by_task_guid.r3: the answer has no task"});
}

TEST_CASE("a ping says whether the BBS is available", "[bbs]") {
  CHECK(read_ping(ok(number(1, 1))) == BbsAnswer<bool>(true));
  CHECK(read_ping(ok("")) == BbsAnswer<bool>(false));
}

TEST_CASE("a stranger's text becomes one line", "[bbs]") {
  CHECK(one_line("a\r\nX: b\t\x7f\x01", 100) == "a  X: b   ");
  CHECK(one_line("abc", 2) == "ab");
  CHECK(one_line("\xc3\xa9\xc3\xa9", 3) == "\xc3\xa9");
  CHECK(one_line("", 2).empty());
}
