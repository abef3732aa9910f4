#pragma once
// What is remembered of a store from one run of the program to the next.

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "modelfloat/base/clock.h"
#include "modelfloat/store/wrap/measured.h"

namespace modelfloat::store {

// Which calls a store asked us to leave off.
enum class Traffic { all, uploads, downloads };
std::string_view to_string(Traffic) noexcept;

struct Pause {
  UtcTime until{};
  std::string why;  // what the store said
  bool operator==(const Pause&) const = default;
};

// Bytes of objects in one day of UTC.
struct DayUse {
  std::int64_t day = 0;  // since 1970-01-01
  std::uint64_t uploaded_bytes = 0;
  std::uint64_t downloaded_bytes = 0;
  bool operator==(const DayUse&) const = default;
};
std::int64_t day_of(UtcTime) noexcept;
// When the day after `time` begins.
UtcTime next_day(UtcTime time) noexcept;

// All methods may be called from many threads, and by several processes with the same store: use
// adds up. None throws because of what cannot be written: forgetting it is no reason to fail a
// call.
class Ledger {
 public:
  virtual ~Ledger() = default;
  virtual DayUse use(UtcTime now) = 0;  // of the day of `now`, as far as it is known here
  virtual void add_use(UtcTime now, std::uint64_t uploaded_bytes, std::uint64_t downloaded_bytes) = 0;
  virtual std::optional<Pause> pause(Traffic) = 0;  // may lie in the past
  virtual void record_pause(Traffic, const Pause&) = 0;
  virtual Measurements measurements() = 0;  // of earlier runs
  virtual void keep(const Measurements&) = 0;
};

// Forgets with the process.
class MemoryLedger final : public Ledger {
 public:
  DayUse use(UtcTime now) override;
  void add_use(UtcTime now, std::uint64_t uploaded_bytes, std::uint64_t downloaded_bytes) override;
  std::optional<Pause> pause(Traffic) override;
  void record_pause(Traffic, const Pause&) override;
  Measurements measurements() override;
  void keep(const Measurements&) override;

 private:
  std::mutex mutex_;
  DayUse use_;
  std::map<Traffic, Pause> pauses_;
  Measurements measurements_;
};

}  // namespace modelfloat::store
