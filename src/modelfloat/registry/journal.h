#pragma once
// What is under way, written down before it begins: pushes, and small objects on their way to
// stores.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "modelfloat/base/bytes.h"
#include "modelfloat/base/clock.h"
#include "modelfloat/domain/ids.h"
#include "modelfloat/registry/transactions.h"

namespace modelfloat::registry {

// A small object that a store has yet to get.
struct QueuedPut {
  StoreId store{};
  std::string object;  // path
  Bytes bytes;
};

enum class PushState { running, committed, abandoned };
struct PushRow {
  std::uint64_t id = 0;
  std::string model;
  std::string tag;
  PushState state = PushState::running;
  UtcTime started_at{};
  std::uint64_t packs = 0;  // made durable so far
  bool operator==(const PushRow&) const = default;
};

// Threads, durability and errors: see Registry.
class Journal : public virtual Transactions {
 public:
  // The queue of small objects. An entry is written before the first put, and removed when the
  // store has the object. Queueing an object for a store again replaces its bytes, and it keeps its
  // place.
  virtual void queue_puts(std::span<const QueuedPut>) = 0;
  // The oldest first.
  virtual std::vector<QueuedPut> queued_puts() = 0;
  // The store has confirmed the object. It is fine when it was not queued.
  virtual void put_done(const StoreId&, const std::string& object) = 0;

  // From await_puts() until forget_puts() it is remembered for which stores put_done() was called
  // for these objects, in whatever process. Several may await one object; what is remembered of it
  // is forgotten with the last of them.
  virtual void await_puts(std::span<const std::string> objects) = 0;
  // The stores that have confirmed the object, in order; empty when nobody awaits it.
  virtual std::vector<StoreId> confirmed_puts(const std::string& object) = 0;
  virtual void forget_puts(std::span<const std::string> objects) = 0;

  // Enters a push that begins now, and returns its number, which no other push has.
  virtual std::uint64_t begin_push(const std::string& model, const std::string& tag, UtcTime now) = 0;
  // How far it has come. Error{not_found} when there is no push of this number.
  virtual void record_push(std::uint64_t id, PushState, std::uint64_t packs) = 0;
  // The pushes in this state, ordered by number. A process that was killed leaves its push running.
  virtual std::vector<PushRow> pushes(PushState) = 0;
};

}  // namespace modelfloat::registry
