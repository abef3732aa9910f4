#pragma once
// What is under way: pushes, and small objects that are being uploaded. Each is recorded before
// it begins.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "modelfloat/base/bytes.h"
#include "modelfloat/base/clock.h"
#include "modelfloat/domain/ids.h"
#include "modelfloat/registry/transactions.h"

namespace modelfloat::registry {

// A small object that must still be uploaded to a store.
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
  // store has the object. Queueing an object for the same store again replaces its bytes; the
  // entry keeps its place in the queue.
  virtual void queue_puts(std::span<const QueuedPut>) = 0;
  // All entries, the oldest first.
  virtual std::vector<QueuedPut> queued_puts() = 0;
  // Removes the entry: the store has confirmed the object. Does nothing when there is none.
  virtual void put_done(const StoreId&, const std::string& object) = 0;

  // Starts to record which stores confirm these objects, that is, for which stores any process
  // calls put_done(). Recording ends with forget_puts(). Several callers may await the same
  // object; its record is kept until each of them has called forget_puts().
  virtual void await_puts(std::span<const std::string> objects) = 0;
  // The stores that have confirmed the object since the first await_puts() that is not forgotten
  // yet, also one of a process that was killed. Ordered by id; empty when nobody awaits it.
  virtual std::vector<StoreId> confirmed_puts(const std::string& object) = 0;
  virtual void forget_puts(std::span<const std::string> objects) = 0;

  // Records a push that begins now, and returns its unique number.
  virtual std::uint64_t begin_push(const std::string& model, const std::string& tag, UtcTime now) = 0;
  // Records the progress of a push. Error{not_found} when there is no push with this number.
  virtual void record_push(std::uint64_t id, PushState, std::uint64_t packs) = 0;
  // The pushes in this state, ordered by number. A process that was killed leaves its push running.
  virtual std::vector<PushRow> pushes(PushState) = 0;
};

}  // namespace modelfloat::registry
