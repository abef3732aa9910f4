#pragma once
// How a pack is divided: any k of its k+m shards suffice to rebuild it. k=1 means 1+m equal
// copies.

#include <charconv>
#include <compare>
#include <string>
#include <string_view>

#include "modelfloat/base/error.h"

namespace modelfloat {

struct Redundancy {
  static constexpr unsigned k_max_data = 16;
  static constexpr unsigned k_max_parity = 8;

  unsigned k = 1;
  unsigned m = 0;

  constexpr unsigned shards() const noexcept { return k + m; }
  auto operator<=>(const Redundancy&) const = default;

  // "4+2". Error{invalid} for any other form and outside 1 <= k <= 16, 0 <= m <= 8.
  static Redundancy parse(std::string_view text);
};

inline std::string to_string(const Redundancy& redundancy) {
  return std::to_string(redundancy.k) + "+" + std::to_string(redundancy.m);
}

inline bool is_valid(const Redundancy& redundancy) noexcept {
  return redundancy.k >= 1 && redundancy.k <= Redundancy::k_max_data && redundancy.m <= Redundancy::k_max_parity;
}

inline Redundancy Redundancy::parse(std::string_view text) {
  const auto number = [](std::string_view digits, unsigned& value) {
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return error == std::errc{} && end == digits.data() + digits.size();
  };
  const std::size_t plus = text.find('+');
  Redundancy redundancy;
  if (plus == std::string_view::npos || !number(text.substr(0, plus), redundancy.k) ||
      !number(text.substr(plus + 1), redundancy.m)) {
    throw Error(ErrorKind::invalid, std::string(text), "a redundancy is written like 4+2");
  }
  if (!is_valid(redundancy)) {
    throw Error(ErrorKind::invalid, std::string(text), "a redundancy is at least 1+0 and at most 16+8");
  }
  return redundancy;
}

}  // namespace modelfloat
