#pragma once
// The bytes of packs, brought from whatever stores hold enough of their shards.

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

// Called, from any thread, for each shard that was read whole and is what its name says.
using WholeShardSink = std::function<void(const ShardCopy&)>;

// What reading packs needs to know. Everything outlives the packs that are read.
struct PackReading {
  StoreSet& stores;
  registry::PackIndex& registry;
  const mf1::Keyring& keys;
  FindingSink finding;  // may be empty
  CallOptions call;
  // When set, shards that are read whole are compared with their names at once.
  WholeShardSink whole_shard{};
};

// One pack on its way from the stores. start() and finish() are called by one thread; after that
// open() may be called from many.
class IncomingPack {
 public:
  // `wanted` are the fragments of this pack that will be opened, in order of offset.
  IncomingPack(const PackReading& reading, Pack pack, std::vector<Fragment> wanted);
  IncomingPack(const IncomingPack&) = delete;
  IncomingPack& operator=(const IncomingPack&) = delete;

  // Sends the first requests: ranges of data shards when little of the pack is wanted, else k whole
  // shards.
  void start();
  // Waits for the answers and replaces what failed or is late by other copies and by parity. Throws
  // ShardFetch::failure(), naming what is missing.
  void finish();
  // Asks others for what is late by now. Between start() and finish(), as often as one likes; does
  // not wait.
  void poll() { fetch_.poll(); }
  // Decrypts, decodes and checks one of the wanted fragments. When its bytes are wrong the liar is
  // found by the names of the shards, told to the finding sink, and replaced. Throws like finish()
  // when that is not possible.
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
