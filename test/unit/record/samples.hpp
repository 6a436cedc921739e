// A value of every kind with something in each of its members, drawn from a seed: whatever a form lists is filled.
#pragma once

#include <catch2/catch.hpp>
#include <deque>

#include "base/random.hpp"
#include "scheduler/record/forms.hpp"

namespace record {

template <class T>
struct Sample;

template <class T>
T sample(base::Random& random) {
  return Sample<T>::draw(random);
}

template <class T>
requires std::is_integral_v<T>
struct Sample<T> {
  static T draw(base::Random& random) {
    if (std::is_same_v<T, bool>) return static_cast<T>(random.below(2));
    return static_cast<T>(random.below(4) == 0 ? random.next() : random.below(300));
  }
};
template <class T>
requires std::is_enum_v<T>
struct Sample<T> {
  static T draw(base::Random& random) {
    return static_cast<T>(random.below(static_cast<std::uint64_t>(Last<T>::value) + 1));
  }
};
template <>
struct Sample<double> {
  static double draw(base::Random& random) { return static_cast<double>(random.below(1000)) / 7; }
};
template <>
struct Sample<base::Duration> {
  static base::Duration draw(base::Random& random) {
    return base::Duration(static_cast<std::int64_t>(random.below(1U << 30U)) - (1 << 29));
  }
};
template <>
struct Sample<base::Time> {
  static base::Time draw(base::Random& random) {
    return base::Time(base::Duration(static_cast<std::int64_t>(random.below(std::uint64_t{1} << 60U))));
  }
};
template <>
struct Sample<std::string> {
  static std::string draw(base::Random& random) {
    std::string text = random.letters(random.below(20));
    if (random.below(3) == 0) text += std::string("\0\xff\n", 3);
    return text;
  }
};
// Its text lives as long as the program.
template <>
struct Sample<std::string_view> {
  static std::string_view draw(base::Random& random) {
    static std::deque<std::string> kept;
    return kept.emplace_back(Sample<std::string>::draw(random));
  }
};
template <class T>
struct Sample<std::optional<T>> {
  static std::optional<T> draw(base::Random& random) {
    return random.below(2) == 0 ? std::nullopt : std::optional<T>(sample<T>(random));
  }
};
template <class A, class B>
struct Sample<std::pair<A, B>> {
  static std::pair<A, B> draw(base::Random& random) {
    A first = sample<A>(random);
    return {std::move(first), sample<B>(random)};
  }
};
template <class T>
struct Sample<std::vector<T>> {
  static std::vector<T> draw(base::Random& random) {
    std::vector<T> items;
    for (auto left = random.below(4); left > 0; --left) items.push_back(sample<T>(random));
    return items;
  }
};
template <class T>
struct Sample<diego::Slice<T>> {
  static diego::Slice<T> draw(base::Random& random) {
    return random.below(3) == 0 ? diego::Slice<T>() : diego::Slice<T>(sample<std::vector<T>>(random));
  }
};
template <class T>
struct Sample<std::set<T>> {
  static std::set<T> draw(base::Random& random) {
    const auto items = sample<std::vector<T>>(random);
    return {items.begin(), items.end()};
  }
};
template <class K, class V>
struct Sample<std::map<K, V>> {
  static std::map<K, V> draw(base::Random& random) {
    std::map<K, V> items;
    for (auto left = random.below(4); left > 0; --left) {
      K key = sample<K>(random);
      items.insert_or_assign(std::move(key), sample<V>(random));
    }
    return items;
  }
};
template <Formed T>
struct Sample<T> {
  static T draw(base::Random& random) {
    T value{};
    std::apply([&random](auto&... part) { ((part = sample<std::decay_t<decltype(part)>>(random)), ...); },
               Form<T>::parts(value));
    return value;
  }
};

// One of each alternative.
template <class Variant, std::size_t... I>
std::vector<Variant> one_of_each(base::Random& random, std::index_sequence<I...>) {
  return {Variant(sample<std::variant_alternative_t<I, Variant>>(random))...};
}
template <class Variant>
std::vector<Variant> one_of_each(base::Random& random) {
  return one_of_each<Variant>(random, std::make_index_sequence<std::variant_size_v<Variant>>{});
}

// All of a value as text: equal ones have equal bytes, and no others.
template <class... T>
std::string bytes_of(const std::variant<T...>& value) {
  std::string bytes = std::to_string(value.index()) + ":";
  Sink sink(bytes);
  std::visit([&sink](const auto& one) { put(sink, one); }, value);
  return bytes;
}

}  // namespace record
