// How values become bytes and back: numbers as varints, texts and lists with their length in front, a struct as its
// parts one after the other (forms.hpp lists them). Everything from outside is checked: what Source gives is
// within the bytes, an enum is one of its values, a list is no longer than what is left could hold.
#pragma once

#include <bit>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/time.hpp"
#include "diego/slice.hpp"
#include "scheduler/record/hash.hpp"

namespace record {

// Of a struct: kName, parts(x), a std::tie of all its members, and whether there are none, kEmpty. Specialised in
// forms.hpp.
template <class T>
struct Form;
// Of an enum: its last value.
template <class E>
struct Last;

template <class T>
concept Formed = requires {
  Form<std::remove_const_t<T>>::kName;
};

// Appends to a text.
class Sink {
 public:
  explicit Sink(std::string& out) : out_(out) {}
  void number(std::uint64_t value) {
    while (value >= 0x80) {
      out_ += static_cast<char>(value | 0x80U);
      value >>= 7U;
    }
    out_ += static_cast<char>(value);
  }
  void text(std::string_view value) {
    number(value.size());
    out_ += value;
  }

 private:
  std::string& out_;
};

// What a Sink would have written, as a number.
class Mixer {
 public:
  void number(std::uint64_t value) { hash_.mix(value); }
  void text(std::string_view value) { hash_.mix(value); }
  std::uint64_t value() const { return hash_.value(); }

 private:
  Hash hash_;
};

// Takes from the front of bytes; after the first thing that is not there all else is missing, too.
class Source {
 public:
  explicit Source(std::string_view bytes) : rest_(bytes) {}
  bool well() const { return well_; }
  bool empty() const { return rest_.empty(); }
  std::size_t left() const { return rest_.size(); }
  void fail() {
    well_ = false;
    rest_ = {};
  }
  std::uint64_t number() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      value |= static_cast<std::uint64_t>(byte & 0x7fU) << shift;
      if (byte < 0x80) return value;
    }
    fail();
    return 0;
  }
  std::string_view text() {
    const std::uint64_t size = number();
    if (size > rest_.size()) fail();
    const std::string_view value = rest_.substr(0, well_ ? size : 0);
    rest_.remove_prefix(value.size());
    return value;
  }

 private:
  std::string_view rest_;
  bool well_ = true;
};

// Small numbers of either sign are short.
constexpr std::uint64_t folded(std::int64_t value) {
  return static_cast<std::uint64_t>(value) << 1U ^ static_cast<std::uint64_t>(value >> 63);
}
constexpr std::int64_t unfolded(std::uint64_t value) {
  return static_cast<std::int64_t>(value >> 1U) ^ -static_cast<std::int64_t>(value & 1U);
}

// One kind of value: put() writes it, take() reads it (or leaves the source not well), code() names it: a letter,
// or the codes of what it is made of in brackets.
template <class T>
struct Wire;

template <class To, class T>
void put(To& to, const T& value) {
  Wire<T>::put(to, value);
}
template <class T>
void take(Source& from, T& value) {
  Wire<T>::take(from, value);
}

template <class T>
requires std::is_integral_v<T>
struct Wire<T> {
  template <class To>
  static void put(To& to, T value) {
    to.number(std::is_signed_v<T> ? folded(static_cast<std::int64_t>(value)) : static_cast<std::uint64_t>(value));
  }
  static void take(Source& from, T& value) {
    const std::uint64_t number = from.number();
    value = static_cast<T>(std::is_signed_v<T> ? static_cast<std::uint64_t>(unfolded(number)) : number);
    const std::uint64_t again =
        std::is_signed_v<T> ? folded(static_cast<std::int64_t>(value)) : static_cast<std::uint64_t>(value);
    if (again != number) from.fail();  // It is too large for its place.
  }
  static std::string code() { return std::is_same_v<T, bool> ? "b" : std::is_signed_v<T> ? "i" : "u"; }
};

template <class T>
requires std::is_enum_v<T>
struct Wire<T> {
  template <class To>
  static void put(To& to, T value) {
    to.number(static_cast<std::uint64_t>(value));
  }
  static void take(Source& from, T& value) {
    const std::uint64_t number = from.number();
    if (number > static_cast<std::uint64_t>(Last<T>::value)) return from.fail();
    value = static_cast<T>(number);
  }
  static std::string code() { return "e" + std::to_string(static_cast<int>(Last<T>::value)); }
};

template <>
struct Wire<double> {
  template <class To>
  static void put(To& to, double value) {
    to.number(std::bit_cast<std::uint64_t>(value));
  }
  static void take(Source& from, double& value) { value = std::bit_cast<double>(from.number()); }
  static std::string code() { return "d"; }
};

template <>
struct Wire<base::Duration> {
  template <class To>
  static void put(To& to, base::Duration value) {
    to.number(folded(value.count()));
  }
  static void take(Source& from, base::Duration& value) { value = base::Duration(unfolded(from.number())); }
  static std::string code() { return "n"; }
};

template <>
struct Wire<base::Time> {
  template <class To>
  static void put(To& to, base::Time value) {
    to.number(folded(value.time_since_epoch().count()));
  }
  static void take(Source& from, base::Time& value) { value = base::Time(base::Duration(unfolded(from.number()))); }
  static std::string code() { return "t"; }
};

template <class T>
requires std::is_same_v<T, std::string> || std::is_same_v<T, std::string_view>
struct Wire<T> {
  template <class To>
  static void put(To& to, const T& value) {
    to.text(value);
  }
  static void take(Source& from, T& value) { value = from.text(); }  // A view is one into the bytes.
  static std::string code() { return "s"; }
};

template <class T>
struct Wire<std::optional<T>> {
  template <class To>
  static void put(To& to, const std::optional<T>& value) {
    to.number(value ? 1 : 0);
    if (value) record::put(to, *value);
  }
  static void take(Source& from, std::optional<T>& value) {
    const std::uint64_t there = from.number();
    if (there > 1) return from.fail();
    if (there == 1) record::take(from, value.emplace());
  }
  static std::string code() { return "?" + Wire<T>::code(); }
};

template <class A, class B>
struct Wire<std::pair<A, B>> {
  template <class To>
  static void put(To& to, const std::pair<A, B>& value) {
    record::put(to, value.first);
    record::put(to, value.second);
  }
  static void take(Source& from, std::pair<A, B>& value) {
    record::take(from, const_cast<std::remove_const_t<A>&>(value.first));
    record::take(from, value.second);
  }
  static std::string code() { return Wire<std::remove_const_t<A>>::code() + Wire<B>::code(); }
};

template <class T, class To>
void put_items(To& to, const T& items) {
  to.number(items.size());
  for (const auto& item : items) put(to, item);
}
// Each item takes a byte at least, so what they claim to be cannot exceed what is there.
template <class Item, class Add>
void take_items(Source& from, Add add) {
  for (std::uint64_t left = from.number(); left > 0 && from.well(); --left) {
    if (left > from.left()) return from.fail();
    Item item{};
    take(from, item);
    if (from.well()) add(std::move(item));
  }
}

template <class T>
struct Wire<std::vector<T>> {
  template <class To>
  static void put(To& to, const std::vector<T>& value) {
    put_items(to, value);
  }
  static void take(Source& from, std::vector<T>& value) {
    take_items<T>(from, [&value](T item) { value.push_back(std::move(item)); });
  }
  static std::string code() { return "[" + Wire<T>::code() + "]"; }
};

template <class T>
struct Wire<diego::Slice<T>> {
  template <class To>
  static void put(To& to, const diego::Slice<T>& value) {
    to.number(value.null() ? 1 : 0);
    put_items(to, value);
  }
  static void take(Source& from, diego::Slice<T>& value) {
    const std::uint64_t null = from.number();
    if (null > 1) return from.fail();
    std::vector<T> items;
    record::take(from, items);
    if (null == 1 && !items.empty()) return from.fail();
    value = null == 1 ? diego::Slice<T>() : diego::Slice<T>(std::move(items));
  }
  static std::string code() { return "0[" + Wire<T>::code() + "]"; }
};

template <class T>
struct Wire<std::set<T>> {
  template <class To>
  static void put(To& to, const std::set<T>& value) {
    put_items(to, value);
  }
  static void take(Source& from, std::set<T>& value) {
    take_items<T>(from, [&value](T item) { value.insert(std::move(item)); });
  }
  static std::string code() { return "[" + Wire<T>::code() + "]"; }
};

template <class K, class V>
struct Wire<std::map<K, V>> {
  template <class To>
  static void put(To& to, const std::map<K, V>& value) {
    put_items(to, value);
  }
  static void take(Source& from, std::map<K, V>& value) {
    take_items<std::pair<K, V>>(from, [&value](std::pair<K, V> item) { value.insert(std::move(item)); });
  }
  static std::string code() { return "[" + Wire<K>::code() + Wire<V>::code() + "]"; }
};

template <Formed T>
struct Wire<T> {
  template <class To>
  static void put(To& to, const T& value) {
    std::apply([&to](const auto&... part) { (record::put(to, part), ...); }, Form<T>::parts(value));
    if (Form<T>::kEmpty) to.number(0);  // So that a list of them is no shorter than it claims.
  }
  static void take(Source& from, T& value) {
    std::apply([&from](auto&... part) { (record::take(from, part), ...); }, Form<T>::parts(value));
    if (Form<T>::kEmpty && from.number() != 0) from.fail();
  }
  static std::string code() {
    T some{};
    return "{" +
           std::apply(
               [](const auto&... part) { return (std::string() + ... + Wire<std::decay_t<decltype(part)>>::code()); },
               Form<T>::parts(some)) +
           "}";
  }
};

}  // namespace record
