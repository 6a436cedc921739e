#include "test/unit/store/content.hpp"

#include <unistd.h>

#include <cstdlib>

#include <catch2/catch.hpp>
#include <filesystem>

Folder::Folder() {
  // In memory where there is such a place: thousands of stores are opened, and each syncs.
  const std::filesystem::path memory = "/dev/shm";
  const bool has_memory = access(memory.c_str(), W_OK) == 0;
  std::string name = ((has_memory ? memory : std::filesystem::temp_directory_path()) / "store-XXXXXX").string();
  REQUIRE(mkdtemp(name.data()) != nullptr);
  path_ = name;
}

Folder::~Folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

Instance::Instance(const core::InstanceRow& from)
    : row(from),
      guid(from.guid),
      trace_id(from.trace_id),
      attempt(from.attempt),
      agent_id(from.agent_id),
      executor_id(from.executor_id),
      reason(from.reason) {}

core::InstanceRow Instance::view() const {
  core::InstanceRow view = row;
  view.guid = guid;
  view.trace_id = trace_id;
  view.attempt = attempt;
  view.agent_id = agent_id;
  view.executor_id = executor_id;
  view.reason = reason;
  return view;
}

std::ostream& operator<<(std::ostream& out, const Instance& instance) {
  const core::InstanceRow& row = instance.row;
  return out << row.id << ' ' << instance.guid << '.' << row.index << " wish " << row.wish << " state "
             << core::to_string(row.state) << " attempt " << instance.attempt << " on " << instance.agent_id << '/'
             << instance.executor_id << " attempts " << row.attempts << " since "
             << row.since.time_since_epoch().count();
}

base::Status Content::wish(std::uint64_t id, std::string_view text) {
  if (!refused_wish.empty() && text.find(refused_wish) != text.npos) return base::Error{"wish", "no JSON"};
  wishes[id] = text;
  return base::ok();
}

base::Status Content::instance(const core::InstanceRow& row) {
  if (!refused_guid.empty() && row.guid == refused_guid) return base::Error{"guid", "is empty"};
  // Told before, as the contract says.
  CHECK(wishes.contains(row.wish));
  CHECK(!instances.contains(row.id));
  instances[row.id] = Instance(row);
  return base::ok();
}

std::ostream& operator<<(std::ostream& out, const Content& content) {
  out << content.texts.size() << " texts, " << content.instances.size() << " instances\n";
  for (const auto& [name, value] : content.texts) out << name << '=' << value << '\n';
  for (const auto& one : content.instances) out << one.second << '\n';
  return out;
}

core::Wish wish_of(std::uint64_t number) {
  core::Wish wish;
  wish.domain = "domain-" + std::to_string(number);
  wish.resource.memory_mb = static_cast<std::int32_t>(number);
  return wish;
}

Instance instance_of(std::uint32_t id, int variant) {
  Instance one;
  core::InstanceRow& row = one.row;
  row.id = id;
  row.kind = id % 3 == 0 ? core::Kind::task : core::Kind::lrp;
  row.index = static_cast<std::int32_t>(id % 7);
  row.wish = 1 + id % 5;
  row.auction_known = id % 4 != 0;
  row.accepted = base::Time(std::chrono::seconds(1'790'000'000) + std::chrono::nanoseconds(id));
  row.state = static_cast<core::State>(variant % 8);
  row.since = row.accepted + std::chrono::nanoseconds(1'234'567'891) * variant;
  row.charged = {256 + variant, 1024 + variant, 100, 1};
  row.attempts = variant;
  row.failures = variant / 2;
  row.heard = variant % 2 == 1;
  row.started = variant % 3 == 1;
  row.ran = variant % 5 == 1;
  row.stop_wanted = variant % 7 == 1;
  row.queue_again = variant % 11 == 1;
  one.guid = "guid-" + std::to_string(id);
  one.trace_id = "trace-" + std::to_string(id / 10);
  if (variant > 0) {
    one.attempt = std::string("abcdefg") + static_cast<char>('a' + variant % 26);
    one.agent_id = "agent-" + std::to_string((static_cast<int>(id) + variant) % 9);
    one.executor_id = "executor-" + std::to_string((static_cast<int>(id) + variant) % 13);
    one.reason = variant % 2 == 0 ? "" : "reason " + std::to_string(variant);
  }
  one.row = one.view();
  return one;
}

std::unique_ptr<store::SqliteStore> open_store(const std::string& folder) {
  auto opened = store::SqliteStore::open(folder);
  if (!opened) FAIL(opened.error().message());
  return std::move(*opened);
}

Content content_of(store::SqliteStore& store) {
  Content content;
  const auto loaded = store.load(content, [](const std::string& text) { FAIL_CHECK(text); });
  if (!loaded) FAIL(loaded.error().message());
  return content;
}

Content content_of(const std::string& folder) { return content_of(*open_store(folder)); }
