#include "cell/core/job.hpp"

#include <charconv>
#include <optional>

#include "base/text.hpp"

namespace cell {
namespace {

struct Value {
  enum class Kind { string, number, boolean } kind = Kind::string;
  std::string text;
  std::int64_t number = 0;
};

// What follows a value may only be a comment.
bool over(std::string_view rest) {
  rest = base::trim(rest);
  return rest.empty() || rest.front() == '#';
}

std::optional<Value> read_string(std::string_view text) {
  const char quote = text.front();
  Value value;
  for (std::size_t i = 1; i < text.size(); ++i) {
    char c = text[i];
    if (c == quote) return over(text.substr(i + 1)) ? std::optional(value) : std::nullopt;
    if (c == '\\' && quote == '"') {
      if (++i == text.size()) break;
      switch (text[i]) {
        case 'n':
          c = '\n';
          break;
        case 't':
          c = '\t';
          break;
        case '"':
        case '\\':
          c = text[i];
          break;
        default:
          return std::nullopt;
      }
    }
    value.text += c;
  }
  return std::nullopt;
}

std::optional<Value> read_value(std::string_view text) {
  if (text.empty()) return std::nullopt;
  if (text.front() == '"' || text.front() == '\'') return read_string(text);
  const std::string_view word = base::trim(text.substr(0, text.find('#')));
  if (word == "true" || word == "false") return Value{Value::Kind::boolean, std::string(word), word == "true"};
  Value value{Value::Kind::number, std::string(word), 0};
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value.number);
  if (error != std::errc{} || end != word.data() + word.size()) return std::nullopt;
  return value;
}

template <class Enum>
struct Choice {
  std::string_view word;
  Enum value;
};

constexpr Choice<Job::Restart> kRestarts[] = {{"always", Job::Restart::always},
                                              {"never", Job::Restart::never},
                                              {"once", Job::Restart::once},
                                              {"cell", Job::Restart::cell}};
constexpr Choice<Job::Stage> kStages[] = {{"before-garden", Job::Stage::before_garden},
                                          {"before-rep", Job::Stage::before_rep},
                                          {"after-rep", Job::Stage::after_rep}};

template <class Enum, std::size_t N>
base::Status choose(const Value& value, const Choice<Enum> (&choices)[N], Enum& out) {
  std::string known;
  for (const auto& choice : choices) {
    if (value.kind == Value::Kind::string && value.text == choice.word) {
      out = choice.value;
      return base::ok();
    }
    known += (known.empty() ? "" : ", ") + std::string(choice.word);
  }
  return base::Error{"", "\"" + value.text + "\" is none of " + known};
}

base::Status take_string(const Value& value, std::string& out) {
  if (value.kind != Value::Kind::string) return base::Error{"", "wants a string in quotes"};
  out = value.text;
  return base::ok();
}

base::Status set(Job& job, std::string_view key, const Value& value) {
  if (key == "command") return take_string(value, job.command);
  if (key == "health-url") return take_string(value, job.health_url);
  if (key == "health-tcp") return take_string(value, job.health_tcp);
  if (key == "health-command") return take_string(value, job.health_command);
  if (key == "restart") return choose(value, kRestarts, job.restart);
  if (key == "stage") return choose(value, kStages, job.stage);
  if (key == "start-timeout-s") {
    if (value.kind != Value::Kind::number || value.number < 1 || value.number > 86400)
      return base::Error{"", "wants whole seconds from 1 to 86400"};
    job.start_timeout_s = value.number;
    return base::ok();
  }
  if (key == "needed") {
    if (value.kind != Value::Kind::boolean) return base::Error{"", "wants true or false"};
    job.needed = value.number != 0;
    return base::ok();
  }
  return base::Error{"", "is unknown"};
}

std::string name_of(std::string_view path) {
  std::string_view name = path.substr(path.rfind('/') + 1);
  name = name.substr(0, name.rfind('.'));
  const auto start = name.find_first_not_of("0123456789");
  if (start == std::string_view::npos) return std::string(name);
  name = name.substr(start);
  if (name.size() > 1 && start > 0 && (name.front() == '-' || name.front() == '_')) name.remove_prefix(1);
  return std::string(name);
}

}  // namespace

base::Result<Job> parse_job(std::string_view path, std::string_view text) {
  Job job;
  job.name = name_of(path);
  for (std::size_t number = 1, at = 0; at <= text.size(); ++number) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = base::trim(text.substr(at, end - at));
    at = end + 1;
    if (line.empty() || line.front() == '#') continue;
    const std::string where = std::string(path) + ":" + std::to_string(number);
    const auto equals = line.find('=');
    if (equals == std::string_view::npos) return base::Error{where, "is not key = value"};
    const std::string_view key = base::trim(line.substr(0, equals));
    const auto value = read_value(base::trim(line.substr(equals + 1)));
    if (!value)
      return base::Error{where, std::string(key) + " is neither a string in quotes, a number nor true or false"};
    if (const auto done = set(job, key, *value); !done)
      return base::Error{where, std::string(key) + " " + done.error().text};
  }
  const int checks = !job.health_url.empty() + !job.health_tcp.empty() + !job.health_command.empty();
  if (job.command.empty()) return base::Error{std::string(path), "has no command"};
  if (checks > 1) return base::Error{std::string(path), "has more than one health check"};
  if (checks > 0 && job.restart == Job::Restart::once)
    return base::Error{std::string(path), "what runs once has no health check"};
  return job;
}

}  // namespace cell
