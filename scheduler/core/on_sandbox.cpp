// Mesos says that a cell's container "exited with status N"; why stands in its sandbox. It is read beside
// everything else: nothing waits for it, and without it nothing is different but the text.
#include "scheduler/core/core.hpp"

namespace core {
namespace {

std::string said(const SandboxRead& event) { return event.file + ": " + event.line; }

}  // namespace

// The attempt never got to its rep, for its cell did not come up: as Mesos sees it, or as its own executor says.
// A rep that refuses work has reported before.
std::optional<Core::Unexplained> Core::unexplained(const Item& item, const Status& status) const {
  if (item.started || item.stop_wanted || item.executor_id == nullptr || item.agent == nullptr) return std::nullopt;
  const CellRecord* cell = cell_of(item);
  if (cell != nullptr && cell->stopping) return std::nullopt;
  const bool by_executor = status.from_executor && status.state == TaskState::failed &&
                           status.reason != StatusReason::agent_draining && cell != nullptr && cell->report == nullptr;
  if (!by_executor && status.reason != StatusReason::executor_ended) return std::nullopt;
  return Unexplained{item.key(), item.attempt, item.agent->id, *item.executor_id, by_executor};
}

// After the end was recorded: whatever reason it left is what there is to be added to.
void Core::explain(const Unexplained& failure) {
  if (failure.by_executor) {
    post_mortems_.expect(failure.executor_id);
  } else {
    read_sandbox(failure.agent_id, failure.executor_id, false);
  }
  Item* item = items_.find(failure.key);
  if (item == nullptr || item->live() || item->attempt != failure.attempt || item->reason().empty()) return;
  if (const std::string* text = post_mortems_.text_of(failure.executor_id)) return add_to_reason(*item, *text);
  post_mortems_.wait(failure.executor_id, {failure.key, failure.attempt, item->reason()});
}

void Core::read_sandbox(const std::string& agent_id, const std::string& executor_id, bool cell_first) {
  const AgentPtr agent = find_agent(agent_id);
  if (agent == nullptr || agent->url.empty() || framework_id_.empty()) return;
  if (!post_mortems_.ask(executor_id)) return;
  act(ReadSandbox{agent_id, agent->url, framework_id_, executor_id, cell_first});
}

void Core::on(const SandboxRead& event, base::Time) {
  const bool tells = !event.line.empty();
  const auto waiting = post_mortems_.answered(event.executor_id, tells ? said(event) : "");
  if (!waiting) return;
  const std::string where = " executor=" + event.executor_id + " agent=" + event.agent_id;
  if (!tells)
    return note("the sandbox does not tell why the cell failed" + where + " reason=\"" + event.failure + "\"");
  warn("the cell failed" + where + " file=" + event.file + " line=\"" + event.line + "\"");
  for (const PostMortems::Waiting& one : *waiting) {
    Item* item = items_.find(one.key);
    const bool as_it_was =
        item != nullptr && !item->live() && item->attempt == one.attempt && item->reason() == one.reason;
    if (as_it_was) add_to_reason(*item, said(event));
  }
}

void Core::add_to_reason(Item& item, const std::string& text) {
  if (text.empty()) return;
  item.set_reason(item.reason() + "; " + text);
  mark(item);
}

}  // namespace core
