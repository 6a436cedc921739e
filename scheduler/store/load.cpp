#include <algorithm>
#include <array>
#include <iterator>
#include <limits>
#include <memory>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "scheduler/store/impl.hpp"

namespace store {
namespace {

constexpr std::size_t kWarnOneByOne = 10;

constexpr core::State kStates[] = {core::State::queued,  core::State::launching, core::State::starting,
                                   core::State::running, core::State::stopping,  core::State::stopped,
                                   core::State::failed,  core::State::lost,      core::State::rejected};

bool is_attempt(std::string_view text) {
  return text.empty() || (text.size() == 8 && text.find_first_not_of("abcdefghijklmnopqrstuvwxyz234567") == text.npos);
}

bool fits(std::int64_t value) { return value >= 0 && value <= std::numeric_limits<std::int32_t>::max(); }

bool is_row_number(std::int64_t id) { return id > 0 && id <= std::numeric_limits<std::uint32_t>::max(); }

struct CellNames {
  std::string agent_id, executor_id;
};

// The last that the log says of an instance, small: there is one for every instance while they are read.
struct Standing {
  const char* wrong = "it does not say how it stands";  // Or nullptr.
  std::int64_t seq = 0, since_ns = 0, cell = 0;
  placement::Amounts charged;
  std::int32_t attempts = 0, failures = 0;
  std::array<char, 8> attempt{};
  std::uint32_t reason = 0;
  std::uint8_t state = 0, flags = 0;
  bool has_attempt = false;
};
constexpr std::size_t kPage = 256;  // Instances come and go in the order of their numbers.

// Reads everything once, in the order that core::Recovery asks for.
class Reader {
 public:
  using Warn = std::function<void(const std::string&)>;
  Reader(const Database& database, Known& known, core::Recovery& recovery, const Warn& warn)
      : database_(database), known_(known), recovery_(recovery), warn_(warn) {}

  base::Status read() {
    if (auto read = texts(); !read) return read;
    if (auto read = wishes(); !read) return read;
    if (auto read = cells(); !read) return read;
    if (auto read = instances(); !read) return read;
    if (skipped_ > kWarnOneByOne)
      warn_(database_.path() + ": " + std::to_string(skipped_) + " entries in all make no sense and are passed over");
    // Not needed for anything: a full disk is the first commit's to tell.
    if (auto dropped = drop_unnamed(); !dropped) warn_(dropped.error().message());
    return base::ok();
  }

 private:
  template <class Row>
  base::Status each(std::string_view sql, Row row) {
    auto statement = database_.prepare(sql);
    if (!statement) return statement.error();
    while (true) {
      const int code = statement->step();
      if (code == SQLITE_DONE) return base::ok();
      if (code != SQLITE_ROW) return database_.error(code);
      statement->begin_row();
      row(*statement);
    }
  }

  void skip(const std::string& what, std::int64_t id, const std::string& why) {
    if (++skipped_ > kWarnOneByOne) return;
    warn_(database_.path() + ": " + what + " " + std::to_string(id) + " is passed over: " + why);
  }

  base::Status texts() {
    return each("SELECT name, value FROM texts", [this](Statement& row) {
      const std::string_view name = row.text(0), value = row.text(1);
      if (!row.is_whole() || name.empty() || value.empty()) return skip("text", 0, "not a named text");
      recovery_.text(name, value);
    });
  }

  base::Status wishes() {
    return each("SELECT id, text FROM wishes", [this](Statement& row) {
      const std::int64_t id = row.number(0);
      const std::string_view text = row.text(1);
      if (!row.is_whole()) return skip("wish", id, "not a text");
      const base::Status taken = recovery_.wish(static_cast<std::uint64_t>(id), text);
      if (!taken) return skip("wish", id, taken.error().message());
      known_.add_wish(static_cast<std::uint64_t>(id));
      wishes_.insert(id);
    });
  }

  base::Status cells() {
    return each("SELECT id, agent_id, executor_id FROM cells", [this](Statement& row) {
      const std::int64_t id = row.number(0);
      const std::string_view agent_id = row.text(1), executor_id = row.text(2);
      // Known even so: its number must not be given to another cell.
      known_.add_cell_row(id, agent_id, executor_id);
      if (!row.is_whole()) return skip("cell", id, "not two texts");
      cells_.try_emplace(id, CellNames{std::string(agent_id), std::string(executor_id)});
    });
  }

  // The log in its own order, which is not that of instances: read once, the last of each kept.
  base::Status standings() {
    return each(
        "SELECT state, since_ns, attempt, cell, mem_mb, disk_mb, cpus_milli, containers, attempts, failures, flags,"
        " reason, seq, id FROM standing ORDER BY seq",
        [this](Statement& row) {
          const std::int64_t seq = row.number(12), id = row.number(13);
          if (!row.is_whole() || !is_row_number(id)) return;
          auto& page = standings_[static_cast<std::uint32_t>(id) / kPage];
          if (page == nullptr) page = std::make_unique<std::array<Standing, kPage>>();
          read_standing((*page)[static_cast<std::uint32_t>(id) % kPage], row);
          (*page)[static_cast<std::uint32_t>(id) % kPage].seq = seq;
        });
  }

  base::Status instances() {
    if (auto read = standings(); !read) return read;
    return each("SELECT id, kind, guid, idx, wish, trace_id, auction_known, accepted_ns FROM accepted ORDER BY id",
                [this](Statement& row) { instance(row); });
  }

  void instance(Statement& accepted) {
    const std::int64_t id = accepted.number(0), wish = accepted.number(4);
    if (wish != last_named_wish_) named_wishes_.insert(last_named_wish_ = wish);
    if (!is_row_number(id)) return skip("instance", id, "its number is out of range");
    const auto page = standings_.find(static_cast<std::uint32_t>(id) / kPage);
    const Standing none;
    const Standing& standing = page == standings_.end() ? none : (*page->second)[static_cast<std::size_t>(id) % kPage];
    named_cells_.insert(standing.cell);
    core::InstanceRow instance;
    instance.id = static_cast<std::uint32_t>(id);
    const char* wrong = fill_accepted(instance, accepted);
    if (wrong == nullptr) wrong = fill_standing(instance, standing);
    // Known even when it is passed over: it is to stay, and its cell's number with it.
    known_.set_row(instance.id, {wrong == nullptr ? fingerprint(instance) : 0, standing.seq});
    known_.reserve_cell_row(standing.cell);
    if (wrong != nullptr) return skip("instance", id, wrong);
    const base::Status taken = recovery_.instance(instance);
    if (!taken) skip("instance", id, taken.error().message());
  }

  // Wishes and cells that no instance names, passed over or not.
  base::Status drop_unnamed() {
    std::vector<std::int64_t> wishes, cells;
    for (const std::int64_t id : wishes_)
      if (!named_wishes_.contains(id)) wishes.push_back(id);
    for (const auto& cell : cells_)
      if (!named_cells_.contains(cell.first)) cells.push_back(cell.first);
    if (wishes.empty() && cells.empty()) return base::ok();
    auto wish = database_.prepare("DELETE FROM wishes WHERE id = ?");
    auto cell = database_.prepare("DELETE FROM cells WHERE id = ?");
    if (!wish || !cell) return (!wish ? wish : cell).error();
    if (auto begun = database_.execute("BEGIN IMMEDIATE"); !begun) return begun;
    int code = SQLITE_OK;
    for (auto id = wishes.begin(); id != wishes.end() && code == SQLITE_OK; ++id) code = wish->add(*id).run();
    for (auto id = cells.begin(); id != cells.end() && code == SQLITE_OK; ++id) code = cell->add(*id).run();
    base::Status done = code == SQLITE_OK ? database_.execute("COMMIT") : base::Status(database_.error(code));
    if (!done) {
      if (database_.in_transaction()) (void)database_.execute("ROLLBACK");
      return done;
    }
    for (const std::int64_t id : wishes) known_.forget_wish(static_cast<std::uint64_t>(id));
    for (const std::int64_t id : cells) known_.forget_cell(cells_[id].agent_id, cells_[id].executor_id);
    return done;
  }

  // These two: nullptr, or what makes no sense.
  const char* fill_accepted(core::InstanceRow& instance, Statement& row) const {
    const std::int64_t kind = row.number(1), index = row.number(3), wish = row.number(4), auction_known = row.number(6);
    instance.guid = row.text(2);
    instance.trace_id = row.text(5);
    instance.accepted = base::Time(base::Duration(row.number(7)));
    if (!row.is_whole()) return "a value is missing or of a wrong type";
    if (kind < 0 || kind > 1) return "its kind is unknown";
    if (!fits(index)) return "its index is out of range";
    if (auction_known < 0 || auction_known > 1) return "it is neither auctioned nor adopted";
    if (!wishes_.contains(wish)) {
      constexpr std::int64_t kNumberMax = std::int64_t{1} << 62U;
      if (wish > 0 && wish < kNumberMax) recovery_.missing_wish(static_cast<std::uint64_t>(wish));
      return "what it asks for is unknown";
    }
    instance.kind = kind == 1 ? core::Kind::task : core::Kind::lrp;
    instance.index = static_cast<std::int32_t>(index);
    instance.wish = static_cast<std::uint64_t>(wish);
    instance.auction_known = auction_known == 1;
    return nullptr;
  }

  const char* fill_standing(core::InstanceRow& instance, const Standing& standing) const {
    if (standing.wrong != nullptr) return standing.wrong;
    if (standing.cell != 0) {
      const auto names = cells_.find(standing.cell);
      if (names == cells_.end()) return "its cell is unknown";
      instance.agent_id = names->second.agent_id;
      instance.executor_id = names->second.executor_id;
    }
    instance.state = kStates[standing.state];
    instance.since = base::Time(base::Duration(standing.since_ns));
    instance.attempt = std::string_view(standing.attempt.data(), standing.has_attempt ? standing.attempt.size() : 0);
    instance.charged = standing.charged;
    instance.attempts = standing.attempts;
    instance.failures = standing.failures;
    instance.heard = (standing.flags & kHeard) != 0;
    instance.started = (standing.flags & kStarted) != 0;
    instance.ran = (standing.flags & kRan) != 0;
    instance.stop_wanted = (standing.flags & kStopWanted) != 0;
    instance.queue_again = (standing.flags & kQueueAgain) != 0;
    instance.successor = (standing.flags & kSuccessor) != 0;
    instance.reason = reasons_[standing.reason];
    return nullptr;
  }

  void read_standing(Standing& standing, Statement& row) {
    const std::int64_t state = row.number(0), attempts = row.number(8), failures = row.number(9),
                       flags = row.number(10);
    const std::string_view attempt = row.text(2), reason = row.text(11);
    standing = {};
    standing.since_ns = row.number(1);
    standing.cell = row.number(3);
    standing.charged = {row.number(4), row.number(5), row.number(6), row.number(7)};
    standing.wrong = !row.is_whole()                             ? "a value is missing or of a wrong type"
                     : state < 0 || state >= std::ssize(kStates) ? "its state is unknown"
                     : !is_attempt(attempt)                      ? "its attempt is not 8 letters"
                     : !standing.charged.holds({})               ? "what it is charged is negative"
                     : !fits(attempts) || !fits(failures)        ? "its attempts are out of range"
                     : flags < 0 || flags > kAllFlags            ? "its flags are unknown"
                                                                 : nullptr;
    if (standing.wrong != nullptr) return;
    standing.state = static_cast<std::uint8_t>(state);
    standing.flags = static_cast<std::uint8_t>(flags);
    standing.attempts = static_cast<std::int32_t>(attempts);
    standing.failures = static_cast<std::int32_t>(failures);
    standing.has_attempt = !attempt.empty();
    std::copy(attempt.begin(), attempt.end(), standing.attempt.begin());
    if (reason.empty()) return;
    // Equal reasons come in bursts.
    if (reasons_.back() != reason) reasons_.emplace_back(reason);
    standing.reason = static_cast<std::uint32_t>(reasons_.size() - 1);
  }

  const Database& database_;
  Known& known_;
  core::Recovery& recovery_;
  const Warn& warn_;
  std::unordered_set<std::int64_t> wishes_, named_wishes_, named_cells_;
  std::unordered_map<std::int64_t, CellNames> cells_;
  std::unordered_map<std::uint32_t, std::unique_ptr<std::array<Standing, kPage>>> standings_;
  std::vector<std::string> reasons_{""};
  std::int64_t last_named_wish_ = 0;
  std::size_t skipped_ = 0;
};

}  // namespace

base::Status SqliteStore::load(core::Recovery& recovery, const std::function<void(const std::string&)>& warn) {
  auto read = Reader(impl_->database, impl_->known, recovery, warn).read();
  impl_->is_loaded = static_cast<bool>(read);
  impl_->known.expect_doubling();
  impl_->known.keep();
  return read;
}

// Called between transactions; what fails is tried again at the next doubling.
void SqliteStore::forget_unnamed() {
  Known& known = impl_->known;
  if (impl_->tidy()) {
    known.forget_names();
    auto wishes = impl_->database.prepare("SELECT id FROM wishes");
    while (wishes && wishes->step() == SQLITE_ROW) known.add_wish(static_cast<std::uint64_t>(wishes->number(0)));
    auto cells = impl_->database.prepare("SELECT id, agent_id, executor_id FROM cells");
    while (cells && cells->step() == SQLITE_ROW) known.add_cell_row(cells->number(0), cells->text(1), cells->text(2));
  }
  known.expect_doubling();
  known.keep();
}

}  // namespace store
