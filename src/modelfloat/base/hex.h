#pragma once
// Bytes as text: hexadecimal and the base32 of RFC 4648, both in lower case, and its base64 and
// base64url.

#include <optional>
#include <string>
#include <string_view>

#include "modelfloat/base/bytes.h"

namespace modelfloat {

std::string to_hex(ByteSpan);

// Accepts lower- and upper-case digits; nullopt for any other character or an odd length.
std::optional<Bytes> from_hex(std::string_view);

// The same into an array of N bytes; nullopt also when the length does not fit.
template <std::size_t N>
std::optional<std::array<std::byte, N>> array_from_hex(std::string_view text) {
  const auto bytes = from_hex(text);
  if (!bytes || bytes->size() != N) return std::nullopt;
  std::array<std::byte, N> array;
  std::copy(bytes->begin(), bytes->end(), array.begin());
  return array;
}

// Without padding characters.
std::string to_base32(ByteSpan);

// Ignores case; nullopt for a character outside the alphabet, or for leftover bits that are not
// zero.
std::optional<Bytes> from_base32(std::string_view);

// With padding characters.
std::string to_base64(ByteSpan);
// RFC 4648, section 5: - and _ for + and /, without padding characters.
std::string to_base64url(ByteSpan);
// Accepts base64 and base64url, with or without padding characters, as MEGA's own clients do;
// nullopt for any other character or an impossible length.
std::optional<Bytes> from_base64(std::string_view);

}  // namespace modelfloat
