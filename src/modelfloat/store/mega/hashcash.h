#pragma once
// The work that MEGA asks for before it answers a client that it finds too busy (HTTP 402,
// X-Hashcash).

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "modelfloat/base/bytes.h"

namespace modelfloat::store::mega {

struct Challenge {
  unsigned easiness = 0;  // 0 to 255; the lower, the longer
  std::string token;      // base64url of 48 bytes
};

// "1:EASINESS:TIME:TOKEN"; nothing when it is something else.
std::optional<Challenge> parse_challenge(std::string_view header);

// Whether SHA-256 over the prefix and 262,144 copies of the token is small enough: 12.6 MB are
// hashed. `token` has 48 bytes.
bool solves(const Challenge& challenge, ByteSpan token, std::uint32_t prefix);

// What the header of the repeated request says. Searches on all cores and with as many threads for
// as long as it takes; nothing when a stop was asked for meanwhile or the token is malformed.
std::optional<std::string> solve(const Challenge& challenge, const std::stop_token& stop);

}  // namespace modelfloat::store::mega
