#pragma once
// Documents: the sealed CBOR objects that manifests and logs are made of (format document, section
// 8).

#include "modelfloat/base/bytes.h"
#include "modelfloat/base/random.h"
#include "modelfloat/crypto/aead.h"
#include "modelfloat/domain/object_name.h"
#include "modelfloat/mf1/keyring.h"

namespace modelfloat::mf1 {

inline constexpr std::uint64_t k_max_document_bytes = 64ULL << 20;  // of CBOR

struct SealedDocument {
  Hash256 hash;  // names the object
  Bytes object;
};

// Compresses, pads and seals under a fresh salt and the preferred root of the keyring's current
// epoch. `type` is structure, content, log, checkpoint or part; Error{internal} for others.
// Error{invalid} when the CBOR is longer than k_max_document_bytes.
SealedDocument seal_document(ObjectType type, ByteSpan cbor, const Keyring& keyring, crypto::Suite suite,
                             Random& random);

// What the clear header of a document of this type says. Proves nothing: anybody may write a header.
// Error{unsupported} and Error{corrupt} as for open_document().
struct DocumentFacts {
  std::uint32_t epoch = 0;
  PoolTag pool{};
};
DocumentFacts document_facts(ObjectType type, ByteSpan object);

// Opens a document of this type and returns its CBOR. Of several roots of the document's epoch, the
// commitment in its header chooses. Error{denied} when it belongs to another pool, or when the
// keyring lacks its epoch or has only other roots of it; Error{unsupported} for a newer format or
// suite; Error{corrupt} for everything else.
Bytes open_document(ObjectType type, ByteSpan object, const Keyring& keyring);

}  // namespace modelfloat::mf1
