// What a store holds, as one value to compare; and a folder to keep it in.
#pragma once

#include <map>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "scheduler/core/journal.hpp"
#include "scheduler/core/wishes.hpp"
#include "scheduler/store/store.hpp"

// Removed with all that is in it at the end.
class Folder {
 public:
  Folder();
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  const std::string& path() const { return path_; }
  std::string database() const { return path_ + "/state.db"; }

 private:
  std::string path_;
};

// An InstanceRow that owns its texts.
struct Instance {
  core::InstanceRow row;  // Its views are not to be used: see view().
  std::string guid, trace_id, attempt, agent_id, executor_id, reason;

  Instance() = default;
  explicit Instance(const core::InstanceRow& from);
  core::InstanceRow view() const;
  bool operator==(const Instance& other) const { return view() == other.view(); }
};
std::ostream& operator<<(std::ostream& out, const Instance& instance);

struct Content final : core::Recovery {
  std::map<std::string, std::string> texts;
  std::map<std::uint64_t, std::string> wishes;
  std::map<std::uint32_t, Instance> instances;

  // To be refused, as the core would what it cannot read.
  std::string refused_wish, refused_guid;

  void text(std::string_view name, std::string_view value) override { texts[std::string(name)] = value; }
  base::Status wish(std::uint64_t id, std::string_view text) override;
  base::Status instance(const core::InstanceRow& row) override;

  bool operator==(const Content& other) const { return texts == other.texts && instances == other.instances; }
};
std::ostream& operator<<(std::ostream& out, const Content& content);

// A wish of its own for each number.
core::Wish wish_of(std::uint64_t number);

// An instance that uses every field; other values for each `variant`.
Instance instance_of(std::uint32_t id, int variant);

std::unique_ptr<store::SqliteStore> open_store(const std::string& folder);

// Of a store just opened; nothing may be passed over.
Content content_of(store::SqliteStore& store);
Content content_of(const std::string& folder);
