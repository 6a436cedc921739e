// What is to be said to the BBS and asked of it: reports of work that finds no place, kept until the BBS
// has them, and questions what its rows say. Few calls are under way at a time; while the BBS does not
// answer, one at a time tries it, at growing intervals. Pure; the core owns one.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "scheduler/core/actions.hpp"
#include "scheduler/core/events.hpp"
#include "scheduler/core/journal.hpp"
#include "scheduler/core/work.hpp"

namespace core {

// Whose rows: all of a process, or the one of a Task.
struct RowsOf {
  Kind kind = Kind::lrp;
  std::string guid;
  auto operator<=>(const RowsOf&) const = default;
};

class BbsCalls {
 public:
  static constexpr std::size_t kOpenMax = 16;
  static constexpr std::size_t kReportsMax = 500'000;
  static constexpr base::Duration kCallMax = std::chrono::seconds(10);  // diego::BbsClientOptions::timeout

  // ---- Reports: one per key; a later one takes the place of one that is not under way.

  struct Content {
    std::string domain, text, trace_id;
    std::int32_t rejections = kUnknown;  // Of a Task: those the BBS had counted before.
    bool operator==(const Content&) const = default;
  };
  static constexpr std::int32_t kUnknown = -1;

  // False: too many wait. The text is not empty (the BBS refuses that).
  bool report(const Key& key, Content content);
  // It is not so any more. What is under way is not called back.
  void withdraw(const Key& key);
  bool owes(const Key& key) const { return reports_.contains(key); }
  std::size_t reports() const { return reports_.size(); }
  void drop_reports();

  // ---- Questions

  // Nothing if that question is to be put, or under way, already.
  void ask(RowsOf rows);
  // Whether a question would be put now, and not only when the BBS is tried again.
  bool reachable(base::Time now) const { return !retry_at_ || *retry_at_ <= now; }

  // ---- Calls and answers

  // What is to be called now. Each call is answered once, or forgotten by forget_open().
  std::vector<Action> take(base::Time now);
  std::optional<base::Time> next_due() const;

  struct Asked {
    RowsOf rows;
    base::Time at;  // When the question went out.
  };
  // The question an answer belongs to; nullopt: to none that is under way.
  std::optional<Asked> answered(const RowsRead& event, base::Time now);
  std::optional<Key> answered(const ReportAnswered& event, base::Time now);
  // Nobody will answer what is under way: those questions. Reports go again.
  std::vector<RowsOf> forget_open();
  // Calls of an earlier life or term may still reach the BBS: a Task's rejection that is doubtful waits until they
  // have, for its row tells nothing before.
  void calls_may_be_under_way(base::Time now);

  // For the log: what changed since it was last asked.
  std::vector<Note> take_notes() { return std::exchange(notes_, {}); }

  // ---- What survives: a named text for each report.

  bool has_changes() const { return !changed_.empty(); }
  void write_changes(Journal& journal) const;
  void changes_saved() { changed_.clear(); }
  // Whether the text is one of these. Whether it was sent before is not known: a Task's is doubtful.
  static bool is_report(std::string_view name);
  base::Status restore(std::string_view name, std::string_view value);

 private:
  struct Pending {
    Content content;
    std::uint64_t open = 0;       // The call under way; 0: none.
    bool doubtful = false;        // It may have been taken.
    std::optional<Content> next;  // Came while it is under way.
  };
  using Reports = std::map<Key, Pending>;

  void well();
  void trouble(const diego::BbsFailure& failure, base::Time now);
  void erase(Reports::iterator report);

  Reports reports_;
  std::deque<Key> due_;   // Of those not under way; some have left since.
  std::deque<Key> held_;  // Doubtful ones of Tasks, until then.
  base::Time held_until_;
  std::map<std::uint64_t, Key> open_reports_;

  std::deque<RowsOf> questions_;
  std::set<RowsOf> asked_;  // To be put or under way.
  std::map<std::uint64_t, Asked> open_questions_;

  std::uint64_t calls_ = 0;
  std::optional<base::Time> retry_at_;  // The last call got no answer.
  base::Duration pause_{};
  std::vector<Note> notes_;
  std::set<Key> changed_;  // Reports that are not in the store as they are.
};

}  // namespace core
