#pragma once
// Stores that the user names by their addresses, before it is known which stores of which pool they
// are.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "modelfloat/base/log.h"
#include "modelfloat/engine/upkeep/setup.h"
#include "modelfloat/mf1/marker.h"
#include "modelfloat/store/wrap/measured.h"
#include "modelfloat/transfer/ask/gather.h"

namespace modelfloat::engine {

// Used by one thread.
class StoresByAddress {
 public:
  // `environment` outlives it.
  StoresByAddress(const Environment& environment, std::vector<RecoverSource> sources, transfer::Timeouts timeouts,
                  CallOptions call);

  // Asks all stores in parallel, and passes each answer to `handle`, which returns whether the
  // answer was useful. The time limit is `longest`. After the first useful answer, the others get
  // as much time again, plus the straggler timeout. Later stores are marked as unresponsive and
  // left out from then on. A store that fails is left out of this call with a warning.
  template <typename T>
  void ask(Milliseconds longest, const std::function<T(store::Store&, const CallOptions&)>& work,
           const std::function<bool(const std::string& url, T)>& handle) {
    transfer::Race<T, Source*> race(environment_.clock, transfer::CallKind::read, call_);
    for (Source& source : sources_) {
      if (!source.is_unresponsive) race.ask(*source.store, longest, &source, work);
    }
    const SteadyTime begin = environment_.clock.steady_now();
    SteadyTime limit = begin + longest;
    const auto handle_answer = [&](auto&& answer) {
      const std::string& url = answer.store->name;
      if (answer.error) {
        if (answer.error->kind != ErrorKind::offline)
          // Errors of kind offline were logged before.
          log_warning(fmt::format("{} is left out: {}", url, answer.error->what()));
      } else if (handle(url, *std::move(answer.value))) {
        const SteadyTime now = environment_.clock.steady_now();
        limit = std::min(limit, now + (now - begin) + timeouts_.straggler);
      }
    };
    for (const auto& late : transfer::gather(race, [&](const auto&) { return limit; }, handle_answer)) {
      late.tag->is_unresponsive = true;
      log_warning(late.store->name + " is left out: it does not answer");
    }
  }

  // Reads the markers of all stores, each for at most Timeouts::marker, as ask() does. nullopt: the
  // store has none.
  void read_markers(const std::function<bool(const std::string& url, std::optional<mf1::Marker>)>& handle);

  // The stores, whose names are their addresses.
  std::vector<const transfer::PoolStore*> stores() const;
  // Whether the store of this address did not answer in time, and is not asked any more.
  bool is_unresponsive(const std::string& url) const;
  std::uint64_t bytes_read() const;

 private:
  struct Source {
    std::shared_ptr<store::MeasuredStore> measured;
    std::unique_ptr<transfer::PoolStore> store;  // its name is its URL
    bool is_unresponsive = false;                // it did not answer, and is not asked again
  };

  const Environment& environment_;
  const transfer::Timeouts timeouts_;
  const CallOptions call_;
  std::vector<Source> sources_;
};

}  // namespace modelfloat::engine
