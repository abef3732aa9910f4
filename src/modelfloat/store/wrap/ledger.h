#pragma once
// What is remembered about a store between runs of the program.

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "modelfloat/base/clock.h"
#include "modelfloat/store/wrap/measured.h"

namespace modelfloat::store {

// Which calls a pause concerns.
enum class Traffic { all, uploads, downloads };
std::string_view to_string(Traffic) noexcept;

struct Pause {
  UtcTime until{};
  std::string why;  // the store's message
  bool operator==(const Pause&) const = default;
};

// Bytes of objects moved in one day (UTC).
struct DayUse {
  std::int64_t day = 0;  // since 1970-01-01
  std::uint64_t uploaded_bytes = 0;
  std::uint64_t downloaded_bytes = 0;
  bool operator==(const DayUse&) const = default;
};
std::int64_t day_of(UtcTime) noexcept;
// When the day after `time` begins.
UtcTime next_day(UtcTime time) noexcept;

// Keeps the quota use, pauses and measurements of one store. Any thread may call any method, and
// several processes may use the ledger of the same store: their use is added up. No method throws
// when something cannot be written: a call to the store must not fail for that.
class Ledger {
 public:
  virtual ~Ledger() = default;
  // The bytes moved on the day of `now`, as far as known.
  virtual DayUse use(UtcTime now) = 0;
  virtual void add_use(UtcTime now, std::uint64_t uploaded_bytes, std::uint64_t downloaded_bytes) = 0;
  // The last pause that was recorded; it may be over already. Nullopt when there is none.
  virtual std::optional<Pause> pause(Traffic) = 0;
  virtual void record_pause(Traffic, const Pause&) = 0;
  // The measurements of earlier runs; empty when there are none.
  virtual Measurements measurements() = 0;
  virtual void keep(const Measurements&) = 0;
};

// Keeps everything in memory, for this process only.
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
