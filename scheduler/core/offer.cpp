#include "scheduler/core/offer.hpp"

#include <algorithm>
#include <cassert>

namespace core {
namespace {

void carve_dimension(std::vector<Piece>& pool, Dimension dimension, std::int64_t amount, std::vector<Piece>& out) {
  for (const bool reserved : {true, false}) {
    for (Piece& piece : pool) {
      if (amount == 0) return;
      if (piece.dimension != dimension || piece.reserved != reserved || piece.amount <= 0) continue;
      Piece part = piece;
      part.amount = std::min(piece.amount, amount);
      piece.amount -= part.amount;
      amount -= part.amount;
      out.push_back(std::move(part));
    }
  }
  assert(amount <= 0);  // Placement checked the sum against these very pieces.
}

}  // namespace

placement::Amounts sum(const std::vector<Piece>& pieces) {
  placement::Amounts total;
  for (const Piece& piece : pieces) {
    switch (piece.dimension) {
      case Dimension::cpus:
        total.cpus_milli += piece.amount;
        break;
      case Dimension::mem:
        total.mem_mb += piece.amount;
        break;
      case Dimension::disk:
        total.disk_mb += piece.amount;
        break;
    }
  }
  return total;
}

std::vector<Piece> carve(std::vector<Piece>& pool, const placement::Amounts& needs) {
  std::vector<Piece> out;
  carve_dimension(pool, Dimension::cpus, needs.cpus_milli, out);
  carve_dimension(pool, Dimension::mem, needs.mem_mb, out);
  carve_dimension(pool, Dimension::disk, needs.disk_mb, out);
  return out;
}

}  // namespace core
