#include <algorithm>
#include <chrono>
#include <thread>

#include "ctl/commands.hpp"
#include "ctl/event_reader.hpp"
#include "ctl/files.hpp"
#include "ctl/show.hpp"

namespace ctl {
namespace {

using namespace std::chrono_literals;

// The scheduler says something every 15 s.
constexpr std::chrono::seconds kSilence{45};
constexpr std::chrono::milliseconds kPauseMin{250}, kPauseMax{5000};
constexpr std::size_t kErrorBytesMax = 65536;

std::string path_of(const Options& options, bool again) {
  std::string path = "/v1/events", kinds;
  for (const std::string& kind : options.kinds) kinds += (kinds.empty() ? "" : ",") + kind;
  if (!kinds.empty()) add_query(path, "kind", kinds);
  if (!options.process.empty()) add_query(path, "process_guid", options.process);
  if (!options.cell.empty()) add_query(path, "cell", options.cell);
  if (!again && options.recent > 0) add_query(path, "recent", std::to_string(options.recent));
  return path;
}

// With the event's id in front: what --after takes.
std::string json_line(const Json& event, const std::string& id) {
  Json out;
  out.kind = Json::Kind::object;
  Json text;
  text.kind = Json::Kind::string;
  text.text = id;
  out.members.push_back({"id", std::move(text)});
  out.members.insert(out.members.end(), event.members.begin(), event.members.end());
  return to_json(out) + "\n";
}

class Watch {
 public:
  explicit Watch(Context& context) : context_(context) { reader_.set_last_id(context.options.after); }

  int run() {
    auto pause = kPauseMin;
    bool was_open = false;
    for (;;) {
      const std::string why = connect(was_open);
      if (code_) return *code_;
      if (status_ == 200) pause = kPauseMin;
      was_open = was_open || status_ == 200;
      if (!was_open) return fail(kUnreachable, why + (status_ == 0 ? " (--url names the scheduler)" : ""));
      if (!told_) complain(why + "; trying again");
      told_ = true;
      std::this_thread::sleep_for(pause);
      pause = std::min(2 * pause, kPauseMax);
    }
  }

 private:
  // Until the stream ends: why it did.
  std::string connect(bool again) {
    platform::ClientOptions options = context_.api.client();
    options.read_timeout = std::max<base::Duration>(kSilence, options.read_timeout);
    platform::HttpStream stream(options);
    platform::ClientRequest request = context_.api.request("GET", path_of(context_.options, again));
    request.headers.emplace_back("Accept", "text/event-stream");
    if (!reader_.last_id().empty()) request.headers.emplace_back("Last-Event-ID", reader_.last_id());
    reader_.begin();
    status_ = 0;
    std::string error_body;
    const base::Status ended = stream.run(request, {.on_head =
                                                        [&](int status, const platform::Headers&) {
                                                          status_ = status;
                                                          if (status == 200 && told_)
                                                            complain(context_.api.url() + ": connected again");
                                                          if (status == 200) told_ = false;
                                                        },
                                                    .on_bytes =
                                                        [&](std::string_view bytes) {
                                                          if (status_ == 200) {
                                                            if (!take(bytes)) stream.stop();
                                                          } else if (error_body.size() < kErrorBytesMax) {
                                                            error_body += bytes;
                                                          }
                                                        }});
    if (status_ != 0 && status_ != 200) refuse(error_body, again);
    return ended ? context_.api.url() + ": the stream ended" : ended.error().message();
  }

  // An answer that is no stream: final, but for one that is a proxy's while the scheduler is away.
  void refuse(const std::string& body, bool again) {
    const Answer answer = judge(context_.api.url(), status_, body);
    if (again && status_ >= 500) return;
    code_ = fail(answer ? Answer{kUnreachable, context_.api.url() + ": answers, but with no events (--url)"} : answer);
  }

  // False: it is enough.
  bool take(std::string_view bytes) {
    // One by one, so that each event's id is known: that of the reader is the last one's.
    for (const char& byte : bytes) {
      for (const ServerEvent& event : reader_.feed({&byte, 1})) {
        if (!show(event)) return false;
      }
    }
    return true;
  }

  bool show(const ServerEvent& event) {
    const auto json = diego::parse_json(event.data);
    if (!json || !is_object(*json)) return true;  // Not one of a diego-scheduler.
    const bool json_wanted = context_.options.json;
    if (!print(json_wanted ? json_line(*json, reader_.last_id()) : event_text(*json, context_.style))) {
      code_ = kOk;
      return false;
    }
    // A gap is no event that was waited for.
    if (event.kind != "gap" && ++shown_ == context_.options.count) code_ = kOk;
    return !code_;
  }

  Context& context_;
  EventReader reader_;
  int status_ = 0;
  std::int64_t shown_ = 0;
  bool told_ = false;
  std::optional<int> code_;
};

}  // namespace

int watch(Context& context) { return Watch(context).run(); }

}  // namespace ctl
