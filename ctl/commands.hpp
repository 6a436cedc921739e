// What each command does: asks, shows, and says with what the program exits.
#pragma once

#include "base/result.hpp"
#include "ctl/api.hpp"
#include "ctl/options.hpp"
#include "ctl/target.hpp"
#include "ctl/text.hpp"

namespace ctl {

struct Context {
  const Options& options;
  Api& api;
  Style style;
};

// Looking (look.cpp).
int status(Context& context);
int instances(Context& context);
int lrp(Context& context);
int task(Context& context);
int cells(Context& context);
int metrics(Context& context);
int api(Context& context);
// explain.cpp
int explain(Context& context);
// Steering (steer.cpp).
int start(Context& context);
int stop(Context& context);
int drain(Context& context);
int undrain(Context& context);
// policy.cpp
int policy(Context& context);
// rebalance.cpp
int rebalance(Context& context);
// watch.cpp, top.cpp
int watch(Context& context);
int top(Context& context);

// For them.
int fail(const Answer& answer);                // Says why, and with what to exit.
int fail(int code, const std::string& why);    // Likewise.
int say(const std::string& text);              // On stdout; kOk, also where nobody reads on.
int say_json(const Answer& answer);            // Its body, as a line.
std::string body_of(const std::string& json);  // "...\n"

// Calls `each` for every instance that `path` (of /v1/instances) lists, page by page; the answer that failed, or the
// last.
template <class Each>
Answer for_each_instance(Api& api, const std::string& path, Each each);

// What a text that is all we have may mean: the process or Task of that guid, or the instance it reads as. An answer
// with kNotSo where nothing of that name is known, with kUsage where it may mean several things.
struct Meaning {
  Answer answer;
  Target target;
};
Meaning meaning_of(Api& api, const Target& target);

// A body of auctions out of a file.
struct Auctions {
  std::string lrps, tasks;  // JSON lists; empty where there are none.
  std::size_t lrp_requests = 0, task_requests = 0;
};
// `text` is an auction or a list of them. An error says what it is instead.
base::Result<Auctions> parse_auctions(const std::string& text);

template <class Each>
Answer for_each_instance(Api& api, const std::string& path, Each each) {
  std::string after;
  for (;;) {
    std::string page = path;
    add_query(page, "limit", "5000");
    if (!after.empty()) add_query(page, "after", after);
    Answer answer = api.get(page);
    if (!answer) return answer;
    for (const Json& instance : items(answer.json, "instances")) {
      if (!each(instance)) return answer;
    }
    std::string next = text(answer.json, "next");
    if (next.empty() || next == after) return answer;
    after = std::move(next);
  }
}

}  // namespace ctl
