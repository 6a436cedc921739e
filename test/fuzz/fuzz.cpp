#include "fuzz.hpp"

#include <stdexcept>

namespace fuzz {

void broken(const std::string& what) { throw std::logic_error("broken: " + what); }

}  // namespace fuzz
