#pragma once
// Secrets in memory: they wipe themselves, compare in constant time, and cannot be printed.

#include <array>
#include <cstddef>
#include <string_view>
#include <utility>
#include <vector>

#include "modelfloat/base/bytes.h"
#include "modelfloat/base/random.h"
#include "modelfloat/crypto/locked_memory.h"

namespace modelfloat::crypto {

// Overwrites the bytes in a way that the compiler does not remove.
void wipe(MutableByteSpan) noexcept;

// The time that it takes depends only on the lengths. Spans of different length are not equal.
bool equal_in_constant_time(ByteSpan a, ByteSpan b) noexcept;

// A key of 32 bytes. There is no empty key: where one may be missing, use std::optional. A
// moved-from key keeps its value until it is destroyed, which wipes it. Its bytes are inside the
// object; Keyring keeps long-lived keys in locked memory.
class SecretKey {
 public:
  static constexpr std::size_t k_bytes = 32;

  explicit SecretKey(std::span<const std::byte, k_bytes> bytes) noexcept;
  static SecretKey random(Random& random);
  // A key whose bytes `fill(MutableByteSpan)` writes, so that no other copy of them ever exists.
  template <typename Fill>
  static SecretKey filled_by(Fill&& fill) {
    SecretKey key;
    std::forward<Fill>(fill)(MutableByteSpan(key.bytes_));
    return key;
  }
  SecretKey(const SecretKey&) noexcept = default;
  SecretKey& operator=(const SecretKey&) noexcept = default;
  ~SecretKey();

  std::span<const std::byte, k_bytes> bytes() const noexcept { return bytes_; }
  bool operator==(const SecretKey& other) const noexcept { return equal_in_constant_time(bytes_, other.bytes_); }

 private:
  SecretKey() noexcept = default;
  std::array<std::byte, k_bytes> bytes_{};
};

// A secret of any length, such as a passphrase or a token, in locked memory. A moved-from one is
// empty.
class SecretBytes {
 public:
  SecretBytes() noexcept = default;
  explicit SecretBytes(ByteSpan bytes);
  explicit SecretBytes(std::string_view text);
  // Copies the bytes and wipes the buffer that held them.
  explicit SecretBytes(Bytes&& bytes);
  SecretBytes(const SecretBytes&) = default;
  SecretBytes(SecretBytes&& other) noexcept;
  SecretBytes& operator=(SecretBytes other) noexcept;
  ~SecretBytes();

  ByteSpan bytes() const noexcept { return bytes_; }
  bool empty() const noexcept { return bytes_.empty(); }
  bool operator==(const SecretBytes& other) const noexcept { return equal_in_constant_time(bytes_, other.bytes_); }

 private:
  std::vector<std::byte, LockedAllocator<std::byte>> bytes_;
};

}  // namespace modelfloat::crypto
