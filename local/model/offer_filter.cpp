#include "local/model/offer_filter.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <optional>

#include "mesos/v1/mesos.pb.h"
#include "mesos/v1/scheduler/scheduler.pb.h"

namespace local {
namespace {

using mesos::v1::scheduler::AttributeConstraint;
using mesos::v1::scheduler::OfferConstraints;

constexpr std::int64_t kMemMax = 4096;  // --offer_constraints_re2_max_mem
constexpr int kProgramSizeMax = 100;    // --offer_constraints_re2_max_program_size

// What a selector finds at an agent. Of several attributes of one name: the first.
struct Found {
  bool present = false, textual = true;
  std::string text;
};

Found find(const mesos::v1::AgentInfo& agent, const AttributeConstraint::Selector& selector) {
  if (selector.has_attribute_name()) {
    for (const auto& attribute : agent.attributes()) {
      if (attribute.name() == selector.attribute_name())
        return {true, attribute.type() == mesos::v1::Value::TEXT, attribute.text().value()};
    }
    return {};
  }
  if (selector.pseudoattribute_type() == AttributeConstraint::Selector::HOSTNAME) return {true, true, agent.hostname()};
  if (!agent.domain().has_fault_domain()) return {};
  const auto& domain = agent.domain().fault_domain();
  return {true, true,
          selector.pseudoattribute_type() == AttributeConstraint::Selector::REGION ? domain.region().name()
                                                                                   : domain.zone().name()};
}

const std::string* expression_of(const AttributeConstraint::Predicate& predicate) {
  if (predicate.has_text_matches()) return &predicate.text_matches().regex();
  if (predicate.has_text_not_matches()) return &predicate.text_not_matches().regex();
  return nullptr;
}

std::optional<std::string> invalid(const AttributeConstraint& constraint) {
  const auto& selector = constraint.selector();
  if (!selector.has_attribute_name() && !selector.has_pseudoattribute_type())
    return "Exactly one of 'AttributeConstraint::Selector::name' or "
           "'AttributeConstraint::Selector::pseudoattribute_type' "
           "must be set";
  if (!selector.has_attribute_name() && selector.pseudoattribute_type() == AttributeConstraint::Selector::UNKNOWN)
    return "Unknown pseudoattribute type";
  if (constraint.predicate().predicate_case() == AttributeConstraint::Predicate::PREDICATE_NOT_SET)
    return "Unknown predicate type";
  return std::nullopt;
}

}  // namespace

OfferFilter::OfferFilter(const OfferConstraints& constraints)
    : constraints_(std::make_unique<OfferConstraints>(constraints)) {}
OfferFilter::~OfferFilter() = default;

base::Result<std::shared_ptr<const OfferFilter>> OfferFilter::make(const OfferConstraints& constraints) {
  std::shared_ptr<OfferFilter> filter(new OfferFilter(constraints));
  const auto refused = [](const std::string& why) { return base::Error{"", why}; };
  const auto empty = [&refused](const std::string& what, const std::string& role) {
    return refused("'OfferConstraints::role_constraints' has an empty '" + what + "' for role " + role);
  };
  for (const auto& [role, of_role] : constraints.role_constraints()) {
    if (of_role.groups().empty()) return empty("RoleConstraints::groups", role);
    for (const auto& group : of_role.groups()) {
      if (group.attribute_constraints().empty()) return empty("RoleConstraints::Group::attribute_constraints", role);
      for (const AttributeConstraint& constraint : group.attribute_constraints()) {
        if (const auto why = invalid(constraint)) return refused(*why);
        const std::string* expression = expression_of(constraint.predicate());
        if (expression == nullptr) continue;
        re2::RE2::Options options(re2::RE2::Quiet);
        options.set_max_mem(kMemMax);
        auto compiled = std::make_unique<const re2::RE2>(*expression, options);
        if (!compiled->ok())
          return refused("Failed to construct regex from pattern '" + *expression + "': " + compiled->error());
        if (compiled->ProgramSize() > kProgramSizeMax) {
          return refused("Regex '" + *expression + "' is too complex: program size of " +
                         std::to_string(compiled->ProgramSize()) + " is larger than maximum of " +
                         std::to_string(kProgramSizeMax) + " allowed");
        }
        filter->expressions_[*expression] = std::move(compiled);
      }
    }
  }
  return std::shared_ptr<const OfferFilter>(std::move(filter));
}

bool OfferFilter::excludes(const std::string& role, const mesos::v1::AgentInfo& agent) const {
  const auto of_role = constraints_->role_constraints().find(role);
  if (of_role == constraints_->role_constraints().end()) return false;
  const auto holds = [&](const AttributeConstraint& constraint) {
    const Found found = find(agent, constraint.selector());
    const auto& predicate = constraint.predicate();
    if (predicate.has_exists()) return found.present;
    if (predicate.has_not_exists()) return !found.present;
    const bool negated = predicate.has_text_not_equals() || predicate.has_text_not_matches();
    if (!found.present) return negated;
    if (!found.textual) return true;
    const std::string* expression = expression_of(predicate);
    const bool same = expression != nullptr         ? re2::RE2::FullMatch(found.text, *expressions_.at(*expression))
                      : predicate.has_text_equals() ? found.text == predicate.text_equals().value()
                                                    : found.text == predicate.text_not_equals().value();
    return same != negated;
  };
  const auto& groups = of_role->second.groups();
  return std::none_of(groups.begin(), groups.end(), [&holds](const auto& group) {
    return std::all_of(group.attribute_constraints().begin(), group.attribute_constraints().end(), holds);
  });
}

}  // namespace local
