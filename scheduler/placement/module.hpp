// What a shared object exports to bring its own strategy (docs/placement-modules.md): one C symbol,
// `diego_placement_module`, filled by DIEGO_PLACEMENT_MODULE(MyStrategy). C++ crosses here, so module
// and program must come from one compiler and one version of these headers; whatever of that can be
// told from the symbol is compared before a strategy is made of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "base/result.hpp"
#include "scheduler/placement/strategy.hpp"

#if defined(__clang__)
#define DIEGO_PLACEMENT_COMPILER_NAME "clang++ "
#else
#define DIEGO_PLACEMENT_COMPILER_NAME "g++ "
#endif
#if defined(_GLIBCXX_DEBUG)
#define DIEGO_PLACEMENT_LIBRARY ", libstdc++ in debug mode"
#elif defined(__GLIBCXX__) && _GLIBCXX_USE_CXX11_ABI
#define DIEGO_PLACEMENT_LIBRARY ""
#else
#define DIEGO_PLACEMENT_LIBRARY ", another library than libstdc++ with its C++11 ABI"
#endif

namespace placement {

// Goes up with every change of a virtual function of Strategy or IndexedStrategy, or of this file.
// Changes of the values that cross show in ModuleShape by themselves.
inline constexpr std::uint32_t kModuleInterface = 1;

inline constexpr const char* kModuleCompiler = DIEGO_PLACEMENT_COMPILER_NAME __VERSION__ DIEGO_PLACEMENT_LIBRARY;

// How the values that cross are laid out; filled by the compiler of either side.
struct ModuleShape {
  std::uint32_t request_bytes = sizeof(Request);
  std::uint32_t constraints_bytes = sizeof(Constraints);
  std::uint32_t candidate_bytes = sizeof(Candidate);
  std::uint32_t candidate_offsets =  // Their sum weighted by their order: members that changed places show.
      static_cast<std::uint32_t>(
          1 * offsetof(Candidate, agent_id) + 2 * offsetof(Candidate, zone) + 3 * offsetof(Candidate, up) +
          5 * offsetof(Candidate, index) + 7 * offsetof(Candidate, total) + 11 * offsetof(Candidate, room) +
          13 * offsetof(Candidate, proxy_mem_mb) + 17 * offsetof(Candidate, starting) + 19 * offsetof(Candidate, lrps) +
          23 * offsetof(Candidate, tasks) + 29 * offsetof(Candidate, same_process));
  std::uint32_t amounts_offsets =
      static_cast<std::uint32_t>(2 * offsetof(Amounts, mem_mb) + 3 * offsetof(Amounts, disk_mb) +
                                 5 * offsetof(Amounts, cpus_milli) + 7 * offsetof(Amounts, containers));
  std::uint32_t cost_bytes = sizeof(Cost);

  bool operator==(const ModuleShape&) const = default;
};

// What the program tells a module when it makes the strategy.
struct ModuleCall {
  std::string_view where;    // How messages name the module: "--strategy /path/my.so".
  std::string_view options;  // What stands behind the path: --strategy /path/my.so:OPTIONS. Mostly empty.
  void (*tell)(std::string_view line) = nullptr;  // For the log; may be called as long as the strategy lives.
};

// The symbol. A strategy is destroyed through its virtual destructor, so there is no call for that.
struct Module {
  std::uint32_t interface_version = kModuleInterface;  // First in all versions; if it differs, nothing else is read.
  const char* compiler = kModuleCompiler;
  ModuleShape shape;
  const char* name = nullptr;  // Of the strategy's class, for messages.

  // Never throws. A strategy or one line about why there is none.
  base::Result<std::unique_ptr<Strategy>> (*make)(const ModuleCall& call) = nullptr;
};

inline constexpr const char* kModuleSymbol = "diego_placement_module";

// Keeps a module's exceptions in the module. What cost() throws about is the module's bug, and not worth
// a scheduler: that cell then costs more than any other, so that it is the last choice of its zone,
// and the log tells of the 1st, 2nd, 4th, 8th... time.
template <class Base>
class Guarded : public Base {
 public:
  template <class... Arguments>
  explicit Guarded(const ModuleCall& call, Arguments&&... arguments)
      : Base(std::forward<Arguments>(arguments)...), where_(call.where), tell_(call.tell) {}

  Cost cost(const Request& request, const Candidate& cell) const final {
    return guarded("cost()", Cost{kMost, kMost, kMost}, [&] { return Base::cost(request, cell); });
  }

 protected:
  static constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

  template <class Value, class Function>
  Value guarded(const char* what, Value otherwise, const Function& function) const {
    try {
      return function();
    } catch (const std::exception& problem) {
      failed(what, problem.what());
    } catch (...) {
      failed(what, "something that is no std::exception");
    }
    return otherwise;
  }

 private:
  [[gnu::cold, gnu::noinline]] void failed(const char* what, const char* why) const {
    ++failures_;
    if ((failures_ & (failures_ - 1)) != 0 || tell_ == nullptr) return;
    tell_(where_ + ": " + what + " threw: " + why + "; that cell comes last now (" + std::to_string(failures_) +
          " so far)");
  }

  const std::string where_;
  void (*const tell_)(std::string_view line);
  mutable std::uint64_t failures_ = 0;
};

template <class Base>
class GuardedIndexed final : public Guarded<Base> {
 public:
  using Guarded<Base>::Guarded;

  std::int64_t rank(bool is_lrp, const Candidate& cell) const final {
    return this->guarded("rank()", Guarded<Base>::kMost, [&] { return Base::rank(is_lrp, cell); });
  }
};

template <class MyStrategy>
base::Result<std::unique_ptr<Strategy>> make_module_strategy(const ModuleCall& call) {
  static_assert(std::is_base_of_v<Strategy, MyStrategy>, "a module's class is a placement::Strategy");
  static_assert(!std::is_final_v<MyStrategy>, "the class is guarded by deriving from it: take its `final` away");
  using Made = std::conditional_t<std::is_base_of_v<IndexedStrategy, MyStrategy>, GuardedIndexed<MyStrategy>,
                                  Guarded<MyStrategy>>;
  const auto refuse = [&](std::string text) { return base::Error{std::string(call.where), std::move(text)}; };
  try {
    std::unique_ptr<Strategy> made;
    if constexpr (std::is_constructible_v<MyStrategy, std::string_view>) {
      made = std::make_unique<Made>(call, call.options);
    } else if (call.options.empty()) {
      made = std::make_unique<Made>(call);
    } else {
      return refuse("takes no options, but has \"" + std::string(call.options) + "\"");
    }
    // What is asked again and again without a guard is asked once here, where it may throw.
    if (made->name().empty()) return refuse("name() is empty");
    static_cast<void>(made->awaits_up_cells());
    if (const IndexedStrategy* indexed = made->indexed(); indexed != nullptr) {
      static_cast<void>(indexed->tasks_rank_apart());
      static_cast<void>(indexed->depends_on_total());
      static_cast<void>(indexed->depends_on_index());
    }
    return made;
  } catch (const std::exception& problem) {
    return refuse(problem.what());
  } catch (...) {
    return refuse("cannot be made: threw something that is no std::exception");
  }
}

}  // namespace placement

extern "C" [[gnu::visibility("default")]] const placement::Module diego_placement_module;

// Once in a module, outside of any namespace, with a `;` behind it. MyStrategy derives from Strategy or
// IndexedStrategy, is not final, and is made by MyStrategy(std::string_view options) if it
// has that constructor, else by MyStrategy(); a constructor refuses options by throwing a std::exception,
// whose text the user reads.
#define DIEGO_PLACEMENT_MODULE(MyStrategy)                                    \
  const placement::Module diego_placement_module {                            \
    placement::kModuleInterface, placement::kModuleCompiler, {}, #MyStrategy, \
        placement::make_module_strategy<MyStrategy>                           \
  }
