#pragma once
// Fetches and opens a pack, from any stores that have enough of its shards.

#include <list>
#include <shared_mutex>
#include <vector>

#include "modelfloat/base/executor.h"
#include "modelfloat/domain/fragment.h"
#include "modelfloat/domain/pack.h"
#include "modelfloat/mf1/keyring.h"
#include "modelfloat/mf1/pack_reader.h"
#include "modelfloat/registry/pack_index.h"
#include "modelfloat/transfer/ask/finding.h"
#include "modelfloat/transfer/packs/shard_fetch.h"
#include "modelfloat/transfer/stores/store_set.h"

namespace modelfloat::transfer {

// Called from any thread for each shard that was read whole and whose bytes match its name.
using WholeShardSink = std::function<void(const ShardCopy&)>;

// What reading packs needs. Everything that it refers to outlives the packs that are read.
struct PackReading {
  StoreSet& stores;
  registry::PackIndex& registry;
  const mf1::Keyring& keys;
  FindingSink finding;  // may be empty
  CallOptions call;
  // When set, each shard that is read whole is compared with its name at once.
  WholeShardSink whole_shard{};
};

// One pack that is being fetched from the stores. Call start() and finish() on one thread; after
// that, any number of threads may call open().
class IncomingPack {
 public:
  // `wanted` are the fragments of this pack that will be opened, in order of offset.
  IncomingPack(const PackReading& reading, Pack pack, std::vector<Fragment> wanted);
  IncomingPack(const IncomingPack&) = delete;
  IncomingPack& operator=(const IncomingPack&) = delete;

  // Sends the first requests: for ranges of data shards if clearly less than the whole pack is
  // wanted and the locations of enough shards are known, otherwise for k whole shards. May wait
  // until enough stores are online, but not for shards.
  void start();
  // Waits until enough was fetched. Replaces answers that fail or are late by other copies and by
  // parity. Throws ShardFetch::failure(), which names what is missing, when that is not possible,
  // and Error{cancelled} and Error{timed_out} as the call options say.
  void finish();
  // Asks other stores for what is late by now. May be called any number of times between start()
  // and finish(). Does not wait.
  void poll() { fetch_.poll(); }
  // Decrypts, decodes and checks one of the wanted fragments and writes it to `plain`. If the bytes
  // are wrong, the wrong shards are found by comparing shards with their names, reported to the
  // finding sink and replaced, which waits for stores. Throws like finish() when they cannot be
  // replaced.
  void open(const Fragment& fragment, MutableByteSpan plain);

  const std::vector<Fragment>& wanted() const noexcept { return wanted_; }
  std::uint64_t bytes_fetched() const noexcept { return fetch_.bytes_fetched(); }

 private:
  struct Extent {  // bytes of the pack that are in memory
    std::uint64_t offset = 0;
    ByteSpan bytes;
  };
  struct Range {  // a piece of one data slice, on its own
    std::size_t shard = 0;
    std::uint64_t pack_offset = 0;
    ShardPart part = {};
    Bytes rebuilt = {};  // when it had to be made from other shards
  };

  bool is_usable(const ShardCopy& copy, const ShardPart& part, ByteSpan bytes) const;
  bool try_open(const Fragment& fragment, MutableByteSpan plain) const;
  void replace_what_lies(std::uint64_t seen_generation);

  bool start_ranges();
  void lay_out_ranges();
  void start_whole();
  void finish_whole();
  void lay_out_whole();
  bool drop_liars();
  bool drop_unproven();

  const Pack pack_;
  const std::vector<Fragment> wanted_;
  const mf1::PackOpener opener_;

  const WholeShardSink whole_shard_;

  mutable std::shared_mutex mutex_;  // guards all below once open() may be called
  ShardFetch fetch_;
  std::list<Range> ranges_;  // addresses are held by the fetch
  ShardPart whole_;
  std::vector<Bytes> rebuilt_;
  std::vector<Extent> extents_;   // by offset
  std::uint64_t generation_ = 0;  // how often wrong bytes were replaced
};

}  // namespace modelfloat::transfer
