#pragma once
// The types of ids and hashes. Random ids are drawn from Random. Hashes are BLAKE3 unless a
// comment says otherwise.

#include <array>

#include "modelfloat/base/bytes.h"

namespace modelfloat {

using PoolId = std::array<std::byte, 16>;   // random
using StoreId = std::array<std::byte, 16>;  // random, written into the store's marker
// Hash of the file list (docs/formats/mf1.md section 8.1).
using RevisionId = std::array<std::byte, 20>;
using GitOid = std::array<std::byte, 20>;  // as git and the Hub name a blob
using FragmentId = Hash256;                // BLAKE3 of the plain bytes, keyed by the pool
using PackId = Hash256;                    // the salt that the pack is sealed under

}  // namespace modelfloat
