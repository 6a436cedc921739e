// A value or the reason there is none. Spelled like std::expected (which g++ 12 lacks in C++20)
// where it matters: operator bool, operator*, operator->, error(). Expected failures travel as
// Result; broken invariants of our own are asserts; out of memory throws.
#pragma once

#include <cassert>
#include <string>
#include <utility>
#include <variant>

namespace base {

// What failed and why: `where` names the input (a flag, a route, a file, a peer), `text` says what
// is wrong with it, without a full stop. message() is the one line a user reads.
struct Error {
  std::string where;
  std::string text;

  std::string message() const { return where.empty() ? text : where + ": " + text; }
  bool operator==(const Error&) const = default;
};

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  explicit operator bool() const { return state_.index() == 0; }

  // The value; asking a failure for it is a bug of the caller.
  T& operator*() & {
    assert(*this);
    return std::get<0>(state_);
  }
  const T& operator*() const& {
    assert(*this);
    return std::get<0>(state_);
  }
  T&& operator*() && {
    assert(*this);
    return std::get<0>(std::move(state_));
  }
  T* operator->() {
    assert(*this);
    return &std::get<0>(state_);
  }
  const T* operator->() const {
    assert(*this);
    return &std::get<0>(state_);
  }

  const Error& error() const {
    assert(!*this);
    return std::get<1>(state_);
  }

 private:
  std::variant<T, Error> state_;
};

// Success without a value: `return base::ok();`
using Status = Result<std::monostate>;
inline Status ok() { return std::monostate{}; }

}  // namespace base
