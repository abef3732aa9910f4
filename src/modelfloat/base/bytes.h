#pragma once
// Byte buffers, little-endian numbers, and arithmetic that detects overflow.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace modelfloat {

// Memory for a large buffer, such as a pack or a shard. Asks the kernel for huge pages. Page
// faults of 4 KiB each would cost seven times as much: more than all other work of a get. Throws
// std::bad_alloc.
inline constexpr std::size_t k_large_buffer_bytes = std::size_t{4} << 20;
void* allocate_large(std::size_t bytes);
void free_large(void* memory, std::size_t bytes) noexcept;

// A std::allocator that leaves new bytes uninitialised: a buffer that is about to be overwritten
// need not be zeroed first.
template <typename T>
struct UninitialisedAllocator : std::allocator<T> {
  template <typename U>
  struct rebind {
    using other = UninitialisedAllocator<U>;
  };
  using std::allocator<T>::allocator;
  T* allocate(std::size_t count) {
    const std::size_t bytes = count * sizeof(T);  // cannot wrap: a vector heeds max_size()
    return bytes < k_large_buffer_bytes ? std::allocator<T>::allocate(count) : static_cast<T*>(allocate_large(bytes));
  }
  void deallocate(T* memory, std::size_t count) noexcept {
    const std::size_t bytes = count * sizeof(T);
    if (bytes < k_large_buffer_bytes) return std::allocator<T>::deallocate(memory, count);
    free_large(memory, bytes);
  }
  template <typename U>
  void construct(U* place) noexcept(std::is_nothrow_default_constructible_v<U>) {
    ::new (static_cast<void*>(place)) U;
  }
  template <typename U, typename... Args>
  void construct(U* place, Args&&... args) {
    ::new (static_cast<void*>(place)) U(std::forward<Args>(args)...);
  }
};

// Owned bytes. Bytes(n) and resize(n) do NOT zero what they add; use Bytes(n, std::byte{0}) where
// zeros are meant.
using Bytes = std::vector<std::byte, UninitialisedAllocator<std::byte>>;
using ByteSpan = std::span<const std::byte>;
using MutableByteSpan = std::span<std::byte>;

}  // namespace modelfloat

// Its loops over single bytes are compiled once, in bytes.cpp: a copy takes 20 times as long in a
// program whose own files are not optimised, and a sanitizer's tests spent half of their time
// there.
extern template class std::vector<std::byte, modelfloat::UninitialisedAllocator<std::byte>>;

namespace modelfloat {

inline ByteSpan as_bytes(std::string_view text) noexcept { return std::as_bytes(std::span(text.data(), text.size())); }
inline std::string_view as_text(ByteSpan bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
// By memcpy, since a vector with its own allocator copies a range byte by byte.
inline Bytes to_bytes(ByteSpan bytes) {
  Bytes copy(bytes.size());
  if (!bytes.empty()) std::memcpy(copy.data(), bytes.data(), bytes.size());
  return copy;
}
inline Bytes to_bytes(std::string_view text) { return to_bytes(as_bytes(text)); }
// `more` must not be a part of `to`.
inline void append(Bytes& to, ByteSpan more) {
  const std::size_t old_size = to.size();
  to.resize(old_size + more.size());
  if (!more.empty()) std::memcpy(to.data() + old_size, more.data(), more.size());
}
inline bool equal(ByteSpan a, ByteSpan b) noexcept {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0);
}
// For `==` of containers, too, which would compare byte by byte.
inline bool operator==(const Bytes& a, const Bytes& b) noexcept { return equal(a, b); }

// Reads or writes an unsigned little-endian number at the front of the span. The span must be
// long enough.
template <typename T>
  requires std::is_unsigned_v<T>
T load_le(ByteSpan from) noexcept {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    value = static_cast<T>(value | static_cast<T>(static_cast<T>(from[i]) << (8 * i)));
  }
  return value;
}
template <typename T>
  requires std::is_unsigned_v<T>
void store_le(MutableByteSpan to, T value) noexcept {
  for (std::size_t i = 0; i < sizeof(T); ++i) to[i] = static_cast<std::byte>(value >> (8 * i));
}

// a+b and a*b; nullopt when the result does not fit into 64 bits.
inline std::optional<std::uint64_t> checked_add(std::uint64_t a, std::uint64_t b) noexcept {
  std::uint64_t sum = 0;
  if (__builtin_add_overflow(a, b, &sum)) return std::nullopt;
  return sum;
}
inline std::optional<std::uint64_t> checked_multiply(std::uint64_t a, std::uint64_t b) noexcept {
  std::uint64_t product = 0;
  if (__builtin_mul_overflow(a, b, &product)) return std::nullopt;
  return product;
}

// A part of something: [offset, offset + length).
struct ByteRange {
  static constexpr std::uint64_t k_to_the_end = UINT64_MAX;
  std::uint64_t offset = 0;
  std::uint64_t length = k_to_the_end;
  auto operator<=>(const ByteRange&) const = default;
};

// A hash of 32 bytes; ordered, so that it can be a map key.
using Hash256 = std::array<std::byte, 32>;

struct HashOfHash256 {
  std::size_t operator()(const Hash256& hash) const noexcept { return load_le<std::uint64_t>(hash); }
};

}  // namespace modelfloat
