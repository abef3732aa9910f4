#pragma once
// A limit on bandwidth, as --bwlimit takes it.

#include <cstdint>
#include <string>
#include <string_view>

namespace modelfloat::store {

// Bytes a second; 0: not limited.
struct Bandwidth {
  std::uint64_t up = 0;
  std::uint64_t down = 0;
  bool operator==(const Bandwidth&) const = default;
};

// rclone's way of writing: "10M" for both directions, "10M:2M" for up and down, "off" for none. B,
// K, M, G and T are powers of 1024, K when none is given. Error{invalid} naming `where` otherwise.
Bandwidth parse_bandwidth(std::string_view text, const std::string& where);

}  // namespace modelfloat::store
