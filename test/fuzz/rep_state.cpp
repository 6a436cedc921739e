// What a rep says: GET /state and the answer of POST /work. What is read is written and read to the
// same, and what is written is written the same again.
#include "diego/json.hpp"
#include "diego/rep.hpp"
#include "fuzz.hpp"

namespace {

using fuzz::require;

template <class Value>
void check(std::string_view bytes, base::Result<Value> (*parse)(std::string_view), std::string (*write)(const Value&)) {
  const auto value = parse(bytes);
  if (!value) {
    require(!value.error().text.empty(), "a refusal says why");
    return;
  }
  require(!diego::go_syntax_error(bytes), "what Go cannot read we do not read");
  const std::string written = write(*value);
  require(!diego::go_syntax_error(written), "what we write is JSON");
  const auto again = parse(written);
  require(static_cast<bool>(again), "what we write we read");
  require(*again == *value, "to the same");
  require(write(*again) == written, "and write it alike");
}

void check_rootfs(const diego::CellState& state, std::string_view bytes) {
  for (const auto& lrp : state.lrps) {
    const auto rootfs = diego::parse_rootfs(lrp.constraint.rootfs);
    const bool fits = diego::matches(state.rootfs_providers, lrp.constraint.rootfs);
    require(fits == (rootfs && diego::matches(state.rootfs_providers, *rootfs)), "a root file system fits or does not");
  }
  static_cast<void>(diego::parse_rootfs(bytes));
}

}  // namespace

void fuzz::rep_state(std::string_view bytes) {
  switch (take_byte(bytes) % 3) {
    case 0:
      check<diego::CellState>(bytes, diego::parse_cell_state, diego::write_cell_state);
      if (const auto state = diego::parse_cell_state(bytes)) check_rootfs(*state, bytes);
      break;
    case 1:
      check<diego::Work>(bytes, diego::parse_work, diego::write_work);
      break;
    default:
      check<diego::Element>(bytes, diego::parse_element, diego::write_element);
      break;
  }
}
