#include "modelfloat/engine/upkeep/proofs.h"

#include <algorithm>
#include <string_view>
#include <tuple>

namespace modelfloat::engine {

using transfer::CopyToCheck;
using transfer::PoolStore;

static constexpr std::size_t k_proofs_at_once = 1000;

Proofs::Proofs(Pool& pool, const transfer::Inventory& inventory)
    : pool_(pool), inventory_(inventory), now_(unix_seconds(pool.environment().clock.utc_now())) {}

void Proofs::is_right(const ObjectName& name, const PoolStore& store) {
  if (name.type() == ObjectType::shard) {
    shards_.push_back({*name.hash(), store.id, inventory_.listed_checksum(store, *name.hash())});
  } else {
    documents_.push_back({name.path(), store.id});
  }
  record_many();
}

// "md5" of "md5:12..".
static std::string_view algorithm_of(std::string_view checksum) { return checksum.substr(0, checksum.find(':')); }

Proofs::ByChecksum Proofs::compare_checksum(const ObjectName& shard, const PoolStore& store) {
  const std::string listed = inventory_.listed_checksum(store, *shard.hash());
  if (listed.empty()) return ByChecksum::unknown;
  const auto [known, is_new] = checksums_.try_emplace(&store);
  if (is_new) known->second = pool_.registry().shard_checksums(store.id);
  const auto proven = known->second.find(*shard.hash());
  if (proven == known->second.end()) return ByChecksum::unknown;
  // S3 shows one by its answer to a put, and lists another.
  if (algorithm_of(proven->second) != algorithm_of(listed)) return ByChecksum::unknown;
  if (proven->second != listed) return ByChecksum::wrong;
  shards_.push_back({*shard.hash(), store.id, listed});
  record_many();
  return ByChecksum::right;
}

void Proofs::record_many() {
  if (shards_.size() + documents_.size() >= k_proofs_at_once) record();
}

void Proofs::record() {
  pool_.registry().record_proofs(shards_, now_);
  pool_.registry().record_document_proofs(documents_, now_);
  shards_.clear();
  documents_.clear();
}

// 0: never. What was proven at a time that is still to come was so by a wrong clock.
std::uint64_t Proofs::proved_at(const CopyToCheck& copy) {
  if (copy.name.type() != ObjectType::shard) {
    const auto proofs = pool_.registry().document_proofs(copy.name.path());
    const auto own = proofs.find(copy.store->id);
    return own == proofs.end() || own->second > now_ ? 0 : own->second;
  }
  for (const registry::ShardCopy& known : pool_.registry().shard_copies(*copy.name.hash())) {
    if (known.store == copy.store->id) return known.proved_at > now_ ? 0 : known.proved_at;
  }
  return 0;
}

std::vector<CopyToCheck> Proofs::longest_unproven(const std::vector<CopyToCheck>& copies, std::uint64_t bytes,
                                                  std::uint64_t unproven_since) {
  record();
  struct Choice {
    std::uint64_t proved_at = 0;
    CopyToCheck copy;
  };
  std::vector<Choice> choices;
  for (const CopyToCheck& copy : copies) {
    const std::uint64_t proved = proved_at(copy);
    if (proved < unproven_since) choices.push_back({proved, copy});
  }
  std::sort(choices.begin(), choices.end(), [](const Choice& a, const Choice& b) {
    return std::tie(a.proved_at, a.copy.name, a.copy.store->name) <
           std::tie(b.proved_at, b.copy.name, b.copy.store->name);
  });
  std::vector<CopyToCheck> chosen;
  std::uint64_t sum = 0;
  for (const Choice& choice : choices) {
    if (sum >= bytes) break;
    sum += choice.copy.size_bytes;
    chosen.push_back(choice.copy);
  }
  return chosen;
}

}  // namespace modelfloat::engine
