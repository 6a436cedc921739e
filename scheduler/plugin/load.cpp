#include "scheduler/plugin/load.hpp"

#include <dlfcn.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "scheduler/placement/module.hpp"

namespace plugin {
namespace {

using Made = base::Result<std::unique_ptr<placement::Strategy>>;

// dlopen's complaint without the path that the error names already.
std::string loader_says(const std::string& path) {
  const char* said = dlerror();
  const std::string text = said == nullptr ? "for no reason given" : said;
  return text.starts_with(path + ": ") ? text.substr(path.size() + 2) : text;
}

// What is wrong with a module, as far as can be told without running any of it; "" if nothing is.
std::string mismatch(const placement::Module& module) {
  if (module.interface_version != placement::kModuleInterface) {
    return "was built for version " + std::to_string(module.interface_version) +
           " of scheduler/placement/module.hpp, this program for version " +
           std::to_string(placement::kModuleInterface);
  }
  if (module.compiler == nullptr || std::strcmp(module.compiler, placement::kModuleCompiler) != 0) {
    return std::string("was built with ") + (module.compiler == nullptr ? "?" : module.compiler) +
           ", this program with " + placement::kModuleCompiler + ": both must be built with the same compiler";
  }
  const placement::ModuleShape ours;
  if (module.shape != ours) {
    const auto both = [](const char* what, std::uint32_t theirs, std::uint32_t here) {
      return std::string(what) + " of " + std::to_string(theirs) + " bytes there and " + std::to_string(here) + " here";
    };
    return "was built with other headers than this program (" +
           both("Request", module.shape.request_bytes, ours.request_bytes) + ", " +
           both("Candidate", module.shape.candidate_bytes, ours.candidate_bytes) + "): build it again";
  }
  return module.make == nullptr ? "has no make()" : "";
}

Made make(const placement::Module& module, const placement::ModuleCall& call) {
  const std::string where(call.where);
  try {
    Made made = module.make(call);
    if (!made) return made;
    if (*made == nullptr) return base::Error{where, "made no strategy"};
    if ((*made)->name().empty()) return base::Error{where, "name() is empty"};
    return made;
  } catch (const std::exception& problem) {
    return base::Error{where, std::string("make() threw: ") + problem.what()};
  } catch (...) {
    return base::Error{where, "make() threw something that is no std::exception"};
  }
}

}  // namespace

void tell_stderr(std::string_view line) { std::fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data()); }

Made load_strategy(const std::string& name_or_path, const placement::StrategyOptions& options, Tell tell) {
  if (name_or_path.find('/') == std::string::npos) return placement::make_strategy(name_or_path, options);

  const auto colon = name_or_path.find(':');
  const std::string path = name_or_path.substr(0, colon);
  const std::string text = colon == std::string::npos ? "" : name_or_path.substr(colon + 1);
  const std::string where = "--strategy " + path;
  struct stat file {};
  if (stat(path.c_str(), &file) != 0) return base::Error{where, std::strerror(errno)};
  if (!S_ISREG(file.st_mode)) return base::Error{where, "is not a file"};

  // Never closed: strategies, and what they throw, have their code in it.
  void* const object = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (object == nullptr) return base::Error{where, "cannot be loaded: " + loader_says(path)};
  const void* const symbol = dlsym(object, placement::kModuleSymbol);
  if (symbol == nullptr) {
    return base::Error{where, std::string("is not a placement module: it has no symbol ") + placement::kModuleSymbol};
  }
  const auto& module = *static_cast<const placement::Module*>(symbol);
  if (auto wrong = mismatch(module); !wrong.empty()) return base::Error{where, std::move(wrong)};
  return make(module, {where, text, tell});
}

}  // namespace plugin
