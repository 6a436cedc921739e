#include "local/locket/locket_model.hpp"

namespace local {

LocketModel::Outcome LocketModel::lock(const LocketResource& resource, std::int64_t ttl_s, base::Time now) {
  if (resource.type == LocketResource::Type::unknown) return Outcome::invalid_type;
  if (ttl_s <= 0) return Outcome::invalid_ttl;
  if (resource.owner.empty()) return Outcome::invalid_owner;
  expire(now);
  const auto found = held_.find(resource.key);
  if (found != held_.end() && found->second.resource.owner != resource.owner) return Outcome::collision;
  held_[resource.key] = {resource, now + std::chrono::seconds(ttl_s)};
  return Outcome::ok;
}

LocketModel::Outcome LocketModel::release(const LocketResource& resource, base::Time now) {
  expire(now);
  const auto found = held_.find(resource.key);
  if (found == held_.end()) return Outcome::ok;
  if (found->second.resource.owner != resource.owner) return Outcome::collision;
  held_.erase(found);
  return Outcome::ok;
}

std::optional<LocketResource> LocketModel::fetch(const std::string& key, base::Time now) {
  expire(now);
  const auto found = held_.find(key);
  if (found == held_.end()) return std::nullopt;
  return found->second.resource;
}

std::vector<LocketResource> LocketModel::fetch_all(LocketResource::Type type, base::Time now) {
  expire(now);
  std::vector<LocketResource> all;
  for (const auto& [key, held] : held_) {
    if (held.resource.type == type) all.push_back(held.resource);
  }
  return all;
}

void LocketModel::expire(base::Time now) {
  std::erase_if(held_, [now](const auto& one) { return one.second.expires <= now; });
}

}  // namespace local
