// Links: mf1
// The input is a slot whose checksum is made to fit, so that the fuzzer gets behind it.
#include <algorithm>
#include <cstdint>

#include "fuzz_check.h"

#include "modelfloat/base/error.h"
#include "modelfloat/crypto/hash.h"
#include "modelfloat/mf1/slot.h"

namespace {

using namespace modelfloat;

constexpr std::size_t k_checked_bytes = 220;

// Never a keyring, for nobody has the key; passphrases are left out, because each try would cost
// memory.
void check(ByteSpan object) {
  try {
    const mf1::Slot slot = mf1::parse_slot(object);
    fuzz_check(object.size() == mf1::k_slot_bytes && slot.epoch > 0, "only slots are read as slots");
    if (slot.kind == mf1::SecretKind::passphrase) return;
    const crypto::SecretKey guess(Hash256{});
    mf1::open_slot(object, slot.kind == mf1::SecretKind::key_file
                               ? mf1::SlotSecret::key_file(guess)
                               : mf1::SlotSecret::recovery_code(mf1::RecoveryCode(guess)));
    fuzz_check(false, "a slot opens with its secret alone");
  } catch (const Error& error) {
    fuzz_check(
        error.kind == ErrorKind::corrupt || error.kind == ErrorKind::unsupported || error.kind == ErrorKind::denied,
        "bad bytes are called so");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Bytes object = to_bytes(std::as_bytes(std::span(data, size)));
  check(object);
  if (size != mf1::k_slot_bytes) return 0;
  const Hash256 sum = crypto::blake3(ByteSpan(object).first(k_checked_bytes));
  std::copy_n(sum.begin(), mf1::k_slot_bytes - k_checked_bytes, object.begin() + k_checked_bytes);
  check(object);
  return 0;
}
