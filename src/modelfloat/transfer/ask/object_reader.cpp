#include "modelfloat/transfer/ask/object_reader.h"

#include <algorithm>
#include <set>

#include "modelfloat/crypto/hash.h"
#include "modelfloat/transfer/ask/hedge.h"
#include "modelfloat/transfer/ask/race.h"
#include "modelfloat/transfer/stores/needed_wait.h"

namespace modelfloat::transfer {
namespace {

// The usual size of a document, to tell when an answer is late.
constexpr std::uint64_t k_usual_bytes = std::uint64_t{64} * 1024;
// How many objects are requested at once.
constexpr std::size_t k_window = 8;

// One object that is being read.
struct Wanted {
  std::vector<const PoolStore*> places;  // not asked yet
  // Stores that did not answer. They may be asked again when needed.
  std::vector<const PoolStore*> unanswered = {};
  bool done = false;
};

class ObjectRound {
 public:
  using Consumer = std::function<void(std::size_t, Bytes)>;

  ObjectRound(StoreSet& stores, bool anywhere, bool expected, const FindingSink& finding, const CallOptions& call)
      : stores_(stores),
        anywhere_(anywhere),
        expected_(expected),
        finding_(finding),
        call_(call),
        needed_(stores, CallKind::read),
        race_(stores.clock(), CallKind::read, call) {}

  void run(const std::vector<ListedObject>& objects, const Consumer& consume) {
    objects_ = &objects;
    for (const ListedObject& object : objects) wanted_.push_back({.places = object.places});
    for (;;) {
      // Read this flag before listing stores: a store that comes online in between is then found by
      // the next iteration.
      const bool more_may_join = anywhere_ && stores_.checks_are_pending();
      if (fill_window() == 0) break;
      if (race_.under_way().empty()) continue;
      if (auto answer = race_.next(next_late(more_may_join))) {
        handle_answer(*answer, consume);
      } else {
        mark_late_stores();
      }
    }
  }

 private:
  using Content = std::optional<Bytes>;
  struct Asked {  // of one store
    std::size_t object = 0;
    HedgeTimer timer;
  };
  using Answers = Race<Content, Asked>;

  // Asks for objects until the window is full; returns how many are still open.
  std::size_t fill_window() {
    std::size_t open = 0;
    for (std::size_t i = 0; i < wanted_.size() && open < k_window; ++i) {
      Wanted& wanted = wanted_[i];
      if (wanted.done) continue;
      const auto lateness = lateness_of(i);
      if (lateness != Lateness::none && !ask_next(i, lateness) && !lateness && !wait_for_places() &&
          !wait_for_those_needed()) {
        wanted.done = true;  // no store has it
        continue;
      }
      ++open;
    }
    return open;
  }

  // The lateness of the object's least late call; nullopt when no call is running.
  std::optional<Lateness> lateness_of(std::size_t object) const {
    std::optional<Lateness> least;
    for (const auto& call : race_.under_way()) {
      if (call.tag.object != object) continue;
      least = std::min(least.value_or(Lateness::hopeless), call.tag.timer.lateness());
    }
    return least;
  }

  // Asks the next store for the object. `lateness` is that of the calls that are running for it
  // already.
  bool ask_next(std::size_t object, std::optional<Lateness> lateness) {
    Wanted& wanted = wanted_[object];
    if (anywhere_) add_stores_that_joined(wanted);
    auto best = wanted.places.end();
    for (auto place = wanted.places.begin(); place != wanted.places.end(); ++place) {
      if (!may_be_asked(**place, lateness.has_value(), lateness.value_or(Lateness::none))) continue;
      if (best == wanted.places.end() || rank_of(**place, k_usual_bytes) < rank_of(**best, k_usual_bytes)) best = place;
    }
    if (best == wanted.places.end()) return false;
    const PoolStore& store = **best;
    wanted.places.erase(best);
    const HedgeTimer timer(stores_.clock().steady_now(),
                           store.state->latency.late_after(k_usual_bytes, stores_.timeouts()));
    race_.ask(store, stores_.timeouts().allowed(k_usual_bytes), {object, timer},
              [name = (*objects_)[object].name, state = store.state](store::Store& from, const CallOptions& options) {
                return state->get(from, name, {}, options);
              });
    return true;
  }

  // For an object that may be on any store: adds the stores that have come online.
  void add_stores_that_joined(Wanted& wanted) {
    for (const PoolStore* store : stores_.online()) {
      if (known_.insert(store).second) wanted.places.push_back(store);
    }
  }

  bool wait_for_places() const {
    if (!anywhere_) return false;
    return stores_.wait_until(
        [&] {
          const auto online = stores_.online();
          return std::any_of(online.begin(), online.end(),
                             [&](const PoolStore* store) { return !known_.contains(store); });
        },
        call_);
  }

  bool wait_for_those_needed() {
    if (!anywhere_ || !needed_.wait(call_)) return false;  // log readers hold a mutex
    for (Wanted& wanted : wanted_) {
      wanted.places.insert(wanted.places.end(), wanted.unanswered.begin(), wanted.unanswered.end());
      wanted.unanswered.clear();
    }
    return true;
  }

  SteadyTime next_late(bool more_may_join) const {
    SteadyTime next = SteadyTime::max();
    for (const auto& call : race_.under_way()) next = std::min(next, call.tag.timer.next());
    // A store that comes online meanwhile may be quicker than one that is late.
    if (more_may_join) next = std::min(next, stores_.clock().steady_now() + stores_.timeouts().hedge_floor);
    return next;
  }

  void mark_late_stores() {
    const SteadyTime now = stores_.clock().steady_now();
    for (auto& call : race_.under_way()) {
      if (call.tag.timer.advance(now)) call.store->state->latency.mark_slow();
    }
  }

  void handle_answer(Answers::Answer& answer, const Consumer& consume) {
    const std::size_t object = answer.tag.object;
    const ObjectName& name = (*objects_)[object].name;
    if (answer.error) {
      handle_error(*answer.store, object, *answer.error);
    } else if (std::optional<Bytes>& bytes = *answer.value; !bytes) {
      if (expected_) report(*answer.store, name, Damage::missing);
    } else if (!fits_name(name, *bytes)) {
      answer.store->state->latency.mark_slow();
      report(*answer.store, name, Damage::corrupt);
    } else {
      wanted_[object].done = true;
      race_.cancel_if([&](const auto& call) { return call.tag.object == object; });
      consume(object, *std::move(bytes));
    }
  }

  void handle_error(const PoolStore& store, std::size_t object, const Error& error) {
    if (error.kind == ErrorKind::offline || worth_retrying(error.kind)) wanted_[object].unanswered.push_back(&store);
    if (error.kind == ErrorKind::rate_limited) return;  // not now, which is no damage
    report(store, (*objects_)[object].name, error.kind == ErrorKind::corrupt ? Damage::corrupt : Damage::offline);
  }

  void report(const PoolStore& store, const ObjectName& name, Damage what) const {
    if (finding_ && name.type()) finding_({store.name, name.path(), *name.type(), what});
  }

  StoreSet& stores_;
  const bool anywhere_;
  const bool expected_;
  const FindingSink& finding_;
  const CallOptions& call_;
  const std::vector<ListedObject>* objects_ = nullptr;
  std::vector<Wanted> wanted_;
  std::set<const PoolStore*> known_;  // of an object that may be on any store
  NeededWait needed_;
  Answers race_;
};

}  // namespace

bool fits_name(const ObjectName& name, ByteSpan object) {
  const auto hash = name.hash();
  return !hash || crypto::blake3(object) == *hash;
}

std::optional<Bytes> read_object(StoreSet& stores, const ObjectName& name, bool expected_everywhere,
                                 const FindingSink& finding, const CallOptions& call) {
  std::optional<Bytes> found;
  ObjectRound(stores, true, expected_everywhere, finding, call).run({{name, {}}}, [&](std::size_t, Bytes bytes) {
    found = std::move(bytes);
  });
  return found;
}

void read_objects(StoreSet& stores, const std::vector<ListedObject>& objects, const FindingSink& finding,
                  const CallOptions& call, const std::function<void(std::size_t index, Bytes bytes)>& consume) {
  ObjectRound(stores, false, true, finding, call).run(objects, consume);
}

}  // namespace modelfloat::transfer
