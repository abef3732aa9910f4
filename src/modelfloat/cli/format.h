#pragma once
// Formats and parses numbers and names for people. All functions are pure.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "modelfloat/base/printable.h"

namespace modelfloat::cli {

// "512 B", "98.4 MB": powers of 1000, three digits.
std::string human_bytes(std::uint64_t bytes);
// "0.42 s", "12 s", "3 min 05 s", "2 h 10 min".
std::string human_seconds(double seconds);
// Unix time as RFC 3339.
std::string human_time(std::uint64_t unix_seconds);
// "-" and "never" for nothing.
std::string number_or_dash(const std::optional<unsigned>& number);
std::string time_or_never(const std::optional<std::uint64_t>& unix_seconds);
// Parses a size such as "1500000", "1.5GB", "500G" or "2TiB". B, K, M, G, T, P and E are powers of
// 1000; with an i (Ki, MiB) they are powers of 1024. Lower case is accepted. Throws Error{invalid}
// for anything else, for negative values, and for more than 8 EiB, which the registry cannot store.
std::uint64_t parse_size(std::string_view text);

// An address such as "127.0.0.1:8080" or "[::1]:8080".
struct ListenAddress {
  std::string address;  // without brackets
  std::uint16_t port = 0;
  bool operator==(const ListenAddress&) const = default;
};
// Throws Error{invalid} for anything else.
ListenAddress parse_listen_address(std::string_view text);

// Returns the default name of a model that is pushed from this file or folder: the stem of its
// name, with '-' in place of characters that are not allowed. Throws UsageError when no letter or
// digit is left.
std::string model_name_for(const std::string& leaf, bool is_folder);

}  // namespace modelfloat::cli
