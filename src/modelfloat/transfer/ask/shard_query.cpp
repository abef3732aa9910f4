#include "modelfloat/transfer/ask/shard_query.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "modelfloat/mf1/format.h"
#include "modelfloat/transfer/ask/gather.h"
#include "modelfloat/transfer/ask/straggler_timeout.h"

namespace modelfloat::transfer {
namespace {

// A shard that is asked for.
struct AskedShard {
  Hash256 object{};
  std::uint64_t size_bytes = 0;
  std::size_t copies = 1;                            // how many stores should have it
  std::vector<registry::ShardCopy> remembered = {};  // by the registry
  std::set<const PoolStore*> asked = {};
  std::vector<const PoolStore*> holders = {};
};

std::vector<AskedShard> wanted_of(std::span<const Pack> packs, registry::PackIndex& registry) {
  std::vector<AskedShard> wanted;
  for (const Pack& pack : packs) {
    const std::size_t copies = pack.k == 1 ? pack.shard_count() : 1;
    for (const Hash256& object : pack.shards)
      wanted.push_back({object, mf1::k_header_bytes + pack.slice_bytes, copies, registry.shard_copies(object), {}, {}});
  }
  return wanted;
}

std::optional<registry::CopyState> remembered_at(const AskedShard& shard, const PoolStore& store) {
  for (const registry::ShardCopy& copy : shard.remembered) {
    if (copy.store == store.id) return copy.state;
  }
  return std::nullopt;
}

// Whether the store itself cannot answer, rather than only for this shard.
bool concerns_the_store(ErrorKind kind) { return kind == ErrorKind::offline || worth_retrying(kind); }

}  // namespace

class ShardQuery::Round {
 public:
  Round(ShardQuery& query, std::span<const Pack> packs)
      : query_(query),
        wanted_(wanted_of(packs, query.registry_)),
        race_(query.stores_.clock(), CallKind::read, query.call_) {}

  std::vector<StoreListing> run() {
    ask(true);
    handle_answers();
    ask(false);
    handle_answers();
    record_new_places();
    std::vector<StoreListing> listings;
    for (auto& [store, listing] : listings_) listings.push_back(std::move(listing));
    return listings;
  }

 private:
  // The tag is the index in wanted_.
  using Answers = Race<std::optional<store::ObjectInfo>, std::size_t>;

  std::vector<const PoolStore*> usable_stores() const {
    std::vector<const PoolStore*> usable;
    for (const PoolStore* store : query_.stores_.online()) {
      if (!query_.silent_.contains(store) && !store->state->reads_are_paused()) usable.push_back(store);
    }
    return usable;
  }

  // First where the registry believes the shards, if it believes enough of them anywhere. Copies
  // that it knows to be damaged count nowhere.
  void ask(bool where_expected) {
    const auto usable = usable_stores();
    for (std::size_t i = 0; i < wanted_.size(); ++i) {
      AskedShard& shard = wanted_[i];
      if (shard.holders.size() >= shard.copies) continue;
      std::vector<const PoolStore*> expected;
      std::vector<const PoolStore*> others;
      for (const PoolStore* store : usable) {
        const auto remembered = remembered_at(shard, *store);
        if (remembered == registry::CopyState::whole) expected.push_back(store);
        if (!remembered) others.push_back(store);
      }
      const bool are_enough = where_expected && expected.size() >= shard.copies;
      for (const PoolStore* store : expected) ask(*store, i);
      if (are_enough) continue;
      for (const PoolStore* store : others) ask(*store, i);
    }
  }

  void ask(const PoolStore& store, std::size_t index) {
    AskedShard& shard = wanted_[index];
    if (!shard.asked.insert(&store).second) return;
    listing_of(store);
    std::uint64_t& calls = query_.calls_[store.id];
    query_.most_calls_ = std::max(query_.most_calls_, ++calls);
    race_.ask(store, query_.stores_.timeouts().allowed(0), index,
              [name = ObjectName::of(ObjectType::shard, shard.object)](store::Store& from, const CallOptions& options) {
                return from.stat(name, options);
              });
  }

  void handle_answers() {
    const auto rule = [this](const std::vector<const PoolStore*>& awaited) {
      return query_.stores_.clock().steady_now() + timeout_for(query_.stores_, awaited);
    };
    for (const auto& late : gather(race_, rule, [this](const Answers::Answer& answer) { handle_answer(answer); })) {
      StoreListing& listing = listing_of(*late.store);
      listing.trouble = "did not answer in time";
      listing.is_straggler = true;
      query_.silent_.insert(late.store);
    }
  }

  void handle_answer(const Answers::Answer& answer) {
    StoreListing& listing = listing_of(*answer.store);
    if (answer.error) {
      listing.trouble = answer.error->what();
      if (!concerns_the_store(answer.error->kind)) return;
      query_.silent_.insert(answer.store);
      race_.cancel_if([&](const auto& call) { return call.store == answer.store; });
    } else if (*answer.value) {
      AskedShard& shard = wanted_[answer.tag];
      if ((*answer.value)->size_bytes == shard.size_bytes) shard.holders.push_back(answer.store);
      listing.objects.push_back(**answer.value);
    }
  }

  StoreListing& listing_of(const PoolStore& store) {
    return listings_.try_emplace(store.id, StoreListing{.store = &store}).first->second;
  }

  void record_new_places() {
    std::vector<std::pair<Hash256, StoreId>> places;
    for (const AskedShard& shard : wanted_) {
      for (const PoolStore* store : shard.holders) {
        if (!remembered_at(shard, *store)) places.emplace_back(shard.object, store->id);
      }
    }
    if (places.empty()) return;
    query_.registry_.transaction([&] {
      for (const auto& [object, store] : places) query_.registry_.add_shard_place(object, store);
    });
  }

  ShardQuery& query_;
  std::vector<AskedShard> wanted_;
  std::map<StoreId, StoreListing> listings_;
  Answers race_;
};

Inventory ShardQuery::ask(std::span<const Pack> packs) {
  auto listings = Round(*this, packs).run();
  return {stores_.all(), std::move(listings), registry_};
}

}  // namespace modelfloat::transfer
