#pragma once
// Content identifiers of IPFS: how they are written, and the one that a file gets.
// docs/stores/ipfs.md says which files.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "modelfloat/base/bytes.h"

namespace modelfloat::store::ipfs {

inline constexpr std::uint64_t k_codec_raw = 0x55;     // the block is the bytes themselves
inline constexpr std::uint64_t k_codec_dag_pb = 0x70;  // the block is a list of links
inline constexpr std::size_t k_chunk_bytes = std::size_t{1} << 20;

// What a CID says, whatever its version and its text: nodes write one and the same in different
// ways.
struct Cid {
  std::uint64_t codec = k_codec_raw;
  Bytes multihash;

  bool operator==(const Cid& other) const noexcept { return codec == other.codec && equal(multihash, other.multihash); }
};

// Version 0 (Qm…), and version 1 in base32 (b…) or base58btc (z…); nothing for any other text.
std::optional<Cid> parse_cid(std::string_view text);

// Version 1 in base32.
std::string to_string(const Cid& cid);

// The CID of a file of these bytes that is added with version 1, SHA-256, raw leaves and chunks of
// k_chunk_bytes; nothing above 174 chunks, where nodes may arrange the links each in their own way.
std::optional<Cid> cid_of_file(ByteSpan bytes);

}  // namespace modelfloat::store::ipfs
