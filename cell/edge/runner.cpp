#include "cell/edge/runner.hpp"

#include <sys/wait.h>

#include <algorithm>
#include <filesystem>

#include "cell/edge/files.hpp"
#include "platform/clock.hpp"
#include "platform/log.hpp"

namespace cell {

using namespace std::chrono_literals;

void log_said(const Say& said) {
  platform::log(said.level == Say::Level::error     ? platform::LogLevel::error
                : said.level == Say::Level::warning ? platform::LogLevel::warning
                                                    : platform::LogLevel::info,
                said.text);
}

Runner::Runner(Plan plan, RunnerOptions options)
    : plan_(std::move(plan)),
      options_(std::move(options)),
      supervisor_(plan_),
      children_(plan_.processes.size()),
      logs_begun_(plan_.processes.size()),
      checker_(std::make_unique<Checker>([this](std::size_t index, base::Status status) {
        mailbox_.post(Checked{index, static_cast<bool>(status), status ? "" : status.error().message()});
      })) {}

Runner::~Runner() {
  mailbox_.close();
  checker_.reset();
  for (auto& child : children_) {
    if (child) child->stop(0ms);
  }
}

int Runner::run() {
  perform(supervisor_.begin(platform::now()));
  while (!code_) {
    for (const Event& event : mailbox_.take(wait())) handle(event);
    look_at_processes();
    handle(ClockTicked{});
    bound_logs();
  }
  return *code_;
}

base::Duration Runner::wait() const {
  const auto deadline = supervisor_.next_deadline();
  if (!deadline) return options_.look_every;
  return std::clamp<base::Duration>(*deadline - platform::now(), 0ms, options_.look_every);
}

void Runner::handle(const Event& event) { perform(supervisor_.handle(event, platform::now())); }

void Runner::perform(const Actions& actions) {
  for (const Action& action : actions) {
    if (const auto* begin = std::get_if<Start>(&action)) {
      start(begin->index);
    } else if (const auto* signal = std::get_if<Signal>(&action)) {
      if (auto& child = children_[signal->index]) child->signal_group(signal->signal);
    } else if (const auto* probe = std::get_if<Probe>(&action)) {
      checker_->ask(probe->index, plan_.processes[probe->index].check);
    } else if (const auto* exit = std::get_if<Exit>(&action)) {
      code_ = exit->code;
    } else {
      options_.say(std::get<Say>(action));
    }
  }
}

std::string Runner::log_file(std::size_t index, const char* stream) const {
  return options_.log_folder + "/" + plan_.processes[index].name + "." + stream + ".log";
}

void Runner::start(std::size_t index) {
  const Process& process = plan_.processes[index];
  platform::Command command;
  command.argv = process.argv;
  command.environment = options_.environment;
  for (const auto& [name, value] : process.environment) command.environment[name] = value;
  command.stdout_file = log_file(index, "stdout");
  command.stderr_file = log_file(index, "stderr");
  command.die_with_parent = true;
  std::error_code none;
  const auto logged = std::filesystem::file_size(command.stderr_file, none);
  logs_begun_[index] = none ? 0 : logged;
  auto child = platform::ChildProcess::start(command);
  // Posted, not handled: the supervisor is in the middle of an answer.
  if (!child) {
    mailbox_.post(NotStarted{index, child.error().message()});
    return;
  }
  children_[index] = *std::move(child);
}

void Runner::look_at_processes() {
  for (std::size_t i = 0; i < children_.size(); ++i) {
    if (!children_[i]) continue;
    const auto status = children_[i]->poll();
    if (!status) continue;
    children_[i]->stop(0ms);  // What it left of its group.
    children_[i].reset();
    const bool well = WIFEXITED(*status) && WEXITSTATUS(*status) == 0;
    std::string how = platform::describe_wait_status(*status);
    // Who is killed has had no say.
    const bool killed = WIFSIGNALED(*status) && (WTERMSIG(*status) == SIGKILL || WTERMSIG(*status) == SIGTERM);
    const std::string words = well || killed ? "" : last_words(log_file(i, "stderr"), logs_begun_[i]);
    if (!words.empty()) how += " stderr=\"" + words + "\"";
    handle(Ended{i, well, how});
  }
}

void Runner::bound_logs() {
  if (platform::now() - logs_looked_at_ < 1s) return;
  logs_looked_at_ = platform::now();
  for (std::size_t i = 0; i < plan_.processes.size(); ++i) {
    for (const char* const stream : {"stdout", "stderr"}) bound_log(log_file(i, stream), options_.log_bytes_max);
  }
}

}  // namespace cell
