#include "mesos/master_address.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

using namespace mesos_client;

namespace {

using Texts = std::vector<std::string>;

MasterAddress parsed(const std::string& text) {
  auto address = parse_master("--master", text);
  INFO((address ? "" : address.error().message()));
  REQUIRE(address);
  return *address;
}

const char* const kEntry = R"({"address":{"hostname":"m1.example","ip":"10.0.0.1","port":5051},)"
                           R"("capabilities":[{"type":"AGENT_UPDATE"},{"type":"AGENT_DRAINING"},{"type":"QUOTA_V2"}],)"
                           R"("hostname":"m1.example","id":"6e0f5a3c-77","ip":16777226,"pid":"master@10.0.0.1:5051",)"
                           R"("port":5051,"version":"1.11.0"})";

}  // namespace

TEST_CASE("masters are named by host and port, with a scheme or without", "[master]") {
  const auto [text, urls] = GENERATE(table<std::string, Texts>({
      {"10.0.0.1:5051", {"http://10.0.0.1:5051/api/v1/scheduler"}},
      {"m1", {"http://m1:5050/api/v1/scheduler"}},
      {" m1:80 \n", {"http://m1:80/api/v1/scheduler"}},
      {"http://m1:5050/", {"http://m1:5050/api/v1/scheduler"}},
      {"https://m1", {"https://m1:5050/api/v1/scheduler"}},
      {"http://a,b:1, c:65535",
       {"http://a:5050/api/v1/scheduler", "http://b:1/api/v1/scheduler", "http://c:65535/api/v1/scheduler"}},
      {"a,,b", {"http://a:5050/api/v1/scheduler", "http://b:5050/api/v1/scheduler"}},
      {"[::1]:5050,[fe80::2]", {"http://[::1]:5050/api/v1/scheduler", "http://[fe80::2]:5050/api/v1/scheduler"}},
  }));
  CAPTURE(text);
  CHECK(parsed(text) == MasterAddress{MasterList{urls}});
}

TEST_CASE("a file of masters is named by its absolute path", "[master]") {
  CHECK(parsed("file:///etc/mesos/zk") == MasterAddress{MasterFile{"/etc/mesos/zk"}});
}

TEST_CASE("ZooKeeper is named by servers and a path, with credentials or without", "[master]") {
  const auto [text, servers, path, credentials] = GENERATE(table<std::string, Texts, std::string, std::string>({
      {"zk://h1:2181/mesos", {"h1:2181"}, "/mesos", ""},
      {"zk://h1,h2:3,[::1]/mesos/", {"h1:2181", "h2:3", "[::1]:2181"}, "/mesos", ""},
      {"zk://h1:1, h2:2/a/b-c_d.e", {"h1:1", "h2:2"}, "/a/b-c_d.e", ""},
      {"zk://user:secret@h1:2181/mesos", {"h1:2181"}, "/mesos", "user:secret"},
      // Mesos: the servers begin after the last '@'.
      {"zk://user:a@b/c:d@h1:2181/mesos", {"h1:2181"}, "/mesos", "user:a@b/c:d"},
  }));
  CAPTURE(text);
  CHECK(parsed(text) == MasterAddress{ZooKeeperAddress{servers, path, credentials}});
}

TEST_CASE("what names no master is refused in one line that says why", "[master]") {
  const auto [text, why] = GENERATE(table<std::string, std::string>({
      {"", "is empty"},
      {"  ", "is empty"},
      {",", "names no master"},
      {"http://", "names no master"},
      {"a:0", "'0' is not a port"},
      {"a:65536", "'65536' is not a port"},
      {"a:5o5o", "'5o5o' is not a port"},
      {"a:-1", "'-1' is not a port"},
      {"a:", "no port after the colon"},
      {":5050", "is not host:port"},
      {"a b:5050", "is not host:port"},
      {"a:5050\r\nX: y", "written in brackets"},
      {"::1", "written in brackets"},
      {"[nonsense]:5050", "is not host:port"},
      {"http://a/b", "without a path"},
      {"a:5050/master", "without a path"},
      {"http://user:secret@a", "only zk:// takes a user"},
      {"ftp://a", "is none of host:port"},
      {"ZK://a/b", "is none of host:port"},
      {"file://etc/mesos", "is not file:///absolute/path"},
      {"file:///", "is not file:///absolute/path"},
      {"zk://", "names no ZooKeeper server"},
      {"zk:///mesos", "names no ZooKeeper server"},
      {"zk://a:2181", "has no path"},
      {"zk://a:2181/", "has no path"},
      {"zk://a:2181//mesos", "part in its path"},
      {"zk://a:2181/mesos//", "part in its path"},
      {"zk://a:2181/../mesos", "part in its path"},
      {"zk://a:2181/me sos", "odd characters in its path"},
      {"zk://a:99999/mesos", "is not a port"},
      {"zk://user@a/mesos", "no user:password"},
      {"zk://:pass@a/mesos", "no user:password"},
      {"zk://user:@a/mesos", "no user:password"},
      {std::string(20'000, 'a'), "is too long"},
      {std::string(300, 'a'), "is not host:port"},
      {std::string("a\0b", 3), "is not host:port"},
  }));
  CAPTURE(text);
  const auto address = parse_master("--master", text);
  REQUIRE_FALSE(address);
  const std::string message = address.error().message();
  CHECK(message.find(why) != std::string::npos);
  CHECK(message.starts_with("--master"));
  CHECK(message.find_first_of("\r\n") == std::string::npos);
  CHECK(message.size() < 600);
}

TEST_CASE("no error and no text for people shows a password", "[master]") {
  const auto text = GENERATE(as<std::string>{}, "zk://user:hunter2@a:99999/mesos", "zk://user:hunter2@a",
                             "zk://hunter2@a/b", "http://user:hunter2@a", "user:hunter2@a:5050",
                             "zk://user:x@hunter2@a", "ftp://u:hunter2@a", "http://b,user:hunter2@a");
  CAPTURE(text);
  const auto address = parse_master("--master", text);
  REQUIRE_FALSE(address);
  CHECK(address.error().message().find("hunter2") == std::string::npos);
  CHECK(without_password(text).find("hunter2") == std::string::npos);
}

TEST_CASE("an address for people has all but the password", "[master]") {
  CHECK(std::get<ZooKeeperAddress>(parsed("zk://user:secret@h1,h2:3/mesos")).text() == "zk://h1:2181,h2:3/mesos");
  CHECK(without_password("zk://user:secret@h1/mesos") == "zk://user:***@h1/mesos");
  CHECK(without_password("zk://h1/mesos") == "zk://h1/mesos");
  CHECK(without_password("10.0.0.1:5050") == "10.0.0.1:5050");
}

TEST_CASE("a file of masters may hold anything but a file", "[master]") {
  CHECK(*parse_master_file("/f", "zk://a/mesos\n") == MasterAddress{ZooKeeperAddress{{"a:2181"}, "/mesos", ""}});
  CHECK(*parse_master_file("/f", "a:1,b:2\n") ==
        MasterAddress{MasterList{{"http://a:1/api/v1/scheduler", "http://b:2/api/v1/scheduler"}}});
  const auto [content, message] = GENERATE(table<std::string, std::string>({
      {"file:///g", "/f: names a file again"},
      {"", "/f: is empty"},
      {"a\nb", "/f 'a?b': 'a?b' is not host:port"},
  }));
  const auto address = parse_master_file("/f", content);
  REQUIRE_FALSE(address);
  CHECK(address.error().message().starts_with(message));
}

TEST_CASE("the lowest sequence among the masters' entries leads", "[master]") {
  const auto [children, leader] = GENERATE(table<Texts, std::string>({
      {Texts{}, ""},
      {{"log_replicas"}, ""},
      {{"json.info_0000000007"}, "json.info_0000000007"},
      {{"json.info_0000000010", "log_replicas", "json.info_0000000009"}, "json.info_0000000009"},
      {{"info_0000000001", "json.info_0000000002"}, "json.info_0000000002"},
      {{"json.info_", "json.info_x", "json.info_1x", "json.info_-000000001", "json.info_99999999999",
        "xjson.info_0000000001", "json.info_0000000001_2", ""},
       ""},
      {{"json.info_2147483647", "json.info_2147483648"}, "json.info_2147483647"},
  }));
  CHECK(leading_child(children).value_or("") == leader);
}

TEST_CASE("a master's entry says where its API is", "[master]") {
  const auto node = parse_master_node("/mesos/json.info_1", kEntry);
  REQUIRE(node);
  CHECK(*node == MasterNode{"6e0f5a3c-77", "m1.example", "10.0.0.1", 5051, "1.11.0"});
  CHECK(node->urls(false) == Texts{"http://10.0.0.1:5051/api/v1/scheduler"});
  CHECK(node->urls(true) ==
        Texts{"https://m1.example:5051/api/v1/scheduler", "https://10.0.0.1:5051/api/v1/scheduler"});
}

TEST_CASE("entries of other masters than today's are read too", "[master]") {
  const auto [entry, address] = GENERATE(table<std::string, std::string>({
      // Without "address": the number has the first byte of the address lowest.
      {R"({"id":"a","ip":16777343,"port":5050})", "127.0.0.1:5050"},
      {R"({"id":"a","ip":4294967295,"port":5050,"hostname":"h"})", "255.255.255.255:5050"},
      {R"({"id":"a","ip":0,"port":5050,"address":{"ip":"fe80::1","port":1}})", "[fe80::1]:1"},
      // A later version's fields and capabilities.
      {R"({"id":"a","ip":1,"port":5050,"new":{"x":[1]},"capabilities":[{"type":"NEW"}],)"
       R"("domain":{"fault_domain":{"region":{"name":"r"},"zone":{"name":"z"}}},"address":{"ip":"1.2.3.4","port":5}})",
       "1.2.3.4:5"},
      {" {\"id\":\"a\", \"ip\":1,\n\"port\":7} \n", "1.0.0.0:7"},
  }));
  CAPTURE(entry);
  const auto node = parse_master_node("node", entry);
  REQUIRE(node);
  CHECK(node->address() == address);
}

TEST_CASE("a host name that is none is left out, not put into a URL", "[master]") {
  const auto node = parse_master_node(
      "node", R"({"id":"a","ip":1,"port":1,"address":{"hostname":"a/b?c\r\n","ip":"1.2.3.4","port":5}})");
  REQUIRE(node);
  CHECK(node->urls(true) == Texts{"https://1.2.3.4:5/api/v1/scheduler"});
}

TEST_CASE("garbage in a master's entry is an error that names the node", "[master]") {
  const auto entry =
      GENERATE(as<std::string>{}, "", "null", "[]", "7", "{", "{}", "\x0a\x04\xff\x1bjunk", "master@10.0.0.1:5050",
               R"({"id":"a","ip":1})", R"({"ip":1,"port":5050})", R"({"id":"a","ip":"x","port":5050})",
               R"({"id":"a","ip":1,"port":0})", R"({"id":"a","ip":1,"port":65536})",
               R"({"id":"a","ip":1,"port":1,"address":{"ip":"1.2.3.4"}})",
               R"({"id":"a","ip":1,"port":1,"address":{"ip":"1.2.3","port":5}})",
               R"({"id":"a","ip":1,"port":1,"address":{"ip":"1.2.3.256","port":5}})",
               R"({"id":"a","ip":1,"port":1,"address":{"ip":"1.2.3.4/x@evil","port":5}})",
               R"({"id":"a","ip":1,"port":1,"address":{"ip":"1.2.3.4","port":-5}})", R"({"id":"a","ip":1,"port":1} x)");
  CAPTURE(entry);
  const auto node = parse_master_node("/mesos/json.info_1", entry);
  REQUIRE_FALSE(node);
  const std::string message = node.error().message();
  CHECK(message.starts_with("/mesos/json.info_1: "));
  CHECK(std::all_of(message.begin(), message.end(), [](char c) { return c >= ' ' && c <= '~'; }));
}

TEST_CASE("a master's entry cut or altered anywhere is read or refused, and too long a one refused", "[master]") {
  const std::string entry = kEntry;
  for (std::size_t at = 0; at < entry.size(); ++at) {
    CAPTURE(at);
    CHECK_FALSE(parse_master_node("node", entry.substr(0, at)));
    for (const char c : {'\0', '"', '}', '9', '\xff'}) {
      std::string altered = entry;
      altered[at] = c;
      const auto node = parse_master_node("node", altered);
      if (node) CHECK(node->address().find_first_not_of("0123456789.:[]abcdefABCDEF") == std::string::npos);
    }
  }
  const std::string deep = R"({"id":"a","ip":1,"port":1,"x":)" + std::string(60'000, '[');
  CHECK_FALSE(parse_master_node("node", deep));
  const std::string padded = entry + std::string(kMasterNodeBytesMax, ' ');
  CHECK(parse_master_node("node", padded).error().text == "is longer than a master's entry can be");
}
