#pragma once
// Internal to mf1: the parts of a pack that its writer and its reader share (format document,
// section 7).

#include <array>
#include <cstdint>

#include "modelfloat/base/bytes.h"
#include "modelfloat/crypto/aead.h"
#include "modelfloat/domain/fragment.h"
#include "modelfloat/mf1/format.h"

namespace modelfloat::mf1 {

inline constexpr std::size_t k_index_entry_bytes = 76;
inline constexpr std::size_t k_locator_bytes = 16;
inline constexpr std::size_t k_sealed_locator_bytes = k_locator_bytes + crypto::k_tag_bytes;
// The tags of index and padding, and the locator.
inline constexpr std::size_t k_pack_end_bytes = 2 * crypto::k_tag_bytes + k_sealed_locator_bytes;

// Where the index lies in its pack.
struct Locator {
  std::uint64_t offset = 0;
  std::uint64_t sealed_bytes = 0;
};
std::array<std::byte, k_locator_bytes> encode_locator(const Locator& locator) noexcept;
Locator decode_locator(const std::array<std::byte, k_locator_bytes>& bytes) noexcept;

// The fragment must lie in a pack.
void write_index_entry(const Fragment& fragment, FieldWriter& to);

// Whether a fragment can be this long, plain and sealed, with this codec.
bool is_fragment_size(CodecId codec, std::uint64_t plain_bytes, std::uint64_t sealed_bytes) noexcept;

}  // namespace modelfloat::mf1
