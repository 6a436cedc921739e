#include "local/agent/update_streams.hpp"

#include <algorithm>

#include "mesos/v1/mesos.pb.h"

namespace local {

bool is_terminal(mesos::v1::TaskState state) {
  switch (state) {
    case mesos::v1::TASK_FINISHED:
    case mesos::v1::TASK_FAILED:
    case mesos::v1::TASK_KILLED:
    case mesos::v1::TASK_LOST:
    case mesos::v1::TASK_ERROR:
    case mesos::v1::TASK_DROPPED:
    case mesos::v1::TASK_GONE:
    case mesos::v1::TASK_GONE_BY_OPERATOR:
      return true;
    default:
      return false;
  }
}

void UpdateStreams::send_head(const TaskRef& task, Stream& stream, base::Duration interval, base::Time now,
                              Sends& sends) {
  if (paused_ || stream.pending.empty()) {
    stream.repeat_at.reset();
    return;
  }
  stream.interval = interval;
  stream.repeat_at = now + interval;
  sends.push_back({task, stream.pending.front()});
}

void UpdateStreams::pause() {
  paused_ = true;
  for (auto& [task, stream] : streams_) stream.repeat_at.reset();
}

UpdateStreams::Sends UpdateStreams::resume(base::Time now) {
  paused_ = false;
  Sends sends;
  for (auto& [task, stream] : streams_) send_head(task, stream, retry_min_, now, sends);
  return sends;
}

UpdateStreams::Sends UpdateStreams::add(const TaskRef& task, Shared<mesos::v1::TaskStatus> status, bool checkpointed,
                                        base::Time now) {
  Sends sends;
  Stream& stream = streams_[task];
  stream.checkpointed = checkpointed;
  if (!stream.received.insert(status->uuid()).second) return sends;
  stream.pending.push_back(std::move(status));
  if (stream.pending.size() == 1) send_head(task, stream, retry_min_, now, sends);
  return sends;
}

UpdateStreams::Acknowledged UpdateStreams::acknowledge(const TaskRef& task, const std::string& uuid, base::Time now) {
  Acknowledged result;
  const auto found = streams_.find(task);
  // Late and repeated acknowledgements are normal: the scheduler acknowledges every duplicate.
  if (found == streams_.end() || found->second.pending.empty() || found->second.pending.front()->uuid() != uuid)
    return result;
  Stream& stream = found->second;
  result.known = true;
  result.terminal = is_terminal(stream.pending.front()->state());
  stream.pending.pop_front();
  if (result.terminal) {
    streams_.erase(found);
  } else {
    send_head(task, stream, retry_min_, now, result.next);
  }
  return result;
}

UpdateStreams::Sends UpdateStreams::repeat(const std::string& framework_id, base::Time now) {
  Sends sends;
  for (auto& [task, stream] : streams_) {
    if (task.framework_id == framework_id) send_head(task, stream, retry_min_, now, sends);
  }
  return sends;
}

UpdateStreams::Sends UpdateStreams::due(base::Time now) {
  Sends sends;
  for (auto& [task, stream] : streams_) {
    if (stream.repeat_at && *stream.repeat_at <= now) {
      send_head(task, stream, std::min(stream.interval * 2, retry_max_), now, sends);
    }
  }
  return sends;
}

std::optional<base::Time> UpdateStreams::next_deadline() const {
  std::optional<base::Time> first;
  for (const auto& [task, stream] : streams_) {
    if (stream.repeat_at && (!first || *stream.repeat_at < *first)) first = stream.repeat_at;
  }
  return first;
}

bool UpdateStreams::has_framework(const std::string& framework_id) const {
  return std::any_of(streams_.begin(), streams_.end(),
                     [&](const auto& entry) { return entry.first.framework_id == framework_id; });
}

void UpdateStreams::drop_framework(const std::string& framework_id) {
  std::erase_if(streams_, [&](const auto& entry) { return entry.first.framework_id == framework_id; });
}

void UpdateStreams::forget_unsaved() {
  std::erase_if(streams_, [](const auto& entry) { return !entry.second.checkpointed; });
}

}  // namespace local
