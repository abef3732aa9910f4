#pragma once
// The bytes of packs, brought from whatever stores hold enough of their shards.

#include <future>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <span>
#include <vector>

#include "modelfloat/base/executor.h"
#include "modelfloat/domain/fragment.h"
#include "modelfloat/domain/pack.h"
#include "modelfloat/mf1/keyring.h"
#include "modelfloat/mf1/pack_reader.h"
#include "modelfloat/registry/registry.h"
#include "modelfloat/transfer/finding.h"
#include "modelfloat/transfer/store_set.h"

namespace modelfloat::transfer {

// What reading packs needs to know. Everything outlives the packs that are read.
struct PackReading {
  const StoreSet& stores;
  registry::Registry& registry;
  const mf1::Keyring& keys;
  Executor& io;
  FindingSink finding;  // may be empty
  CallOptions call;
};

// One pack on its way from the stores. start() and finish() are called by one thread; after that open() may be called from many.
class IncomingPack {
 public:
  // `wanted` are the fragments of this pack that will be opened, in order of offset.
  IncomingPack(const PackReading& reading, Pack pack, std::vector<Fragment> wanted);
  ~IncomingPack();
  IncomingPack(const IncomingPack&) = delete;
  IncomingPack& operator=(const IncomingPack&) = delete;

  // Sends the first requests: ranges of data shards when little of the pack is wanted, else k whole shards.
  void start();
  // Waits for the answers and replaces what failed by other copies and by parity. Throws Error{lost} naming what is missing.
  void finish();
  // Decrypts, decodes and checks one of the wanted fragments. When its bytes are wrong the liar is found by the names of the shards, told
  // to the finding sink, and replaced. Throws Error{lost} when that is not possible.
  void open(const Fragment& fragment, MutableByteSpan plain);

  const std::vector<Fragment>& wanted() const noexcept { return wanted_; }
  std::uint64_t bytes_fetched() const noexcept { return bytes_fetched_; }

 private:
  struct Copy {  // one place where a shard may be read
    std::size_t index = 0;
    const PoolStore* store = nullptr;
    bool known = false;  // the registry says that it lies there; else it is only worth a try
  };
  struct Held {  // a whole shard object that was read
    Copy copy;
    Bytes object;
  };
  struct Extent {  // bytes of the pack that are in memory
    std::uint64_t offset = 0;
    ByteSpan bytes;
  };
  using Answer = std::future<std::optional<Bytes>>;
  struct RangeRequest {
    Copy copy;
    std::uint64_t pack_offset = 0;
    std::uint64_t length = 0;
    Answer answer;
    Bytes bytes;
  };
  struct ShardRequest {
    Copy copy;
    Answer answer;
  };

  bool try_open(const Fragment& fragment, MutableByteSpan plain) const;
  void replace_what_lies(std::uint64_t seen_generation);

  bool start_ranges();
  bool finish_ranges();
  const Copy* known_copy(std::size_t index) const;

  void list_copies();
  void request_shards();
  void collect_shards();
  void accept(const Copy& copy, std::optional<Bytes> object);
  bool is_held(std::size_t index) const;
  void assemble();
  bool drop_liars();
  [[noreturn]] void report_lost() const;

  Answer ask(const Copy& copy, ByteRange range) const;
  std::optional<Bytes> receive(const Copy& copy, Answer& answer);
  void report(const Copy& copy, Damage what, const std::string& why);
  ObjectName shard_object(std::size_t index) const;

  const PackReading& reading_;
  const Pack pack_;
  const std::vector<Fragment> wanted_;
  const mf1::PackOpener opener_;

  mutable std::shared_mutex mutex_;  // guards all below once open() may be called
  std::vector<Copy> copies_;         // still to be tried, best first
  std::vector<ShardRequest> shard_requests_;
  std::vector<RangeRequest> ranges_;
  std::vector<Held> held_;
  std::vector<Bytes> rebuilt_;
  std::vector<Extent> extents_;  // by offset
  std::uint64_t bytes_fetched_ = 0;
  std::vector<std::string> troubles_;  // for the message when it is lost
  std::uint64_t generation_ = 0;       // how often wrong bytes were replaced
};

}  // namespace modelfloat::transfer
