#include "scheduler/edge/sandbox_desk.hpp"

#include <array>
#include <thread>
#include <utility>

#include "mesos/v1/agent/agent.pb.h"
#include "platform/mailbox.hpp"
#include "scheduler/edge/telling_line.hpp"

namespace edge {
namespace {

using mesos::v1::agent::Call;
using mesos::v1::agent::Response;

constexpr std::size_t kClerks = 2;
constexpr std::uint64_t kTailBytes = 16 * 1024;  // Of a file: what tells stands at its end.
constexpr OperatorLimits kLimits{
    .silence = std::chrono::seconds(5), .answer = std::chrono::seconds(5), .bytes = std::size_t{1} << 20U};
constexpr int kNotFound = 404;

Call read_call(const std::string& path, std::uint64_t offset) {
  Call call;
  call.set_type(Call::READ_FILE);
  call.mutable_read_file()->set_path(path);
  call.mutable_read_file()->set_offset(offset);
  call.mutable_read_file()->set_length(kTailBytes);
  return call;
}

// The end of a file; "" if there is no such file.
base::Result<std::string> tail_of(OperatorApi& agents, const platform::Url& url, const std::string& path) {
  std::uint64_t offset = 0;
  for (;;) {
    const auto response = agents.post_to(url, read_call(path, offset));
    if (!response) return response.error();
    if (response->status == kNotFound) return std::string();
    Response answer;
    if (auto read = agents.read(url.origin() + url.path, *response, answer); !read) return read.error();
    const std::uint64_t size = answer.read_file().size();
    if (offset > 0 || size <= kTailBytes) return answer.read_file().data();
    offset = size - kTailBytes;
  }
}

}  // namespace

core::SandboxRead read_sandbox(OperatorApi& agents, const core::ReadSandbox& question) {
  core::SandboxRead answer{question.agent_id, question.executor_id, {}, {}, {}};
  auto url = platform::parse_url("agent", question.agent_url + "/api/v1");
  if (!url) {
    answer.failure = url.error().message();
    return answer;
  }
  // Mesos takes the path as it is: an id has no slash, and nothing else means anything in it.
  const std::string folder =
      "/frameworks/" + question.framework_id + "/executors/" + question.executor_id + "/runs/latest/";
  std::array<std::string, 2> files{"stderr", "cell.stderr"};  // The executor's; what its cell's command says.
  if (question.cell_first) std::swap(files[0], files[1]);
  for (const std::string& file : files) {
    const auto tail = tail_of(agents, *url, folder + file);
    if (!tail) {
      answer.failure = tail.error().message();
      return answer;
    }
    if (auto line = telling_line(*tail)) {
      answer.file = file;
      answer.line = *std::move(line);
      return answer;
    }
  }
  answer.failure = "no line of " + files[0] + " or " + files[1] + " tells";
  return answer;
}

struct SandboxDesk::Clerk {
  explicit Clerk(const MesosOptions& mesos) : agents(mesos, kLimits) {}

  OperatorApi agents;
  platform::Mailbox<core::ReadSandbox> questions;
  std::thread thread;

  void work(const std::function<void(core::SandboxRead)>& answer) {
    while (!questions.closed()) {
      for (const core::ReadSandbox& question : questions.take(std::nullopt)) {
        if (questions.closed()) return;
        answer(read_sandbox(agents, question));
      }
    }
  }
};

SandboxDesk::SandboxDesk(const MesosOptions& mesos, std::function<void(core::SandboxRead)> answer) {
  for (std::size_t i = 0; i < kClerks; ++i) {
    auto clerk = std::make_unique<Clerk>(mesos);
    clerk->thread = std::thread([one = clerk.get(), answer] { one->work(answer); });
    clerks_.push_back(std::move(clerk));
  }
}

SandboxDesk::~SandboxDesk() {
  for (const auto& clerk : clerks_) {
    clerk->questions.close();
    clerk->agents.stop();
  }
  for (const auto& clerk : clerks_) clerk->thread.join();
}

void SandboxDesk::ask(core::ReadSandbox question) {
  clerks_[next_++ % clerks_.size()]->questions.post(std::move(question));
}

}  // namespace edge
