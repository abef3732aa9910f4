#pragma once
// Fragments come back: packs are fetched one ahead of the one being opened, and opened by all
// cores.

#include <functional>
#include <span>
#include <vector>

#include "modelfloat/transfer/packs/incoming_pack.h"

namespace modelfloat::transfer {

// A fragment and where its plain bytes belong. The same fragment may be wanted in several places.
struct DownloadPiece {
  const Fragment* fragment = nullptr;
  std::size_t file = 0;
  std::uint64_t offset = 0;
};

// Called from many threads, for disjoint ranges, in any order, with checked bytes only.
using PieceSink = std::function<void(const DownloadPiece&, ByteSpan plain)>;

// Fetches, opens, checks and delivers every piece; `packs` has every pack that they lie in,
// `inline_epoch` is the epoch of fragments that lie in the manifest. At most two packs are in
// memory. Returns the bytes fetched. Throws the first failure of any piece.
std::uint64_t download(const PackReading& reading, Executor& cpu, std::span<const Pack> packs,
                       std::uint32_t inline_epoch, std::vector<DownloadPiece> pieces, const PieceSink& deliver);

}  // namespace modelfloat::transfer
