#include "modelfloat/store/wrap/bandwidth.h"

#include <array>
#include <charconv>
#include <cmath>

#include "modelfloat/base/error.h"

namespace modelfloat::store {

static std::uint64_t parse_rate(std::string_view text, const std::string& where) {
  constexpr std::string_view k_units = "bkmgt";
  const auto bad = [&] {
    return Error(ErrorKind::invalid, where, "a bandwidth is like 10M, 10M:2M (up:down) or off, in bytes a second");
  };
  if (text == "off" || text == "0") return 0;
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (error != std::errc{} || !(number > 0)) throw bad();
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  std::size_t power = 1;
  if (!unit.empty()) {
    power = k_units.find(static_cast<char>(unit.front() | 0x20));
    if (unit.size() != 1 || power == std::string_view::npos) throw bad();
  }
  const double bytes = std::ldexp(number, static_cast<int>(10 * power));
  constexpr double k_most = 1e18;
  if (!(bytes >= 1) || bytes > k_most) throw bad();
  return static_cast<std::uint64_t>(bytes);
}

Bandwidth parse_bandwidth(std::string_view text, const std::string& where) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) {
    const auto rate = parse_rate(text, where);
    return {rate, rate};
  }
  return {parse_rate(text.substr(0, colon), where), parse_rate(text.substr(colon + 1), where)};
}

}  // namespace modelfloat::store
