#pragma once
// The small sealed objects that go to every store: manifests, log records, checkpoints, slots.

#include <span>
#include <vector>

#include "modelfloat/engine/environment.h"
#include "modelfloat/transfer/finding.h"
#include "modelfloat/transfer/store_set.h"

namespace modelfloat::engine {

struct NamedObject {
  ObjectName name;
  Bytes bytes;
};

// Shared by threads.
class Documents {
 public:
  Documents(const Environment& environment, const transfer::StoreSet& stores) : environment_(environment), stores_(stores) {}

  // Writes the objects down in the registry's queue for every store of the pool: from here on they are not forgotten. May be
  // part of a registry transaction.
  void enqueue(std::span<const NamedObject> objects);
  // Puts what is queued to the stores that are online, in parallel, and returns the bytes put. A store that fails keeps its queue; that is
  // logged, not thrown.
  std::uint64_t flush(const CallOptions& call);
  // Throws Error{offline} unless at least `domains` failure domains have each of the objects (none of theirs is queued any more).
  void require_durable(std::span<const NamedObject> objects, std::size_t domains) const;
  // All three.
  std::uint64_t put(std::span<const NamedObject> objects, std::size_t domains, const CallOptions& call);

  // A manifest's document, from the registry's cache or any store. Throws Error{lost} when no store at hand has a good copy.
  Bytes get(const ObjectName& name, const transfer::FindingSink& finding, const CallOptions& call);

 private:
  const Environment environment_;
  const transfer::StoreSet& stores_;
};

}  // namespace modelfloat::engine
