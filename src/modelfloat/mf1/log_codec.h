#pragma once
// Log records and checkpoints as deterministic CBOR (format document, section 9).

#include "modelfloat/base/bytes.h"
#include "modelfloat/domain/log_record.h"

namespace modelfloat::mf1 {

// A checkpoint is written after every so many records of a chain.
inline constexpr std::uint64_t k_checkpoint_every = 64;

// Only the kind of an UnknownChange is written. That is enough for a local copy of a record. A
// checkpoint with an UnknownChange is Error{unsupported}: it would replace the record, and the
// change would be lost.
Bytes to_cbor(const LogRecord&);
Bytes to_cbor(const Checkpoint&);

// Error{corrupt} for bytes that are no such document. A change of unknown kind becomes an
// UnknownChange. The records of a checkpoint get their writer filled in. Their `previous` is not
// stored in a checkpoint and stays zero.
LogRecord log_record_from_cbor(ByteSpan);
Checkpoint checkpoint_from_cbor(ByteSpan);

}  // namespace modelfloat::mf1
