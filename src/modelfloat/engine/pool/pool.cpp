#include "modelfloat/engine/pool/pool.h"

#include <utility>

#include "modelfloat/engine/pool/settings.h"

namespace modelfloat::engine {

// About the size of a shard of a first pack. Decides which stores count as having room.
static constexpr std::uint64_t k_usual_shard_bytes = 4ULL << 20;

Pool::Pool(Environment environment, mf1::Keyring keys, transfer::StoreOpener open, transfer::Timeouts timeouts)
    : environment_(std::move(environment)),
      keys_(std::move(keys)),
      open_(std::move(open)),
      stores_(environment_.registry.stores(), {environment_.io, environment_.clock, keys_.pool_tag(), open_, timeouts}),
      documents_(environment_, stores_),
      log_(environment_, keys_, stores_, documents_),
      shard_search_(stores_, environment_.registry) {}

std::unique_ptr<Pool> Pool::without(const std::set<StoreId>& stores) const {
  const auto open_others = [stores, open = open_](const registry::StoreRow& row) {
    if (stores.contains(row.id)) throw Error(ErrorKind::offline, row.name, "is left out here");
    return open(row);
  };
  return std::make_unique<Pool>(environment_, keys_, open_others, stores_.timeouts());
}

Pool::Promise Pool::promise(std::optional<Redundancy> asked, std::span<const placement::Candidate> stores) const {
  if (asked) return {*asked, asked->m};
  const PolicySet policy = Settings(registry()).policy();
  if (policy.k != 0) return {{policy.k, policy.m}, policy.survive};
  return {placement::choose_redundancy(stores, policy.survive, k_usual_shard_bytes), policy.survive};
}

}  // namespace modelfloat::engine
