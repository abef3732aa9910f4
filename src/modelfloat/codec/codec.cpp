#include "modelfloat/codec/codec.h"

#include <algorithm>
#include <string>

#include "modelfloat/base/error.h"
#include "modelfloat/codec/zstd.h"

namespace modelfloat::codec {
namespace {

constexpr int k_text_level = 3;
constexpr int k_tensor_level = 1;

// Fragments up to this size are compressed without asking first.
constexpr std::size_t k_probe_from_bytes = std::size_t{128} << 10;
constexpr std::size_t k_sample_bytes = std::size_t{16} << 10;
constexpr std::size_t k_samples = 3;

// Short samples come out about 0.5 % worse than the whole (measured on quantised and 32-bit tensors), so a little less
// than the gain that is asked of the whole is enough to go on.
constexpr double k_probe_limit = 0.985;

// What a gain of 2 % leaves.
std::size_t most_bytes_worth_keeping(std::size_t plain_bytes) { return plain_bytes - (plain_bytes + 49) / 50; }

// Working memory of a thread that grows to what is asked and stays, as fresh pages from the kernel cost more than
// compressing into them.
MutableByteSpan scratch(Bytes& buffer, std::size_t bytes) {
  if (buffer.size() < bytes) buffer = Bytes(bytes);
  return MutableByteSpan(buffer).first(bytes);
}

// The share of the plain bytes that a quick look at a few places suggests would be left.
double probe(ByteSpan plain, MutableByteSpan space) {
  std::size_t left = 0;
  for (std::size_t i = 0; i < k_samples; ++i) {
    const ByteSpan sample = plain.subspan((plain.size() - k_sample_bytes) / (k_samples - 1) * i, k_sample_bytes);
    left += zstd_compress(sample, k_tensor_level, space.first(k_sample_bytes)).value_or(k_sample_bytes);
  }
  return static_cast<double>(left) / (k_samples * k_sample_bytes);
}

void check_round_trip(ByteSpan plain, ByteSpan encoded) {
  thread_local Bytes buffer;
  const MutableByteSpan again = scratch(buffer, plain.size());
  if (!zstd_decompress(encoded, again) || !equal(again, plain)) {
    throw Error(ErrorKind::internal, "zstd", "a fragment did not decode to what was encoded; is the memory sound?");
  }
}

}  // namespace

std::string_view to_string(CodecId id) noexcept {
  switch (id) {
    case CodecId::raw: return "raw";
    case CodecId::zstd: return "zstd";
  }
  return "unknown";
}

Encoded encode(ByteSpan plain, std::string_view dtype) {
  thread_local Bytes buffer;
  const MutableByteSpan space = scratch(buffer, std::max(k_sample_bytes, most_bytes_worth_keeping(plain.size())));
  if (plain.size() > k_probe_from_bytes && probe(plain, space) > k_probe_limit) return {};
  const int level = dtype.empty() ? k_text_level : k_tensor_level;
  const auto length = zstd_compress(plain, level, space.first(most_bytes_worth_keeping(plain.size())));
  if (!length) return {};
  const ByteSpan encoded = space.first(*length);
  check_round_trip(plain, encoded);
  return {{CodecId::zstd, static_cast<std::uint8_t>(level)}, to_bytes(encoded)};
}

void decode(CodecUse codec, ByteSpan encoded, MutableByteSpan plain) {
  switch (codec.id) {
    case CodecId::raw:
      if (encoded.size() != plain.size()) throw Error(ErrorKind::corrupt, "raw fragment", "has a wrong length");
      std::copy(encoded.begin(), encoded.end(), plain.begin());
      return;
    case CodecId::zstd:
      if (!zstd_decompress(encoded, plain)) throw Error(ErrorKind::corrupt, "zstd fragment", "does not decode");
      return;
  }
  throw Error(ErrorKind::unsupported, "codec " + std::to_string(static_cast<int>(codec.id)),
              "is not known to this version of ModelFloat");
}

}  // namespace modelfloat::codec
