#include "modelfloat/mf1/pack_layout.h"

namespace modelfloat::mf1 {
namespace {

constexpr std::uint64_t k_max_sealed_surplus = 64;

}  // namespace

std::array<std::byte, k_locator_bytes> encode_locator(const Locator& locator) noexcept {
  std::array<std::byte, k_locator_bytes> bytes;
  FieldWriter(bytes).number(locator.offset).number(locator.sealed_bytes);
  return bytes;
}

Locator decode_locator(const std::array<std::byte, k_locator_bytes>& bytes) noexcept {
  FieldReader fields(bytes);
  Locator locator;
  locator.offset = fields.number<std::uint64_t>();
  locator.sealed_bytes = fields.number<std::uint64_t>();
  return locator;
}

void write_index_entry(const Fragment& fragment, FieldWriter& to) {
  to.bytes(fragment.id)
      .bytes(fragment.codec.base.value_or(FragmentId{}))
      .number(fragment.plain_bytes)
      .number(fragment.frame()->sealed_bytes)
      .number(static_cast<std::uint8_t>(fragment.codec.id))
      .number(fragment.codec.parameter)
      .zeros(2);
}

bool is_fragment_size(CodecId codec, std::uint64_t plain_bytes, std::uint64_t sealed_bytes) noexcept {
  if (plain_bytes < 1 || plain_bytes > k_max_fragment_bytes) return false;
  if (codec == CodecId::raw) return sealed_bytes == plain_bytes + crypto::k_tag_bytes;
  return sealed_bytes > crypto::k_tag_bytes && sealed_bytes <= plain_bytes + k_max_sealed_surplus;
}

}  // namespace modelfloat::mf1
