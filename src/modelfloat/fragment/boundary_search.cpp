#include "modelfloat/fragment/boundary_search.h"

#include <algorithm>
#include <array>

namespace modelfloat::fragment {
namespace {

constexpr std::size_t k_window_bytes = 64;  // a byte leaves the 64-bit hash after as many shifts

// A random number for each byte value: SplitMix64 (Steele, Lea, Flood 2014) from a seed that spells
// "mf1 gear". To change it would move every cut and so end all deduplication with what is stored.
constexpr std::array<std::uint64_t, 256> make_gear() {
  std::array<std::uint64_t, 256> gear{};
  std::uint64_t state = 0x6d66'3120'6765'6172;
  for (auto& value : gear) {
    state += 0x9e37'79b9'7f4a'7c15;
    std::uint64_t z = state;
    z = (z ^ (z >> 30)) * 0xbf58'476d'1ce4'e5b9;
    z = (z ^ (z >> 27)) * 0x94d0'49bb'1331'11eb;
    value = z ^ (z >> 31);
  }
  return gear;
}
constexpr auto k_gear = make_gear();

}  // namespace

// The highest bits of the hash have seen the whole window.
std::optional<std::size_t> BoundarySearch::scan(ByteSpan piece, std::size_t end, unsigned bits) {
  const auto limit = std::uint64_t{1} << (64 - bits);
  const auto* bytes = reinterpret_cast<const unsigned char*>(piece.data());
  auto hash = hash_;
  auto position = position_;
  while (position < end) {
    hash = (hash << 1) + k_gear[bytes[position]];
    ++position;
    if (hash < limit) return position;
  }
  hash_ = hash;
  position_ = position;
  return std::nullopt;
}

std::optional<std::size_t> BoundarySearch::find_end(ByteSpan piece) {
  const auto have = std::min(piece.size(), sizes_.max);
  if (position_ < sizes_.min) {
    if (have < sizes_.min) return std::nullopt;
    const auto window = std::min(k_window_bytes, sizes_.min);
    hash_ = 0;
    for (const auto byte : piece.subspan(sizes_.min - window, window)) {
      hash_ = (hash_ << 1) + k_gear[static_cast<std::size_t>(byte)];
    }
    position_ = sizes_.min;
  }
  if (position_ < sizes_.normal) {
    if (const auto found = scan(piece, std::min(have, sizes_.normal), sizes_.bits_before_normal)) return found;
  }
  if (position_ >= sizes_.normal) {
    if (const auto found = scan(piece, have, sizes_.bits_after_normal)) return found;
  }
  return have == sizes_.max ? std::optional(sizes_.max) : std::nullopt;
}

}  // namespace modelfloat::fragment
