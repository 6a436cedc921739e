#include <charconv>
#include <cmath>
#include <cstring>

#include "test/bench/scale_calls.hpp"
#include "test/bench/scale_events.hpp"

namespace scale {
namespace {

// Walks JSON in place, forwards only. After a mistake every step fails.
class Json {
 public:
  Json(std::string_view text, std::deque<std::string>& unescaped)
      : at_(text.data()), end_(text.data() + text.size()), unescaped_(unescaped) {}

  bool good() const { return good_; }
  const char* here() {
    blanks();
    return at_;
  }
  bool rest_starts_with(std::string_view text) const {
    return static_cast<std::size_t>(end_ - at_) >= text.size() && std::memcmp(at_, text.data(), text.size()) == 0;
  }
  void jump(std::size_t bytes) { at_ += bytes; }
  bool done() {
    blanks();
    return good_ && at_ == end_;
  }

  // `visit(key)` must consume the value.
  template <class Visit>
  void object(Visit visit) {
    if (!take('{') || next_is('}')) return;
    do {
      const std::string_view key = string();
      if (!take(':')) return;
      visit(key);
    } while (next_is(','));
    take('}');
  }

  template <class Visit>
  void array(Visit visit) {
    if (!take('[') || next_is(']')) return;
    do {
      visit();
    } while (next_is(','));
    take(']');
  }

  std::string_view string() {
    if (!take('"')) return {};
    const char* const from = at_;
    bool escaped = false;
    while (good_) {
      const auto* quote = static_cast<const char*>(std::memchr(at_, '"', static_cast<std::size_t>(end_ - at_)));
      if (quote == nullptr) return fail();
      const auto* slash = static_cast<const char*>(std::memchr(at_, '\\', static_cast<std::size_t>(quote - at_)));
      if (slash == nullptr) {
        at_ = quote + 1;
        const std::string_view raw(from, static_cast<std::size_t>(quote - from));
        return escaped ? unescape(raw) : raw;
      }
      escaped = true;
      if (slash + 2 > end_) return fail();
      at_ = slash + 2;
    }
    return {};
  }

  double number() {
    blanks();
    double value = 0;
    const auto [to, error] = std::from_chars(at_, end_, value);
    if (error != std::errc{}) fail();
    at_ = to;
    return value;
  }

  void skip() {
    blanks();
    if (at_ == end_) return void(fail());
    switch (*at_) {
      case '"':
        string();
        return;
      case '{':
        object([this](std::string_view) { skip(); });
        return;
      case '[':
        array([this] { skip(); });
        return;
      default:
        while (at_ != end_ && std::strchr(",]} \t\r\n", *at_) == nullptr) ++at_;
    }
  }

  // {"value": "x"}
  std::string_view wrapped() {
    std::string_view value;
    object([&](std::string_view key) { key == "value" ? void(value = string()) : skip(); });
    return value;
  }

 private:
  void blanks() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
  }
  bool take(char wanted) {
    blanks();
    if (!good_ || at_ == end_ || *at_ != wanted) {
      fail();
      return false;
    }
    ++at_;
    return true;
  }
  bool next_is(char wanted) {
    blanks();
    if (!good_ || at_ == end_ || *at_ != wanted) return false;
    ++at_;
    return true;
  }
  std::string_view fail() {
    good_ = false;
    at_ = end_;
    return {};
  }

  std::string_view unescape(std::string_view raw) {
    std::string& out = unescaped_.emplace_back();
    for (std::size_t i = 0; i < raw.size(); ++i) {
      if (raw[i] != '\\') {
        out.push_back(raw[i]);
        continue;
      }
      switch (raw[++i]) {
        case 'n':
          out.push_back('\n');
          break;
        case 't':
          out.push_back('\t');
          break;
        case 'r':
          out.push_back('\r');
          break;
        case 'b':
          out.push_back('\b');
          break;
        case 'f':
          out.push_back('\f');
          break;
        case 'u':
          out.append("\\u");
          break;  // No id of ours has one: kept as it is.
        default:
          out.push_back(raw[i]);
      }
    }
    return out;
  }

  const char* at_;
  const char* end_;
  bool good_ = true;
  std::deque<std::string>& unescaped_;
};

void add_resource(Json& json, Amounts& sum) {
  std::string_view name;
  double value = 0;
  json.object([&](std::string_view key) {
    if (key == "name") {
      name = json.string();
    } else if (key == "scalar") {
      json.object([&](std::string_view inner) { inner == "value" ? void(value = json.number()) : json.skip(); });
    } else {
      json.skip();
    }
  });
  add_scalar(sum, name, value);
}

// The executor is the same in every task of an ACCEPT, to the letter, so it is read once.
std::size_t read_executor(Json& json, Call& call) {
  const char* const from = json.here();
  for (std::size_t i = call.executors.size(); i-- > 0;) {
    if (!json.rest_starts_with(call.executors[i].raw)) continue;
    json.jump(call.executors[i].raw.size());
    return i;
  }
  Executor executor;
  json.object([&](std::string_view key) {
    if (key == "executor_id") {
      executor.id = json.wrapped();
    } else if (key == "resources") {
      json.array([&] { add_resource(json, executor.needs); });
    } else {
      json.skip();
    }
  });
  executor.raw = std::string_view(from, static_cast<std::size_t>(json.here() - from));
  call.executors.push_back(executor);
  return call.executors.size() - 1;
}

void read_task(Json& json, Call& call) {
  Launched task;
  json.object([&](std::string_view key) {
    if (key == "task_id") {
      task.task_id = json.wrapped();
    } else if (key == "agent_id") {
      task.agent_id = json.wrapped();
    } else if (key == "resources") {
      json.array([&] { add_resource(json, task.needs); });
    } else if (key == "executor") {
      task.executor = read_executor(json, call);
    } else if (key == "command") {
      task.has_command = true;
      json.skip();
    } else {
      json.skip();
    }
  });
  call.tasks.push_back(task);
}

void read_operation(Json& json, Call& call) {
  json.object([&](std::string_view key) {
    if (key == "type") {
      call.odd_operations |= json.string() != "LAUNCH";
    } else if (key == "launch") {
      json.object([&](std::string_view inner) {
        inner == "task_infos" ? json.array([&] { read_task(json, call); }) : json.skip();
      });
    } else {
      json.skip();
    }
  });
}

void read_asked(Json& json, Call& call) {
  AskedTask asked;
  json.object([&](std::string_view key) {
    if (key == "task_id") {
      asked.task_id = json.wrapped();
    } else if (key == "agent_id") {
      asked.agent_id = json.wrapped();
    } else {
      json.skip();
    }
  });
  call.asked.push_back(asked);
}

void read_framework_info(Json& json, Call& call) {
  json.object([&](std::string_view key) {
    if (key == "roles") {
      json.array([&] {
        const std::string_view role = json.string();
        if (call.role.empty()) call.role = role;
      });
    } else {
      json.skip();
    }
  });
}

// The bodies have no field in common that means two things, so one reader does for all of them.
void read_body(Json& json, Call& call) {
  json.object([&](std::string_view key) {
    if (key == "offer_ids") {
      json.array([&] { call.offer_ids.push_back(json.wrapped()); });
    } else if (key == "operations") {
      json.array([&] { read_operation(json, call); });
    } else if (key == "filters") {
      json.object([&](std::string_view inner) {
        inner == "refuse_seconds" ? void(call.refuse_s = json.number()) : json.skip();
      });
    } else if (key == "task_id") {
      call.task_id = json.wrapped();
    } else if (key == "agent_id") {
      call.agent_id = json.wrapped();
    } else if (key == "executor_id") {
      call.executor_id = json.wrapped();
    } else if (key == "uuid") {
      call.uuid = unbase64(json.string());
    } else if (key == "tasks") {
      json.array([&] { read_asked(json, call); });
    } else if (key == "framework_info") {
      read_framework_info(json, call);
    } else if (key == "suppressed_roles") {
      json.array([&] {
        json.string();
        call.suppressed = true;
      });
    } else {
      json.skip();
    }
  });
}

CallType type_of(std::string_view name) {
  for (std::size_t i = 1; i + 1 < kCallTypes; ++i) {
    if (kCallNames[i] == name) return static_cast<CallType>(i);
  }
  return CallType::other;
}

}  // namespace

bool read_json_call(std::string_view body, Call& call) {
  Json json(body, call.unescaped);
  json.object([&](std::string_view key) {
    if (key == "type") {
      call.type = type_of(json.string());
    } else if (key == "framework_id") {
      call.framework_id = json.wrapped();
    } else if (*json.here() == '{') {
      read_body(json, call);
    } else {
      json.skip();
    }
  });
  return json.done() && call.type != CallType::unknown;
}

}  // namespace scale
