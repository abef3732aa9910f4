#include "modelfloat/engine/upkeep/unproven_documents.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "modelfloat/mf1/document.h"
#include "modelfloat/mf1/slot.h"
#include "modelfloat/transfer/ask/object_reader.h"

namespace modelfloat::engine {
namespace {

const std::set<ObjectType> k_unproven = {ObjectType::content, ObjectType::log, ObjectType::checkpoint, ObjectType::part,
                                         ObjectType::slot};

// Returns why the object is not one of the key's pool, by its clear header; empty when it may be.
std::string why_junk(ObjectType type, const Bytes& object, const mf1::MaintenanceKey& key) {
  try {
    const bool is_ours = type == ObjectType::slot ? mf1::parse_slot(object).pool == key.pool_id()
                                                  : mf1::document_facts(type, object).pool == key.pool_tag();
    return is_ours ? "" : "carries the tag of another pool: it is not copied";
  } catch (const Error& error) {
    if (error.kind == ErrorKind::unsupported) return "is of a newer version: it is not copied";
    if (error.kind == ErrorKind::corrupt) return "is no object of this format: it is not copied";
    throw;
  }
}

}  // namespace

UnprovenDocuments::UnprovenDocuments(const RepairContext& context, const transfer::Inventory& inventory,
                                     const Structures& structures, std::set<std::string> unread_domains)
    : context_(context), inventory_(inventory), structures_(structures), unread_domains_(std::move(unread_domains)) {
  for (const transfer::Inventory::Store& listed : inventory.stores()) {
    if (!listed.is_complete) unread_domains_.insert(listed.store->domain);
  }
}

// A copy of another size than the others counts as lacking: one of them does not fit the name.
bool UnprovenDocuments::is_lacking(const transfer::ListedObject& object) const {
  if (!inventory_.expected_everywhere(object.name).lacking.empty()) return true;
  std::set<std::uint64_t> sizes;
  for (const transfer::PoolStore* store : object.places)
    sizes.insert(inventory_.listed_size(*store, object.name).value_or(0));
  return sizes.size() > 1;
}

bool UnprovenDocuments::is_junk_by_places(const transfer::ListedObject& object) const {
  if (structures_.packs.empty() && structures_.documents.empty()) return true;
  std::set<std::string> domains = unread_domains_;
  for (const transfer::PoolStore* store : object.places) domains.insert(store->domain);
  return domains.size() <= structures_.may_be_lost;
}

std::set<ObjectName> UnprovenDocuments::choose(const mf1::MaintenanceKey& key, bool all, GroupedDoubts& doubts,
                                               const CallOptions& call) const {
  auto objects = listed_objects(inventory_, k_unproven, structures_.documents);
  std::erase_if(objects, [&](const transfer::ListedObject& object) { return !all && !is_lacking(object); });
  std::vector<bool> was_read(objects.size());
  std::set<ObjectName> chosen;
  const auto take = [&](std::size_t index, const Bytes& bytes) {
    const transfer::ListedObject& object = objects[index];
    was_read[index] = true;
    if (const std::string why = why_junk(*object.name.type(), bytes, key); !why.empty())
      return doubts.add(why, object.name);
    if (is_junk_by_places(object)) {
      if (is_lacking(object)) {
        doubts.add(fmt::format("lies in so few failure domains ({} may be lost) that only a machine with the pool's "
                               "key can tell whether it belongs to the pool: run `modelfloat repair` there",
                               structures_.may_be_lost),
                   object.name);
      }
      return;
    }
    context_.registry().keep_document(object.name.path(), bytes);
    chosen.insert(object.name);
  };
  transfer::read_objects(context_.stores, objects, records_damaged_documents(context_), call, take);
  for (std::size_t index = 0; index < objects.size(); ++index) {
    if (!was_read[index]) doubts.add("cannot be read, or its bytes do not fit its name", objects[index].name);
  }
  return chosen;
}

}  // namespace modelfloat::engine
