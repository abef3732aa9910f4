#include "modelfloat/transfer/ask/copy_check.h"

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <string>

#include "modelfloat/base/log.h"
#include "modelfloat/transfer/ask/object_reader.h"
#include "modelfloat/transfer/ask/race.h"

namespace modelfloat::transfer {
namespace {

// How many bytes are read at once, unless four of the largest copies have more. A store gets at
// most a quarter of them, as of the calls, so that three stores that hang leave room for the
// others.
constexpr std::uint64_t k_bytes_under_way = std::uint64_t{48} << 20;

// What is read of a copy to see that it is there.
constexpr std::uint64_t k_first_bytes = 64;

class CopyRound {
 public:
  CopyRound(const StoreSet& stores, const CallOptions& call, const CopyVerdict& verdict, CopyQuestion question)
      : stores_(stores), verdict_(verdict), question_(question), race_(stores.clock(), CallKind::read, call) {}

  std::uint64_t run(std::vector<CopyToCheck> copies) {
    for (CopyToCheck& copy : copies) queue(std::move(copy));
    read_queued();
    try_failed_again();
    return bytes_read_;
  }

 private:
  struct Read {
    std::uint64_t bytes = 0;
    std::optional<Damage> damage;
  };
  struct Queue {  // copies not requested yet
    const PoolStore* store = nullptr;
    std::deque<CopyToCheck> copies;
  };
  struct Failed {
    CopyToCheck copy;
    std::string error;
  };
  struct Asked {
    CopyToCheck copy;
    SteadyTime give_up;  // for a store that ignores its deadline
  };
  using Answers = Race<Read, Asked>;

  void queue(CopyToCheck copy) {
    limit_ = std::max(limit_, 4 * copy.size_bytes);
    Queue& queue = queues_[copy.store->id];
    queue.store = copy.store;
    queue.copies.push_back(std::move(copy));
  }

  void read_queued() {
    for (;;) {
      fill_queues();
      if (race_.under_way().empty()) break;
      if (auto answer = race_.next(next_overdue())) {
        handle_answer(*answer);
      } else {
        leave_overdue();
      }
    }
  }

  // A store that gives its marker is there. What it refuses twice, it does not have whole: a disk may
  // not be able to read it, or nobody may.
  void try_failed_again() {
    const auto again = std::exchange(failed_, {});
    std::set<const PoolStore*> stores;
    for (const Failed& one : again) {
      stores.insert(one.copy.store);
      queue(one.copy);
    }
    for (const PoolStore* store : stores) queue({ObjectName::marker(), store, 0});
    read_queued();
    for (const Failed& one : failed_) {
      const bool is_there = giving_marker_.contains(one.copy.store);
      if (is_there) log_warning(one.error);
      verdict_(one.copy, is_there ? Damage::corrupt : Damage::offline);
    }
  }

  // The bytes are hashed on the thread that read them, and not kept.
  static Read read(store::Store& store, const ObjectName& name, CopyQuestion question, const CallOptions& options) {
    const bool whole = question == CopyQuestion::is_right;
    const auto bytes = store.get(name, whole ? ByteRange{} : ByteRange{0, k_first_bytes}, options);
    if (!bytes) return {0, Damage::missing};
    if (!whole) return {bytes->size(), {}};
    return {bytes->size(), fits_name(name, *bytes) ? std::nullopt : std::optional(Damage::corrupt)};
  }

  // Takes one copy from each store in turn, so that no store waits for another.
  void fill_queues() {
    for (bool asked = true; asked;) {
      asked = false;
      for (auto& [id, queue] : queues_) {
        if (race_.under_way().size() >= stores_.io().width()) return;
        if (queue.copies.empty() || !has_room(*queue.store, queue.copies.front().size_bytes)) continue;
        ask(std::move(queue.copies.front()));
        queue.copies.pop_front();
        asked = true;
      }
    }
  }

  // Whether another copy of `more` bytes may be read: copies are in memory until they are hashed.
  bool has_room(const PoolStore& store, std::uint64_t more) const {
    std::size_t calls_there = 0;
    std::uint64_t bytes_there = more;
    std::uint64_t bytes = more;
    for (const auto& call : race_.under_way()) {
      bytes += call.tag.copy.size_bytes;
      if (call.store != &store) continue;
      ++calls_there;
      bytes_there += call.tag.copy.size_bytes;
    }
    return calls_there < queue_width(store.store->traits().parallel_calls, stores_.io().width()) &&
           bytes_there <= limit_ / 4 && bytes <= limit_;
  }

  void ask(CopyToCheck copy) {
    const Milliseconds allowed = stores_.timeouts().allowed(copy.size_bytes);
    const SteadyTime give_up = stores_.clock().steady_now() + allowed + stores_.timeouts().straggler;
    const PoolStore& store = *copy.store;
    const ObjectName name = copy.name;
    race_.ask(store, allowed, {std::move(copy), give_up},
              [name, question = question_](store::Store& from, const CallOptions& options) {
                return read(from, name, question, options);
              });
  }

  void handle_answer(const Answers::Answer& answer) {
    const CopyToCheck& copy = answer.tag.copy;
    const bool is_marker = copy.name == ObjectName::marker();
    if (answer.error && answer.error->kind == ErrorKind::timed_out) {
      if (!is_marker) verdict_(copy, Damage::offline);
      leave(answer.store);
      return;
    }
    if (is_marker) {
      if (!answer.error && !answer.value->damage) giving_marker_.insert(answer.store);
      return;
    }
    if (answer.error) {
      if (answer.error->kind == ErrorKind::corrupt) {
        verdict_(copy, Damage::corrupt);
      } else {
        failed_.push_back({copy, answer.error->what()});
      }
      return;
    }
    bytes_read_ += answer.value->bytes;
    verdict_(copy, answer.value->damage);
  }

  SteadyTime next_overdue() const {
    SteadyTime next = SteadyTime::max();
    for (const auto& call : race_.under_way()) next = std::min(next, call.tag.give_up);
    return next;
  }

  void leave_overdue() {
    const SteadyTime now = stores_.clock().steady_now();
    std::vector<const PoolStore*> unresponsive;
    for (const auto& call : race_.under_way()) {
      if (call.tag.give_up <= now) unresponsive.push_back(call.store);
    }
    for (const PoolStore* store : unresponsive) leave(store);
  }

  // Stops reading from this store.
  void leave(const PoolStore* store) {
    std::deque<CopyToCheck> rest = std::exchange(queues_[store->id].copies, {});
    for (auto& call : race_.cancel_if([&](const auto& one) { return one.store == store; }))
      rest.push_back(std::move(call.tag.copy));
    if (rest.empty()) return;
    store->state->latency.mark_slow();
    log_warning(store->name + " does not answer, and is not read any more");
    for (const CopyToCheck& copy : rest) {
      if (copy.name != ObjectName::marker()) verdict_(copy, Damage::offline);
    }
  }

  const StoreSet& stores_;
  const CopyVerdict& verdict_;
  const CopyQuestion question_;
  std::map<StoreId, Queue> queues_;
  std::uint64_t limit_ = k_bytes_under_way;
  std::uint64_t bytes_read_ = 0;
  std::vector<Failed> failed_;                // by an error that says nothing of the bytes
  std::set<const PoolStore*> giving_marker_;  // in the second try
  Answers race_;
};

}  // namespace

std::uint64_t check_copies(const StoreSet& stores, std::vector<CopyToCheck> copies, const CallOptions& call,
                           const CopyVerdict& verdict, CopyQuestion question) {
  return CopyRound(stores, call, verdict, question).run(std::move(copies));
}

}  // namespace modelfloat::transfer
