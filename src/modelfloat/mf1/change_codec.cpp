#include "modelfloat/mf1/change_codec.h"

#include <cstddef>
#include <cstdint>
#include <variant>

#include "modelfloat/base/error.h"

namespace modelfloat::mf1 {

void write_hashes(CborMap& map, std::string_view key, const std::vector<Hash256>& hashes) {
  map.item(key, [&](CborWriter& to) {
    to.array(hashes.size());
    for (const Hash256& hash : hashes) to.bytes(hash);
  });
}

std::vector<Hash256> read_hashes(CborReader from) {
  std::vector<Hash256> hashes;
  for (std::size_t left = from.array(); left > 0; --left) hashes.push_back(from.fixed<32>());
  return hashes;
}

void write_must(CborMap& map, const std::vector<std::string>& must) {
  if (must.empty()) return;
  map.item("must", [&](CborWriter& to) {
    to.array(must.size());
    for (const std::string& name : must) to.text(name);
  });
}

std::vector<std::string> read_must(const std::optional<CborReader>& must) {
  std::vector<std::string> names;
  if (!must) return names;
  CborReader from = *must;
  for (std::size_t left = from.array(); left > 0; --left) names.emplace_back(from.text());
  return names;
}

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
      to.array(object.store ? 3 : 2);
      to.number(static_cast<std::uint8_t>(object.type));
      to.bytes(object.hash);
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
  write_hashes(map.text("kind", "removed").text("model", change.model), "manifests", change.manifests);
}
void write_change(CborMap& map, const Replaced& change) {
  map.text("kind", "replaced")
      .text("model", change.model)
      .bytes("revision", change.revision)
      .bytes("old", change.old)
      .bytes("content", change.manifest.content)
      .bytes("structure", change.manifest.structure);
}
void write_change(CborMap& map, const Condemned& change) {
  write_objects(map.text("kind", "condemned").number("grace", change.grace_seconds), change.objects);
}
void write_change(CborMap& map, const Spared& change) {
  write_objects(map.text("kind", "spared").bytes("record", change.record), change.objects);
}
void write_change(CborMap& map, const Deleted& change) {
  write_hashes(map.text("kind", "deleted"), "records", change.records);
}
void write_change(CborMap& map, const StoreAdded& change) {
  map.text("kind", "store_added")
      .bytes("store", change.store)
      .text("name", change.name)
      .text("url", change.url)
      .text("domain", change.domain)
      .number("capacity", change.capacity_bytes)
      .number("state", static_cast<std::uint8_t>(change.use));
}
void write_change(CborMap& map, const StoreRemoved& change) {
  map.text("kind", "store_removed").bytes("store", change.store);
}
void write_change(CborMap& map, const SlotAdded& change) {
  map.text("kind", "slot_added")
      .bytes("slot", change.slot)
      .bytes("object", change.object)
      .number("secret", change.secret)
      .number("epoch", change.epoch)
      .bytes("public", change.public_key);
}
void write_change(CborMap& map, const SlotRemoved& change) {
  map.text("kind", "slot_removed").bytes("slot", change.slot);
}
void write_change(CborMap& map, const EpochBegun& change) {
  map.text("kind", "epoch").number("epoch", change.epoch).item("wrapped", [&](CborWriter& to) {
    to.array(change.wrapped.size());
    for (const WrappedRoot& root : change.wrapped) {
      to.array(3);
      to.number(root.epoch);
      to.bytes(root.nonce);
      to.bytes(root.sealed);
    }
  });
}
void write_change(CborMap& map, const PolicySet& change) {
  map.text("kind", "policy").number("k", change.k).number("m", change.m).number("survive", change.survive);
}
void write_change(CborMap& map, const UnknownChange& change) {
  map.text("kind", change.kind);
  if (change.may) map.item("may", [](CborWriter& to) { to.boolean(true); });
}

ManifestId read_manifest_id(const CborMembers& members) {
  return {members.at("content").fixed<32>(), members.at("structure").fixed<32>()};
}

template <typename Naming>
Naming read_naming(const CborMembers& members) {
  Naming naming;
  naming.model = members.at("model").text();
  naming.tag = members.at("tag").text();
  naming.revision = members.at("revision").fixed<20>();
  naming.manifest = read_manifest_id(members);
  return naming;
}

std::vector<CondemnedObject> read_objects(const CborMembers& members) {
  std::vector<CondemnedObject> objects;
  CborReader from = members.at("objects");
  for (std::size_t left = from.array(); left > 0; --left) {
    const std::size_t items = from.array(3);
    CondemnedObject& object = objects.emplace_back();
    // A type that this version does not know is one that it never asks for.
    object.type = static_cast<ObjectType>(from.small<std::uint8_t>());
    object.hash = from.fixed<32>();
    if (items == 3) object.store = from.fixed<16>();
  }
  return objects;
}

Removed read_removed(const CborMembers& members) {
  return {std::string(members.at("model").text()), read_hashes(members.at("manifests"))};
}

Replaced read_replaced(const CborMembers& members) {
  Replaced change;
  change.model = members.at("model").text();
  change.revision = members.at("revision").fixed<20>();
  change.old = members.at("old").fixed<32>();
  change.manifest = read_manifest_id(members);
  return change;
}

StoreUse read_use(CborReader from) {
  switch (from.number()) {
    case 0: return StoreUse::in_use;
    case 1: return StoreUse::draining;
    default: return StoreUse::other;
  }
}

StoreAdded read_store_added(const CborMembers& members) {
  StoreAdded change;
  change.store = members.at("store").fixed<16>();
  change.name = members.at("name").text();
  change.url = members.at("url").text();
  change.domain = members.at("domain").text();
  change.capacity_bytes = members.at("capacity").number();
  change.use = read_use(members.at("state"));
  return change;
}

SlotAdded read_slot_added(const CborMembers& members) {
  SlotAdded change;
  change.slot = members.at("slot").fixed<16>();
  change.object = members.at("object").fixed<32>();
  change.secret = members.at("secret").small<std::uint8_t>();
  change.epoch = members.at("epoch").small<std::uint32_t>();
  change.public_key = members.at("public").fixed<32>();
  return change;
}

EpochBegun read_epoch(const CborMembers& members) {
  EpochBegun change;
  change.epoch = members.at("epoch").small<std::uint32_t>();
  CborReader from = members.at("wrapped");
  for (std::size_t left = from.array(); left > 0; --left) {
    from.tuple(3);
    WrappedRoot& root = change.wrapped.emplace_back();
    root.epoch = from.small<std::uint32_t>();
    root.nonce = from.fixed<24>();
    root.sealed = from.fixed<48>();
  }
  return change;
}

PolicySet read_policy(const CborMembers& members) {
  PolicySet change;
  change.k = members.at("k").small<std::uint8_t>();
  change.m = members.at("m").small<std::uint8_t>();
  change.survive = members.at("survive").small<std::uint8_t>();
  return change;
}

bool may_be_passed_over(const CborMembers& members) {
  const auto may = members.find("may");
  return may && CborReader(*may).is_true();
}

Change read_known(std::string_view kind, const CborMembers& members) {
  if (kind == "prepared") return read_naming<Prepared>(members);
  if (kind == "committed") return read_naming<Committed>(members);
  if (kind == "untagged")
    return Untagged{std::string(members.at("model").text()), std::string(members.at("tag").text())};
  if (kind == "removed") return read_removed(members);
  if (kind == "replaced") return read_replaced(members);
  if (kind == "condemned") return Condemned{read_objects(members), members.at("grace").number()};
  if (kind == "spared") return Spared{members.at("record").fixed<32>(), read_objects(members)};
  if (kind == "deleted") return Deleted{read_hashes(members.at("records"))};
  if (kind == "store_added") return read_store_added(members);
  if (kind == "store_removed") return StoreRemoved{members.at("store").fixed<16>()};
  if (kind == "slot_added") return read_slot_added(members);
  if (kind == "slot_removed") return SlotRemoved{members.at("slot").fixed<16>()};
  if (kind == "epoch") return read_epoch(members);
  if (kind == "policy") return read_policy(members);
  return UnknownChange{std::string(kind), may_be_passed_over(members)};
}

Change read_change(CborReader item) {
  std::string kind;
  try {
    const CborMembers members(item);
    kind = members.at("kind").text();
    if (const auto must = read_must(members.find("must")); !must.empty())
      return UnknownChange{kind, false, "that need \"" + must.front() + "\""};
    return read_known(kind, members);
  } catch (const Error& error) {
    if (error.kind != ErrorKind::corrupt) throw;
    return UnknownChange{kind, false, "in a form that is not known"};
  }
}

}  // namespace

void write_store(CborWriter& to, const StoreAdded& store) {
  CborMap map;
  write_change(map, store);
  to.map(std::move(map));
}

StoreAdded read_store(CborReader& from) {
  const CborMembers members(from);
  members.require_kind("store_added");
  return read_store_added(members);
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
  for (std::size_t left = from.array(); left > 0; --left) changes.push_back(read_change(CborReader(from.item())));
  return changes;
}

}  // namespace modelfloat::mf1
