// Links: mf1
// The input is a maintenance key file; once as it is, and once with a check that is made to fit, so
// that the fuzzer gets behind it.
#include <cstdint>
#include <string>

#include "fuzz_check.h"

#include "modelfloat/base/error.h"
#include "modelfloat/base/hex.h"
#include "modelfloat/crypto/hash.h"
#include "modelfloat/mf1/maintenance_key.h"

namespace {

using namespace modelfloat;

void check(std::string_view text) {
  try {
    const auto key = mf1::MaintenanceKey::parse(text);
    fuzz_check(as_text(key.text().bytes()) == text, "each key has one text");
  } catch (const Error& error) {
    fuzz_check(error.kind == ErrorKind::invalid || error.kind == ErrorKind::unsupported, "bad texts are called so");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(as_text(std::as_bytes(std::span(data, size))));
  check(text);
  const std::string lines = text.substr(0, text.rfind("check "));
  check(lines + "check " + to_hex(ByteSpan(crypto::blake3(as_bytes(lines))).first(8)) + "\n");
  return 0;
}
