#include "modelfloat/transfer/packs/later_parity.h"

#include <algorithm>
#include <deque>
#include <set>

#include "modelfloat/base/log.h"
#include "modelfloat/domain/redundancy.h"
#include "modelfloat/mf1/shard.h"
#include "modelfloat/transfer/ask/listing.h"
#include "modelfloat/transfer/ask/race.h"

namespace modelfloat::transfer {
namespace {

// How many headers are asked for at once.
constexpr std::size_t k_window = 16;

class HeaderRound {
 public:
  HeaderRound(const StoreSet& stores, const CallOptions& call)
      : stores_(stores), race_(stores.clock(), Race<Content>::Kind::read, call) {}

  std::vector<registry::StrayShard> run(std::deque<std::pair<Hash256, std::vector<const PoolStore*>>> wanted) {
    wanted_ = std::move(wanted);
    for (;;) {
      while (race_.under_way() < k_window && !wanted_.empty()) ask_next();
      if (race_.under_way() == 0) break;
      if (auto answer = race_.next(stores_.clock().steady_now() + stores_.timeouts().marker)) {
        handle_answer(*answer);
      } else {
        leave_behind();
      }
    }
    return std::move(found_);
  }

 private:
  using Content = std::optional<Bytes>;
  struct Call {
    Hash256 object{};
    const PoolStore* store = nullptr;
    std::vector<const PoolStore*> others;  // not asked yet
  };

  void ask_next() {
    auto [object, places] = std::move(wanted_.front());
    wanted_.pop_front();
    std::erase_if(places, [this](const PoolStore* store) {
      return unresponsive_.contains(store) || !store->is_online() || store->state->reads_are_paused();
    });
    if (places.empty()) return;
    const PoolStore* store = places.back();
    places.pop_back();
    const std::size_t id =
        race_.ask(*store, stores_.timeouts().call_floor,
                  [name = ObjectName::of(ObjectType::shard, object)](store::Store& from, const CallOptions& options) {
                    return from.get(name, {0, mf1::k_header_bytes}, options);
                  });
    calls_[id] = {object, store, std::move(places)};
  }

  void handle_answer(Race<Content>::Answer& answer) {
    Call call = std::move(calls_.extract(answer.id).mapped());
    try {
      if (const auto bytes = answer.get()) {
        const mf1::ShardHeader header = mf1::parse_shard_header(*bytes);
        found_.push_back({call.object, header.pack, header.index});
        return;
      }
    } catch (const Error& error) {
      if (error.kind == ErrorKind::cancelled) throw;
      log_debug(call.store->name + ": " + error.what());
    }
    wanted_.emplace_back(call.object, std::move(call.others));
  }

  // Nobody has answered for a while: these stores are not asked again, and others that have the same objects are.
  void leave_behind() {
    for (auto& [id, call] : calls_) {
      race_.cancel(id);
      if (unresponsive_.insert(call.store).second) call.store->state->latency.mark_slow();
      wanted_.emplace_back(call.object, std::move(call.others));
    }
    calls_.clear();
  }

  const StoreSet& stores_;
  std::deque<std::pair<Hash256, std::vector<const PoolStore*>>> wanted_;
  std::map<std::size_t, Call> calls_;  // under way, by id
  std::set<const PoolStore*> unresponsive_;
  std::vector<registry::StrayShard> found_;
  Race<Content> race_;
};

}  // namespace

void learn_stray_shards(const StoreSet& stores, registry::PackIndex& registry, const ListedShards& listed,
                        const CallOptions& call) {
  std::vector<Hash256> objects;
  objects.reserve(listed.size());
  for (const auto& [object, places] : listed) objects.push_back(object);
  const auto unnamed = registry.unnamed_shards(objects);
  if (unnamed.empty()) return;
  std::deque<std::pair<Hash256, std::vector<const PoolStore*>>> unread;
  for (const Hash256& object : unnamed) {
    if (!registry.stray_shard(object)) unread.emplace_back(object, listed.at(object));
  }
  const auto found = HeaderRound(stores, call).run(std::move(unread));
  registry.transaction([&] {
    registry.add_stray_shards(found);
    for (const Hash256& object : unnamed) {
      for (const PoolStore* store : listed.at(object)) registry.add_shard_place(object, store->id);
    }
  });
}

void find_stray_shards(const StoreSet& stores, registry::PackIndex& registry, const CallOptions& call) {
  ListedShards listed;
  for (const StoreListing& listing : list_stores(stores, {"mf1/shard/"}, WaitFor::all, {}, call)) {
    for (const store::ObjectInfo& info : listing.objects) listed[*info.name.hash()].push_back(listing.store);
  }
  learn_stray_shards(stores, registry, listed, call);
}

std::vector<registry::StrayShard> later_parity(registry::PackIndex& registry, const Pack& pack) {
  if (pack.k == 1) return {};
  auto shards = registry.stray_shards(pack.id);
  std::erase_if(shards, [&](const registry::StrayShard& shard) {
    return shard.index < pack.shard_count() || shard.index >= pack.k + Redundancy::k_max_parity;
  });
  return shards;
}

}  // namespace modelfloat::transfer
