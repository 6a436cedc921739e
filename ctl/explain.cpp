#include <algorithm>

#include "base/text.hpp"
#include "ctl/commands.hpp"
#include "ctl/files.hpp"
#include "ctl/show.hpp"

namespace ctl {
namespace {

std::string with_cells(std::string path, const Options& options) {
  add_query(path, "cells", std::to_string(options.cells));
  return path;
}

int show(Context& context, const std::vector<const Json*>& explanations) {
  std::string text;
  bool refused = false;
  for (const Json* const each : explanations) {
    if (!text.empty()) text += "\n";
    text += explanation_text(*each, static_cast<std::size_t>(context.options.cells), context.style);
    refused = refused || is_refused(*each);
  }
  if (!context.options.json) print(text);
  return refused ? kNotPlaced : kOk;
}

// What is asked about in a file. Of both kinds: two requests, their explanations in one list.
int explain_file(Context& context) {
  const auto content = read_file(context.options.file);
  if (!content) return fail(kUsage, "--file " + content.error().message());
  const auto auctions = parse_auctions(*content);
  if (!auctions) return fail(kUsage, "--file " + context.options.file + ": " + auctions.error().message());
  std::vector<Answer> answers;
  for (const char* const kind : {"lrps", "tasks"}) {
    const std::string& body = std::string_view(kind) == "lrps" ? auctions->lrps : auctions->tasks;
    if (body.empty()) continue;
    answers.push_back(context.api.send("POST", with_cells(std::string("/v1/explain/") + kind, context.options), body));
    if (!answers.back()) return fail(answers.back());
  }
  std::vector<const Json*> all;
  std::string json;
  for (const Answer& answer : answers) {
    for (const Json& each : items(answer.json, "explanations")) {
      all.push_back(&each);
      if (context.options.json) json += (json.empty() ? "" : ",") + to_json(each);
    }
  }
  if (context.options.json) print("{\"explanations\":[" + json + "]}\n");
  return show(context, all);
}

// Of a process: the instance that waits, else one that does not run, else the first.
Answer choose_instance(Api& api, Target& target, std::size_t& others) {
  std::string path = "/v1/instances";
  add_query(path, "process_guid", target.guid);
  int best = -1;
  std::size_t all = 0;
  Answer answer = for_each_instance(api, path, [&](const Json& instance) {
    if (text(instance, "kind") != "lrp") return true;
    const std::string state = text(instance, "state");
    const int worth = state == "queued" ? 2 : state == "running" ? 0 : 1;
    ++all;
    if (worth > best) {
      best = worth;
      target.index = static_cast<std::int32_t>(number(instance, "index"));
    }
    return true;
  });
  if (answer && best < 0) {
    answer.code = kNotSo;
    answer.error = api.url() + ": no instance of \"" + target.guid + "\"";
  }
  others = all > 0 ? all - 1 : 0;
  return answer;
}

}  // namespace

int explain(Context& context) {
  const bool from_file = !context.options.file.empty();
  const bool named = !context.options.first.empty();
  if (from_file == named) return fail(kUsage, "explain: either GUID or --file FILE (--help shows how)");
  if (from_file) return explain_file(context);

  const auto given = parse_target(context.options.words());
  if (!given) return fail(kUsage, given.error().message());
  Meaning meaning = meaning_of(context.api, *given);
  if (!meaning.answer) return fail(meaning.answer);
  std::size_t others = 0;
  if (meaning.target.kind == Target::Kind::lrp && !meaning.target.index) {
    if (const Answer chosen = choose_instance(context.api, meaning.target, others); !chosen) return fail(chosen);
  }
  const Answer answer = context.api.get(with_cells(meaning.target.path() + "/explain", context.options));
  if (!answer) return fail(answer);
  if (context.options.json) say_json(answer);
  const int code = show(context, {&answer.json});
  if (others > 0 && !context.options.json)
    print("\n" +
          inked("one of " + count(static_cast<std::int64_t>(others + 1), "instance") +
                    " of the process; GUID.INDEX asks of another",
                Ink::dim, context.style) +
          "\n");
  return code;
}

}  // namespace ctl
