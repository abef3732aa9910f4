#include "modelfloat/engine/documents.h"

#include <fmt/format.h>

#include <atomic>
#include <map>
#include <set>

#include "modelfloat/base/log.h"
#include "modelfloat/transfer/object_reader.h"

namespace modelfloat::engine {

void Documents::enqueue(std::span<const NamedObject> objects) {
  std::vector<registry::QueuedPut> puts;
  for (const transfer::PoolStore& store : stores_.all()) {
    for (const NamedObject& object : objects) puts.push_back({store.id, object.name.path(), object.bytes});
  }
  environment_.registry.queue_puts(puts);
}

std::uint64_t Documents::flush(const CallOptions& call) {
  std::map<StoreId, std::vector<registry::QueuedPut>> by_store;
  for (auto& put : environment_.registry.queued_puts()) by_store[put.store].push_back(std::move(put));
  std::atomic<std::uint64_t> bytes = 0;
  TaskGroup group(environment_.io, std::max<std::size_t>(by_store.size(), 1));
  for (const auto& [id, puts] : by_store) {
    const transfer::PoolStore* store = stores_.find(id);
    if (store == nullptr || !store->offline.empty()) continue;
    group.run([&, store, queue = &puts] {
      try {
        for (const auto& put : *queue) {
          const auto name = ObjectName::parse(put.object);
          if (!name) throw Error(ErrorKind::internal, put.object, "queued under a name that is none");
          store->store->put(*name, put.bytes, call);
          environment_.registry.put_done(put.store, put.object);
          bytes += put.bytes.size();
        }
      } catch (const Error& error) {
        if (error.kind == ErrorKind::cancelled) throw;
        log_warning(fmt::format("{} gets its metadata later: {}", store->name, error.what()));
      }
    });
  }
  group.wait();
  return bytes;
}

void Documents::require_durable(std::span<const NamedObject> objects, std::size_t domains) const {
  std::set<std::pair<StoreId, std::string>> queued;
  for (const auto& put : environment_.registry.queued_puts()) queued.emplace(put.store, put.object);
  for (const NamedObject& object : objects) {
    std::set<std::string> having;
    for (const transfer::PoolStore& store : stores_.all()) {
      if (!queued.contains({store.id, object.name.path()})) having.insert(store.domain);
    }
    if (having.size() < domains) {
      throw Error(ErrorKind::offline, object.name.path(),
                  fmt::format("has to be on stores of {} failure domains to be safe, and only {} took it; it is kept here and "
                              "goes there when they are back",
                              domains, having.size()));
    }
  }
}

std::uint64_t Documents::put(std::span<const NamedObject> objects, std::size_t domains, const CallOptions& call) {
  enqueue(objects);
  const std::uint64_t bytes = flush(call);
  require_durable(objects, domains);
  return bytes;
}

Bytes Documents::get(const ObjectName& name, const transfer::FindingSink& finding, const CallOptions& call) {
  if (auto cached = environment_.registry.document(name.path()); cached && transfer::fits_name(name, *cached)) return *std::move(cached);
  auto bytes = transfer::read_object(stores_, name, true, finding, call);
  if (!bytes) throw Error(ErrorKind::lost, name.path(), "no store that can be read now has a good copy of this part of a manifest");
  environment_.registry.keep_document(name.path(), *bytes);
  return *std::move(bytes);
}

}  // namespace modelfloat::engine
