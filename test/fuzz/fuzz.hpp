// The fuzz targets: each takes bytes as a stranger may send them and checks what must hold whatever
// they are. test/fuzz/run lets libFuzzer look for bytes that break it; unit-fuzz replays the corpus.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace fuzz {

void answers(std::string_view bytes);
void auction(std::string_view bytes);
void bbs_answer(std::string_view bytes);
void cell_message(std::string_view bytes);
void codec_json(std::string_view bytes);
void codec_protobuf(std::string_view bytes);
void flags(std::string_view bytes);
void masters(std::string_view bytes);
void recording(std::string_view bytes);
void recordio(std::string_view bytes);
void rep_state(std::string_view bytes);
void state_file(std::string_view bytes);
void transcoder(std::string_view bytes);
void workload(std::string_view bytes);

// What must hold does not: ends the target by an exception, which libFuzzer counts as a crash.
[[noreturn]] void broken(const std::string& what);
inline void require(bool holds, const char* what) {
  if (!holds) broken(what);
}

// Takes choices of the target off the front of its input; 0 where nothing is left.
inline unsigned take_byte(std::string_view& bytes) {
  if (bytes.empty()) return 0;
  const unsigned byte = static_cast<unsigned char>(bytes.front());
  bytes.remove_prefix(1);
  return byte;
}

// The bytes before the first `mark`, which are taken off together with it; all where there is none.
inline std::string_view take_until(std::string_view& bytes, std::string_view mark) {
  const std::size_t at = bytes.find(mark);
  const std::string_view part = bytes.substr(0, at);
  bytes.remove_prefix(at == std::string_view::npos ? bytes.size() : at + mark.size());
  return part;
}

}  // namespace fuzz
