#pragma once
// Log records, checkpoints and their parts as deterministic CBOR (format document, section 9).
//
// A record is kept in two forms: as the document that its writer made, and as an entry of a part.
// Entries carry on the bytes of what the record says, so that nothing is lost that this version
// does not know.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "modelfloat/base/bytes.h"
#include "modelfloat/domain/log_record.h"

namespace modelfloat::mf1 {

// A checkpoint is written at the latest after so many records.
inline constexpr std::uint64_t k_checkpoint_every = 64;
// A part with more than one entry is not larger.
inline constexpr std::size_t k_max_part_bytes = std::size_t{4} << 20;

// For tests and for this version's own records: an UnknownChange is written without its members.
Bytes to_cbor(const LogRecord&);
Bytes to_cbor(const Checkpoint&);

// Error{corrupt} for bytes that are no such document. A change of unknown kind, or one whose `must`
// has an unknown name, becomes an UnknownChange.
LogRecord log_record_from_cbor(ByteSpan);
Checkpoint checkpoint_from_cbor(ByteSpan);

// Returns the record that these bytes say, which are a record document or an entry of a part. An
// entry has no `writer`: it gets the one that is given. Its `previous` is zero.
LogRecord record_from_either(ByteSpan cbor, const WriterId& writer);

// The parts of a record's bytes that an entry carries on. Views into `cbor`, which is a record
// document or an entry.
struct RecordBytes {
  std::uint64_t seq = 0;
  ByteSpan time;
  std::vector<ByteSpan> changes;
  ByteSpan must;  // empty when there is none
};
RecordBytes record_bytes(ByteSpan cbor);

// Encodes an entry of a part: the record with these heads and changes in place of its own.
Bytes entry_cbor(const RecordBytes& record, const Hash256& hash, const std::map<WriterId, ChainHead>& heads,
                 std::span<const ByteSpan> changes);

// A part of a checkpoint. The bytes of its entries are views into the part's CBOR.
struct PartEntry {
  std::uint64_t seq = 0;
  Hash256 hash{};
  ByteSpan cbor;
};
struct Part {
  WriterId writer{};
  std::uint64_t seq = 0;
  std::vector<PartEntry> entries;
  std::vector<std::string> must;
};
// `entries` are encoded entries, ordered by number; `seq` is the number of the last one.
Bytes part_cbor(const WriterId& writer, std::uint64_t seq, std::span<const Bytes> entries);
// Checks what can be checked without the keys of the pool; the entries' changes are checked by
// record_from_either(). Error{corrupt} for bytes that are no part.
Part part_from_cbor(ByteSpan cbor);

}  // namespace modelfloat::mf1
