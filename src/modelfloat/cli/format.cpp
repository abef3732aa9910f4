#include "modelfloat/cli/format.h"

#include <array>
#include <charconv>
#include <cmath>
#include <filesystem>

#include <fmt/format.h>

#include "modelfloat/base/clock.h"
#include "modelfloat/base/error.h"
#include "modelfloat/cli/failure.h"

namespace modelfloat::cli {

std::string human_bytes(std::uint64_t bytes) {
  constexpr std::array k_units{"B", "kB", "MB", "GB", "TB", "PB", "EB"};
  if (bytes < 1000) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  // 999.5 would be shown as 1000.
  while (value >= 999.5 && unit + 1 < k_units.size()) {
    value /= 1000;
    ++unit;
  }
  const int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return fmt::format("{:.{}f} {}", value, decimals, k_units[unit]);
}

std::string human_seconds(double seconds) {
  if (!(seconds >= 0)) seconds = 0;
  if (seconds < 9.995) return fmt::format("{:.2f} s", seconds);
  const double rounded = std::min(std::round(seconds), 1e15);
  const auto whole = static_cast<std::uint64_t>(rounded);
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} h {:02} min", whole / 3600, whole / 60 % 60);
}

std::string human_time(std::uint64_t unix_seconds) { return to_rfc3339(from_unix_seconds(unix_seconds)); }

std::string number_or_dash(const std::optional<unsigned>& number) { return number ? std::to_string(*number) : "-"; }

std::string time_or_never(const std::optional<std::uint64_t>& unix_seconds) {
  return unix_seconds ? human_time(*unix_seconds) : "never";
}

std::uint64_t parse_size(std::string_view text) {
  constexpr std::string_view k_units = "kmgtpe";
  const auto bad = [&] {
    return Error(ErrorKind::invalid, std::string(text), "a size is like 1500000, 1.5GB or 2TiB");
  };
  // Parses a number. Returns the text after it; "?" if there is no number.
  const auto take = [&](auto& number, auto... format) {
    const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number, format...);
    return error == std::errc{} ? text.substr(static_cast<std::size_t>(rest - text.data())) : std::string_view("?");
  };
  // An integer is parsed as such, so that it stays exact.
  std::uint64_t whole = 0;
  double number = 0;
  std::string_view unit = take(whole);
  const bool is_whole = !unit.starts_with('.') && unit != "?";
  if (!is_whole) unit = text.starts_with('-') ? "?" : take(number, std::chars_format::fixed);
  while (unit.starts_with(' ')) unit.remove_prefix(1);

  const auto letter = [&] { return unit.empty() ? '\0' : static_cast<char>(unit.front() | 0x20); };
  std::uint64_t factor = 1;
  if (const auto power = k_units.find(letter()); !unit.empty() && power != std::string_view::npos) {
    unit.remove_prefix(1);
    const std::uint64_t base = letter() == 'i' ? 1024 : 1000;
    if (base == 1024) unit.remove_prefix(1);
    for (std::size_t i = 0; i <= power; ++i) factor *= base;
  }
  if (letter() == 'b') unit.remove_prefix(1);
  if (!unit.empty()) throw bad();

  constexpr std::uint64_t k_most = INT64_MAX;
  const double product = number * static_cast<double>(factor);
  if (is_whole ? whole > k_most / factor : !(product < static_cast<double>(k_most))) {
    throw Error(ErrorKind::invalid, std::string(text), "is more than anything holds");
  }
  return is_whole ? whole * factor : static_cast<std::uint64_t>(product);
}

ListenAddress parse_listen_address(std::string_view text) {
  const auto colon = text.rfind(':');
  const auto bad = [&] { return Error(ErrorKind::invalid, std::string(text), "an address is like 127.0.0.1:8080"); };
  if (colon == std::string_view::npos) throw bad();
  std::string_view host = text.substr(0, colon);
  const std::string_view digits = text.substr(colon + 1);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (host.empty() || host.find_first_of(":[]") != std::string_view::npos) {
    throw bad();
  }
  ListenAddress result{std::string(host), 0};
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), result.port);
  if (error != std::errc{} || end != digits.data() + digits.size()) throw bad();
  return result;
}

std::string model_name_for(const std::string& leaf, bool is_folder) {
  constexpr std::size_t k_max_name = 96;
  constexpr std::string_view k_allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
  std::string name = is_folder ? leaf : std::filesystem::path(leaf).stem().string();
  for (char& character : name) {
    if (k_allowed.find(character) == std::string_view::npos) character = '-';
  }
  name.resize(std::min(name.size(), k_max_name));
  if (name.find_first_not_of("._-") == std::string::npos) {
    throw UsageError(leaf,
                     "gives no name for the model, which may have the characters A-Z a-z 0-9 . _ - only: "
                     "use --name");
  }
  return name;
}

}  // namespace modelfloat::cli
