#pragma once
// Downloads fragments: while one pack is being opened on all cores, the next one is fetched.

#include <functional>
#include <span>
#include <vector>

#include "modelfloat/transfer/packs/incoming_pack.h"

namespace modelfloat::transfer {

// A fragment and where its plain bytes belong. Several pieces may have the same fragment.
struct DownloadPiece {
  const Fragment* fragment = nullptr;
  std::size_t file = 0;
  std::uint64_t offset = 0;
};

// Called from many threads at once, for disjoint ranges, in any order, and only with bytes that
// were checked.
using PieceSink = std::function<void(const DownloadPiece&, ByteSpan plain)>;

// Fetches, opens and checks the fragment of every piece and passes its bytes to `deliver`. `packs`
// must have every pack that the fragments are in; `inline_epoch` is the epoch of fragments stored
// in the manifest itself. At most two packs are in memory. Returns the number of bytes fetched when
// every piece was delivered. Throws the first failure of any piece.
std::uint64_t download(const PackReading& reading, Executor& cpu, std::span<const Pack> packs,
                       std::uint32_t inline_epoch, std::vector<DownloadPiece> pieces, const PieceSink& deliver);

}  // namespace modelfloat::transfer
