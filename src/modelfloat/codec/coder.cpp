#include "modelfloat/codec/coder.h"

#include <algorithm>

#include "modelfloat/codec/zstd_coder.h"

namespace modelfloat::codec {
namespace {

std::optional<Written> raw_try_encode(ByteSpan plain, const FragmentShape& /*shape*/, MutableByteSpan out) {
  if (plain.size() > out.size()) return std::nullopt;
  std::copy(plain.begin(), plain.end(), out.begin());
  return Written{.bytes = plain.size()};
}

bool raw_decode(const Codec& /*codec*/, ByteSpan encoded, MutableByteSpan plain) {
  if (encoded.size() != plain.size()) return false;
  std::copy(encoded.begin(), encoded.end(), plain.begin());
  return true;
}

constexpr Coder k_coders[] = {
    {CodecId::zstd, "zstd", zstd_try_encode, zstd_decode},
    {CodecId::raw, "raw", raw_try_encode, raw_decode},
};

}  // namespace

std::span<const Coder> coders() noexcept { return k_coders; }

const Coder* find_coder(CodecId id) noexcept {
  const auto* const found =
      std::find_if(std::begin(k_coders), std::end(k_coders), [&](const Coder& coder) { return coder.id == id; });
  return found == std::end(k_coders) ? nullptr : found;
}

}  // namespace modelfloat::codec
