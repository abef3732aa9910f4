#include "modelfloat/codec/zstd_coder.h"

#include "modelfloat/codec/zstd.h"

namespace modelfloat::codec {
namespace {

constexpr int k_text_level = 3;
constexpr int k_tensor_level = 1;

// Fragments up to this size are compressed without asking first.
constexpr std::size_t k_probe_from_bytes = std::size_t{128} << 10;
constexpr std::size_t k_sample_bytes = std::size_t{16} << 10;
constexpr std::size_t k_samples = 3;

// Short samples come out about 0.5 % worse than the whole (measured on quantised and 32-bit
// tensors), so the samples may gain a little less than is required of the whole fragment.
constexpr double k_probe_limit = 0.985;

// The share of the plain bytes that a quick look at a few places suggests would be left.
double probe(ByteSpan plain, MutableByteSpan space) {
  std::size_t left = 0;
  for (std::size_t i = 0; i < k_samples; ++i) {
    const ByteSpan sample = plain.subspan((plain.size() - k_sample_bytes) / (k_samples - 1) * i, k_sample_bytes);
    left += zstd_compress(sample, k_tensor_level, space.first(k_sample_bytes)).value_or(k_sample_bytes);
  }
  return static_cast<double>(left) / (k_samples * k_sample_bytes);
}

}  // namespace

std::optional<Written> zstd_try_encode(ByteSpan plain, const FragmentShape& shape, MutableByteSpan out) {
  if (plain.size() > k_probe_from_bytes && out.size() >= k_sample_bytes && probe(plain, out) > k_probe_limit) {
    return std::nullopt;
  }
  const int level = shape.dtype.empty() ? k_text_level : k_tensor_level;
  const auto bytes = zstd_compress(plain, level, out);
  if (!bytes) return std::nullopt;
  return Written{.bytes = *bytes, .parameter = static_cast<std::uint8_t>(level)};
}

bool zstd_decode(const Codec& /*codec*/, ByteSpan encoded, MutableByteSpan plain) {
  return zstd_decompress(encoded, plain);
}

}  // namespace modelfloat::codec
