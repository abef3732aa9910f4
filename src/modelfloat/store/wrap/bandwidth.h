#pragma once
// A limit on bandwidth, as given by --bwlimit.

#include <cstdint>
#include <string>
#include <string_view>

namespace modelfloat::store {

// In bytes per second; 0: no limit.
struct Bandwidth {
  std::uint64_t up = 0;
  std::uint64_t down = 0;
  bool operator==(const Bandwidth&) const = default;
};

// Parses rclone's notation: "10M" for both directions, "10M:2M" for upload and download, "off" for
// no limit. B, K, M, G and T are powers of 1024; without a letter, K is meant. Throws
// Error{invalid} naming `where` for any other text.
Bandwidth parse_bandwidth(std::string_view text, const std::string& where);

}  // namespace modelfloat::store
