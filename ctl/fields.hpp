// Answers of the bridge, read without trust: what is missing or of another kind reads as nothing. A newer or older
// scheduler, or something else that answers, is shown as far as it is understood, and breaks nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "diego/json.hpp"

namespace ctl {

using Json = diego::JsonValue;

// The member of that name (the last of several), or a null.
const Json& member(const Json& value, std::string_view name);
// The items of that list, or none.
const std::vector<Json>& items(const Json& value, std::string_view name);
// A string's value, a number's literal, true or false; "" for all else.
std::string text(const Json& value);
std::string text(const Json& value, std::string_view name);
// 0 where there is none. Within +-kNumberMax, so that sums of a few and products with 1000 are numbers, too.
inline constexpr std::int64_t kNumberMax = 1'000'000'000'000'000;
std::int64_t number(const Json& value, std::string_view name);
bool yes(const Json& value, std::string_view name);
bool is_object(const Json& value);
// The texts of a list, joined.
std::string joined(const Json& value, std::string_view name, std::string_view between = ", ");

// As Diego writes it: "guid.index", a Task's guid.
std::string key_of(const Json& value);

// "2024-01-31T12:03:04.123Z" to a time; nullopt: it is none.
std::optional<base::Time> moment(std::string_view text);

// How long ago that was: "12s", "3m10s", "2h5m", "4d3h"; "" where it is no time.
std::string age(std::string_view moment, base::Time now);
std::string age(base::Duration duration);
std::string age_of_millis(std::int64_t millis);

// Written again, numbers to the letter.
std::string to_json(const Json& value);

}  // namespace ctl
