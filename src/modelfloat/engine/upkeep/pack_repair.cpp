#include "modelfloat/engine/upkeep/pack_repair.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "modelfloat/base/hex.h"
#include "modelfloat/base/log.h"
#include "modelfloat/crypto/hash.h"
#include "modelfloat/mf1/format.h"
#include "modelfloat/mf1/shard.h"

namespace modelfloat::engine {

using transfer::ShardCopy;
using transfer::ShardFetch;
using transfer::ShardObject;
using transfer::ShardPart;
using transfer::ShardsToDeliver;

std::uint64_t PackToRepair::object_bytes() const noexcept { return mf1::k_header_bytes + pack.slice_bytes; }

std::uint64_t PackToRepair::bytes_to_read() const noexcept {
  const std::size_t shards = pack.k == 1 ? 1 : can_be_copied ? std::min<std::size_t>(missing.size(), pack.k) : pack.k;
  return shards * object_bytes();
}

// Whether these are the bytes of the shard. Later parity has no name in the manifest: that what is
// made with it has the right name proves it.
static bool is_shard(const Pack& pack, const ShardCopy& copy, ByteSpan bytes) {
  if (copy.named) return crypto::blake3(bytes) == copy.object;
  try {
    const mf1::ShardHeader header = mf1::parse_shard_header(bytes);
    return header.pack == pack.id && header.index == copy.index && mf1::slice_of(bytes).size() == pack.slice_bytes;
  } catch (const Error&) {
    return false;
  }
}

struct PackRepair::Fetching {
  Fetching(const RepairContext& context, PackToRepair what, const CallOptions& call)
      : task(std::move(what)),
        fetch({context.stores, context.registry(), {}, call}, task.pack,
              [this](const ShardCopy& copy, const ShardPart&, ByteSpan bytes) {
                return is_shard(task.pack, copy, bytes);
              }) {
    if (task.pack.k == 1) {
      part.wanted = {0};
    } else if (task.can_be_copied && task.missing.size() < task.pack.k) {
      part.wanted = task.missing;
    } else {
      part.wanted.resize(task.pack.k);
      std::iota(part.wanted.begin(), part.wanted.end(), std::size_t{0});
    }
    fetch.wait_for_stores();
    fetch.add(part);
  }

  const PackToRepair task;
  ShardPart part;
  ShardFetch fetch;
};

PackRepair::PackRepair(const RepairContext& context, transfer::Targets targets, CallOptions call)
    : context_(context),
      call_(std::move(call)),
      delivery_({context.stores, context.environment.random, call_}, std::move(targets)) {}

PackRepair::~PackRepair() = default;

void PackRepair::begin(PackToRepair pack) { fetching_ = std::make_unique<Fetching>(context_, std::move(pack), call_); }

std::vector<ShardObject> PackRepair::rebuild(const PackToRepair& task, const ShardPart& part) const {
  std::vector<ByteSpan> held;
  for (const auto& one : part.held) held.emplace_back(one.bytes);
  std::vector<ShardObject> objects;
  std::shared_ptr<const Bytes> copy;  // with k = 1 all objects are the same
  for (const std::size_t index : task.missing) {
    const auto same = std::find_if(part.held.begin(), part.held.end(), [&](const ShardPart::Held& one) {
      return one.copy.named && one.copy.index == (task.pack.k == 1 ? 0 : index);
    });
    if (task.pack.k > 1 || !copy) {
      copy = std::make_shared<const Bytes>(same != part.held.end() ? same->bytes
                                                                   : mf1::rebuild_shard(task.pack, index, held));
    }
    ShardObject& object = objects.emplace_back(ShardObject{index, copy});
    if (const auto before = task.prefer.find(index); before != task.prefer.end()) object.prefer = before->second;
  }
  return objects;
}

// What is in a crowded domain stays there.
static void leave_crowded(const PackToRepair& task, ShardsToDeliver& shards) {
  for (const transfer::ShardPlace& place : task.crowded) {
    std::erase_if(shards.objects, [&](const ShardObject& object) { return object.index == place.index; });
    shards.lying.push_back(place);
  }
}

PackRepair::Outcome PackRepair::deliver(const PackToRepair& task, const std::vector<ShardObject>& objects,
                                        bool may_spread_less) {
  Pack promised = task.pack;
  ShardsToDeliver shards{promised, objects, task.lying};
  for (;;) {
    try {
      shards.pack = promised;
      delivery_.start(shards);
      places_ = delivery_.finish();
      return promised.survive == task.pack.survive ? Outcome::as_promised : Outcome::less_spread;
    } catch (const Error& error) {
      if (error.kind != ErrorKind::out_of_space) throw;
      if (!task.crowded.empty() && shards.lying.size() == task.lying.size()) {
        leave_crowded(task, shards);
        if (shards.objects.empty()) return Outcome::no_better_place;
        continue;
      }
      if (!may_spread_less || promised.survive == 0) {
        log_warning(error.what());
        return Outcome::no_room;
      }
      --promised.survive;
    }
  }
}

// All named shards have the hashes in their names, so only later parity can be wrong. Drops one at a
// time, because there may be more to try.
bool PackRepair::drop_unproven(Fetching& current) {
  auto& held = current.part.held;
  const auto suspect =
      std::find_if(held.begin(), held.end(), [](const ShardPart::Held& one) { return !one.copy.named; });
  if (suspect == held.end()) return false;
  log_warning(fmt::format("{}: {} on {} cannot be used: it, or other parity that was added later, is not what it says",
                          to_hex(current.task.pack.id), ObjectName::of(ObjectType::shard, suspect->copy.object).path(),
                          suspect->copy.store->name));
  current.fetch.report_unproven(suspect->copy);
  held.erase(suspect);
  return true;
}

PackRepair::Outcome PackRepair::finish(bool may_spread_less, std::optional<PackToRepair> next) {
  const std::unique_ptr<Fetching> current = std::move(fetching_);
  places_.clear();
  std::vector<ShardObject> objects;
  std::string trouble;
  for (;;) {
    trouble.clear();
    if (!current->fetch.finish()) {
      trouble = current->fetch.failure(current->part).what();
      break;
    }
    try {
      objects = rebuild(current->task, current->part);
      break;
    } catch (const Error& error) {
      if (error.kind != ErrorKind::corrupt) throw;
      trouble = error.what();
    }
    if (!drop_unproven(*current)) break;
  }
  bytes_read_ += current->fetch.bytes_fetched();
  current->part.held.clear();
  if (next) begin(*std::move(next));
  if (!trouble.empty()) {
    log_warning(trouble);
    return Outcome::too_few_left;
  }
  return deliver(current->task, objects, may_spread_less);
}

}  // namespace modelfloat::engine
