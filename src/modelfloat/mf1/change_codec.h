#pragma once
// Changes of the log as CBOR (format document, section 9.2), and the members that several kinds of
// log objects have. A part of log_codec, which has the interface for others.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "modelfloat/domain/log_record.h"
#include "modelfloat/mf1/cbor.h"

namespace modelfloat::mf1 {

// All readers here throw Error{corrupt} when the items are not what they should be.

void write_hashes(CborMap& map, std::string_view key, const std::vector<Hash256>& hashes);
std::vector<Hash256> read_hashes(CborReader from);

// The names of what a reader has to understand. An empty list is left out.
void write_must(CborMap& map, const std::vector<std::string>& must);
std::vector<std::string> read_must(const std::optional<CborReader>& must);

// A store, in the form of the change that added it.
void write_store(CborWriter& to, const StoreAdded& store);
StoreAdded read_store(CborReader& from);

void write_changes(CborWriter& to, const std::vector<Change>& changes);
// A change of a kind that this version does not know becomes an UnknownChange. So does one that
// says in `must` what a reader has to understand, and one that is not as the format document says.
std::vector<Change> read_changes(CborReader& from);

}  // namespace modelfloat::mf1
