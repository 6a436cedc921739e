#include <catch2/catch.hpp>

#include "diego/rep.hpp"

using namespace diego;

TEST_CASE("a root file system is split as Go's url.Parse splits it", "[rootfs]") {
  using Expected = std::optional<RootFs>;
  const auto [text, expected] = GENERATE(table<std::string, Expected>({
      {"preloaded:cflinuxfs4", RootFs{"preloaded", "cflinuxfs4"}},
      {"PreLoaded:cflinuxfs4", RootFs{"preloaded", "cflinuxfs4"}},
      {"preloaded+layer:cflinuxfs4?layer=http://x/y&layer_path=/", RootFs{"preloaded+layer", "cflinuxfs4"}},
      {"preloaded:a/b#frag", RootFs{"preloaded", "a/b"}},
      {"preloaded:", RootFs{"preloaded", ""}},
      {"preloaded:%zz", RootFs{"preloaded", "%zz"}},
      {"docker:///library/busybox#latest", RootFs{"docker", ""}},
      {"docker://registry.example.com:5000/org/img#v1", RootFs{"docker", ""}},
      {"docker://u:p@host/img", RootFs{"docker", ""}},
      {"docker://[::1]:80/img", RootFs{"docker", ""}},
      {"docker:/abs", RootFs{"docker", ""}},
      {"/var/rootfs", RootFs{"", ""}},
      {"plain", RootFs{"", ""}},
      {"", RootFs{"", ""}},
      {"1a:b", std::nullopt},
      {":x", std::nullopt},
      {"a_b:c", std::nullopt},
      {"a/b:c", RootFs{"", ""}},
      {"docker://host:abc/img", std::nullopt},
      {"docker://ho st/img", std::nullopt},
      {"docker://ho%41st/img", std::nullopt},
      {"docker:///%zz", std::nullopt},
      {"docker:///a#%zz", std::nullopt},
      {"docker://[::1/img", std::nullopt},
      {"preloaded:a\nb", std::nullopt},
  }));
  CAPTURE(text);
  CHECK((parse_rootfs(text) == expected));
}

TEST_CASE("a provider matches by scheme, and a fixed set by the opaque part", "[rootfs]") {
  const RootFsProviders providers{
      {"docker", {.kind = RootFsProvider::Kind::arbitrary}},
      {"preloaded", {.kind = RootFsProvider::Kind::fixed_set, .set = {"cflinuxfs4"}}},
      {"odd", {}},
  };
  CHECK(matches(providers, "docker:///any/image"));
  CHECK(matches(providers, "preloaded:cflinuxfs4"));
  CHECK_FALSE(matches(providers, "preloaded:windows"));
  CHECK_FALSE(matches(providers, "preloaded+layer:cflinuxfs4"));
  CHECK_FALSE(matches(providers, "odd:x"));
  CHECK_FALSE(matches(providers, "/plain/path"));
  CHECK_FALSE(matches(providers, "docker://host:abc/img"));
}
