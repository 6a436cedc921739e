// Of which agents a framework wants no offers (Mesos 1.11: OfferConstraints), with the expressions compiled.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/result.hpp"

namespace mesos::v1 {
class AgentInfo;
}
namespace mesos::v1::scheduler {
class OfferConstraints;
}
namespace re2 {
class RE2;
}

namespace local {

class OfferFilter {
 public:
  // The error is Mesos's text, after "Offer constraints are not valid: ".
  static base::Result<std::shared_ptr<const OfferFilter>> make(
      const mesos::v1::scheduler::OfferConstraints& constraints);
  ~OfferFilter();

  bool excludes(const std::string& role, const mesos::v1::AgentInfo& agent) const;
  const mesos::v1::scheduler::OfferConstraints& constraints() const { return *constraints_; }

 private:
  explicit OfferFilter(const mesos::v1::scheduler::OfferConstraints& constraints);

  std::unique_ptr<const mesos::v1::scheduler::OfferConstraints> constraints_;
  std::map<std::string, std::unique_ptr<const re2::RE2>> expressions_;
};

}  // namespace local
