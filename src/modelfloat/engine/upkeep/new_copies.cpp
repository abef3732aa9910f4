#include "modelfloat/engine/upkeep/new_copies.h"

#include <fmt/format.h>

#include "modelfloat/mf1/format.h"

namespace modelfloat::engine {

using registry::CopyState;
using transfer::CopyToCheck;
using transfer::Damage;

static constexpr std::uint64_t k_read_back_at_once = std::uint64_t{256} << 20;

void NewCopies::add(const Pack& pack, const transfer::ShardPlace& place) {
  const Hash256& object = pack.shard_name(place.index);
  const std::uint64_t bytes = mf1::k_header_bytes + pack.slice_bytes;
  context_.registry().record_shard_copy(object, place.store, CopyState::whole);
  if (!place.checksum.empty()) {
    proofs_.push_back({object, place.store, place.checksum});
  } else if (const transfer::PoolStore* store = context_.stores.find(place.store)) {
    unproven_.push_back({ObjectName::of(ObjectType::shard, object), store, bytes});
    unproven_bytes_ += bytes;
  }
  if (unproven_bytes_ >= k_read_back_at_once) read_back();
}

void NewCopies::read_back() {
  transfer::check_copies(
      context_.stores, std::move(unproven_), call_, [this](const CopyToCheck& copy, std::optional<Damage> damage) {
        if (!damage) {
          proofs_.push_back({*copy.name.hash(), copy.store->id});
          return;
        }
        if (*damage != Damage::offline)
          context_.registry().record_shard_copy(*copy.name.hash(), copy.store->id,
                                                *damage == Damage::corrupt ? CopyState::corrupt : CopyState::missing);
        failures_.push_back(fmt::format("{} took {} and does not give it back: it is {}", copy.store->name,
                                        copy.name.path(), to_string(*damage)));
      });
  unproven_.clear();
  unproven_bytes_ = 0;
  context_.registry().record_proofs(proofs_, unix_seconds(context_.environment.clock.utc_now()));
  proofs_.clear();
}

}  // namespace modelfloat::engine
