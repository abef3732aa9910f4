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

// One store of the pool. Shared by threads. Valid as long as its set, also when it was taken out of
// the pool meanwhile.
struct PoolStore {
  const StoreId id{};
  const std::string name;  // as the user calls it
  const std::string url;
  const std::string domain;                // what fails together with it
  const std::uint64_t capacity_bytes = 0;  // 0: not limited
  // Null when it could not even be made; never null once it was online. Shared with the calls under
  // way: one that hangs may outlive the set.
  const std::shared_ptr<store::Store> store;
  const std::shared_ptr<StoreState> state;
  const bool downloads_are_scarce = false;

  bool is_online() const { return state->presence() == Presence::online; }
};

// Makes a store from its row in the registry, with its secrets and wrappers; throws Error when that
// cannot be done now. Called from any thread.
using StoreOpener = std::function<std::unique_ptr<store::Store>(const registry::StoreRow&)>;

// Shared by threads. Nothing here waits for a store unless it says so.
class StoreSet {
 public:
  // Everything outlives the set; `io` and `clock` also every call to a store that is under way.
  struct Context {
    Executor& io;
    Clock& clock;
    mf1::PoolTag pool_tag;
    StoreOpener open;
    Timeouts timeouts = {};
  };

  // Begins to read the marker of each store; until that has ended, and when it is missing,
  // unreadable or another one's, the store is not online.
  StoreSet(const std::vector<registry::StoreRow>& rows, Context context);
  ~StoreSet();  // stops what is under way, and does not wait for it
  StoreSet(const StoreSet&) = delete;
  StoreSet& operator=(const StoreSet&) = delete;

  // By name; those that are in the pool now.
  std::vector<const PoolStore*> all() const;
  // Those known to be there by now. Call wait_until() or wait_for_checks() first where that should
  // be many.
  std::vector<const PoolStore*> online() const;
  const PoolStore* find(const StoreId& id) const;
  const PoolStore* find(std::string_view name) const;

  // Returns true as soon as `enough` is, false when no store is pending any more and it still is
  // not. Waits for no marker that takes longer than `timeout` since it was asked for; as long as
  // markers may take when that is not given. `enough` is asked again whenever a store turns up.
  bool wait_until(const std::function<bool()>& enough, const CallOptions& call,
                  std::optional<Milliseconds> timeout = std::nullopt) const;
  // Whether a store is still pending, and not for longer than markers may take.
  bool checks_are_pending() const;
  // Until no store is pending any more.
  void wait_until_decided(const CallOptions& call, std::optional<Milliseconds> timeout = std::nullopt) const;
  // Until stores of so many failure domains are online.
  bool wait_for_domains(std::size_t domains, const CallOptions& call) const;
  // Waits until no marker is being read; for none longer than that, as above.
  void wait_for_checks(const CallOptions& call, std::optional<Milliseconds> timeout = std::nullopt) const;

  // Begins to read the markers of stores that were not looked at for a while or are due after a
  // back-off; with `now`, of all.
  void recheck(bool now = false);

  // Makes the set that of these rows: new ones join, others leave, one whose address has changed is
  // made anew.
  void set_rows(const std::vector<registry::StoreRow>& rows);

  const Timeouts& timeouts() const noexcept { return context_.timeouts; }
  Executor& io() const noexcept { return context_.io; }
  Clock& clock() const noexcept { return context_.clock; }

 private:
  std::unique_ptr<PoolStore> make(const registry::StoreRow& row) const;
  void check(const PoolStore& store) const;
  // Which stores a wait is for.
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
  // All that there ever were: pointers to them are held everywhere.
  std::vector<std::unique_ptr<PoolStore>> kept_;
  std::vector<const PoolStore*> stores_;  // of them those in the pool, by name
};

}  // namespace modelfloat::transfer
