#include <cstring>

#include "test/bench/scale_calls.hpp"
#include "test/bench/scale_events.hpp"

namespace scale {
namespace {

// One message's fields, in place. The numbers are those of schemas/mesos/v1.
class Fields {
 public:
  explicit Fields(std::string_view bytes) : rest_(bytes) {}

  // False at the end and after a mistake.
  bool next() {
    if (rest_.empty()) return false;
    const std::uint64_t tag = varint();
    number_ = tag >> 3U;
    switch (tag & 7U) {
      case 0:
        value_ = varint();
        return good_;
      case 1:
        return fixed(8);
      case 5:
        return fixed(4);
      case 2: {
        const std::uint64_t length = varint();
        if (!good_ || length > rest_.size()) return good_ = false;
        bytes_ = rest_.substr(0, length);
        rest_.remove_prefix(length);
        return true;
      }
      default:
        return good_ = false;
    }
  }

  bool good() const { return good_; }
  std::uint64_t number() const { return number_; }
  std::uint64_t value() const { return value_; }
  std::string_view bytes() const { return bytes_; }
  double real() const {
    double number = 0;
    if (bytes_.size() == sizeof number) std::memcpy(&number, bytes_.data(), sizeof number);
    return number;
  }

 private:
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      value |= static_cast<std::uint64_t>(byte & 0x7fU) << shift;
      if (byte < 0x80) return value;
    }
    good_ = false;
    return 0;
  }
  bool fixed(std::size_t size) {
    if (rest_.size() < size) return good_ = false;
    bytes_ = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return true;
  }

  std::string_view rest_;
  std::uint64_t number_ = 0, value_ = 0;
  std::string_view bytes_;
  bool good_ = true;
};

// `visit(fields)` for each field.
template <class Visit>
bool each(std::string_view bytes, Visit visit) {
  Fields fields(bytes);
  while (fields.next()) visit(fields);
  return fields.good();
}

// Of the ids, which are messages of one string.
std::string_view wrapped(std::string_view bytes) {
  std::string_view value;
  each(bytes, [&](const Fields& f) {
    if (f.number() == 1) value = f.bytes();
  });
  return value;
}

bool add_resource(std::string_view bytes, Amounts& sum) {
  std::string_view name;
  double value = 0;
  const bool good = each(bytes, [&](const Fields& f) {
    if (f.number() == 1) name = f.bytes();
    if (f.number() == 3) each(f.bytes(), [&](const Fields& scalar) { value = scalar.real(); });
  });
  add_scalar(sum, name, value);
  return good;
}

std::size_t read_executor(std::string_view bytes, Call& call) {
  for (std::size_t i = call.executors.size(); i-- > 0;) {
    if (call.executors[i].raw == bytes) return i;
  }
  Executor executor;
  executor.raw = bytes;
  each(bytes, [&](const Fields& f) {
    if (f.number() == 1) executor.id = wrapped(f.bytes());
    if (f.number() == 5) add_resource(f.bytes(), executor.needs);
  });
  call.executors.push_back(executor);
  return call.executors.size() - 1;
}

bool read_task(std::string_view bytes, Call& call) {
  Launched task;
  const bool good = each(bytes, [&](const Fields& f) {
    switch (f.number()) {
      case 2:
        task.task_id = wrapped(f.bytes());
        break;
      case 3:
        task.agent_id = wrapped(f.bytes());
        break;
      case 4:
        add_resource(f.bytes(), task.needs);
        break;
      case 5:
        task.executor = read_executor(f.bytes(), call);
        break;
      case 7:
        task.has_command = true;
        break;
      default:
        break;
    }
  });
  call.tasks.push_back(task);
  return good;
}

bool read_accept(std::string_view bytes, Call& call) {
  bool good = true;
  good &= each(bytes, [&](const Fields& f) {
    if (f.number() == 1) call.offer_ids.push_back(wrapped(f.bytes()));
    if (f.number() == 3) each(f.bytes(), [&](const Fields& filters) { call.refuse_s = filters.real(); });
    if (f.number() != 2) return;
    good &= each(f.bytes(), [&](const Fields& operation) {
      if (operation.number() == 1) call.odd_operations |= operation.value() != 1;
      if (operation.number() != 2) return;
      good &= each(operation.bytes(), [&](const Fields& launch) { good &= read_task(launch.bytes(), call); });
    });
  });
  return good;
}

bool read_subscribe(std::string_view bytes, Call& call) {
  return each(bytes, [&](const Fields& f) {
    if (f.number() == 2) call.suppressed = true;
    if (f.number() != 1) return;
    each(f.bytes(), [&](const Fields& info) {
      if (info.number() == 12 && call.role.empty()) call.role = info.bytes();
    });
  });
}

bool read_body(std::uint64_t number, std::string_view bytes, Call& call) {
  switch (number) {
    case 3:
      return read_subscribe(bytes, call);
    case 4:
      return read_accept(bytes, call);
    case 5:  // Decline
      return each(bytes, [&](const Fields& f) {
        if (f.number() == 1) call.offer_ids.push_back(wrapped(f.bytes()));
        if (f.number() == 2) each(f.bytes(), [&](const Fields& filters) { call.refuse_s = filters.real(); });
      });
    case 6:  // Kill
      return each(bytes, [&](const Fields& f) {
        if (f.number() == 1) call.task_id = wrapped(f.bytes());
        if (f.number() == 2) call.agent_id = wrapped(f.bytes());
      });
    case 7:  // Shutdown
      return each(bytes, [&](const Fields& f) {
        if (f.number() == 1) call.executor_id = wrapped(f.bytes());
        if (f.number() == 2) call.agent_id = wrapped(f.bytes());
      });
    case 8:  // Acknowledge
      return each(bytes, [&](const Fields& f) {
        if (f.number() == 1) call.agent_id = wrapped(f.bytes());
        if (f.number() == 2) call.task_id = wrapped(f.bytes());
        if (f.number() == 3) call.uuid = f.bytes();
      });
    case 9:  // Reconcile
      return each(bytes, [&](const Fields& f) {
        AskedTask asked;
        each(f.bytes(), [&](const Fields& task) {
          if (task.number() == 1) asked.task_id = wrapped(task.bytes());
          if (task.number() == 2) asked.agent_id = wrapped(task.bytes());
        });
        call.asked.push_back(asked);
      });
    default:
      return true;
  }
}

}  // namespace

bool read_protobuf_call(std::string_view body, Call& call) {
  bool good = true;
  good &= each(body, [&](const Fields& f) {
    if (f.number() == 1) call.framework_id = wrapped(f.bytes());
    if (f.number() == 2) call.type = f.value() + 1 < kCallTypes ? static_cast<CallType>(f.value()) : CallType::other;
    if (f.number() > 2) good &= read_body(f.number(), f.bytes(), call);
  });
  return good && call.type != CallType::unknown;
}

}  // namespace scale
