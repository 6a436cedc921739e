#include "cell/core/plan.hpp"

namespace cell {
namespace {

std::string seconds(base::Duration duration) {
  const auto millis = base::to_millis(duration);
  return millis % 1000 == 0 ? std::to_string(millis / 1000) + " s" : std::to_string(millis) + " ms";
}

// As a shell would take it.
std::string quoted(const std::string& word) {
  constexpr const char* kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=,+@%";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) return word;
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string check_text(const Process& process) {
  const std::string limit =
      " within " + seconds(process.start_limit) + (process.needed ? "" : ", or it goes on without");
  if (process.once) return "ends well" + limit;
  switch (process.check.kind) {
    case Check::Kind::none:
      return "is up when it has started";
    case Check::Kind::http:
      return "is up when GET " + process.check.target +
             (process.check.unix_socket.empty() ? "" : " on " + process.check.unix_socket) + " is 200" + limit;
    case Check::Kind::tcp:
      return "is up when " + process.check.target + " takes connections" + limit;
    case Check::Kind::command:
      return "is up when `" + process.check.target + "` ends well" + limit;
  }
  return "";
}

std::string end_text(const Process& process) {
  switch (process.at_end) {
    case Process::AtEnd::end_cell:
      return "its end ends the cell with status " + std::to_string(process.exit_code);
    case Process::AtEnd::restart:
      return "is started again when it ends";
    case Process::AtEnd::leave:
      return process.once ? "runs once" : "is not started again";
  }
  return "";
}

}  // namespace

std::string describe(const Plan& plan) {
  std::string out = plan.cell + "\n";
  for (const std::string& directory : plan.directories) out += "directory " + directory + "\n";
  for (const File& file : plan.files) out += (file.program ? "program " : "file ") + file.path + "\n" + file.text;
  for (const Process& process : plan.processes) {
    out += "process " + process.name + "\n ";
    for (const auto& [name, value] : process.environment) out += " " + name + "=" + quoted(value);
    for (const std::string& word : process.argv) out += " " + quoted(word);
    out += "\n  " + check_text(process) + "; " + end_text(process) + "\n";
  }
  out += "stops in the order";
  for (const std::size_t index : plan.stop_order) out += " " + plan.processes[index].name;
  return out + "\n";
}

}  // namespace cell
