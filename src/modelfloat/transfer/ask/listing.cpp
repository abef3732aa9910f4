#include "modelfloat/transfer/ask/listing.h"

#include <algorithm>
#include <memory>

#include "modelfloat/store/bad_folders.h"
#include "modelfloat/transfer/ask/race.h"
#include "modelfloat/transfer/ask/straggler_timeout.h"

namespace modelfloat::transfer {
namespace {

using Objects = std::vector<store::ObjectInfo>;

// If one prefix fails, the others are listed all the same; the Error is thrown at the end.
bool list_prefixes(store::Store& from, const std::vector<std::string>& prefixes, Objects& objects,
                   const CallOptions& options) {
  store::BadFolders bad;
  for (const std::string& prefix : prefixes) {
    try {
      from.list(prefix, [&](const store::ObjectInfo& info) { objects.push_back(info); }, options);
    } catch (const Error& error) {
      bad.record(error);
    }
  }
  bad.report();
  return true;
}

class ListingRound {
 public:
  ListingRound(const StoreSet& stores, const std::vector<std::string>& prefixes, WaitFor wait_for,
               const ListingsSuffice& suffice, const CallOptions& call, Milliseconds allowed)
      : stores_(stores),
        prefixes_(prefixes),
        wait_for_(wait_for),
        suffice_(suffice),
        call_(call),
        allowed_(allowed),
        race_(stores.clock(), CallKind::read, call) {}

  std::vector<StoreListing> run() {
    for (;;) {
      // Stores that come online later are asked too, so the wait is short while some are pending.
      // Read this flag before listing stores: a store that comes online in between is then found by
      // the next iteration.
      const bool more_may_join = stores_.checks_are_pending();
      ask_stores_that_joined();
      if (!race_.under_way().empty()) {
        const SteadyTime look_up =
            more_may_join ? stores_.clock().steady_now() + stores_.timeouts().hedge_floor : SteadyTime::max();
        if (auto answer = race_.next(std::min(look_up, limit_))) {
          handle_answer(*answer);
        } else if (stores_.clock().steady_now() >= limit_) {
          break;
        }
      } else if (!wait_for_stores_to_join()) {
        break;
      }
    }
    for (const auto& late : race_.cancel_all()) {
      StoreListing& listing = listings_[late.tag.place];
      listing.trouble = "did not answer in time";
      listing.is_straggler = true;
      if (wait_for_ == WaitFor::all) late.store->state->latency.mark_slow();
    }
    return std::move(listings_);
  }

 private:
  struct Asked {
    std::size_t place = 0;  // index in listings_
    // Shared, because a straggler's call may end after the round. Read only after its answer has
    // come.
    std::shared_ptr<Objects> objects;
  };
  using Answers = Race<bool, Asked>;

  bool was_asked(const PoolStore* store) const {
    return std::any_of(listings_.begin(), listings_.end(),
                       [&](const StoreListing& listing) { return listing.store == store; });
  }

  void ask_stores_that_joined() {
    for (const PoolStore* store : stores_.online()) {
      if (was_asked(store) || store->state->reads_are_paused()) continue;
      const auto objects = std::make_shared<Objects>();
      race_.ask(*store, allowed_, {listings_.size(), objects},
                [prefixes = prefixes_, objects](store::Store& from, const CallOptions& options) {
                  return list_prefixes(from, prefixes, *objects, options);
                });
      listings_.push_back({.store = store});
    }
  }

  bool wait_for_stores_to_join() const {
    CallOptions until = call_;
    until.deadline = std::min(call_.deadline.value_or(limit_), limit_);
    return stores_.wait_until(
        [&] {
          const auto online = stores_.online();
          return std::any_of(online.begin(), online.end(), [&](const PoolStore* store) {
            return !was_asked(store) && !store->state->reads_are_paused();
          });
        },
        until, will_do_ ? std::optional(stores_.timeouts().straggler) : std::nullopt);
  }

  void handle_answer(Answers::Answer& answer) {
    StoreListing& listing = listings_[answer.tag.place];
    listing.objects = std::move(*answer.tag.objects);
    listing.complete = !answer.error;
    if (answer.error) listing.trouble = answer.error->what();
    set_limit();
  }

  // Listing all objects may take a store long. So where all stores count, only those that were late
  // before may become stragglers.
  bool somebody_may_be_long() const {
    const auto calls = race_.under_way();
    return std::any_of(calls.begin(), calls.end(),
                       [](const auto& call) { return !call.store->state->latency.is_slow(); });
  }

  // Once the lists suffice, the other stores get as long again as that took, plus the straggler
  // timeout; for a quorum, a tenth of it plus 5 ms.
  void set_limit() {
    if (suffice_ && !suffice_(listings_)) return;
    if (!suffice_ && somebody_may_be_long()) return;
    will_do_ = true;
    const SteadyTime now = stores_.clock().steady_now();
    const auto took = now - begin_;
    constexpr std::chrono::milliseconds k_a_moment{5};
    if (wait_for_ == WaitFor::quorum) {
      limit_ = std::min(limit_, now + took / 10 + k_a_moment);
    } else {
      const Milliseconds straggler = stores_.timeouts().straggler;
      const Milliseconds straggler_wait = suffice_ ? straggler_timeout(stores_, race_.awaited(), straggler) : straggler;
      limit_ = std::min(begin_ + allowed_, now + took + straggler_wait);
    }
  }

  const StoreSet& stores_;
  const std::vector<std::string>& prefixes_;
  const WaitFor wait_for_;
  const ListingsSuffice& suffice_;
  const CallOptions& call_;
  const Milliseconds allowed_;
  const SteadyTime begin_ = stores_.clock().steady_now();
  SteadyTime limit_ = begin_ + allowed_;  // also for stores that ignore their deadline
  bool will_do_ = false;
  Answers race_;
  std::vector<StoreListing> listings_;
};

}  // namespace

std::vector<StoreListing> list_stores(const StoreSet& stores, const std::vector<std::string>& prefixes,
                                      WaitFor wait_for, const ListingsSuffice& suffice, const CallOptions& call,
                                      std::optional<Milliseconds> allowed) {
  return ListingRound(stores, prefixes, wait_for, suffice, call, allowed.value_or(stores.timeouts().listing)).run();
}

}  // namespace modelfloat::transfer
