#pragma once
// A store that measures the calls to the store inside it.

#include <memory>
#include <optional>
#include <string>

#include "modelfloat/base/clock.h"
#include "modelfloat/base/error.h"
#include "modelfloat/store/store.h"

namespace modelfloat::store {

// Measurements of one kind of call, since the program started; with values kept from earlier runs,
// since before that. The quantiles are over the last 128 calls that succeeded; nullopt if there was
// none.
struct CallMeasurements {
  std::uint64_t calls = 0;   // that ended, with or without an error
  std::uint64_t errors = 0;  // of these; cancelled calls are in neither count
  std::uint64_t bytes = 0;   // of objects, written or read
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

  // The sums over all kinds of calls.
  std::uint64_t calls() const noexcept;
  std::uint64_t errors() const noexcept;
};

// The measurements of an earlier run with half their weight, as the start for the next run. So old
// measurements count less after each run.
Measurements decayed(Measurements) noexcept;

class MeasuredStore : public Store {
 public:
  // The measurements so far. Any thread may call it while other calls run.
  virtual Measurements measurements() const = 0;
};

// Wraps a store with measuring. `clock` outlives the store. An exception of a sink in list() does
// not count as an error of the store, but the time that the sink takes is included. `before` are
// the start values: the sums continue from them, and their quantiles are reported until a few calls
// have succeeded.
std::unique_ptr<MeasuredStore> make_measured(std::unique_ptr<Store> inner, Clock& clock,
                                             const Measurements& before = {});

}  // namespace modelfloat::store
