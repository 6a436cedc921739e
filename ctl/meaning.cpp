#include "base/text.hpp"
#include "ctl/commands.hpp"

namespace ctl {
namespace {

// Whether there is a process, and a Task, of that guid.
Answer look_up(Api& api, const std::string& guid, bool& process, bool& task) {
  std::string path = "/v1/instances";
  add_query(path, "process_guid", guid);
  return for_each_instance(api, path, [&](const Json& instance) {
    (text(instance, "kind") == "task" ? task : process) = true;
    return true;
  });
}

std::string in_words(const Target& target) {
  if (target.kind == Target::Kind::task) return "`task " + target.guid + "`";
  return target.index ? "`" + target.guid + " " + std::to_string(*target.index) + "`" : "`lrp " + target.guid + "`";
}

}  // namespace

Meaning meaning_of(Api& api, const Target& target) {
  Meaning meaning;
  meaning.target = target;
  if (target.kind != Target::Kind::any) return meaning;
  bool process = false, task = false;
  meaning.answer = look_up(api, target.guid, process, task);
  if (!meaning.answer) return meaning;
  std::vector<Target> found;
  if (process) found.push_back({Target::Kind::lrp, target.guid, {}});
  if (task) found.push_back({Target::Kind::task, target.guid, {}});
  if (const auto one = as_instance(target.guid)) {
    Answer answer = api.get(one->path());
    if (answer) found.push_back(*one);
    if (!answer && answer.status != 404) {
      meaning.answer = std::move(answer);
      return meaning;
    }
  }
  if (found.size() == 1) {
    meaning.target = found.front();
  } else if (found.empty()) {
    meaning.answer.code = kNotSo;
    meaning.answer.error = api.url() + ": no process, instance or Task \"" + target.guid + "\"";
  } else {
    meaning.answer.code = kUsage;
    meaning.answer.error = "\"" + target.guid + "\" may be ";
    for (const Target& each : found) meaning.answer.error += (&each == &found.front() ? "" : " or ") + in_words(each);
    meaning.answer.error += ": say which";
  }
  return meaning;
}

base::Result<Auctions> parse_auctions(const std::string& content) {
  auto json = diego::parse_json(content);
  if (!json) return base::Error{"", "is not JSON: " + json.error().message()};
  std::vector<Json> all;
  if (json->kind == Json::Kind::array) {
    all = std::move(json->items);
  } else {
    all.push_back(*std::move(json));
  }
  Auctions auctions;
  for (const Json& each : all) {
    if (!is_object(each)) return base::Error{"", "is neither an auction nor a list of them"};
    bool lrp = false, task = false;
    for (const diego::JsonMember& field : each.members) {
      lrp = lrp || base::equal_ignoring_case(field.key, "process_guid");
      task = task || base::equal_ignoring_case(field.key, "TaskGuid");
    }
    if (lrp == task) return base::Error{"", "an auction has either a process_guid or a TaskGuid"};
    std::string& body = lrp ? auctions.lrps : auctions.tasks;
    body += (body.empty() ? "[" : ",") + to_json(each);
    ++(lrp ? auctions.lrp_requests : auctions.task_requests);
  }
  if (all.empty()) return base::Error{"", "has no auction in it"};
  for (std::string* const body : {&auctions.lrps, &auctions.tasks}) {
    if (!body->empty()) *body += "]";
  }
  return auctions;
}

}  // namespace ctl
