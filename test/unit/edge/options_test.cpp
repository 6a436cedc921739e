#include "scheduler/edge/options.hpp"

#include <catch2/catch.hpp>

namespace {

using Strings = std::vector<std::string>;

edge::Options good() {
  edge::Options options;
  options.state_dir = "/tmp/x";
  options.cell.containerizer = "none";
  options.cell.executor = "/opt/diego-executor";
  options.cell.command = "exec rep";
  return options;
}

std::string refusal(edge::Options options) {
  const auto finished = edge::finish(options);
  return finished ? "" : finished.error().message();
}

}  // namespace

TEST_CASE("what --master says is read, and a password in it told to nobody", "[options]") {
  auto options = good();
  options.mesos.master = "zk://user:secret@a:1,b/mesos";
  REQUIRE(edge::finish(options));
  const auto* zookeeper = std::get_if<mesos_client::ZooKeeperAddress>(&options.mesos.address);
  REQUIRE(zookeeper != nullptr);
  CHECK(zookeeper->path == "/mesos");
  CHECK(options.mesos.master.find("secret") == std::string::npos);

  for (const std::string bad : {"", "ftp://a", "a:b", "zk://a:2181"}) {
    auto wrong = good();
    wrong.mesos.master = bad;
    CAPTURE(bad);
    CHECK(refusal(wrong).starts_with("--master"));
  }
}

TEST_CASE("a bridge that others reach wants a certificate of them, or a token", "[options]") {
  const auto [listen, is_open] = GENERATE(table<std::string, bool>({
      {"127.0.0.1:0", false},
      {"127.9.9.9:9016", false},
      {"localhost:9016", false},
      {"[::1]:9016", false},
      {"0.0.0.0:9016", true},
      {"[::]:9016", true},
      {"10.0.0.7:9016", true},
      {"auctioneer.service.cf.internal:9016", true},
      {"127.0.0.1.example.com:9016", true},
  }));
  CAPTURE(listen);
  auto options = good();
  options.bridge.listen = listen;
  CHECK((refusal(options).find("is open to others") != std::string::npos) == is_open);
  options.bridge.cert_file = "c";
  options.bridge.key_file = "k";
  CHECK((refusal(options).find("is open to others") != std::string::npos) == is_open);  // TLS alone admits all.
  options.bridge.ca_file = "ca";
  CHECK(refusal(options) == "");
  options.bridge = {};
  options.bridge.listen = listen;
  options.bridge.token_file = "t";
  CHECK(refusal(options) == "");
}

TEST_CASE("the files of TLS are told with their flags", "[options]") {
  auto options = good();
  options.bridge.cert_file = "/c";
  options.mesos.ca_file = "/m";
  options.bbs.key_file = "/b";
  options.lock.cert_file = "/l";
  const auto files = edge::tls_files(options);
  REQUIRE(files.size() == 4);
  CHECK(files[0].role == platform::TlsFiles::For::server);
  CHECK((files[0].cert.flag == "--bridge-cert" && files[0].cert.path == "/c"));
  CHECK((files[1].ca.flag == "--mesos-ca" && files[1].ca.path == "/m"));
  CHECK((files[2].key.flag == "--bbs-key" && files[2].key.path == "/b"));
  CHECK((files[3].cert.flag == "--lock-cert" && files[3].cert.path == "/l"));
}

TEST_CASE("flags that do not fit together are refused", "[options]") {
  CHECK(refusal(good()) == "");

  auto options = good();
  options.state_dir.clear();
  CHECK(refusal(options) == "--state-dir: is needed: a directory for what must survive a restart");

  options = good();
  options.mesos.principal = "p";
  CHECK(refusal(options) == "--mesos-principal, --mesos-secret-file: both are needed, or neither");

  options = good();
  options.mesos.principal = "p";
  options.mesos.secret_file = "/nonexistent";
  CHECK(refusal(options) == "--mesos-secret-file /nonexistent: cannot be read or is empty");

  options = good();
  options.bridge.listen = "0.0.0.0:9016";
  CHECK(refusal(options).starts_with("--bridge-listen 0.0.0.0:9016: is open to others"));
  options.bridge.insecure = true;
  CHECK(refusal(options) == "");

  options = good();
  options.bridge.cert_file = "c";
  CHECK(refusal(options) == "--bridge-cert, --bridge-key: both are needed, or neither");

  options = good();
  options.cell.executor.clear();
  CHECK(refusal(options).starts_with("--executor: is needed"));

  options = good();
  options.cell.environment = {"novalue"};
  CHECK(refusal(options) == "--cell-env novalue: is not K=V");

  options = good();
  options.core.cells_min = 3;
  CHECK(refusal(options) == "");
  options.core.cells_max = 2;
  CHECK(refusal(options) == "--cells-min 3: is more than --cells-max 2");
}

TEST_CASE("how a cell is contained is checked", "[options]") {
  auto in_image = good();
  in_image.cell.containerizer = GENERATE("docker", "host", "mesos");
  CHECK(refusal(in_image).starts_with("--cell-image: is needed with --cell-containerizer " +
                                      in_image.cell.containerizer));
  in_image.cell.image = "diego-cell";
  if (in_image.cell.containerizer != "host") in_image.cell.executor.clear();  // The image's.
  in_image.cell.command.clear();
  CHECK(refusal(in_image) == "");
  for (const auto& [volume, why] :
       std::vector<std::pair<std::string, std::string>>{{"/a", "is not host:container[:ro|rw]"},
                                                        {"/a::rw", "is not host:container[:ro|rw]"},
                                                        {"/a:/b:rw:x", "is not host:container[:ro|rw]"},
                                                        {"a:/b", "the agent's folder is not an absolute path"},
                                                        {"/a:b", "the cell's folder is not an absolute path"},
                                                        {"/a:/b:wr", "'wr' is neither ro nor rw"}}) {
    in_image.cell.volumes = {"/good:/good:ro", volume};
    CHECK(refusal(in_image) == "--cell-volume " + volume + ": " + why);
  }
  in_image.cell.volumes.clear();
  in_image.cell.docker_parameters = {"cap-add=SYS_ADMIN"};
  CHECK((refusal(in_image) == "") == (in_image.cell.containerizer != "mesos"));

  auto host = good();
  host.cell.containerizer = "host";
  host.cell.image = "diego-cell";
  host.cell.executor.clear();
  CHECK(refusal(host) == "--executor: is needed: the path of diego-executor on the agents");

  host.cell.executor = "file:///opt/bin/";
  CHECK(refusal(host) == "--executor file:///opt/bin/: names no file to fetch");
  host.cell.containerizer = "docker";
  host.cell.executor = "https://files/diego-executor";
  CHECK(refusal(host) == "--executor https://files/diego-executor: is no path in the image");

  auto bare = good();
  bare.cell.image = "diego-cell";
  CHECK(refusal(bare) == "--cell-image: is not for --cell-containerizer none");
}

TEST_CASE("parameters of docker run that a cell cannot have are refused", "[options]") {
  auto docker = good();
  docker.cell.containerizer = "docker";
  docker.cell.image = "diego-cell";
  const auto [parameter, why] = GENERATE(table<std::string, std::string>({
      {"cap-add", "is not key=value"},
      {"=x", "is not key=value"},
      {"--cap-add=X", "is written without dashes"},
      {"name=x", "is refused by Mesos, which names containers itself"},
      {"network=bridge", "a cell has its agent's network"},
      {"net=none", "a cell has its agent's network"},
  }));
  docker.cell.docker_parameters = {parameter};
  CHECK(refusal(docker) == "--cell-docker-parameter " + parameter + ": " + why);
}

TEST_CASE("what a cell offers follows its flags", "[options]") {
  auto options = good();
  options.cell.rootfs = {"cflinuxfs4:/rootfs.tar", "docker"};
  options.cell.placement_tags = {"a,b", "c"};
  options.cell.mem_mb = 700;
  REQUIRE(edge::finish(options));
  CHECK(options.core.cell_rootfs.at("preloaded").set == std::set<std::string>{"cflinuxfs4"});
  CHECK(options.core.cell_rootfs.at("preloaded+layer").set == std::set<std::string>{"cflinuxfs4"});
  CHECK(options.core.cell_rootfs.at("docker").kind == diego::RootFsProvider::Kind::arbitrary);
  CHECK(options.core.cell_placement_tags == std::set<std::string>{"a", "b", "c"});
  CHECK(options.core.cell_own.mem_mb == 700);
}

TEST_CASE("several root file systems are placed by, and told to the cell where one has a path", "[options]") {
  const auto [flags, told, stacks] = GENERATE(table<Strings, std::string, std::set<std::string>>({
      {{}, "", {"cflinuxfs4"}},
      {{"cflinuxfs4", "cflinuxfs3", "docker"}, "", {"cflinuxfs3", "cflinuxfs4"}},
      {{"cflinuxfs4,docker"}, "", {"cflinuxfs4"}},
      {{"cflinuxfs4:/a.tar", "docker"}, "cflinuxfs4:/a.tar", {"cflinuxfs4"}},
      {{"a:/a.tar,b:raw:///b", "c"}, "a:/a.tar,b:raw:///b,c", {"a", "b", "c"}},
  }));
  auto options = good();
  if (!flags.empty()) options.cell.rootfs = flags;
  REQUIRE(edge::finish(options));
  CHECK(edge::rootfs_told(options.cell) == told);
  CHECK(options.core.cell_rootfs.at("preloaded").set == stacks);
}

TEST_CASE("what is no root file system is refused", "[options]") {
  const auto [entry, why] = GENERATE(table<std::string, std::string>({
      {"a:", "is not stack[:path]"},
      {":/a", "is not stack[:path]"},
      {"docker:/a", "'docker' is no stack"},
      {"preloaded:cflinuxfs4", "'preloaded' is no stack"},
      {"there", "is the second of this stack; a cell has one of each"},
      {"there:/a", "is the second of this stack; a cell has one of each"},
  }));
  auto options = good();
  options.cell.rootfs = {"there", entry};
  CHECK(refusal(options) == "--cell-rootfs " + entry + ": " + why);
}

TEST_CASE("paths of root file systems come from one flag", "[options]") {
  auto options = good();
  options.cell.environment = {"DIEGO_MESOS_ROOTFS=a:/a"};
  options.cell.rootfs = {"a"};
  REQUIRE(edge::finish(options));  // As it was before --cell-rootfs told the cell.
  options.cell.rootfs = {"a:/a"};
  CHECK(refusal(options) == "--cell-env DIEGO_MESOS_ROOTFS: is for --cell-rootfs to say, which has a path");
}

TEST_CASE("strategy and limits come from their flags, bad values are one line", "[options]") {
  const auto parse = [](const Strings& flags_given, edge::Options& options) {
    platform::Flags flags("diego-scheduler", "x");
    edge::add_flags(flags, options);
    std::vector<const char*> argv{"diego-scheduler"};
    for (const std::string& flag : flags_given) argv.push_back(flag.c_str());
    return flags.parse(static_cast<int>(argv.size()), argv.data()).text;
  };
  edge::Options options;
  CHECK(options.strategy == "binpack");
  CHECK(options.weights.diego_starting_weight == 0.25);
  CHECK(parse({"--strategy",
               "/opt/my.so",
               "--diego-bin-pack-weight",
               "0.5",
               "--diego-starting-weight",
               "1",
               "--starting-container-count-maximum",
               "7",
               "--cell-starting-max",
               "3",
               "--offer-linger",
               "2s",
               "--launch-rate",
               "50",
               "--cells-min",
               "1",
               "--cells-max",
               "9",
               "--cells-starting-max",
               "2",
               "--cells-roll-max",
               "0",
               "--evacuation-timeout",
               "5m",
               "--quarantine-failures",
               "4",
               "--quarantine-half-life",
               "30s"},
              options) == "");
  CHECK(options.strategy == "/opt/my.so");
  CHECK(options.weights.diego_bin_pack_weight == 0.5);
  CHECK(options.weights.diego_starting_weight == 1);
  CHECK(options.core.limits.starting_max == 7);
  CHECK(options.core.limits.starting_per_cell_max == 3);
  CHECK(options.core.offer_linger == std::chrono::seconds(2));
  CHECK(options.core.launch_rate == 50);
  CHECK(options.core.cells_min == 1);
  CHECK(options.core.cells_max == 9);
  CHECK(options.core.cells_starting_max == 2);
  CHECK(options.core.cells_roll_max == 0);
  CHECK(options.core.evacuation_timeout == std::chrono::minutes(5));
  CHECK(options.core.quarantine_failures == 4);
  CHECK(options.core.quarantine_half_life == std::chrono::seconds(30));
  for (const char* bad :
       {"--diego-bin-pack-weight=1.5", "--starting-container-count-maximum=-1", "--cell-starting-max=x"}) {
    edge::Options refused;
    CHECK_FALSE(parse({bad}, refused).empty());
  }
}
