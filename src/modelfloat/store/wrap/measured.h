#pragma once
// A store that watches how the store inside it is doing.

#include <memory>
#include <optional>
#include <string>

#include "modelfloat/base/clock.h"
#include "modelfloat/base/error.h"
#include "modelfloat/store/store.h"

namespace modelfloat::store {

// One kind of call, since the program started or, with kept values, before that too. The quantiles
// are over the last 128 calls that succeeded; nothing before the first.
struct CallMeasurements {
  std::uint64_t calls = 0;   // that ended, well or badly
  std::uint64_t errors = 0;  // of these; calls that ended by Error{cancelled} count in neither
  std::uint64_t bytes = 0;   // of objects, put or got
  double seconds = 0;        // the sum over the calls that succeeded
  std::optional<double> p50_seconds;
  std::optional<double> p95_seconds;
  bool operator==(const CallMeasurements&) const = default;
};

struct Measurements {
  CallMeasurements put, get, stat, remove, list, space;
  std::optional<UtcTime> last_seen;     // when a call last succeeded
  std::optional<ErrorKind> last_error;  // of the newest call that failed
  std::optional<UtcTime> last_error_time;
  bool operator==(const Measurements&) const = default;

  // Of all kinds together.
  std::uint64_t calls() const noexcept;
  std::uint64_t errors() const noexcept;
};

// Measurements that count half: what an earlier run saw, to start the next one with. So old ones
// fade away, down to the last few.
Measurements decayed(Measurements) noexcept;

class MeasuredStore : public Store {
 public:
  // May be called from any thread while calls run.
  virtual Measurements measurements() const = 0;
};

// `clock` outlives the store. What a sink throws during list() is not held against the store; the
// time that it takes is. `before` is where it starts: its sums go on, and its quantiles count until
// a few calls of its own have succeeded.
std::unique_ptr<MeasuredStore> make_measured(std::unique_ptr<Store> inner, Clock& clock,
                                             const Measurements& before = {});

}  // namespace modelfloat::store
