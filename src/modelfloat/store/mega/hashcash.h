#pragma once
// The proof of work that MEGA asks for when a client sends too many requests (HTTP 402,
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

// Parses "1:EASINESS:TIME:TOKEN"; nullopt for any other text.
std::optional<Challenge> parse_challenge(std::string_view header);

// Whether SHA-256 of the prefix and 262,144 copies of the token (12.6 MB) is small enough. `token`
// has 48 bytes.
bool solves(const Challenge& challenge, ByteSpan token, std::uint32_t prefix);

// Solves the challenge and returns the header for the repeated request. Uses all cores, with one
// thread for each, until it is solved; this may take long. Nullopt on a stop, or when the token is
// malformed.
std::optional<std::string> solve(const Challenge& challenge, const std::stop_token& stop);

}  // namespace modelfloat::store::mega
