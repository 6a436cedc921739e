// Workloads for tests, without files.
#pragma once

#include <algorithm>
#include <cstring>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <string_view>

#include "place/workload.hpp"

// The bytes of `text`, `step` at a time.
inline place::Source source_of(const std::string& text, std::size_t step = 1U << 16U) {
  return [&text, step, at = std::size_t{0}](char* buffer, std::size_t size) mutable -> base::Result<std::size_t> {
    const std::size_t count = std::min({step, size, text.size() - at});
    std::memcpy(buffer, text.data() + at, count);
    at += count;
    return count;
  };
}

inline base::Result<place::Workload> read_text(const std::string& text, std::size_t step = 1U << 16U) {
  return place::read_workload("w.json", source_of(text, step));
}

// A file with these elements, each a JSON object without its outer braces; an element a line.
inline std::string file_of(const std::string& cells, const std::string& lrps = "", const std::string& tasks = "") {
  return "{\"format\":\"diego-place/1\",\"name\":\"test\",\"seed\":1,\"note\":\"\",\n\"cells\":[\n" + cells +
         "\n],\n\"lrps\":[\n" + lrps + "\n],\n\"tasks\":[\n" + tasks + "\n]}\n";
}

inline std::string cell_of(const std::string& id, const std::string& zone, int memory_mb = 1000, int disk_mb = 1000,
                           int containers = 100, const std::string& more = "") {
  return "{\"id\":\"" + id + "\",\"zone\":\"" + zone + "\",\"memory_mb\":" + std::to_string(memory_mb) +
         ",\"disk_mb\":" + std::to_string(disk_mb) + ",\"containers\":" + std::to_string(containers) +
         ",\"rootfs\":[\"linux\"]" + more + "}";
}

inline std::string lrp_of(const std::string& guid, int index, int memory_mb,
                          const std::string& rootfs = "preloaded:linux", const std::string& more = "") {
  return "{\"process_guid\":\"" + guid + "\",\"index\":" + std::to_string(index) +
         ",\"memory_mb\":" + std::to_string(memory_mb) + ",\"disk_mb\":1,\"rootfs\":\"" + rootfs + "\"" + more + "}";
}

inline std::string task_of(const std::string& guid, int memory_mb, const std::string& more = "") {
  return "{\"task_guid\":\"" + guid + "\",\"memory_mb\":" + std::to_string(memory_mb) +
         ",\"disk_mb\":1,\"rootfs\":\"preloaded:linux\"" + more + "}";
}

inline std::string list_of(std::initializer_list<std::string> elements) {
  std::string text;
  for (const std::string& element : elements) text += (text.empty() ? "" : ",\n") + element;
  return text;
}

// A workload that is known to be well.
inline place::Workload workload_of(const std::string& text) {
  auto workload = read_text(text);
  if (!workload) throw std::runtime_error(workload.error().message());
  return *std::move(workload);
}
