#include "modelfloat/crypto/secret.h"

#include <algorithm>

#include <sodium.h>

#include "modelfloat/base/error.h"
#include "modelfloat/crypto/sodium_once.h"

namespace modelfloat::crypto {

void start_sodium() {
  static const int result = sodium_init();
  if (result < 0) throw Error(ErrorKind::internal, "libsodium", "cannot be started: no usable source of randomness");
}

void wipe(MutableByteSpan bytes) noexcept {
  if (!bytes.empty()) sodium_memzero(bytes.data(), bytes.size());
}

bool equal_in_constant_time(ByteSpan a, ByteSpan b) noexcept {
  if (a.size() != b.size()) return false;
  return a.empty() || sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

SecretKey::SecretKey(std::span<const std::byte, k_bytes> bytes) noexcept {
  std::copy(bytes.begin(), bytes.end(), bytes_.begin());
}

SecretKey SecretKey::random(Random& random) {
  return filled_by([&](MutableByteSpan bytes) { random.fill(bytes); });
}

SecretKey::~SecretKey() { wipe(bytes_); }

SecretBytes::SecretBytes(ByteSpan bytes) : bytes_(bytes.begin(), bytes.end()) {}
SecretBytes::SecretBytes(std::string_view text) : SecretBytes(as_bytes(text)) {}
SecretBytes::SecretBytes(Bytes&& bytes) : SecretBytes(ByteSpan(bytes)) {
  wipe(bytes);
  bytes.clear();
}
SecretBytes::SecretBytes(SecretBytes&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}

SecretBytes& SecretBytes::operator=(SecretBytes other) noexcept {
  bytes_.swap(other.bytes_);
  return *this;
}

SecretBytes::~SecretBytes() { wipe(bytes_); }

}  // namespace modelfloat::crypto
