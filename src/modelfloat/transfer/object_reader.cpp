#include "modelfloat/transfer/object_reader.h"

#include "modelfloat/crypto/hash.h"

namespace modelfloat::transfer {

bool fits_name(const ObjectName& name, ByteSpan object) {
  const auto hash = name.hash();
  return !hash || crypto::blake3(object) == *hash;
}

std::optional<Bytes> read_object(const StoreSet& stores, const ObjectName& name, bool expected_everywhere, const FindingSink& finding,
                                 const CallOptions& call) {
  const auto report = [&](const PoolStore& store, Damage what) {
    if (finding && name.type()) finding({store.name, name.path(), *name.type(), what});
  };
  for (const PoolStore* store : stores.online()) {
    try {
      auto bytes = store->store->get(name, {}, call);
      if (bytes && fits_name(name, *bytes)) return bytes;
      if (bytes) report(*store, Damage::corrupt);
      if (!bytes && expected_everywhere) report(*store, Damage::missing);
    } catch (const Error& error) {
      if (error.kind == ErrorKind::cancelled) throw;
      report(*store, error.kind == ErrorKind::corrupt ? Damage::corrupt : Damage::offline);
    }
  }
  return std::nullopt;
}

}  // namespace modelfloat::transfer
