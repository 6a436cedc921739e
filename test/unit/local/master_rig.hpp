// A master model with verbs, and what it does as short lines of text, so that tests compare whole
// transcripts. Ids are shortened: the master's own id is cut off ("S0", "O3", framework "0000").
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "local/model/master.hpp"

namespace local_test {

using Lines = std::vector<std::string>;

class MasterRig {
 public:
  explicit MasterRig(local::MasterConfig config = {}, std::uint64_t seed = 1);  // The seed makes the ids.

  // POSTs a scheduler call as JSON, with the stream id of the framework's current stream. In the text
  // `F` stands for the framework's id, `S0` for the first agent's, `O3` for an offer's, in quotes.
  local::HttpAnswer call(const std::string& json);
  local::HttpAnswer post(const std::string& path, const std::string& json,
                         std::vector<std::pair<std::string, std::string>> headers = {
                             {"Content-Type", "application/json"}});

  // Subscribes; later calls are this framework's. `extra` goes into framework_info.
  local::HttpAnswer subscribe(const std::string& extra = "", const std::string& beside = "");

  // LAUNCHes one task of 1 cpu and 64 MB on an offer; `more` replaces its command.
  local::HttpAnswer launch(const std::string& offer, const std::string& task,
                           const std::string& more = R"("command":{"value":"true"})", double refuse_seconds = 0);

  void close_stream();
  void add_agent(const std::string& resources = "cpus:4;mem:4096;ports:[31000-31099]", local::AgentLink link = 0,
                 const std::string& attribute = "");  // "name:text"
  void agent_says(local::AgentLink link, local::FromAgent message);
  void lose_agent(local::AgentLink link);
  void status(const std::string& task, int state, const std::string& uuid, const std::string& latest = "",
              local::AgentLink link = 1);
  void pass(base::Duration time);  // Ticks at every deadline on the way.

  // What has happened since the last take(), in order: events ("OFFERS O0@S0 cpus:4; mem:4096"), ends of
  // streams ("CLOSE 1"), messages to agents ("S0<- RunTask t").
  Lines take();
  Lines take_of(const std::string& prefix);  // Only lines that begin with it.

  std::string full(const std::string& text) const;  // Short ids to real ones.
  std::string brief(std::string text) const;
  base::Time now() const { return now_; }
  const std::string& framework_id() const { return framework_id_; }
  local::Master& master() { return *master_; }

 private:
  void note(const local::MasterActions& actions);
  void note_record(local::StreamId stream, const std::string& bytes);

  base::Time now_{std::chrono::hours(1)};
  std::unique_ptr<local::Master> master_;
  local::StreamId next_stream_ = 1, stream_ = 0;
  std::string framework_id_, stream_uuid_;
  local::AgentLink next_link_ = 1;
  Lines lines_;
};

}  // namespace local_test
