#pragma once
// Numbers and names as people read them. Pure.

#include <cstdint>
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
// "1500000", "1.5GB", "500G", "2TiB": B, K, M, G, T, P and E are powers of 1000, with an i (Ki,
// MiB) of 1024; small letters do too. Error{invalid} otherwise, for less than nothing, and beyond 8
// EiB, which the registry cannot keep.
std::uint64_t parse_size(std::string_view text);

// "127.0.0.1:8080", "[::1]:8080". Error{invalid} otherwise.
struct ListenAddress {
  std::string address;  // without brackets
  std::uint16_t port = 0;
  bool operator==(const ListenAddress&) const = default;
};
ListenAddress parse_listen_address(std::string_view text);

// The name that a model gets from the file or folder it is pushed from: the stem, with '-' for what
// a name may not have. UsageError when neither a letter nor a digit is left.
std::string model_name_for(const std::string& leaf, bool is_folder);

}  // namespace modelfloat::cli
