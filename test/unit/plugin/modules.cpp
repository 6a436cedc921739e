// Source of all the modules of load_test.cpp; MODULE_<name> says which.
#include <stdexcept>

#include "scheduler/placement/module.hpp"

namespace {

using placement::Candidate;
using placement::Cost;
using placement::Request;

// "7" as its options makes every cell cost 7.
class Good : public placement::Strategy {
 public:
  explicit Good(std::string_view options) : always_(options.empty() ? 0 : std::stoi(std::string(options))) {}
  std::string_view name() const override { return "good"; }
  Cost cost(const Request& request, const Candidate& cell) const override {
    if (always_ != 0) return {always_, 0, 0};
    return {placement::cost_of(static_cast<double>(cell.room.mem_mb - request.needs.mem_mb) / 3.0), 0, 0};
  }
  bool awaits_up_cells() const override { return true; }

 private:
  const int always_;
};

class Indexed : public placement::IndexedStrategy {
 public:
  std::string_view name() const override { return "indexed"; }
  Cost cost(const Request& request, const Candidate& cell) const override {
    return {cell.same_process, rank(request.is_lrp, cell), 0};
  }
  std::int64_t rank(bool, const Candidate& cell) const override {
    if (cell.agent_id == "bad") throw std::runtime_error("bad agent");
    return cell.room.mem_mb;
  }
};

class Nameless : public Indexed {
 public:
  std::string_view name() const override { return ""; }
};

class Thrower : public placement::Strategy {
 public:
  std::string_view name() const override { return "thrower"; }
  Cost cost(const Request&, const Candidate& cell) const override {
    if (cell.agent_id == "odd") throw 7;
    if (cell.agent_id.starts_with("bad")) throw std::runtime_error("no such agent");
    return {cell.room.mem_mb, 0, 0};
  }
};

class Refuser : public placement::Strategy {
 public:
  explicit Refuser(std::string_view options) {
    if (options == "odd") throw 7;
    throw std::invalid_argument("\"" + std::string(options) + "\" is no share");
  }
  std::string_view name() const override { return "refuser"; }
  Cost cost(const Request&, const Candidate&) const override { return {}; }
};

[[maybe_unused]] placement::Module made_by_hand() {
  placement::Module module;
  module.name = "by hand";
  module.make = placement::make_module_strategy<Indexed>;
  return module;
}

[[maybe_unused]] placement::Module spoilt(void (*spoil)(placement::Module&)) {
  auto module = made_by_hand();
  spoil(module);
  return module;
}

}  // namespace

#if defined(MODULE_good)
DIEGO_PLACEMENT_MODULE(Good);
#elif defined(MODULE_indexed)
DIEGO_PLACEMENT_MODULE(Indexed);
#elif defined(MODULE_nameless)
DIEGO_PLACEMENT_MODULE(Nameless);
#elif defined(MODULE_thrower)
DIEGO_PLACEMENT_MODULE(Thrower);
#elif defined(MODULE_refuser)
DIEGO_PLACEMENT_MODULE(Refuser);
#elif defined(MODULE_other_version)
const placement::Module diego_placement_module = spoilt([](placement::Module& module) {
  module = {};
  module.interface_version = 99;
});
#elif defined(MODULE_other_compiler)
const placement::Module diego_placement_module =
    spoilt([](placement::Module& module) { module.compiler = "g++ 2.95"; });
#elif defined(MODULE_other_shape)
const placement::Module diego_placement_module =
    spoilt([](placement::Module& module) { module.shape.candidate_bytes = 8; });
#elif defined(MODULE_null_maker)
const placement::Module diego_placement_module = spoilt([](placement::Module& module) {
  module.make = [](const placement::ModuleCall&) -> base::Result<std::unique_ptr<placement::Strategy> > {
    return std::unique_ptr<placement::Strategy>();
  };
});
#elif defined(MODULE_throwing_maker)
const placement::Module diego_placement_module = spoilt([](placement::Module& module) {
  module.make = [](const placement::ModuleCall&) -> base::Result<std::unique_ptr<placement::Strategy> > {
    throw std::runtime_error("not today");
  };
});
#elif defined(MODULE_undefined)
std::int64_t defined_nowhere();
class Undefined : public Indexed {
 public:
  std::int64_t rank(bool, const Candidate&) const override { return defined_nowhere(); }
};
DIEGO_PLACEMENT_MODULE(Undefined);
#endif
