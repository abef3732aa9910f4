#include "modelfloat/transfer/ask/confirmed_put.h"

#include "modelfloat/base/error.h"
#include "modelfloat/base/hex.h"
#include "modelfloat/crypto/hash.h"

namespace modelfloat::transfer {

bool fits_checksum(std::string_view checksum, ByteSpan object) {
  const auto colon = checksum.find(':');
  const std::string_view kind = checksum.substr(0, colon);
  const std::string_view digits = colon == std::string_view::npos ? std::string_view() : checksum.substr(colon + 1);
  if (kind == "sha256") return to_hex(crypto::sha256(object)) == digits;
  if (kind == "md5") return to_hex(crypto::md5(object)) == digits;
  return true;
}

std::string put_confirmed(store::Store& store, const std::string& where, const ObjectName& name, ByteSpan object,
                          const CallOptions& call) {
  std::string trouble;
  for (int attempt = 0; attempt < 2; ++attempt) {
    store.put(name, object, call);
    const auto info = store.stat(name, call);
    if (!info) {
      trouble = ", and does not show it";
    } else if (info->size_bytes != object.size()) {
      trouble = ", and shows another size";
    } else if (info->checksum && !fits_checksum(*info->checksum, object)) {
      trouble = ", and shows another checksum";
    } else {
      return info->checksum.value_or(std::string());
    }
  }
  throw Error(ErrorKind::corrupt, where, "says that it stored " + name.path() + trouble);
}

bool wait_until_listed(store::Store& store, const ObjectName& name, const Timeouts& timeouts, Clock& clock,
                       const CallOptions& call) {
  constexpr Milliseconds k_longest{60'000};
  const std::string folder = name.path().substr(0, name.path().rfind('/') + 1);
  const SteadyTime end = clock.steady_now() + k_longest;
  for (Milliseconds pause{500};; pause *= 2) {
    bool is_listed = false;
    store.list(
        folder, [&](const store::ObjectInfo& info) { is_listed = is_listed || info.name == name; },
        within(call, clock, timeouts.listing));
    if (is_listed) return true;
    if (clock.steady_now() + pause > end) return false;
    clock.sleep_for(pause, call.stop);
    check_cancelled(call, clock, name.path());
  }
}

}  // namespace modelfloat::transfer
