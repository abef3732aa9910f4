// Which packs a manifest names, and where their shards lie.
#include <algorithm>
#include <iterator>

#include "modelfloat/registry/sqlite/sqlite_registry_impl.h"

namespace modelfloat::registry {
namespace {

constexpr std::int64_t k_no_copy = -1;

// A pack of a manifest, one of its shards, and a copy of that, if there is one.
struct CopyOfPack {
  std::uint64_t position;
  PackId id;
  std::uint32_t epoch;
  std::uint8_t suite;
  std::uint8_t k;
  std::uint8_t m;
  std::uint64_t slice_bytes;
  std::uint8_t survive;
  std::uint64_t shard;
  Hash256 object;
  StoreId store;
  std::int64_t state;
  std::uint64_t proved_at;
};

struct CopyOfStray {
  std::uint64_t position;
  PackId pack;
  Hash256 object;
  std::uint8_t index;
  StoreId store;
  std::int64_t state;
};

void add_copy(std::vector<ShardCopy>& copies, const StoreId& store, std::int64_t state, std::uint64_t proved_at) {
  if (state != k_no_copy) copies.push_back({store, static_cast<CopyState>(state), proved_at});
}

// One statement, so that no other process changes a pack between its row and its shards.
std::vector<LocatedPack> packs_between(Connection& c, const Hash256& manifest, std::uint64_t first, std::uint64_t end) {
  const auto rows = c.rows<CopyOfPack, std::uint64_t, PackId, std::uint32_t, std::uint8_t, std::uint8_t, std::uint8_t,
                           std::uint64_t, std::uint8_t, std::uint64_t, Hash256, StoreId, std::int64_t, std::uint64_t>(
      "select m.position, p.id, p.epoch, p.suite, p.k, p.m, p.slice_bytes, p.survive, s.position, s.object, "
      "coalesce(l.store, zeroblob(16)), coalesce(l.state, -1), coalesce(l.proved_at, 0) "
      "from manifest_packs m join packs p on p.key = m.pack join shards s on s.pack = p.key "
      "left join shard_places l on l.object = s.object "
      "where m.manifest = ?1 and m.position >= ?2 and m.position < ?3 order by m.position, s.position, l.store",
      manifest, first, end);
  std::vector<LocatedPack> packs;
  const CopyOfPack* last = nullptr;
  for (const CopyOfPack& row : rows) {
    const bool is_new_pack = last == nullptr || last->position != row.position;
    if (is_new_pack) {
      packs.push_back({.pack = {.id = row.id,
                                .epoch = row.epoch,
                                .suite = row.suite,
                                .k = row.k,
                                .m = row.m,
                                .slice_bytes = row.slice_bytes,
                                .survive = row.survive,
                                .shards = {}},
                       .copies = {},
                       .strays = {}});
    }
    LocatedPack& located = packs.back();
    if (is_new_pack || last->shard != row.shard) {
      located.pack.shards.push_back(row.object);
      located.copies.emplace_back();
    }
    add_copy(located.copies.back(), row.store, row.state, row.proved_at);
    last = &row;
  }
  return packs;
}

// `packs` are those of the manifest from number `first` on.
void add_strays(Connection& c, const Hash256& manifest, std::uint64_t first, std::vector<LocatedPack>& packs) {
  const auto rows = c.rows<CopyOfStray, std::uint64_t, PackId, Hash256, std::uint8_t, StoreId, std::int64_t>(
      "select m.position, t.pack, t.object, t.position, coalesce(l.store, zeroblob(16)), coalesce(l.state, -1) "
      "from manifest_packs m join packs p on p.key = m.pack join stray_shards t on t.pack = p.id "
      "left join shard_places l on l.object = t.object "
      "where m.manifest = ?1 and m.position >= ?2 and m.position < ?3 "
      "order by m.position, t.position, t.object, l.store",
      manifest, first, first + packs.size());
  for (const CopyOfStray& row : rows) {
    auto& strays = packs.at(row.position - first).strays;
    const StrayShard shard{row.object, row.pack, row.index};
    if (strays.empty() || strays.back().shard != shard) strays.push_back({shard, {}});
    add_copy(strays.back().copies, row.store, row.state, 0);
  }
}

}  // namespace

void forget_manifest_packs(Connection& c, const Hash256& manifest) {
  c.run("delete from manifest_packs where manifest = ?1", manifest);
  c.run("delete from indexed_manifests where manifest = ?1", manifest);
}

void SqliteRegistry::set_manifest_packs(const Hash256& manifest, std::span<const std::uint64_t> packs) {
  database_.write([&](Connection& c) {
    forget_manifest_packs(c, manifest);
    for (std::size_t i = 0; i < packs.size(); ++i)
      c.run("insert into manifest_packs values (?1, ?2, ?3)", manifest, i, packs[i]);
    c.run("insert into indexed_manifests values (?1, ?2)", manifest, packs.size());
  });
}

std::optional<std::vector<LocatedPack>> SqliteRegistry::located_packs(const Hash256& manifest, std::uint64_t first,
                                                                      std::size_t limit) {
  using Found = std::optional<std::vector<LocatedPack>>;
  return database_.read([&](Connection& c) -> Found {
    const auto count = c.row<std::uint64_t>("select packs from indexed_manifests where manifest = ?1", manifest);
    if (!count) return std::nullopt;
    const std::uint64_t wanted = std::min<std::uint64_t>(limit, *count - std::min(*count, first));
    if (wanted == 0) return Found(std::in_place);
    auto packs = packs_between(c, manifest, first, first + wanted);
    if (packs.size() != wanted) return std::nullopt;
    add_strays(c, manifest, first, packs);
    return packs;
  });
}

}  // namespace modelfloat::registry
