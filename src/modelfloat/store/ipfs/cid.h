#pragma once
// Content identifiers (CID) of IPFS: parsing and writing them, and computing that of a file.
// docs/stores/ipfs.md says for which files.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "modelfloat/base/bytes.h"

namespace modelfloat::store::ipfs {

inline constexpr std::uint64_t k_codec_raw = 0x55;     // the block is the bytes themselves
inline constexpr std::uint64_t k_codec_dag_pb = 0x70;  // the block is a list of links
inline constexpr std::size_t k_chunk_bytes = std::size_t{1} << 20;

// The content of a CID, independent of its version and text form: nodes write the same CID in
// different forms.
struct Cid {
  std::uint64_t codec = k_codec_raw;
  Bytes multihash;

  bool operator==(const Cid& other) const noexcept { return codec == other.codec && equal(multihash, other.multihash); }
};

// Parses version 0 (Qm…) and version 1 in base32 (b…) or base58btc (z…); nullopt for any other
// text.
std::optional<Cid> parse_cid(std::string_view text);

// Version 1 in base32.
std::string to_string(const Cid& cid);

// The CID that a file with these bytes gets when it is added with version 1, SHA-256, raw leaves
// and chunks of k_chunk_bytes. Nullopt above 174 chunks, where the arrangement of links depends on
// the node.
std::optional<Cid> cid_of_file(ByteSpan bytes);

}  // namespace modelfloat::store::ipfs
