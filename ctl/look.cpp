#include "base/text.hpp"
#include "ctl/commands.hpp"
#include "ctl/files.hpp"
#include "ctl/show.hpp"
#include "platform/clock.hpp"

namespace ctl {
namespace {

int show_target(Context& context, const Target& target) {
  Answer answer = context.api.get(target.path());
  if (answer.status == 404) answer.error += " \"" + target.text() + "\"";
  if (!answer) return fail(answer);
  if (context.options.json) return say_json(answer);
  if (target.kind == Target::Kind::task || target.index)
    return say(instance_text(answer.json, platform::now(), context.style));
  InstanceTable table(platform::now());
  for (const Json& instance : items(answer.json, "instances")) table.add(instance);
  return say(table.shown(context.style));
}

}  // namespace

int fail(const Answer& answer) { return fail(answer.code, answer.error); }

int fail(int code, const std::string& why) {
  complain(why);
  return code;
}

int say(const std::string& text) {
  print(text);
  return kOk;
}

std::string body_of(const std::string& json) { return json.ends_with('\n') ? json : json + "\n"; }

int say_json(const Answer& answer) { return say(body_of(answer.body)); }

int status(Context& context) {
  const Answer answer = context.api.get("/v1/overview");
  if (!answer) return fail(answer);
  context.options.json ? say_json(answer) : say(status_text(answer.json, context.api.url(), context.style));
  return yes(answer.json, "subscribed") ? kOk : kNotSo;
}

int instances(Context& context) {
  std::string path = "/v1/instances";
  if (!context.options.state.empty()) add_query(path, "state", context.options.state);
  if (!context.options.process.empty()) add_query(path, "process_guid", context.options.process);
  if (!context.options.json) {
    InstanceTable table(platform::now());
    const Answer answer = for_each_instance(context.api, path, [&table](const Json& instance) {
      table.add(instance);
      return true;
    });
    if (!answer) return fail(answer);
    return say(table.size() == 0 ? "no instances\n" : table.shown(context.style));
  }
  // One list of all pages, as they come.
  std::string text = "{\"instances\":[";
  bool first = true, read = true;
  const Answer answer = for_each_instance(context.api, path, [&](const Json& instance) {
    text += (first ? "" : ",") + to_json(instance);
    first = false;
    if (text.size() > 65536) read = print(std::exchange(text, {}));
    return read;
  });
  if (!answer) return fail(answer);
  return read ? say(text + "],\"next\":null}\n") : kOk;
}

int lrp(Context& context) {
  auto target = parse_target({"lrp", context.options.first, context.options.second});
  if (!target) return fail(kUsage, target.error().message());
  if (target->index) return show_target(context, *target);
  const auto one = as_instance(target->guid);
  if (!one) return show_target(context, *target);
  // A guid with a number at its end: the process of that name if there is one.
  const Answer answer = context.api.get(target->path());
  if (!answer && answer.status != 404) return fail(answer);
  return show_target(context, answer ? *target : *one);
}

int task(Context& context) { return show_target(context, {Target::Kind::task, context.options.first, {}}); }

int cells(Context& context) {
  const std::string& name = context.options.first;
  const Answer answer = context.api.get("/v1/cells");
  if (!answer) return fail(answer);
  const base::Time now = platform::now();
  if (name.empty()) return context.options.json ? say_json(answer) : say(cells_text(answer.json, now, context.style));
  const auto found = cells_named(answer.json, name);
  if (found.empty()) return fail(kNotSo, context.api.url() + ": no cell or agent \"" + name + "\"");
  std::string text;
  for (const Json* const cell : found) {
    text += (text.empty() || context.options.json ? "" : "\n") +
            (context.options.json ? to_json(*cell) + "\n" : cell_text(*cell, now, context.style));
  }
  return say(text);
}

int metrics(Context& context) {
  if (context.options.json) return fail(kUsage, "--json: metrics are in Prometheus's own format");
  const Answer answer = context.api.get_text("/metrics");
  if (!answer) return fail(answer);
  const std::string& prefix = context.options.first;
  if (prefix.empty()) return say(body_of(answer.body));
  std::string out;
  for (const std::string& line : base::split_list(answer.body, '\n')) {
    std::string_view name = line;
    for (const std::string_view comment : {"# HELP ", "# TYPE "}) {
      if (name.starts_with(comment)) name.remove_prefix(comment.size());
    }
    if (name.starts_with(prefix)) out += line + "\n";
  }
  if (out.empty()) return fail(kNotSo, context.api.url() + ": no metric begins with \"" + prefix + "\"");
  return say(out);
}

int api(Context& context) {
  const Options& options = context.options;
  if (!options.first.starts_with('/')) return fail(kUsage, "PATH: \"" + options.first + "\" does not begin with /");
  for (const char byte : options.first) {
    if (static_cast<unsigned char>(byte) <= ' ' || byte == '\x7f')
      return fail(kUsage, "PATH: \"" + options.first + "\" is not percent-encoded");
  }
  std::string body, method = options.method;
  if (!options.file.empty()) {
    auto content = read_file(options.file);
    if (!content) return fail(kUsage, "--file " + content.error().message());
    body = *std::move(content);
  }
  if (method.empty()) method = options.file.empty() ? "GET" : "PUT";
  const Answer answer = context.api.send(method, options.first, std::move(body), false);
  if (answer.status != 0 && !answer.body.empty()) print(body_of(answer.body));
  return answer ? kOk : fail(answer);
}

}  // namespace ctl
