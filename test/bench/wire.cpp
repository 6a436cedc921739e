// The wire in numbers: see test/bench/wire, which runs this program and explains the fields.
//   bench-wire                       every case, medians of --repeat runs, as one JSON object
//   bench-wire --case C --count N    case C once over N events or calls, without a clock, for callgrind;
//                                    what it prepares does not hang on N
#include <google/protobuf/message.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "mesos/events.hpp"
#include "mesos/http_transport.hpp"
#include "mesos/record_decoder.hpp"
#include "mesos/v1/scheduler/scheduler.pb.h"
#include "wire_messages.hpp"
#include "wire_sink.hpp"

namespace {

using mesos_client::Codec;

constexpr int kStreamEvents = 2000;  // Distinct ones; a case goes over them again and again.
constexpr int kTasksPerAccept = 25;
constexpr std::size_t kPieceBytes = 4096;  // As the HTTP client hands them out.

[[noreturn]] void fail(const std::string& text) {
  std::fprintf(stderr, "bench-wire: %s\n", text.c_str());
  std::exit(1);
}

double thread_cpu_s() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

double process_cpu_s() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

double wall_s() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// From the bytes of a stream to events. Returns how many it saw.
int decode_stream(Codec codec, std::string_view stream) {
  mesos_client::RecordDecoder decoder(std::size_t{256} << 20U);
  int events = 0;
  for (std::size_t at = 0; at < stream.size(); at += kPieceBytes) {
    std::string_view piece = stream.substr(at, kPieceBytes);
    while (const auto view = decoder.next(piece)) {
      const std::string record(*view);  // As the stream's connection hands them on.
      const auto event = mesos_client::read_scheduler_event(codec, record);
      if (!event) fail("an event does not decode: " + event.error().message());
      events += (*event)->has_update() || (*event)->has_offers() ? 1 : 0;
    }
  }
  if (!decoder.at_boundary()) fail("the stream does not decode");
  return events;
}

// One run of a case: `prepare` is not measured, `run` is; both for `count` events or calls.
struct Case {
  std::string name;
  int count;
  double (*clock_s)();
  std::function<std::function<void()>(int count)> prepare;
};

std::function<void()> decoding(Codec codec, std::string (*make)(Codec, int), int count) {
  return [codec, count, stream = make(codec, kStreamEvents)] {
    int seen = 0;
    while (seen < count) seen += decode_stream(codec, stream);
  };
}

std::function<void()> acknowledging(Codec codec, int count) {
  std::vector<bench::Acknowledged> updates;
  for (int i = 0; i < kStreamEvents; ++i) updates.push_back(bench::acknowledged(i));
  return [count, updates, calls = std::make_shared<bench::Calls>(codec)] {
    std::size_t bytes = 0;
    for (int i = 0; i < count; ++i)
      bytes += calls->acknowledge(updates[static_cast<std::size_t>(i) % updates.size()]).size();
    if (bytes == 0) fail("nothing was encoded");
  };
}

std::function<void()> accepting(Codec codec, int count) {
  return [count, calls = std::make_shared<bench::Calls>(codec, kTasksPerAccept)] {
    std::size_t bytes = 0;
    for (int i = 0; i < count; ++i) bytes += calls->accept().size();
    if (bytes == 0) fail("nothing was encoded");
  };
}

std::function<void()> calling(int count) {
  std::vector<std::string> calls;
  bench::Calls encoder(Codec::json);
  for (int i = 0; i < kStreamEvents; ++i) calls.push_back(encoder.acknowledge(bench::acknowledged(i)));
  return [count, calls] {
    bench::Sink sink;
    std::promise<void> all_answered;
    std::size_t answered = 0;
    mesos_client::TransportOptions options;
    options.calls_queued_max = static_cast<std::size_t>(count);
    options.merge_accepted = true;  // As diego-scheduler.
    mesos_client::CallConnection connection(options, sink.url(), "8f1c9f4e-3b3c-4b44-8d7b-2f0d5d0a7c11", 1,
                                            [&](const mesos_client::CallResult& result) {
                                              if (result.status != 202) fail("a call failed: " + result.failure);
                                              answered += result.calls;
                                              if (answered == options.calls_queued_max) all_answered.set_value();
                                            });
    for (int i = 0; i < count; ++i) {
      if (!connection.send(static_cast<std::uint64_t>(i), calls[static_cast<std::size_t>(i) % calls.size()]))
        fail("the queue is full");
    }
    all_answered.get_future().wait();
  };
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const Codec codec : {Codec::json, Codec::protobuf}) {
    const std::string suffix = "_" + std::string(mesos_client::codec_name(codec));
    all.push_back({"update" + suffix, 100'000, thread_cpu_s,
                   [codec](int count) { return decoding(codec, bench::update_stream, count); }});
    all.push_back({"offers" + suffix, 50'000, thread_cpu_s,
                   [codec](int count) { return decoding(codec, bench::offers_stream, count); }});
    all.push_back(
        {"acknowledge" + suffix, 100'000, thread_cpu_s, [codec](int count) { return acknowledging(codec, count); }});
  }
  for (const Codec codec : {Codec::json, Codec::protobuf}) {
    all.push_back({"accept_" + std::string(mesos_client::codec_name(codec)), 2'000, thread_cpu_s,
                   [codec](int count) { return accepting(codec, count); }});
  }
  all.push_back({"calls_cpu", 200'000, process_cpu_s, calling});  // Of both ends.
  all.push_back({"calls", 200'000, wall_s, calling});
  return all;
}

double rate(const Case& of, int repeat) {
  std::vector<double> seconds;
  const auto run = of.prepare(of.count);
  for (int i = 0; i < repeat; ++i) {
    const double begun = of.clock_s();
    run();
    seconds.push_back(of.clock_s() - begun);
  }
  std::sort(seconds.begin(), seconds.end());
  return of.count / seconds[seconds.size() / 2];
}

// The fields of test/bench/wire, from the rates by case.
void print_report(const std::map<std::string, double>& rates) {
  std::printf("{\"update_events_per_s\": {\"json\": %.0f, \"protobuf\": %.0f}, ", rates.at("update_json"),
              rates.at("update_protobuf"));
  std::printf("\"offer_events_per_s\": {\"json\": %.0f, \"protobuf\": %.0f}, ", rates.at("offers_json"),
              rates.at("offers_protobuf"));
  std::printf("\"calls_per_s\": %.0f, ", rates.at("calls"));
  std::printf("\"call_cpu_us\": %.2f, ", 1e6 / rates.at("calls_cpu"));
  std::printf("\"accept_bytes\": {\"json\": %zu, \"protobuf\": %zu}, ",
              bench::Calls(Codec::json, kTasksPerAccept).accept().size(),
              bench::Calls(Codec::protobuf, kTasksPerAccept).accept().size());
  std::printf("\"accepts_encoded_per_s\": {\"json\": %.0f, \"protobuf\": %.0f}, ", rates.at("accept_json"),
              rates.at("accept_protobuf"));
  std::printf("\"acknowledges_encoded_per_s\": {\"json\": %.0f, \"protobuf\": %.0f}}\n", rates.at("acknowledge_json"),
              rates.at("acknowledge_protobuf"));
}

}  // namespace

int main(int argc, char** argv) {
  std::string name;
  int count = 0, repeat = 5;
  for (int i = 1; i < argc; i += 2) {
    const std::string_view flag = argv[i];
    if (i + 1 == argc || (flag != "--case" && flag != "--count" && flag != "--repeat")) {
      std::fprintf(stderr, "usage: bench-wire [--repeat N] [--case NAME [--count N]]\n");
      return 2;
    }
    if (flag == "--case") name = argv[i + 1];
    if (flag == "--count") count = std::atoi(argv[i + 1]);
    if (flag == "--repeat") repeat = std::max(1, std::atoi(argv[i + 1]));
  }
  const auto all = cases();
  if (count > 0) {
    const auto chosen = std::find_if(all.begin(), all.end(), [&](const Case& one) { return one.name == name; });
    if (chosen == all.end()) fail("no case '" + name + "'");
    chosen->prepare(count)();
    return 0;
  }
  std::map<std::string, double> rates;
  for (const Case& one : all) {
    if (!name.empty() && one.name != name) continue;
    rates[one.name] = rate(one, repeat);
    std::fprintf(stderr, "  %-24s %12.0f /s\n", one.name.c_str(), rates[one.name]);
  }
  if (rates.empty()) fail("no case '" + name + "'");
  if (name.empty()) print_report(rates);
}
