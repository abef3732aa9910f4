// Packs with their shards and fragments, and where the shards lie.
#include <algorithm>
#include <iterator>
#include <set>

#include "modelfloat/registry/sqlite/sqlite_registry_impl.h"

namespace modelfloat::registry {

[[noreturn]] static void refuse(const char* why) { throw Error(ErrorKind::internal, "registry: pack", why); }

static void check_pack(const Pack& pack, std::span<const Fragment> fragments) {
  if (pack.shards.size() != (pack.k == 1 ? 1 : pack.shard_count())) refuse("wrong number of shard names");
  for (const Fragment& fragment : fragments) {
    if (fragment.frame() == nullptr || fragment.frame()->pack != pack.id) refuse("a fragment of another pack");
    if (fragment.codec.base) refuse("a fragment with a base, for which there is no column");
  }
}

static void forget_pack(Connection& c, const PackId& id) {
  c.run(
      "delete from shard_places where object in "
      "(select object from shards where pack = (select key from packs where id = ?1))",
      id);
  c.run("delete from packs where id = ?1", id);  // shards and fragments go with it
}

// Its row in the table, which is the key of its shards and fragments.
static std::uint64_t insert_pack(Connection& c, const Pack& pack) {
  c.run("insert into packs (id, epoch, suite, k, m, slice_bytes, survive) values (?1, ?2, ?3, ?4, ?5, ?6, ?7)", pack.id,
        pack.epoch, pack.suite, pack.k, pack.m, pack.slice_bytes, pack.survive);
  const std::uint64_t key = c.row<std::uint64_t>("select last_insert_rowid()").value();
  for (std::size_t i = 0; i < pack.shards.size(); ++i) {
    c.run("insert into shards values (?1, ?2, ?3)", key, i, pack.shards[i]);
  }
  return key;
}

static void insert_fragment(Connection& c, std::uint64_t key, const Fragment& fragment) {
  const FrameRef& frame = *fragment.frame();
  c.run("insert into fragments values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)", key, frame.number, fragment.id,
        fragment.plain_bytes, static_cast<std::uint8_t>(fragment.codec.id), fragment.codec.parameter, frame.offset,
        frame.sealed_bytes);
}

struct FoundPack {
  std::uint64_t key = 0;
  Pack pack;
};

// One statement, so that no other process changes the pack between its row and its shards.
static std::optional<FoundPack> find_pack(Connection& c, const PackId& id) {
  using Row = std::tuple<std::uint64_t, std::uint32_t, std::uint8_t, std::uint8_t, std::uint8_t, std::uint64_t,
                         std::uint8_t, Hash256>;
  const auto rows = c.rows<Row, std::uint64_t, std::uint32_t, std::uint8_t, std::uint8_t, std::uint8_t, std::uint64_t,
                           std::uint8_t, Hash256>(
      "select p.key, p.epoch, p.suite, p.k, p.m, p.slice_bytes, p.survive, s.object from packs p join shards s on "
      "s.pack = p.key where p.id = ?1 order by s.position",
      id);
  if (rows.empty()) return std::nullopt;
  FoundPack found{.pack = {.id = id, .shards = {}}};
  Pack& pack = found.pack;
  for (const Row& row : rows) {
    Hash256 object;
    std::tie(found.key, pack.epoch, pack.suite, pack.k, pack.m, pack.slice_bytes, pack.survive, object) = row;
    pack.shards.push_back(object);
  }
  return found;
}

void SqliteRegistry::add_pack(const Pack& pack, std::span<const Fragment> fragments, std::span<const StoreId> places) {
  check_pack(pack, fragments);
  if (places.size() != pack.shard_count()) refuse("wrong number of places");
  database_.write([&](Connection& c) {
    forget_pack(c, pack.id);
    const std::uint64_t key = insert_pack(c, pack);
    for (std::size_t i = 0; i < places.size(); ++i) {
      c.run("insert or ignore into shard_places (object, store) values (?1, ?2)", pack.shard_name(i), places[i]);
    }
    for (const Fragment& fragment : fragments) insert_fragment(c, key, fragment);
  });
}

std::optional<std::uint64_t> SqliteRegistry::learn_pack(const Pack& pack, std::span<const Fragment> fragments) {
  check_pack(pack, fragments);
  std::optional<std::uint64_t> exact;
  database_.write([&](Connection& c) {
    const auto known = find_pack(c, pack.id);
    const std::uint64_t key = known ? known->key : insert_pack(c, pack);
    exact = !known || known->pack == pack ? std::optional(key) : std::nullopt;
    const auto numbers = c.rows<std::uint32_t>("select number from fragments where pack = ?1", key);
    std::set<std::uint32_t> seen(numbers.begin(), numbers.end());
    for (const Fragment& fragment : fragments) {
      if (seen.insert(fragment.frame()->number).second) insert_fragment(c, key, fragment);
    }
  });
  return exact;
}

std::optional<Pack> SqliteRegistry::pack(const PackId& id) {
  auto found = database_.read([&](Connection& c) { return find_pack(c, id); });
  return found ? std::optional(std::move(found->pack)) : std::nullopt;
}

std::vector<Fragment> SqliteRegistry::find_fragment(const FragmentId& id) {
  struct Found {
    std::uint32_t plain_bytes;
    std::uint8_t codec;
    std::uint8_t parameter;
    PackId pack;
    std::uint64_t offset;
    std::uint32_t sealed_bytes;
    std::uint32_t number;
  };
  const auto rows = database_.read([&](Connection& c) {
    return c
        .rows<Found, std::uint32_t, std::uint8_t, std::uint8_t, PackId, std::uint64_t, std::uint32_t, std::uint32_t>(
            "select f.plain_bytes, f.codec, f.parameter, p.id, f.frame_offset, f.sealed_bytes, f.number "
            "from fragments f join packs p on p.key = f.pack where f.id = ?1 order by f.pack desc, f.number",
            id);
  });
  std::vector<Fragment> fragments;
  fragments.reserve(rows.size());
  for (const Found& found : rows) {
    fragments.push_back({id, found.plain_bytes, Codec{static_cast<CodecId>(found.codec), found.parameter},
                         FrameRef{found.pack, found.offset, found.sealed_bytes, found.number}});
  }
  return fragments;
}

std::vector<PackId> SqliteRegistry::packs_after(const PackId& id, std::size_t limit) {
  return database_.read([&](Connection& c) {
    return c.rows<PackId>(
        "select id from packs where key > (select key from packs where id = ?1) order by key limit ?2", id, limit);
  });
}

void SqliteRegistry::remove_pack(const PackId& id) {
  database_.write([&](Connection& c) { forget_pack(c, id); });
}

void SqliteRegistry::set_shard_places(const StoreId& store, std::span<const Hash256> all_objects_there) {
  std::vector<Hash256> wanted(all_objects_there.begin(), all_objects_there.end());
  std::sort(wanted.begin(), wanted.end());
  wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
  // Only the difference is written: most listings bring nothing new.
  database_.write([&](Connection& c) {
    const auto known = c.rows<Hash256>("select object from shard_places where store = ?1 order by object", store);
    std::vector<Hash256> gone;
    std::vector<Hash256> found;
    std::set_difference(known.begin(), known.end(), wanted.begin(), wanted.end(), std::back_inserter(gone));
    std::set_difference(wanted.begin(), wanted.end(), known.begin(), known.end(), std::back_inserter(found));
    for (const Hash256& object : gone)
      c.run("delete from shard_places where object = ?1 and store = ?2", object, store);
    for (const Hash256& object : found) {
      c.run("insert into shard_places (object, store) values (?1, ?2)", object, store);
    }
    c.run("update shard_places set state = ?2 where store = ?1 and state = ?3", store, CopyState::whole,
          CopyState::missing);
  });
}

void SqliteRegistry::add_shard_place(const Hash256& object, const StoreId& store) {
  database_.write([&](Connection& c) {
    c.run(
        "insert into shard_places (object, store) values (?1, ?2) "
        "on conflict (object, store) do update set state = ?3 where state = ?4",
        object, store, CopyState::whole, CopyState::missing);
  });
}

void SqliteRegistry::record_shard_copy(const Hash256& object, const StoreId& store, CopyState state) {
  database_.write([&](Connection& c) {
    if (state == CopyState::missing) {
      c.run(
          "insert into shard_places (object, store, state) values (?1, ?2, ?3) "
          "on conflict (object, store) do update set state = ?3, proved_at = 0, checksum = '' where state <> ?4",
          object, store, state, CopyState::corrupt);
      return;
    }
    c.run("insert or replace into shard_places (object, store, state) values (?1, ?2, ?3)", object, store, state);
  });
}

void SqliteRegistry::record_proofs(std::span<const CopyProof> proofs, std::uint64_t at) {
  if (proofs.empty()) return;
  database_.write([&](Connection& c) {
    for (const CopyProof& proof : proofs) {
      c.run(
          "insert or replace into shard_places (object, store, state, proved_at, checksum) values (?1, ?2, ?3, ?4, ?5)",
          proof.object, proof.store, CopyState::whole, at, proof.checksum);
    }
  });
}

std::map<Hash256, std::string> SqliteRegistry::shard_checksums(const StoreId& store) {
  using Row = std::pair<Hash256, std::string>;
  const auto rows = database_.read([&](Connection& c) {
    return c.rows<Row, Hash256, std::string>(
        "select object, checksum from shard_places where store = ?1 and state = ?2 and checksum <> ''", store,
        CopyState::whole);
  });
  return {rows.begin(), rows.end()};
}

std::vector<StoreId> SqliteRegistry::shard_places(const Hash256& object) {
  return database_.read([&](Connection& c) {
    return c.rows<StoreId>("select store from shard_places where object = ?1 and state = ?2 order by store", object,
                           CopyState::whole);
  });
}

std::vector<ShardCopy> SqliteRegistry::shard_copies(const Hash256& object) {
  return database_.read([&](Connection& c) {
    return c.rows<ShardCopy, StoreId, CopyState, std::uint64_t>(
        "select store, state, proved_at from shard_places where object = ?1 order by store", object);
  });
}

std::vector<Hash256> SqliteRegistry::damaged_shards(const StoreId& store, CopyState state) {
  return database_.read([&](Connection& c) {
    // state <> 0 is for the index.
    return c.rows<Hash256>(
        "select object from shard_places where store = ?1 and state <> 0 and state = ?2 order by object", store, state);
  });
}

std::uint64_t SqliteRegistry::shard_count(const StoreId& store) {
  return database_.read([&](Connection& c) {
    return c
        .row<std::uint64_t>("select count(*) from shard_places where store = ?1 and state = ?2", store,
                            CopyState::whole)
        .value();
  });
}

std::uint64_t SqliteRegistry::shard_bytes(const StoreId& store) {
  return database_.read([&](Connection& c) {
    return c
        .row<std::uint64_t>(
            "select coalesce(sum(packs.slice_bytes), 0) from shard_places "
            "join shards on shards.object = shard_places.object join packs on packs.key = shards.pack "
            "where shard_places.store = ?1 and shard_places.state = ?2",
            store, CopyState::whole)
        .value();
  });
}

std::vector<Hash256> SqliteRegistry::unnamed_shards(std::span<const Hash256> objects) {
  return database_.read([&](Connection& c) {
    std::vector<Hash256> unnamed;
    for (const Hash256& object : objects) {
      if (c.rows<std::uint64_t>("select pack from shards where object = ?1 limit 1", object).empty()) {
        unnamed.push_back(object);
      }
    }
    return unnamed;
  });
}

void SqliteRegistry::add_stray_shards(std::span<const StrayShard> shards) {
  database_.write([&](Connection& c) {
    for (const StrayShard& shard : shards) {
      c.run("insert or replace into stray_shards values (?1, ?2, ?3)", shard.object, shard.pack, shard.index);
    }
  });
}

std::optional<StrayShard> SqliteRegistry::stray_shard(const Hash256& object) {
  return database_.read([&](Connection& c) {
    return c.row<StrayShard, Hash256, PackId, std::uint8_t>(
        "select object, pack, position from stray_shards where object = ?1", object);
  });
}

std::vector<StrayShard> SqliteRegistry::stray_shards(const PackId& id) {
  return database_.read([&](Connection& c) {
    return c.rows<StrayShard, Hash256, PackId, std::uint8_t>(
        "select object, pack, position from stray_shards where pack = ?1 order by position, object", id);
  });
}

}  // namespace modelfloat::registry
