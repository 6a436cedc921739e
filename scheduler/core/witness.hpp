// Who hears all that a core is told and what it answers: enough to tell another core the same, which then
// answers the same, byte for byte. What only looks at a core (views, explanations) is not among it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "base/time.hpp"
#include "scheduler/core/actions.hpp"
#include "scheduler/core/config.hpp"
#include "scheduler/core/events.hpp"
#include "scheduler/core/journal.hpp"

namespace core {

class Core;

// What a core is told besides events, each a function of Core. Views are valid while the witness is told.
struct FrameworkRemembered {
  std::string_view id;
};
struct PolicyRestored {
  std::string_view changes;
};
struct ReportRestored {
  std::string_view name, value;
};
struct WishRestored {
  std::uint64_t id = 0;
  std::string_view text;
};
struct WishReserved {
  std::uint64_t id = 0;
};
struct InstanceRestored {
  InstanceRow row;
};
struct Recovered {};
struct Settled {
  bool may_launch = true;
};
struct NothingWasSent {};
struct ChangesSaved {};
struct UnsavedWithdrawn {};
using Step = std::variant<FrameworkRemembered, PolicyRestored, ReportRestored, WishRestored, WishReserved,
                          InstanceRestored, Recovered, Settled, NothingWasSent, ChangesSaved, UnsavedWithdrawn>;

// One thread, that of the core. Told after the core; must not throw for what it cannot do.
class Witness {
 public:
  virtual ~Witness() = default;

  // Once, first: what the core was made of, besides its strategy. `seed` is that of its random source.
  virtual void begins(const Config& config, std::string_view fingerprint, std::uint64_t seed) = 0;

  virtual void heard(const Event& event, base::Time now, const Actions& answer) = 0;
  virtual void stepped(const Step& step, base::Time now, const Actions& answer) = 0;  // Only Settled is answered.

  // Between two of these, now and then: the core may be looked at.
  virtual void rests(const Core&, base::Time) {}
};

}  // namespace core
