#include "modelfloat/transfer/pack_source.h"

#include <fmt/format.h>

#include <algorithm>

#include "modelfloat/base/hex.h"
#include "modelfloat/crypto/hash.h"
#include "modelfloat/erasure/reed_solomon.h"
#include "modelfloat/mf1/format.h"
#include "modelfloat/mf1/shard.h"

namespace modelfloat::transfer {

// Two wanted frames with less than this between them are asked for in one request.
static constexpr std::uint64_t k_gap_worth_reading = std::uint64_t{128} * 1024;

IncomingPack::IncomingPack(const PackReading& reading, Pack pack, std::vector<Fragment> wanted)
    : reading_(reading), pack_(std::move(pack)), wanted_(std::move(wanted)), opener_(pack_, reading.keys) {}

IncomingPack::~IncomingPack() {
  // A task of ours may still write into its future; the future of a packaged task does not wait by itself.
  for (auto& request : shard_requests_) request.answer.wait();
  for (auto& request : ranges_) {
    if (request.answer.valid()) request.answer.wait();
  }
}

void IncomingPack::start() {
  list_copies();
  if (!start_ranges()) request_shards();
}

void IncomingPack::finish() {
  if (!ranges_.empty() && finish_ranges()) return;
  collect_shards();
  assemble();
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

// Bytes that the tags refuse: whole shards are fetched, and their names convict the liar.
void IncomingPack::replace_what_lies(std::uint64_t seen_generation) {
  const std::unique_lock lock(mutex_);
  if (generation_ != seen_generation) return;  // another thread was quicker
  ++generation_;
  const bool had_shards = ranges_.empty() && !extents_.empty();
  extents_.clear();  // what they point to may go now, whatever happens below
  if (!ranges_.empty()) {
    ranges_.clear();
    request_shards();
  } else if (!drop_liars() && had_shards) {
    throw Error(ErrorKind::corrupt, "pack " + to_hex(pack_.id),
                "every shard is what its name says, and yet a fragment does not open: it was sealed wrongly");
  }
  collect_shards();
  assemble();
}

// --- where to read -------------------------------------------------------------------------------------------------------

ObjectName IncomingPack::shard_object(std::size_t index) const {
  return ObjectName::of(ObjectType::shard, pack_.shard_name(index));
}

void IncomingPack::list_copies() {
  const std::size_t objects = pack_.k == 1 ? 1 : pack_.shard_count();
  std::vector<Copy> guesses;
  for (std::size_t index = 0; index < objects; ++index) {
    const auto places = reading_.registry.shard_places(pack_.shard_name(index));
    for (const PoolStore& store : reading_.stores.all()) {
      const bool known = std::find(places.begin(), places.end(), store.id) != places.end();
      if (!store.offline.empty()) {
        if (known) troubles_.push_back(fmt::format("shard {} on {} (offline)", index, store.name));  // the store was named before
      } else {
        (known ? copies_ : guesses).push_back({index, &store, known});
      }
    }
  }
  copies_.insert(copies_.end(), guesses.begin(), guesses.end());
}

const IncomingPack::Copy* IncomingPack::known_copy(std::size_t index) const {
  const auto found = std::find_if(copies_.begin(), copies_.end(),
                                  [&](const Copy& copy) { return copy.known && copy.index == index; });
  return found == copies_.end() ? nullptr : &*found;
}

IncomingPack::Answer IncomingPack::ask(const Copy& copy, ByteRange range) const {
  return reading_.io.async([store = copy.store->store.get(), name = shard_object(copy.index), range, call = reading_.call] {
    return store->get(name, range, call);
  });
}

// The bytes, or nothing when this copy is of no use; why is noted.
std::optional<Bytes> IncomingPack::receive(const Copy& copy, Answer& answer) {
  try {
    auto bytes = answer.get();
    if (!bytes) {
      if (copy.known) report(copy, Damage::missing, "missing");
      return std::nullopt;
    }
    bytes_fetched_ += bytes->size();
    return bytes;
  } catch (const Error& error) {
    if (error.kind == ErrorKind::cancelled) throw;
    report(copy, error.kind == ErrorKind::corrupt ? Damage::corrupt : Damage::offline, error.what());
    return std::nullopt;
  }
}

void IncomingPack::report(const Copy& copy, Damage what, const std::string& why) {
  troubles_.push_back(fmt::format("shard {} on {} ({})", copy.index, copy.store->name, why));
  if (what != Damage::offline) {
    const auto state = what == Damage::corrupt ? registry::CopyState::corrupt : registry::CopyState::missing;
    reading_.registry.note_shard_copy(pack_.shard_name(copy.index), copy.store->id, state);
  }
  if (reading_.finding) {
    reading_.finding({copy.store->name, shard_object(copy.index).path(), ObjectType::shard, what});
  }
}

// --- a few frames ----------------------------------------------------------------------------------------------------------

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
  std::vector<RangeRequest> requests;
  for (const Run& run : runs) {
    std::uint64_t at = run.begin;
    for (const mf1::SlicePiece& piece : mf1::slice_pieces(pack_, run.begin, run.end - run.begin)) {
      const Copy* copy = known_copy(piece.shard);
      if (copy == nullptr) return false;
      RangeRequest request{*copy, at, piece.bytes, {}, {}};
      request.answer = ask(*copy, {mf1::k_header_bytes + piece.offset, piece.bytes});
      requests.push_back(std::move(request));
      at += piece.bytes;
    }
  }
  ranges_ = std::move(requests);
  return true;
}

bool IncomingPack::finish_ranges() {
  bool complete = true;
  for (RangeRequest& request : ranges_) {
    auto bytes = receive(request.copy, request.answer);
    if (bytes && bytes->size() == request.length) {
      request.bytes = std::move(*bytes);
    } else {
      complete = false;
    }
  }
  if (!complete) {
    ranges_.clear();
    request_shards();
    return false;
  }
  for (const RangeRequest& request : ranges_) extents_.push_back({request.pack_offset, request.bytes});
  return true;
}

// --- whole shards ----------------------------------------------------------------------------------------------------------

bool IncomingPack::is_held(std::size_t index) const {
  return std::any_of(held_.begin(), held_.end(), [&](const Held& held) { return held.copy.index == index; });
}

// Asks for as many shards as are missing to k, each from the best place that was not tried yet.
void IncomingPack::request_shards() {
  for (auto copy = copies_.begin(); copy != copies_.end() && held_.size() + shard_requests_.size() < pack_.k;) {
    const bool asked = std::any_of(shard_requests_.begin(), shard_requests_.end(),
                                   [&](const ShardRequest& request) { return request.copy.index == copy->index; });
    if (asked || is_held(copy->index)) {
      ++copy;
      continue;
    }
    shard_requests_.push_back({*copy, ask(*copy, {})});
    copy = copies_.erase(copy);
  }
}

void IncomingPack::collect_shards() {
  for (;;) {
    request_shards();
    if (shard_requests_.empty()) break;
    ShardRequest request = std::move(shard_requests_.front());
    shard_requests_.erase(shard_requests_.begin());
    accept(request.copy, receive(request.copy, request.answer));
  }
  if (held_.size() < pack_.k) report_lost();
}

void IncomingPack::accept(const Copy& copy, std::optional<Bytes> object) {
  if (!object) return;
  bool fits = object->size() == mf1::k_header_bytes + pack_.slice_bytes;
  try {
    fits = fits && opener_.fits(mf1::parse_shard_header(*object), copy.index);
  } catch (const Error&) {
    fits = false;  // a header that makes no sense is a wrong shard like any other
  }
  if (!fits) {
    report(copy, Damage::corrupt, "corrupt");
    return;
  }
  if (!copy.known) reading_.registry.add_shard_place(pack_.shard_name(copy.index), copy.store->id);
  held_.push_back({copy, std::move(*object)});
}

bool IncomingPack::drop_liars() {
  const auto lies = [&](const Held& held) {
    if (crypto::blake3(held.object) == pack_.shard_name(held.copy.index)) return false;
    report(held.copy, Damage::corrupt, "corrupt");
    return true;
  };
  return std::erase_if(held_, lies) > 0;
}

// Lays the data slices out as extents, rebuilding those that are not held.
void IncomingPack::assemble() {
  extents_.clear();
  rebuilt_.clear();
  std::vector<erasure::Shard> have;
  for (const Held& held : held_) have.push_back({held.copy.index, mf1::slice_of(held.object)});
  std::vector<erasure::WantedShard> want;
  for (std::size_t index = 0; index < pack_.k; ++index) {
    if (!is_held(index)) rebuilt_.emplace_back(pack_.slice_bytes);
  }
  std::size_t next = 0;
  for (std::size_t index = 0; index < pack_.k; ++index) {
    if (!is_held(index)) want.push_back({index, rebuilt_[next++]});
  }
  if (!want.empty()) erasure::ReedSolomon(pack_.k, pack_.m).rebuild(have, want);
  for (const auto& [index, slice] : have) {
    if (index < pack_.k) extents_.push_back({index * pack_.slice_bytes, slice});
  }
  for (const auto& [index, slice] : want) extents_.push_back({index * pack_.slice_bytes, slice});
  std::sort(extents_.begin(), extents_.end(), [](const Extent& a, const Extent& b) { return a.offset < b.offset; });
}

void IncomingPack::report_lost() const {
  throw Error(ErrorKind::lost, "pack " + to_hex(pack_.id),
              fmt::format("{} of its shards are needed and {} can be read now; not readable: {}", pack_.k, held_.size(),
                          troubles_.empty() ? "none is known to lie anywhere" : fmt::format("{}", fmt::join(troubles_, ", "))));
}

}  // namespace modelfloat::transfer
