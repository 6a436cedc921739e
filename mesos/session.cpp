#include "mesos/session.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace mesos_client {
namespace {

constexpr double kHeartbeatDefaultS = 15;
constexpr double kHeartbeatMaxS = 3600;
constexpr std::size_t kStreamIdMax = 128;
constexpr std::size_t kLocationMax = 2048;
// A deposed leader is redirected to for some seconds; two masters may even point at each other.
constexpr int kRedirectsMax = 3;
// A few masters with a few complaints each, so that an outage does not fill the log.
constexpr std::size_t kWarningsRemembered = 16;

bool printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

// What a refusal of SUBSCRIBE that no retry can cure looks like.
bool configuration_error(int status) {
  return status == 400 || status == 401 || status == 403 || status == 405 || status == 406 || status == 415 ||
         status == 501;
}

// Uniform in [from, to].
base::Duration between(base::Duration from, base::Duration to, base::Random& random) {
  if (to <= from) return from;
  return from + base::Duration(random.below(static_cast<std::uint64_t>((to - from).count()) + 1));
}

std::string seconds_text(base::Duration duration) { return std::to_string(base::to_millis(duration)) + " ms"; }

// "//host:port" of a URL of ours or of a location, without the scheme.
std::string_view origin_of(std::string_view url) {
  const std::size_t slashes = url.find("//");
  if (slashes == std::string_view::npos) return {};
  const std::size_t end = url.find('/', slashes + 2);
  return url.substr(slashes, end == std::string_view::npos ? end : end - slashes);
}

bool valid_authority(std::string_view authority) {
  const std::size_t colon = authority.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  const std::string_view host = authority.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  for (const char c : bracketed ? host.substr(1, host.size() - 2) : host) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!letter && c != '.' && c != '-' && c != '_' && !(bracketed && c == ':')) return false;
  }
  const std::string_view port = authority.substr(colon + 1);
  unsigned number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  return error == std::errc{} && end == port.data() + port.size() && number > 0 && number <= 65535;
}

}  // namespace

bool ends_session(int status, std::string_view text) {
  if (status == 307 || status == 503) return true;  // No longer the leader, or restarted.
  if (status == 404) return true;                   // Restarting: no route yet.
  if (status == 403) {
    return text.starts_with("Framework is not subscribed") || text.starts_with("Framework is not connected via HTTP") ||
           text.starts_with("Executor is not subscribed");
  }
  return status == 400 && (text.starts_with("Framework cannot be found") ||
                           text.starts_with("Executor cannot be found") || text.starts_with("The stream ID") ||
                           text.starts_with("All non-subscribe calls should include the 'Mesos-Stream-Id' header"));
}

std::optional<std::string> redirect_target(std::string_view asked, std::string_view location) {
  if (location.size() > kLocationMax || !location.starts_with("//") || !printable(location)) return std::nullopt;
  const std::string_view origin = origin_of(location);
  if (!valid_authority(origin.substr(2))) return std::nullopt;
  const std::size_t scheme_end = asked.find("//");
  if (scheme_end == std::string_view::npos) return std::nullopt;
  std::string_view path = location.substr(origin.size());
  if (path.empty()) path = asked.substr(scheme_end + origin_of(asked).size());
  if (path.find("/..") != std::string_view::npos) return std::nullopt;
  return std::string(asked.substr(0, scheme_end)).append(origin).append(path);
}

bool valid_stream_id(std::string_view id) { return !id.empty() && id.size() <= kStreamIdMax && printable(id); }

Session::Session(SessionConfig config) : config_(std::move(config)) {}

const std::string& Session::url() const { return redirected_ ? *redirected_ : config_.urls[next_url_]; }

void Session::connect(SessionActions& actions, base::Time now) {
  ++generation_;
  head_ = {};
  state_ = State::connecting;
  deadline_ = now + config_.subscribe_timeout;
  actions.emplace_back(Connect{generation_, url()});
}

void Session::wait(base::Duration delay, base::Time now) {
  state_ = State::waiting;
  deadline_ = now + delay;
}

// Closes what is open; the caller says what comes next.
void Session::leave(SessionActions& actions, const std::string& reason, base::Time now) {
  const bool open = state_ == State::connecting || state_ == State::refused || state_ == State::awaiting ||
                    state_ == State::subscribed;
  if (state_ == State::subscribed) {
    actions.emplace_back(Lost{reason});
    outage_since_ = now;
  }
  if (open) actions.emplace_back(Disconnect{generation_});
  state_ = State::idle;
  deadline_.reset();
}

void Session::give_up(SessionActions& actions, GivenUp::Cause cause, const std::string& reason) {
  state_ = State::given_up;
  deadline_.reset();
  actions.emplace_back(GivenUp{cause, reason});
}

void Session::warn_once(SessionActions& actions, const std::string& text) {
  if (std::find(said_.begin(), said_.end(), text) != said_.end()) return;
  if (said_.size() == kWarningsRemembered) said_.erase(said_.begin());
  said_.push_back(text);
  actions.emplace_back(Warn{text});
}

SessionActions Session::start(base::Time now) { return restart(now, "restarted"); }

SessionActions Session::restart(base::Time now, const std::string& reason) {
  SessionActions actions;
  if (state_ == State::given_up) outage_since_.reset();
  leave(actions, reason, now);
  tried_in_round_ = 0;
  rounds_failed_ = 0;
  redirects_in_row_ = 0;
  said_.clear();
  if (!outage_since_) outage_since_ = now;
  if (config_.urls.empty()) {
    wait(config_.backoff_max, now);
  } else {
    connect(actions, now);
  }
  return actions;
}

SessionActions Session::stop(base::Time now, const std::string& reason) {
  SessionActions actions;
  if (state_ != State::given_up) leave(actions, reason, now);
  state_ = State::idle;
  deadline_.reset();
  outage_since_.reset();
  return actions;
}

SessionActions Session::masters_changed(std::vector<std::string> urls, base::Time now) {
  SessionActions actions;
  const bool listed = (state_ == State::subscribed || state_ == State::awaiting) && !config_.urls.empty() &&
                      std::any_of(urls.begin(), urls.end(), [this](const std::string& candidate) {
                        return origin_of(candidate) == origin_of(url());
                      });
  if (listed) {
    // url() must go on naming the master we are at.
    redirected_ = std::string(url());
    config_.urls = std::move(urls);
    next_url_ = 0;
    return actions;
  }
  const bool given_up = state_ == State::given_up;
  const bool started = state_ != State::idle;
  if (!given_up) leave(actions, urls.empty() ? "no master leads" : "another master leads", now);
  config_.urls = std::move(urls);
  next_url_ = 0;
  tried_in_round_ = 0;
  rounds_failed_ = 0;
  redirects_in_row_ = 0;
  redirected_.reset();
  if (given_up || !started) return actions;
  if (config_.urls.empty()) {
    wait(config_.backoff_max, now);
  } else {
    connect(actions, now);
  }
  return actions;
}

bool Session::outage_over(SessionActions& actions, base::Time now) {
  if (at_master()) return false;
  const base::Duration limit = was_subscribed_ ? config_.recovery_timeout : config_.first_subscribe_timeout;
  if (!outage_since_ || now - *outage_since_ < limit) return false;
  leave(actions, "", now);
  give_up(actions, GivenUp::Cause::recovery_timeout,
          (was_subscribed_ ? "no agent to resubscribe with for " : "not subscribed within ") + seconds_text(limit));
  return true;
}

void Session::retry(SessionActions& actions, base::Time now, base::Random& random) {
  if (outage_over(actions, now)) return;
  if (!at_master()) {
    // Never slower than half of what the agent announces as the longest delay: after a restart it
    // destroys executors that are not back in about that time.
    wait(between(config_.backoff_max / 16, config_.backoff_max / 2, random), now);
    return;
  }
  if (config_.urls.empty()) return wait(config_.backoff_max, now);
  if (redirected_) {
    redirected_.reset();  // It was the leader once; the list knows better now.
  } else {
    next_url_ = (next_url_ + 1) % config_.urls.size();
  }
  ++tried_in_round_;
  if (tried_in_round_ < config_.urls.size()) return connect(actions, now);
  tried_in_round_ = 0;
  const auto doubled = config_.backoff_min * (std::int64_t{1} << std::min(rounds_failed_, 20));
  ++rounds_failed_;
  const base::Duration delay = std::min<base::Duration>(doubled, config_.backoff_max);
  wait(between(delay / 2, delay, random), now);
}

// An error that will not go away by itself: said once, tried again slowly, or given up.
void Session::retry_refused(SessionActions& actions, const std::string& text, base::Time now, base::Random& random) {
  if (config_.give_up_when_refused && at_master()) return give_up(actions, GivenUp::Cause::refused, text);
  warn_once(actions, text);
  if (!at_master()) return retry(actions, now, random);
  wait(config_.refused_retry, now);
}

void Session::redirect(SessionActions& actions, base::Time now, base::Random& random) {
  const auto target = redirect_target(url(), head_.location);
  if (!target) {
    warn_once(actions, url() + " redirects to an unusable location '" +
                           (printable(head_.location) ? head_.location.substr(0, kStreamIdMax) : "") + "'");
    return retry(actions, now, random);
  }
  if (++redirects_in_row_ > kRedirectsMax) {
    redirects_in_row_ = 0;
    tried_in_round_ = config_.urls.size();  // Going round in circles is no reason to hurry.
    return retry(actions, now, random);
  }
  redirected_ = *target;
  connect(actions, now);
}

// An answer other than 200, complete with its body.
void Session::answered(SessionActions& actions, const std::string& body, base::Time now, base::Random& random) {
  const int status = head_.status;
  if (status == 307) return redirect(actions, now, random);
  redirects_in_row_ = 0;
  const std::string text =
      url() + " answers SUBSCRIBE with " + std::to_string(status) + (body.empty() ? "" : ": " + body);
  if (configuration_error(status)) return retry_refused(actions, text, now, random);
  warn_once(actions, text);
  retry(actions, now, random);
}

SessionActions Session::on_head(std::uint64_t generation, const StreamHead& head, base::Time now,
                                base::Random& random) {
  SessionActions actions;
  if (generation != generation_ || state_ != State::connecting) return actions;
  head_ = head;
  if (head.status != 200) {
    state_ = State::refused;  // Its body, which comes with the end, says why.
    return actions;
  }
  if (at_master() && !valid_stream_id(head.stream_id)) {
    warn_once(actions, url() + " answers SUBSCRIBE without a usable Mesos-Stream-Id");
    leave(actions, "", now);
    retry(actions, now, random);
    return actions;
  }
  state_ = State::awaiting;
  return actions;
}

void Session::error_event(SessionActions& actions, const std::string& text, base::Time now, base::Random& random) {
  leave(actions, text, now);
  // Only these two are known to be final. Everything else is about what we asked for.
  if (text == "Framework failed over") return give_up(actions, GivenUp::Cause::failed_over, text);
  if (text == "Framework has been removed") return give_up(actions, GivenUp::Cause::removed, text);
  retry_refused(actions, "Mesos refuses the subscription: " + text, now, random);
}

SessionActions Session::on_event(std::uint64_t generation, const StreamEvent& event, base::Time now,
                                 base::Random& random) {
  using Kind = StreamEvent::Kind;
  SessionActions actions;
  if (generation != generation_ || (state_ != State::awaiting && state_ != State::subscribed)) return actions;
  if (event.kind == Kind::error) {
    error_event(actions, event.text, now, random);
    return actions;
  }
  if (state_ == State::subscribed) {
    if (at_master()) deadline_ = now + watchdog_;
    if (event.kind == Kind::unreadable) actions.emplace_back(Warn{"skipped an event: " + event.text});
    return actions;
  }

  if (event.kind == Kind::subscribed) {
    const double announced = event.heartbeat_interval_s;
    const bool sane = std::isfinite(announced) && announced > 0;
    watchdog_ = config_.heartbeats_missed_max *
                base::from_seconds(sane ? std::min(announced, kHeartbeatMaxS) : kHeartbeatDefaultS);
    state_ = State::subscribed;
    was_subscribed_ = true;
    outage_since_.reset();
    tried_in_round_ = 0;
    rounds_failed_ = 0;
    redirects_in_row_ = 0;
    said_.clear();
    deadline_.reset();
    if (at_master()) deadline_ = now + watchdog_;
    actions.emplace_back(Subscribed{generation_, url(), head_.stream_id});
    return actions;
  }
  if (!at_master() && event.kind == Kind::shutdown) {
    leave(actions, "", now);
    give_up(actions, GivenUp::Cause::shutdown, "the agent sent SHUTDOWN instead of SUBSCRIBED");
    return actions;
  }
  if (!at_master() && event.kind == Kind::unreadable) {
    leave(actions, "", now);
    give_up(actions, GivenUp::Cause::wrong_api,
            url() + " is not the executor API of an agent (its address must come from MESOS_SLAVE_PID): " + event.text);
    return actions;
  }
  warn_once(actions,
            url() + " does not begin its stream with SUBSCRIBED" + (event.text.empty() ? "" : ": ") + event.text);
  leave(actions, "", now);
  retry(actions, now, random);
  return actions;
}

SessionActions Session::on_stream_ended(std::uint64_t generation, const std::string& reason, base::Time now,
                                        base::Random& random) {
  SessionActions actions;
  if (generation != generation_) return actions;
  switch (state_) {
    case State::connecting:
      leave(actions, reason, now);
      warn_once(actions, url() + ": " + reason);
      retry(actions, now, random);
      break;
    case State::refused:
      leave(actions, reason, now);
      answered(actions, reason, now, random);
      break;
    case State::awaiting:
      leave(actions, reason, now);
      warn_once(actions, url() + " ended the stream before SUBSCRIBED: " + reason);
      retry(actions, now, random);
      break;
    case State::subscribed:
      leave(actions, reason, now);
      if (outage_over(actions, now)) break;
      // The same peer first: most often only the connection broke.
      at_master() ? wait(between(base::Duration{0}, config_.backoff_min, random), now)
                  : wait(between(base::Duration{0}, config_.backoff_max / 2, random), now);
      break;
    default:
      break;
  }
  return actions;
}

SessionActions Session::on_call_refused(std::uint64_t generation, int status, const std::string& text, base::Time now,
                                        base::Random& random) {
  SessionActions actions;
  if (generation != generation_ || state_ != State::subscribed) return actions;
  if (!ends_session(status, text)) {
    actions.emplace_back(Warn{"a call was refused with " + std::to_string(status) + ": " + text});
    return actions;
  }
  leave(actions, "a call was answered with " + std::to_string(status) + (text.empty() ? "" : ": " + text), now);
  if (outage_over(actions, now)) return actions;
  wait(between(base::Duration{0}, at_master() ? config_.backoff_min : config_.backoff_max / 2, random), now);
  return actions;
}

std::optional<base::Time> Session::next_deadline() const {
  if (at_master() || state_ == State::subscribed || state_ == State::idle || state_ == State::given_up ||
      !outage_since_) {
    return deadline_;
  }
  const base::Time end =
      *outage_since_ + (was_subscribed_ ? config_.recovery_timeout : config_.first_subscribe_timeout);
  return deadline_ ? std::min(*deadline_, end) : end;
}

SessionActions Session::on_tick(base::Time now, base::Random& random) {
  SessionActions actions;
  const auto due = next_deadline();
  if (!due || now < *due) return actions;
  if (state_ != State::subscribed && outage_over(actions, now)) return actions;
  switch (state_) {
    case State::waiting:
      if (config_.urls.empty()) {
        wait(config_.backoff_max, now);
      } else {
        connect(actions, now);
      }
      break;
    case State::connecting:
    case State::refused:
    case State::awaiting:
      warn_once(actions, url() + ": not subscribed within " + seconds_text(config_.subscribe_timeout));
      leave(actions, "", now);
      retry(actions, now, random);
      break;
    case State::subscribed:
      leave(actions, "nothing heard for " + seconds_text(watchdog_), now);
      wait(between(base::Duration{0}, config_.backoff_min, random), now);
      break;
    default:
      break;
  }
  return actions;
}

}  // namespace mesos_client
