#include "scheduler/core/bbs_calls.hpp"

#include <algorithm>
#include <iterator>

#include "diego/json.hpp"

namespace core {
namespace {

constexpr base::Duration kPauseMin = std::chrono::milliseconds(100);
constexpr base::Duration kPauseMax = std::chrono::seconds(15);
constexpr std::string_view kPrefix = "report ";

std::string name_of(const Key& key) { return std::string(kPrefix) + cursor(key); }

std::string written(const BbsCalls::Content& content) {
  diego::GoWriter writer;
  writer.begin_object();
  writer.member("domain", content.domain);
  writer.member("text", content.text);
  writer.member("trace_id", content.trace_id);
  writer.member("rejections", content.rejections);
  writer.end_object();
  return writer.take();
}

base::Result<BbsCalls::Content> read(std::string_view text) {
  const auto value = diego::parse_json(text);
  if (!value) return value.error();
  diego::GoDecoder decoder("core", "Report");
  BbsCalls::Content content;
  if (decoder.object(*value, "core.Report")) {
    for (const diego::JsonMember& member : value->members) {
      if (decoder.field(member, "domain", content.domain)) continue;
      if (decoder.field(member, "text", content.text)) continue;
      if (decoder.field(member, "trace_id", content.trace_id)) continue;
      decoder.field(member, "rejections", content.rejections);
    }
  }
  if (const auto wrong = decoder.error()) return *wrong;
  if (content.text.empty()) return base::Error{"report", "its text is empty"};
  return content;
}

}  // namespace

// ---- Reports

bool BbsCalls::report(const Key& key, Content content) {
  const auto found = reports_.find(key);
  if (found == reports_.end()) {
    if (reports_.size() >= kReportsMax) return false;
    reports_[key].content = std::move(content);
    due_.push_back(key);
  } else if (found->second.open != 0) {
    found->second.next = std::move(content);
  } else {
    found->second.content = std::move(content);
  }
  changed_.insert(key);
  return true;
}

void BbsCalls::withdraw(const Key& key) {
  const auto found = reports_.find(key);
  if (found == reports_.end()) return;
  found->second.next.reset();
  if (found->second.open == 0) erase(found);
}

void BbsCalls::drop_reports() {
  for (const auto& [key, report] : reports_) changed_.insert(key);
  reports_.clear();
  due_.clear();
  held_.clear();
  open_reports_.clear();
}

void BbsCalls::erase(Reports::iterator report) {
  changed_.insert(report->first);
  reports_.erase(report);
}

// ---- Questions

void BbsCalls::ask(RowsOf rows) {
  if (asked_.insert(rows).second) questions_.push_back(std::move(rows));
}

// ---- Calls and answers

std::vector<Action> BbsCalls::take(base::Time now) {
  std::vector<Action> calls;
  const auto may_call = [&] {
    const std::size_t open = open_reports_.size() + open_questions_.size();
    return retry_at_ ? open == 0 && *retry_at_ <= now : open < kOpenMax;
  };
  while (may_call() && !questions_.empty()) {  // These first: launches wait for them.
    RowsOf rows = std::move(questions_.front());
    questions_.pop_front();
    calls.emplace_back(ReadRows{++calls_, rows.kind, rows.guid});
    open_questions_.emplace(calls_, Asked{std::move(rows), now});
  }
  if (!held_.empty() && held_until_ <= now) {
    due_.insert(due_.end(), held_.begin(), held_.end());
    held_.clear();
  }
  while (may_call() && !due_.empty()) {
    const Key key = std::move(due_.front());
    due_.pop_front();
    const auto found = reports_.find(key);
    if (found == reports_.end() || found->second.open != 0) continue;
    Pending& report = found->second;
    report.open = ++calls_;
    open_reports_.emplace(report.open, key);
    calls.emplace_back(Report{report.open, key, report.content.domain, report.content.text, report.content.trace_id,
                              report.content.rejections, report.doubtful});
  }
  return calls;
}

std::optional<base::Time> BbsCalls::next_due() const {
  std::optional<base::Time> next;
  if (!held_.empty()) next = held_until_;
  if (questions_.empty() && due_.empty()) return next;
  const std::size_t open = open_reports_.size() + open_questions_.size();
  if (retry_at_) {
    if (open == 0 && (!next || *retry_at_ < *next)) next = retry_at_;
    return next;
  }
  return open < kOpenMax ? std::optional(base::Time{}) : next;
}

void BbsCalls::well() {
  if (retry_at_) notes_.push_back({false, "the BBS answers again"});
  retry_at_.reset();
  pause_ = {};
}

void BbsCalls::trouble(const diego::BbsFailure& failure, base::Time now) {
  if (!retry_at_)
    notes_.push_back(
        {true, "the BBS does not answer, reports wait and placement goes on reason=\"" + failure.text + "\""});
  pause_ = std::clamp(pause_ * 2, kPauseMin, kPauseMax);
  retry_at_ = now + pause_;
}

std::optional<BbsCalls::Asked> BbsCalls::answered(const RowsRead& event, base::Time now) {
  const auto found = open_questions_.find(event.call);
  if (found == open_questions_.end()) return std::nullopt;
  Asked asked = std::move(found->second);
  open_questions_.erase(found);
  asked_.erase(asked.rows);
  if (event.failure && event.failure->kind == diego::BbsFailure::Kind::transient) {
    trouble(*event.failure, now);
  } else {
    well();
  }
  return asked;
}

std::optional<Key> BbsCalls::answered(const ReportAnswered& event, base::Time now) {
  const auto open = open_reports_.find(event.call);
  if (open == open_reports_.end()) return std::nullopt;
  const Key key = std::move(open->second);
  open_reports_.erase(open);
  const auto found = reports_.find(key);
  Pending& report = found->second;
  report.open = 0;
  if (event.failure && event.failure->kind == diego::BbsFailure::Kind::transient) {
    trouble(*event.failure, now);
    report.doubtful = true;
    if (report.next) {
      report.content = *std::exchange(report.next, {});
      changed_.insert(key);
    }
    due_.push_front(key);
    return key;
  }
  well();
  if (event.failure && event.failure->kind == diego::BbsFailure::Kind::refused)
    notes_.push_back(
        {true, "the BBS refuses a report instance=" + to_string(key) + " reason=\"" + event.failure->text + "\""});
  if (report.next) {
    report = {*std::exchange(report.next, {}), 0, false, {}};
    changed_.insert(key);
    due_.push_back(key);
  } else {
    erase(found);
  }
  return key;
}

void BbsCalls::calls_may_be_under_way(base::Time now) {
  held_until_ = now + kCallMax;
  const auto is_held = [this](const Key& key) {
    const auto found = reports_.find(key);
    return key.kind == Kind::task && found != reports_.end() && found->second.doubtful;
  };
  std::copy_if(due_.begin(), due_.end(), std::back_inserter(held_), is_held);
  std::erase_if(due_, is_held);
}

std::vector<RowsOf> BbsCalls::forget_open() {
  for (auto& [call, key] : open_reports_) {
    Pending& report = reports_.at(key);
    report.open = 0;
    report.doubtful = true;
    if (report.next) {
      report.content = *std::exchange(report.next, {});
      changed_.insert(key);
    }
    due_.push_back(key);
  }
  open_reports_.clear();
  std::vector<RowsOf> unanswered;
  for (auto& [call, asked] : open_questions_) {
    asked_.erase(asked.rows);
    unanswered.push_back(std::move(asked.rows));
  }
  open_questions_.clear();
  return unanswered;
}

// ---- What survives

void BbsCalls::write_changes(Journal& journal) const {
  for (const Key& key : changed_) {
    const auto found = reports_.find(key);
    if (found == reports_.end()) {
      journal.text(name_of(key), {});
    } else {
      journal.text(name_of(key), written(found->second.next.value_or(found->second.content)));
    }
  }
}

bool BbsCalls::is_report(std::string_view name) { return name.starts_with(kPrefix); }

base::Status BbsCalls::restore(std::string_view name, std::string_view value) {
  const auto key = parse_cursor(name.substr(std::min(kPrefix.size(), name.size())));
  if (!is_report(name) || !key) return base::Error{std::string(name), "names no instance"};
  auto content = read(value);
  if (!content) return base::Error{std::string(name), content.error().message()};
  if (!reports_.try_emplace(*key, Pending{*std::move(content), 0, true, {}}).second)
    return base::Error{std::string(name), "is there twice"};
  due_.push_back(*key);
  return base::ok();
}

}  // namespace core
