#pragma once
// Log records and checkpoints as deterministic CBOR (format document, section 9).

#include "modelfloat/base/bytes.h"
#include "modelfloat/domain/log_record.h"

namespace modelfloat::mf1 {

// A checkpoint is written after every so many records of a chain.
inline constexpr std::uint64_t k_checkpoint_every = 64;

// Of an UnknownChange only the kind is written, which serves a local copy of a record; a checkpoint
// with one is Error{unsupported}, because it would take the record's place.
Bytes to_cbor(const LogRecord&);
Bytes to_cbor(const Checkpoint&);

// Error{corrupt} for bytes that are no such document. A change of unknown kind becomes an
// UnknownChange. The records of a checkpoint have their writer filled in; their `previous` is not
// in it and stays zero.
LogRecord log_record_from_cbor(ByteSpan);
Checkpoint checkpoint_from_cbor(ByteSpan);

}  // namespace modelfloat::mf1
