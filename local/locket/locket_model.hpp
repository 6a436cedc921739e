// What a Locket keeps: who holds a key, until its time to live has passed without another Lock.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"

namespace local {

struct LocketResource {
  enum class Type { unknown, lock, presence };
  std::string key, owner, value;
  Type type = Type::unknown;
  bool operator==(const LocketResource&) const = default;
};

class LocketModel {
 public:
  enum class Outcome { ok, collision, invalid_ttl, invalid_owner, invalid_type };

  // The owner of a key takes it anew as often as it likes.
  Outcome lock(const LocketResource& resource, std::int64_t ttl_s, base::Time now);

  // A key that nobody holds is released already; one that another holds collides.
  Outcome release(const LocketResource& resource, base::Time now);

  std::optional<LocketResource> fetch(const std::string& key, base::Time now);
  std::vector<LocketResource> fetch_all(LocketResource::Type type, base::Time now);

 private:
  struct Held {
    LocketResource resource;
    base::Time expires;
  };
  void expire(base::Time now);

  std::map<std::string, Held> held_;
};

}  // namespace local
