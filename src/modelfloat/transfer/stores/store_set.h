#pragma once
// The stores of a pool, as this process sees them.

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "modelfloat/base/clock.h"
#include "modelfloat/base/executor.h"
#include "modelfloat/domain/ids.h"
#include "modelfloat/mf1/format.h"
#include "modelfloat/registry/store_records.h"
#include "modelfloat/store/store.h"
#include "modelfloat/transfer/stores/store_state.h"
#include "modelfloat/transfer/stores/timeouts.h"

namespace modelfloat::transfer {

// One store of the pool. Shared by threads. Lives as long as its StoreSet, even after the store has
// left the pool.
struct PoolStore {
  const StoreId id{};
  const std::string name;  // as the user calls it
  const std::string url;
  const std::string domain;                // its failure domain
  const std::uint64_t capacity_bytes = 0;  // 0: not limited
  // Null when the store could not be made; never null once it was online. Shared with running
  // calls: a call that hangs may outlive the set.
  const std::shared_ptr<store::Store> store;
  const std::shared_ptr<StoreState> state;
  const bool downloads_are_scarce = false;
  const StoreUse use = StoreUse::in_use;  // any other gets no new shards; all else it gets

  bool is_online() const { return state->presence() == Presence::online; }
};

// Makes a store from its row in the registry, with its credentials and wrappers. Throws Error when
// that is not possible now. Called from any thread.
using StoreOpener = std::function<std::unique_ptr<store::Store>(const registry::StoreRow&)>;

// Knows which stores are in the pool and which of them are online. A store is online once its
// marker was read and is the right one. Any thread may call any method. No method waits for a store
// unless its comment says so.
class StoreSet {
 public:
  // Everything here outlives the set. `io` and `clock` also outlive every running call to a store.
  struct Context {
    Executor& io;
    Clock& clock;
    mf1::PoolTag pool_tag;
    StoreOpener open;
    Timeouts timeouts = {};
  };

  // Starts to read the marker of each store and does not wait for it. A store is not online before
  // its marker was read, or if the marker is missing, unreadable or that of another store.
  StoreSet(const std::vector<registry::StoreRow>& rows, Context context);
  ~StoreSet();  // cancels running marker reads and does not wait for them
  StoreSet(const StoreSet&) = delete;
  StoreSet& operator=(const StoreSet&) = delete;

  // The stores that are in the pool now, ordered by name.
  std::vector<const PoolStore*> all() const;
  // The stores that are known to be online now. A set that was just made knows of none: call
  // wait_until() or wait_for_checks() first to get all that can be reached.
  std::vector<const PoolStore*> online() const;
  const PoolStore* find(const StoreId& id) const;
  const PoolStore* find(std::string_view name) const;

  // Returns true as soon as enough() is true. Returns false when enough() is still false and no
  // store is pending any more. A store whose marker read takes longer than `timeout` (if not given:
  // Timeouts::marker) is not waited for. enough() is called on this thread, again after each change
  // of a store. At the caller's deadline returns what enough() says then. Throws Error{cancelled}
  // on a stop.
  bool wait_until(const std::function<bool()>& enough, const CallOptions& call,
                  std::optional<Milliseconds> timeout = std::nullopt) const;
  // Whether the first marker read of some store is still running and has not timed out.
  bool checks_are_pending() const;
  // Like wait_until(), but waits until no store is pending any more.
  void wait_until_decided(const CallOptions& call, std::optional<Milliseconds> timeout = std::nullopt) const;
  // Like wait_until(), but waits until stores of `domains` failure domains are online. Returns
  // whether they are.
  bool wait_for_domains(std::size_t domains, const CallOptions& call) const;
  // Waits until no marker is being read, including rechecks of stores that are decided already.
  // `timeout` as in wait_until().
  void wait_for_checks(const CallOptions& call, std::optional<Milliseconds> timeout = std::nullopt) const;
  // Waits until changed() is true, or a stop is requested. changed() is called on this thread, again
  // whenever a store may have come online or gone offline, or the list of stores may be another one.
  // Returns what it said last.
  bool wait_for_change(const std::function<bool()>& changed, const std::stop_token& stop) const;

  // Starts to read again the markers of stores that were not checked for a while, and of offline
  // stores whose back-off is over. With `now`: of all stores. Does not wait.
  void recheck(bool now = false);

  // Replaces the rows: new stores join, missing ones leave, and a store whose row has changed is
  // made anew.
  void set_rows(const std::vector<registry::StoreRow>& rows);

  const Timeouts& timeouts() const noexcept { return context_.timeouts; }
  Executor& io() const noexcept { return context_.io; }
  Clock& clock() const noexcept { return context_.clock; }

 private:
  std::unique_ptr<PoolStore> make(const registry::StoreRow& row) const;
  void check(const PoolStore& store) const;
  // Which marker reads a wait is for: first ones only, or any.
  enum class Awaited { pending, any };
  SteadyTime awaited_until(Awaited which, Milliseconds timeout) const;
  bool wait(const std::function<bool()>& enough, Awaited which, Milliseconds timeout, const CallOptions& call) const;
  void make_again(const PoolStore& store);

  const Context context_;
  const std::shared_ptr<ChangeSignal> signal_ = std::make_shared<ChangeSignal>();
  std::stop_source stop_;
  // Held by set_rows(), so that no store is made twice.
  std::mutex changing_;
  mutable std::mutex mutex_;  // guards all below; no store is called under it
  // All stores that were ever in the set. They are never freed: callers hold pointers to them.
  std::vector<std::unique_ptr<PoolStore>> kept_;
  std::vector<const PoolStore*> stores_;  // those of kept_ that are in the pool, by name
};

}  // namespace modelfloat::transfer
