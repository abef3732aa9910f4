#include "modelfloat/engine/upkeep/structures.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "modelfloat/mf1/document.h"
#include "modelfloat/mf1/manifest_codec.h"
#include "modelfloat/transfer/ask/object_reader.h"

namespace modelfloat::engine {
namespace {

class StructureReading {
 public:
  StructureReading(const RepairContext& context, const mf1::MaintenanceKey& key, GroupedDoubts& doubts)
      : context_(context), key_(key), doubts_(doubts) {}

  Structures run(const transfer::Inventory& inventory, const CallOptions& call) {
    const auto objects = listed_objects(inventory, {ObjectType::structure});
    std::vector<bool> was_read(objects.size());
    transfer::read_objects(context_.stores, objects, records_damaged_documents(context_), call,
                           [&](std::size_t index, const Bytes& object) {
                             was_read[index] = true;
                             take(objects[index].name, object);
                           });
    for (std::size_t index = 0; index < objects.size(); ++index) {
      if (!was_read[index]) doubts_.add("cannot be read, or its bytes do not fit its name", objects[index].name);
    }
    return std::move(structures_);
  }

 private:
  void take(const ObjectName& name, const Bytes& object) {
    const std::string why = open(name, object);
    if (!why.empty()) return doubts_.add(why, name);
    structures_.documents.insert(name);
    context_.registry().keep_document(name.path(), object);
  }

  // Returns why the object does not count; empty when it does.
  std::string open(const ObjectName& name, const Bytes& object) {
    try {
      if (mf1::document_facts(ObjectType::structure, object).pool != key_.pool_tag())
        return "carries the tag of another pool: it is not copied";
      const Bytes cbor = mf1::open_structure(object, key_);
      if (mf1::manifest_part_of(cbor) == mf1::ManifestPart::root) {
        take_root(mf1::structure_root_from_cbor(cbor));
      } else {
        take_segment(name, mf1::structure_segment_from_cbor(cbor));
      }
      return {};
    } catch (const Error& error) {
      switch (error.kind) {
        case ErrorKind::denied:
          return "is sealed under a key that is not in the maintenance key file: what it names is not repaired. Make "
                 "a new file with `modelfloat key export --maintenance`";
        case ErrorKind::unsupported: return "is of a newer version: what it names is not repaired";
        case ErrorKind::corrupt: return "is no structure of this pool: it is not copied";
        default: throw;
      }
    }
  }

  void take_root(const StructureRoot& root) {
    for (const Hash256& name : root.segments) structures_.documents.insert(ObjectName::of(ObjectType::structure, name));
    for (const Hash256& name : root.contents) structures_.documents.insert(ObjectName::of(ObjectType::content, name));
    structures_.may_be_lost = std::max<unsigned>(structures_.may_be_lost, root.survive);
  }

  void take_segment(const ObjectName& name, const StructureSegment& segment) {
    for (const Pack& pack : segment.packs) {
      structures_.may_be_lost = std::max({structures_.may_be_lost, unsigned{pack.survive}, unsigned{pack.m}});
      const auto [known, is_new] = structures_.packs.try_emplace(pack.id, pack);
      if (!is_new && known->second != pack) doubts_.add("says something else of a pack than others do", name);
    }
  }

  const RepairContext& context_;
  const mf1::MaintenanceKey& key_;
  GroupedDoubts& doubts_;
  Structures structures_;
};

}  // namespace

transfer::FindingSink records_damaged_documents(const RepairContext& context) {
  return [&context](const transfer::Finding& finding) {
    const transfer::PoolStore* store = context.stores.find(finding.store);
    if (store != nullptr && finding.what == transfer::Damage::corrupt)
      context.registry().record_document_copy(finding.object, store->id, false);
  };
}

std::vector<transfer::ListedObject> listed_objects(const transfer::Inventory& inventory,
                                                   const std::set<ObjectType>& types, const std::set<ObjectName>& but) {
  std::map<ObjectName, std::vector<const transfer::PoolStore*>> places;
  for (const transfer::Inventory::Store& listed : inventory.stores()) {
    for (const auto& [name, size] : listed.others) {
      if (name.type() && types.contains(*name.type()) && !but.contains(name)) places[name].push_back(listed.store);
    }
  }
  std::vector<transfer::ListedObject> objects;
  for (auto& [name, stores] : places) objects.push_back({name, std::move(stores)});
  return objects;
}

Structures read_structures(const RepairContext& context, const transfer::Inventory& inventory,
                           const mf1::MaintenanceKey& key, GroupedDoubts& doubts, const CallOptions& call) {
  return StructureReading(context, key, doubts).run(inventory, call);
}

}  // namespace modelfloat::engine
