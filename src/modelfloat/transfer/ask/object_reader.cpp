#include "modelfloat/transfer/ask/object_reader.h"

#include <algorithm>
#include <map>
#include <set>

#include "modelfloat/crypto/hash.h"
#include "modelfloat/transfer/ask/hedge.h"
#include "modelfloat/transfer/ask/race.h"
#include "modelfloat/transfer/stores/needed_wait.h"

namespace modelfloat::transfer {
namespace {

// About what a document has, to tell when its answer is late.
constexpr std::uint64_t k_usual_bytes = std::uint64_t{64} * 1024;
// How many objects are asked for at once.
constexpr std::size_t k_window = 8;

// One object on its way.
struct Wanted {
  std::vector<const PoolStore*> places;  // not asked yet
  std::vector<std::size_t> calls;        // under way
  bool done = false;
  std::vector<const PoolStore*> unanswered = {};  // asked in vain: worth another try when they are needed
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
        race_(stores.clock(), Kind::read, call) {}

  void run(const std::vector<ListedObject>& objects, const Consumer& consume) {
    objects_ = &objects;
    for (const ListedObject& object : objects) wanted_.push_back({object.places, {}, false});
    for (;;) {
      // Before those who are there are asked: who turns up between the two is looked for again soon.
      const bool more_may_join = anywhere_ && stores_.checks_are_pending();
      if (fill_window() == 0) break;
      if (race_.under_way() == 0) continue;
      if (auto answer = race_.next(next_late(more_may_join))) {
        handle_answer(*answer, consume);
      } else {
        mark_late_stores();
      }
    }
  }

 private:
  using Content = std::optional<Bytes>;
  using Kind = Race<Content>::Kind;
  struct Call {
    std::size_t object = 0;
    const PoolStore* store = nullptr;
    HedgeTimer timer;
  };

  // Asks for objects until the window is full; returns how many are still open.
  std::size_t fill_window() {
    std::size_t open = 0;
    for (std::size_t i = 0; i < wanted_.size() && open < k_window; ++i) {
      Wanted& wanted = wanted_[i];
      if (wanted.done) continue;
      if (lateness_of(wanted) != Lateness::none && !ask_next(i) && wanted.calls.empty() && !wait_for_places() &&
          !wait_for_those_needed()) {
        wanted.done = true;  // nobody has it
        continue;
      }
      ++open;
    }
    return open;
  }

  // Of the call that is least late; hopeless when there is none.
  Lateness lateness_of(const Wanted& wanted) const {
    Lateness least = Lateness::hopeless;
    for (const std::size_t id : wanted.calls) least = std::min(least, calls_.at(id).timer.lateness());
    return least;
  }

  bool ask_next(std::size_t object) {
    Wanted& wanted = wanted_[object];
    if (anywhere_) add_stores_that_joined(wanted);
    auto best = wanted.places.end();
    for (auto place = wanted.places.begin(); place != wanted.places.end(); ++place) {
      if (!may_be_asked(**place, !wanted.calls.empty(), lateness_of(wanted))) continue;
      if (best == wanted.places.end() || rank_of(**place, k_usual_bytes) < rank_of(**best, k_usual_bytes)) best = place;
    }
    if (best == wanted.places.end()) return false;
    const PoolStore& store = **best;
    wanted.places.erase(best);
    const std::size_t id =
        race_.ask(store, stores_.timeouts().allowed(k_usual_bytes),
                  [name = (*objects_)[object].name, state = store.state](
                      store::Store& from, const CallOptions& options) { return state->get(from, name, {}, options); });
    calls_.insert({id,
                   {object, &store,
                    HedgeTimer(stores_.clock().steady_now(),
                               store.state->latency.late_after(k_usual_bytes, stores_.timeouts()))}});
    wanted.calls.push_back(id);
    return true;
  }

  // Of an object that may lie anywhere: the stores that are online by now.
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
    if (!anywhere_ || !needed_.wait(call_)) return false;  // who reads the log holds its mutex
    for (Wanted& wanted : wanted_) {
      wanted.places.insert(wanted.places.end(), wanted.unanswered.begin(), wanted.unanswered.end());
      wanted.unanswered.clear();
    }
    return true;
  }

  SteadyTime next_late(bool more_may_join) const {
    SteadyTime next = SteadyTime::max();
    for (const auto& [id, call] : calls_) next = std::min(next, call.timer.next());
    // Those who turn up meanwhile may be quicker than one that is late.
    if (more_may_join) next = std::min(next, stores_.clock().steady_now() + stores_.timeouts().hedge_floor);
    return next;
  }

  void mark_late_stores() {
    const SteadyTime now = stores_.clock().steady_now();
    for (auto& [id, call] : calls_) {
      if (call.timer.advance(now)) call.store->state->latency.mark_slow();
    }
  }

  void handle_answer(Race<Content>::Answer& answer, const Consumer& consume) {
    const Call call = calls_.at(answer.id);
    calls_.erase(answer.id);
    Wanted& wanted = wanted_[call.object];
    std::erase(wanted.calls, answer.id);
    const ObjectName& name = (*objects_)[call.object].name;
    try {
      auto bytes = answer.get();
      if (!bytes) {
        if (expected_) report(*call.store, name, Damage::missing);
      } else if (!fits_name(name, *bytes)) {
        call.store->state->latency.mark_slow();
        report(*call.store, name, Damage::corrupt);
      } else {
        wanted.done = true;
        for (const std::size_t id : wanted.calls) {
          race_.cancel(id);
          calls_.erase(id);
        }
        wanted.calls.clear();
        consume(call.object, *std::move(bytes));
      }
    } catch (const Error& error) {
      if (error.kind == ErrorKind::cancelled) throw;
      if (error.kind == ErrorKind::offline || worth_retrying(error.kind)) wanted.unanswered.push_back(call.store);
      if (error.kind == ErrorKind::rate_limited) return;  // not now, which is no damage
      report(*call.store, name, error.kind == ErrorKind::corrupt ? Damage::corrupt : Damage::offline);
    }
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
  std::map<std::size_t, Call> calls_;  // under way, by id
  std::set<const PoolStore*> known_;   // of an object that may lie anywhere
  NeededWait needed_;
  Race<Content> race_;
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
