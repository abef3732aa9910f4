#include "modelfloat/transfer/packs/incoming_pack.h"

#include <algorithm>
#include <numeric>

#include "modelfloat/base/hex.h"
#include "modelfloat/crypto/hash.h"
#include "modelfloat/erasure/reed_solomon.h"
#include "modelfloat/mf1/format.h"
#include "modelfloat/mf1/shard.h"

namespace modelfloat::transfer {

// Two wanted frames with a smaller gap than this between them are read by one request.
static constexpr std::uint64_t k_gap_worth_reading = std::uint64_t{128} * 1024;

IncomingPack::IncomingPack(const PackReading& reading, Pack pack, std::vector<Fragment> wanted)
    : pack_(std::move(pack)),
      wanted_(std::move(wanted)),
      opener_(pack_, reading.keys),
      whole_shard_(reading.whole_shard),
      fetch_({reading.stores, reading.registry, reading.finding, reading.call}, pack_,
             [this](const ShardCopy& copy, const ShardPart& part, ByteSpan bytes) {
               return is_usable(copy, part, bytes);
             }) {}

void IncomingPack::start() {
  if (!start_ranges()) start_whole();
}

void IncomingPack::finish() {
  if (!ranges_.empty()) {
    if (fetch_.finish()) {
      lay_out_ranges();
      return;
    }
    start_whole();
  }
  finish_whole();
}

void IncomingPack::open(const Fragment& fragment, MutableByteSpan plain) {
  for (;;) {
    std::uint64_t generation = 0;
    {
      const std::shared_lock lock(mutex_);
      if (try_open(fragment, plain)) return;
      generation = generation_;
    }
    replace_what_lies(generation);
  }
}

bool IncomingPack::try_open(const Fragment& fragment, MutableByteSpan plain) const {
  const FrameRef& frame = *fragment.frame();
  std::vector<ByteSpan> parts;
  std::uint64_t at = frame.offset;
  const std::uint64_t end = frame.offset + frame.sealed_bytes;
  for (const Extent& extent : extents_) {
    if (at == end) break;
    const std::uint64_t extent_end = extent.offset + extent.bytes.size();
    if (extent.offset > at || extent_end <= at) continue;
    const std::uint64_t upto = std::min(end, extent_end);
    parts.push_back(extent.bytes.subspan(at - extent.offset, upto - at));
    at = upto;
  }
  return at == end && opener_.open(fragment, parts, plain);
}

// The authentication tag of a frame did not match. Fetches whole shards, whose hashes tell which of
// them are wrong.
void IncomingPack::replace_what_lies(std::uint64_t seen_generation) {
  const std::unique_lock lock(mutex_);
  if (generation_ != seen_generation) return;  // another thread was quicker
  ++generation_;
  const bool had_shards = ranges_.empty() && !extents_.empty();
  extents_.clear();  // the buffers that they point to may be freed below
  if (!ranges_.empty()) {
    start_whole();
  } else if (!drop_liars() && !drop_unproven() && had_shards) {
    throw Error(ErrorKind::corrupt, "pack " + to_hex(pack_.id),
                "every shard is what its name says, and yet a fragment does not open: it was sealed wrongly");
  }
  finish_whole();
}

// Checks only what needs no hashing, unless hashes are asked for: the tags of the frames prove the
// rest.
bool IncomingPack::is_usable(const ShardCopy& copy, const ShardPart& part, ByteSpan bytes) const {
  if (&part != &whole_) return bytes.size() == part.range.length;
  try {
    if (bytes.size() != mf1::k_header_bytes + pack_.slice_bytes ||
        !opener_.fits(mf1::parse_shard_header(bytes), copy.index)) {
      return false;
    }
  } catch (const Error&) {
    return false;  // an invalid header: a wrong shard like any other
  }
  if (!whole_shard_) return true;
  if (crypto::blake3(bytes) != copy.object) return false;
  whole_shard_(copy);
  return true;
}

// --- a few frames --------------------------------------------------------------------------------

bool IncomingPack::start_ranges() {
  std::uint64_t wanted_bytes = 0;
  for (const Fragment& fragment : wanted_) wanted_bytes += fragment.frame()->sealed_bytes;
  if (wanted_bytes > pack_.pack_bytes() / 8 * 7) return false;

  struct Run {
    std::uint64_t begin;
    std::uint64_t end;
  };
  std::vector<Run> runs;
  for (const Fragment& fragment : wanted_) {
    const std::uint64_t begin = fragment.frame()->offset;
    const std::uint64_t end = begin + fragment.frame()->sealed_bytes;
    if (!runs.empty() && begin <= runs.back().end + k_gap_worth_reading) {
      runs.back().end = std::max(runs.back().end, end);
    } else {
      runs.push_back({begin, end});
    }
  }
  std::list<Range> ranges;
  for (const Run& run : runs) {
    std::uint64_t at = run.begin;
    for (const mf1::SlicePiece& piece : mf1::slice_pieces(pack_, run.begin, run.end - run.begin)) {
      const ByteRange range{mf1::k_header_bytes + piece.offset, piece.bytes};
      ranges.push_back({.shard = piece.shard, .pack_offset = at, .part = {.range = range, .wanted = {piece.shard}}});
      at += piece.bytes;
    }
  }
  fetch_.wait_for_stores();
  // If a shard has no known location, finding it costs more than reading it whole.
  const bool all_known =
      std::all_of(ranges.begin(), ranges.end(), [&](const Range& range) { return fetch_.knows_copy_of(range.shard); });
  if (!all_known && !fetch_.knows_enough()) return false;
  ranges_ = std::move(ranges);
  for (Range& range : ranges_) fetch_.add(range.part);
  return true;
}

void IncomingPack::lay_out_ranges() {
  for (Range& range : ranges_) {
    const auto& held = range.part.held;
    const auto own = std::find_if(held.begin(), held.end(),
                                  [&](const ShardPart::Held& one) { return one.copy.index == range.shard; });
    if (own != held.end()) {
      extents_.push_back({range.pack_offset, own->bytes});
      continue;
    }
    // The erasure code works byte by byte, so the same range of any k shards gives that range of
    // the wanted shard.
    std::vector<erasure::Shard> have;
    for (const ShardPart::Held& one : held) have.push_back({one.copy.index, one.bytes});
    range.rebuilt.resize(range.part.range.length);
    const erasure::WantedShard want{range.shard, range.rebuilt};
    erasure::ReedSolomon(pack_.k, Redundancy::k_max_parity).rebuild(have, {&want, 1});
    extents_.push_back({range.pack_offset, range.rebuilt});
  }
}

// --- whole shards --------------------------------------------------------------------------------

void IncomingPack::start_whole() {
  fetch_.clear();
  ranges_.clear();
  whole_ = {.wanted = std::vector<std::size_t>(pack_.k)};
  std::iota(whole_.wanted.begin(), whole_.wanted.end(), std::size_t{0});
  fetch_.wait_for_stores();
  fetch_.add(whole_);
}

void IncomingPack::finish_whole() {
  if (!fetch_.finish()) throw fetch_.failure(whole_);
  lay_out_whole();
}

bool IncomingPack::drop_liars() {
  const auto lies = [&](const ShardPart::Held& held) {
    if (crypto::blake3(held.bytes) == held.copy.object) return false;
    fetch_.report_corrupt(held.copy);
    return true;
  };
  return std::erase_if(whole_.held, lies) > 0;
}

// All shards match their names, so only shards that no manifest names can be wrong. Drops one at a
// time, because there may be more such shards to try.
bool IncomingPack::drop_unproven() {
  const auto suspect = std::find_if(whole_.held.begin(), whole_.held.end(),
                                    [](const ShardPart::Held& held) { return !held.copy.named; });
  if (suspect == whole_.held.end()) return false;
  fetch_.report_unproven(suspect->copy);
  whole_.held.erase(suspect);
  return true;
}

// Makes extents of the data slices; slices that are not held are rebuilt.
void IncomingPack::lay_out_whole() {
  extents_.clear();
  rebuilt_.clear();
  std::vector<erasure::Shard> have;
  for (const ShardPart::Held& held : whole_.held) have.push_back({held.copy.index, mf1::slice_of(held.bytes)});
  std::vector<erasure::WantedShard> want;
  for (std::size_t index = 0; index < pack_.k; ++index) {
    if (!whole_.is_held(index)) rebuilt_.emplace_back(pack_.slice_bytes);
  }
  std::size_t next = 0;
  for (std::size_t index = 0; index < pack_.k; ++index) {
    if (!whole_.is_held(index)) want.push_back({index, rebuilt_[next++]});
  }
  if (!want.empty()) erasure::ReedSolomon(pack_.k, Redundancy::k_max_parity).rebuild(have, want);
  for (const auto& [index, slice] : have) {
    if (index < pack_.k) extents_.push_back({index * pack_.slice_bytes, slice});
  }
  for (const auto& [index, slice] : want) extents_.push_back({index * pack_.slice_bytes, slice});
  std::sort(extents_.begin(), extents_.end(), [](const Extent& a, const Extent& b) { return a.offset < b.offset; });
}

}  // namespace modelfloat::transfer
