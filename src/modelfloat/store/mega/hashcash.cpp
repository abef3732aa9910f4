#include "modelfloat/store/mega/hashcash.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <thread>

#include "modelfloat/base/executor.h"
#include "modelfloat/crypto/hash.h"
#include "modelfloat/store/mega/cipher.h"

namespace modelfloat::store::mega {
namespace {

constexpr std::size_t k_token_bytes = 48;
constexpr std::size_t k_copies = 262'144;
constexpr std::size_t k_prefix_bytes = 4;
constexpr std::size_t k_first_bytes = 60;  // of the copies: with the prefix, one block of SHA-256
constexpr std::size_t k_piece_bytes = k_token_bytes * 1024;

// Copies of the token from the 60th byte of them on, so that what follows the first block is hashed
// without being moved about.
Bytes copies_of(ByteSpan token) {
  Bytes piece(k_piece_bytes);
  for (std::size_t i = 0; i < piece.size(); ++i) piece[i] = token[(i + k_first_bytes) % k_token_bytes];
  return piece;
}

bool solves(std::uint32_t threshold, ByteSpan token, ByteSpan piece, std::uint32_t prefix) {
  std::array<std::byte, k_prefix_bytes + k_first_bytes> first;
  for (std::size_t i = 0; i < k_prefix_bytes; ++i) first[i] = static_cast<std::byte>(prefix >> (24 - 8 * i));
  for (std::size_t i = 0; i < k_first_bytes; ++i) first[k_prefix_bytes + i] = token[i % k_token_bytes];
  crypto::Sha256 hash;
  hash.update(first);
  for (std::size_t left = k_copies * k_token_bytes - k_first_bytes; left != 0;) {
    const std::size_t step = std::min(left, piece.size());
    hash.update(piece.first(step));
    left -= step;
  }
  const Hash256 digest = hash.finish();
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<std::uint32_t>(digest[i]);
  return value <= threshold;
}

std::uint32_t threshold_of(const Challenge& challenge) {
  return (((challenge.easiness & 63U) << 1) + 1) << ((challenge.easiness >> 6) * 7 + 3);
}

}  // namespace

std::optional<Challenge> parse_challenge(std::string_view header) {
  std::array<std::string_view, 4> parts;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::size_t colon = header.find(':');
    if ((colon == std::string_view::npos) != (i == 3)) return std::nullopt;
    parts[i] = header.substr(0, colon);
    header.remove_prefix(i == 3 ? header.size() : colon + 1);
  }
  unsigned easiness = 0;
  const auto [end, error] = std::from_chars(parts[1].data(), parts[1].data() + parts[1].size(), easiness);
  if (parts[0] != "1" || error != std::errc() || end != parts[1].data() + parts[1].size() || easiness > 255)
    return std::nullopt;
  return Challenge{easiness, std::string(parts[3])};
}

bool solves(const Challenge& challenge, ByteSpan token, std::uint32_t prefix) {
  return solves(threshold_of(challenge), token, copies_of(token), prefix);
}

std::optional<std::string> solve(const Challenge& challenge, const std::stop_token& stop) {
  const auto token = from_base64(challenge.token);
  if (!token || token->size() != k_token_bytes) return std::nullopt;
  const Bytes piece = copies_of(*token);
  const std::uint32_t threshold = threshold_of(challenge);
  std::atomic<std::uint64_t> next = 0;
  std::atomic<std::uint64_t> found = UINT64_MAX;
  const auto search = [&] {
    while (found == UINT64_MAX && !stop.stop_requested()) {
      const std::uint64_t prefix = next++;
      if (prefix > UINT32_MAX) return;
      if (solves(threshold, *token, piece, static_cast<std::uint32_t>(prefix))) found = prefix;
    }
  };
  {
    ThreadPool threads(std::max(1U, std::thread::hardware_concurrency()));
    for (std::size_t i = 0; i < threads.width(); ++i) threads.submit(search);
  }  // which waits for them
  const std::uint64_t prefix = found;
  if (prefix == UINT64_MAX) return std::nullopt;
  std::array<std::byte, k_prefix_bytes> bytes;
  for (std::size_t i = 0; i < k_prefix_bytes; ++i) bytes[i] = static_cast<std::byte>(prefix >> (24 - 8 * i));
  return "1:" + challenge.token + ":" + to_base64url(bytes);
}

}  // namespace modelfloat::store::mega
