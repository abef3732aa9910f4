#pragma once
// What all objects of MF1 have in common. docs/formats/mf1.md has every byte.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "modelfloat/base/bytes.h"
#include "modelfloat/domain/ids.h"

namespace modelfloat::mf1 {

inline constexpr std::array<std::byte, 4> k_magic{std::byte{'M'}, std::byte{'F'}, std::byte{'L'}, std::byte{'T'}};
inline constexpr std::uint8_t k_format = 1;

// In front of every shard and document.
inline constexpr std::size_t k_header_bytes = 96;

// The first bytes of the pool id. They distinguish the objects of two pools without a key.
using PoolTag = std::array<std::byte, 8>;

inline PoolTag pool_tag_of(const PoolId& pool) noexcept {
  PoolTag tag;
  std::copy_n(pool.begin(), tag.size(), tag.begin());
  return tag;
}

// Writes fields one after the other into a buffer. The caller has checked that everything fits.
class FieldWriter {
 public:
  explicit FieldWriter(MutableByteSpan to) noexcept : to_(to) {}
  template <typename T>
  FieldWriter& number(T value) noexcept {
    store_le<T>(to_, value);
    to_ = to_.subspan(sizeof(T));
    return *this;
  }
  FieldWriter& bytes(ByteSpan from) noexcept {
    std::copy(from.begin(), from.end(), to_.begin());
    to_ = to_.subspan(from.size());
    return *this;
  }
  FieldWriter& zeros(std::size_t count) noexcept {
    std::fill_n(to_.begin(), count, std::byte{0});
    to_ = to_.subspan(count);
    return *this;
  }

 private:
  MutableByteSpan to_;
};

// Reads fields one after the other. The caller has checked that there are enough bytes.
class FieldReader {
 public:
  explicit FieldReader(ByteSpan from) noexcept : from_(from) {}
  template <typename T>
  T number() noexcept {
    return load_le<T>(take(sizeof(T)));
  }
  template <std::size_t N>
  std::array<std::byte, N> array() noexcept {
    std::array<std::byte, N> value;
    const ByteSpan bytes = take(N);
    std::copy(bytes.begin(), bytes.end(), value.begin());
    return value;
  }
  bool zeros(std::size_t count) noexcept {
    const ByteSpan bytes = take(count);
    return std::all_of(bytes.begin(), bytes.end(), [](std::byte byte) { return byte == std::byte{0}; });
  }

 private:
  ByteSpan take(std::size_t count) noexcept {
    const ByteSpan front = from_.first(count);
    from_ = from_.subspan(count);
    return front;
  }
  ByteSpan from_;
};

}  // namespace modelfloat::mf1
