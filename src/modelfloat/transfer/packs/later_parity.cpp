#include "modelfloat/transfer/packs/later_parity.h"

#include <algorithm>
#include <deque>
#include <set>

#include "modelfloat/base/log.h"
#include "modelfloat/domain/redundancy.h"
#include "modelfloat/mf1/shard.h"
#include "modelfloat/transfer/ask/race.h"

namespace modelfloat::transfer {
namespace {

// How many headers are requested at once.
constexpr std::size_t k_headers_at_once = 16;

// A shard, and the stores that list it and were not asked for its header yet.
struct UnreadShard {
  Hash256 object{};
  std::vector<const PoolStore*> places;
};

class HeaderRound {
 public:
  HeaderRound(const StoreSet& stores, const CallOptions& call)
      : stores_(stores), race_(stores.clock(), CallKind::read, call) {}

  std::vector<registry::StrayShard> run(std::deque<UnreadShard> wanted) {
    wanted_ = std::move(wanted);
    for (;;) {
      while (race_.under_way().size() < k_headers_at_once && !wanted_.empty()) ask_next();
      if (race_.under_way().empty()) break;
      if (auto answer = race_.next(stores_.clock().steady_now() + stores_.timeouts().marker)) {
        handle_answer(*answer);
      } else {
        leave_behind();
      }
    }
    return std::move(found_);
  }

 private:
  using Header = std::optional<mf1::ShardHeader>;
  using Answers = Race<Header, UnreadShard>;

  void ask_next() {
    UnreadShard shard = std::move(wanted_.front());
    wanted_.pop_front();
    std::erase_if(shard.places, [this](const PoolStore* store) {
      return unresponsive_.contains(store) || !store->is_online() || store->state->reads_are_paused();
    });
    if (shard.places.empty()) return;
    const PoolStore& store = *shard.places.back();
    shard.places.pop_back();
    const ObjectName name = ObjectName::of(ObjectType::shard, shard.object);
    race_.ask(store, stores_.timeouts().call_floor, std::move(shard),
              [name](store::Store& from, const CallOptions& options) -> Header {
                const auto bytes = from.get(name, {0, mf1::k_header_bytes}, options);
                return bytes ? std::optional(mf1::parse_shard_header(*bytes)) : std::nullopt;
              });
  }

  void handle_answer(Answers::Answer& answer) {
    if (answer.value && *answer.value) {
      const mf1::ShardHeader& header = **answer.value;
      found_.push_back({answer.tag.object, header.pack, header.index});
      return;
    }
    if (answer.error) log_debug(answer.store->name + ": " + answer.error->what());
    wanted_.push_back(std::move(answer.tag));
  }

  // No answer has come for a while: these stores are not asked again, but others that have the same
  // objects are.
  void leave_behind() {
    for (auto& call : race_.cancel_all()) {
      if (unresponsive_.insert(call.store).second) call.store->state->latency.mark_slow();
      wanted_.push_back(std::move(call.tag));
    }
  }

  const StoreSet& stores_;
  std::deque<UnreadShard> wanted_;
  std::set<const PoolStore*> unresponsive_;
  std::vector<registry::StrayShard> found_;
  Answers race_;
};

}  // namespace

void learn_stray_shards(const StoreSet& stores, registry::PackIndex& registry, const ListedShards& stray,
                        const CallOptions& call) {
  if (stray.empty()) return;
  std::deque<UnreadShard> unread;
  for (const auto& [object, places] : stray) {
    if (!registry.stray_shard(object)) unread.push_back({object, places});
  }
  const auto found = HeaderRound(stores, call).run(std::move(unread));
  registry.transaction([&] {
    registry.add_stray_shards(found);
    for (const auto& [object, places] : stray) {
      for (const PoolStore* store : places) registry.add_shard_place(object, store->id);
    }
  });
}

void find_stray_shards(const StoreSet& stores, registry::PackIndex& registry, const CallOptions& call) {
  learn_stray_shards(stores, registry, take_inventory(stores, registry, {"mf1/shard/"}, call).stray(), call);
}

bool is_later_parity(const registry::StrayShard& shard, const Pack& pack) {
  return pack.k > 1 && shard.index >= pack.shard_count() && shard.index < pack.k + Redundancy::k_max_parity;
}

std::vector<registry::StrayShard> later_parity(registry::PackIndex& registry, const Pack& pack) {
  if (pack.k == 1) return {};
  auto shards = registry.stray_shards(pack.id);
  std::erase_if(shards, [&](const registry::StrayShard& shard) { return !is_later_parity(shard, pack); });
  return shards;
}

}  // namespace modelfloat::transfer
