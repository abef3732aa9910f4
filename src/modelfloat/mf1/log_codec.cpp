#include "modelfloat/mf1/log_codec.h"

#include <optional>
#include <string>
#include <string_view>

#include "modelfloat/base/error.h"
#include "modelfloat/mf1/cbor.h"

namespace modelfloat::mf1 {
namespace {

// One overload of write_change and one reader for each kind, in the order of the format document.

void write_naming(CborMap& map, const ManifestNaming& naming) {
  map.text("model", naming.model)
      .text("tag", naming.tag)
      .bytes("revision", naming.revision)
      .bytes("content", naming.manifest.content)
      .bytes("structure", naming.manifest.structure);
}

void write_objects(CborMap& map, const std::vector<CondemnedObject>& objects) {
  map.item("objects", [&](CborWriter& to) {
    to.array(objects.size());
    for (const CondemnedObject& object : objects) {
      to.array(object.store ? 2 : 1);
      to.text(object.path);
      if (object.store) to.bytes(*object.store);
    }
  });
}

void write_change(CborMap& map, const Prepared& change) { write_naming(map.text("kind", "prepared"), change); }
void write_change(CborMap& map, const Committed& change) { write_naming(map.text("kind", "committed"), change); }
void write_change(CborMap& map, const Untagged& change) {
  map.text("kind", "untagged").text("model", change.model).text("tag", change.tag);
}
void write_change(CborMap& map, const Removed& change) {
  map.text("kind", "removed").text("model", change.model).item("manifests", [&](CborWriter& to) {
    to.array(change.manifests.size());
    for (const Hash256& name : change.manifests) to.bytes(name);
  });
}
void write_change(CborMap& map, const Condemned& change) {
  write_objects(map.text("kind", "condemned").number("grace", change.grace_seconds), change.objects);
}
void write_change(CborMap& map, const Spared& change) { write_objects(map.text("kind", "spared"), change.objects); }
void write_change(CborMap& map, const StoreAdded& change) {
  map.text("kind", "store_added")
      .bytes("store", change.store)
      .text("name", change.name)
      .text("url", change.url)
      .text("domain", change.domain)
      .number("capacity", change.capacity_bytes);
}
void write_change(CborMap& map, const StoreRemoved& change) {
  map.text("kind", "store_removed").bytes("store", change.store);
}
void write_change(CborMap& map, const SlotAdded& change) {
  map.text("kind", "slot_added")
      .bytes("slot", change.slot)
      .bytes("object", change.object)
      .number("secret", change.secret)
      .number("epoch", change.epoch);
}
void write_change(CborMap& map, const SlotRemoved& change) {
  map.text("kind", "slot_removed").bytes("slot", change.slot);
}
void write_change(CborMap& map, const EpochBegun& change) {
  map.text("kind", "epoch").number("epoch", change.epoch).bytes("nonce", change.nonce).bytes("wrapped", change.wrapped);
}
void write_change(CborMap& map, const PolicySet& change) {
  map.text("kind", "policy").number("k", change.k).number("m", change.m).number("survive", change.survive);
}
// Its other members are not known, and nobody needs them who passes over the change anyway.
void write_change(CborMap& map, const UnknownChange& change) { map.text("kind", change.kind); }

template <typename Naming>
Naming read_naming(const CborMembers& members) {
  Naming naming;
  naming.model = members.at("model").text();
  naming.tag = members.at("tag").text();
  naming.revision = members.at("revision").fixed<20>();
  naming.manifest.content = members.at("content").fixed<32>();
  naming.manifest.structure = members.at("structure").fixed<32>();
  return naming;
}

std::vector<CondemnedObject> read_objects(const CborMembers& members) {
  std::vector<CondemnedObject> objects;
  CborReader from = members.at("objects");
  for (std::size_t left = from.array(); left > 0; --left) {
    const std::size_t items = from.array(2);
    CondemnedObject& object = objects.emplace_back();
    object.path = from.text();
    if (items == 2) object.store = from.fixed<16>();
  }
  return objects;
}

Removed read_removed(const CborMembers& members) {
  Removed change;
  change.model = members.at("model").text();
  CborReader from = members.at("manifests");
  for (std::size_t left = from.array(); left > 0; --left) change.manifests.push_back(from.fixed<32>());
  return change;
}

StoreAdded read_store_added(const CborMembers& members) {
  StoreAdded change;
  change.store = members.at("store").fixed<16>();
  change.name = members.at("name").text();
  change.url = members.at("url").text();
  change.domain = members.at("domain").text();
  change.capacity_bytes = members.at("capacity").number();
  return change;
}

SlotAdded read_slot_added(const CborMembers& members) {
  SlotAdded change;
  change.slot = members.at("slot").fixed<16>();
  change.object = members.at("object").fixed<32>();
  change.secret = members.at("secret").small<std::uint8_t>();
  change.epoch = members.at("epoch").small<std::uint32_t>();
  return change;
}

EpochBegun read_epoch(const CborMembers& members) {
  EpochBegun change;
  change.epoch = members.at("epoch").small<std::uint32_t>();
  change.nonce = members.at("nonce").fixed<24>();
  change.wrapped = members.at("wrapped").fixed<48>();
  return change;
}

PolicySet read_policy(const CborMembers& members) {
  PolicySet change;
  change.k = members.at("k").small<std::uint8_t>();
  change.m = members.at("m").small<std::uint8_t>();
  change.survive = members.at("survive").small<std::uint8_t>();
  return change;
}

Change read_change(CborReader& from) {
  const CborMembers members(from);
  const std::string_view kind = members.at("kind").text();
  if (kind == "prepared") return read_naming<Prepared>(members);
  if (kind == "committed") return read_naming<Committed>(members);
  if (kind == "untagged")
    return Untagged{std::string(members.at("model").text()), std::string(members.at("tag").text())};
  if (kind == "removed") return read_removed(members);
  if (kind == "condemned") return Condemned{read_objects(members), members.at("grace").number()};
  if (kind == "spared") return Spared{read_objects(members)};
  if (kind == "store_added") return read_store_added(members);
  if (kind == "store_removed") return StoreRemoved{members.at("store").fixed<16>()};
  if (kind == "slot_added") return read_slot_added(members);
  if (kind == "slot_removed") return SlotRemoved{members.at("slot").fixed<16>()};
  if (kind == "epoch") return read_epoch(members);
  if (kind == "policy") return read_policy(members);
  return UnknownChange{std::string(kind)};
}

void write_store(CborWriter& to, const StoreAdded& store) {
  CborMap map;
  write_change(map, store);
  to.map(std::move(map));
}

void write_changes(CborWriter& to, const std::vector<Change>& changes) {
  to.array(changes.size());
  for (const Change& change : changes) {
    CborMap map;
    std::visit([&](const auto& known) { write_change(map, known); }, change);
    to.map(std::move(map));
  }
}

std::vector<Change> read_changes(CborReader& from) {
  std::vector<Change> changes;
  for (std::size_t left = from.array(); left > 0; --left) changes.push_back(read_change(from));
  return changes;
}

void write_heads(CborWriter& to, const std::map<WriterId, ChainHead>& heads) {
  CborMap map;
  for (const auto& [writer, head] : heads) {
    map.item(writer, [&](CborWriter& value) {
      value.array(2);
      value.number(head.seq);
      value.bytes(head.hash);
    });
  }
  to.map(std::move(map));
}

std::map<WriterId, ChainHead> read_heads(CborReader& from) {
  std::map<WriterId, ChainHead> heads;
  from.bytes_map<16>([&](const WriterId& writer) {
    from.tuple(2);
    ChainHead& head = heads[writer];
    head.seq = from.number();
    head.hash = from.fixed<32>();
  });
  return heads;
}

void write_seen(CborWriter& to, const SeenRecord& seen) {
  to.array(5);
  to.number(seen.record.seq);
  to.bytes(seen.hash);
  write_heads(to, seen.record.heads);
  to.number(seen.record.time);
  write_changes(to, seen.record.changes);
}

SeenRecord read_seen(CborReader& from, const WriterId& writer) {
  from.tuple(5);
  SeenRecord seen;
  seen.record.writer = writer;
  seen.record.seq = from.number();
  seen.hash = from.fixed<32>();
  seen.record.heads = read_heads(from);
  seen.record.time = from.number();
  seen.record.changes = read_changes(from);
  return seen;
}

// A checkpoint stands for its records, so it must hold all that they say.
void refuse_unknown(const std::vector<Change>& changes) {
  for (const Change& change : changes) {
    if (const auto* const unknown = std::get_if<UnknownChange>(&change)) {
      throw Error(ErrorKind::unsupported, "change \"" + unknown->kind + "\"",
                  "is of a newer version of ModelFloat, and a checkpoint of this one would lose it");
    }
  }
}

// What is wrong with the numbers of a checkpoint's records; empty when nothing is.
std::string_view problem_of(const Checkpoint& checkpoint) {
  if (checkpoint.seq == 0) return "records are counted from 1";
  std::uint64_t before = 0;
  for (const SeenRecord& seen : checkpoint.records) {
    if (seen.record.seq == 0 || seen.record.seq < before || seen.record.seq > checkpoint.seq)
      return "its records are not in order";
    before = seen.record.seq;
  }
  return {};
}

}  // namespace

Bytes to_cbor(const LogRecord& record) {
  if (record.seq == 0) throw Error(ErrorKind::invalid, "log record", "records are counted from 1");
  CborMap map;
  map.bytes("writer", record.writer)
      .number("seq", record.seq)
      .bytes("previous", record.previous)
      .item("heads", [&](CborWriter& to) { write_heads(to, record.heads); })
      .number("time", record.time)
      .item("changes", [&](CborWriter& to) { write_changes(to, record.changes); });
  return std::move(map).encoded();
}

LogRecord log_record_from_cbor(ByteSpan cbor) {
  const auto members = CborMembers::of(cbor);
  LogRecord record;
  record.writer = members.at("writer").fixed<16>();
  record.seq = members.at("seq").number();
  record.previous = members.at("previous").fixed<32>();
  CborReader heads = members.at("heads");
  record.heads = read_heads(heads);
  record.time = members.at("time").number();
  CborReader changes = members.at("changes");
  record.changes = read_changes(changes);
  if (record.seq == 0) throw Error(ErrorKind::corrupt, "log record", "records are counted from 1");
  return record;
}

Bytes to_cbor(const Checkpoint& checkpoint) {
  for (const SeenRecord& seen : checkpoint.records) refuse_unknown(seen.record.changes);
  if (const auto problem = problem_of(checkpoint); !problem.empty()) {
    throw Error(ErrorKind::invalid, "checkpoint", problem);
  }
  CborMap map;
  map.bytes("writer", checkpoint.writer)
      .number("seq", checkpoint.seq)
      .bytes("hash", checkpoint.hash)
      .item("stores",
            [&](CborWriter& to) {
              to.array(checkpoint.stores.size());
              for (const StoreAdded& store : checkpoint.stores) write_store(to, store);
            })
      .item("records", [&](CborWriter& to) {
        to.array(checkpoint.records.size());
        for (const SeenRecord& seen : checkpoint.records) write_seen(to, seen);
      });
  return std::move(map).encoded();
}

Checkpoint checkpoint_from_cbor(ByteSpan cbor) {
  const auto members = CborMembers::of(cbor);
  Checkpoint checkpoint;
  checkpoint.writer = members.at("writer").fixed<16>();
  checkpoint.seq = members.at("seq").number();
  checkpoint.hash = members.at("hash").fixed<32>();
  CborReader stores = members.at("stores");
  for (std::size_t left = stores.array(); left > 0; --left) {
    const CborMembers store(stores);
    store.require_kind("store_added");
    checkpoint.stores.push_back(read_store_added(store));
  }
  CborReader records = members.at("records");
  for (std::size_t left = records.array(); left > 0; --left) {
    checkpoint.records.push_back(read_seen(records, checkpoint.writer));
  }
  if (const auto problem = problem_of(checkpoint); !problem.empty()) {
    throw Error(ErrorKind::corrupt, "checkpoint", problem);
  }
  return checkpoint;
}

}  // namespace modelfloat::mf1
