#pragma once
// What the registry keeps about a store between runs of the program.

#include <mutex>

#include "modelfloat/registry/store_records.h"
#include "modelfloat/store/wrap/ledger.h"

namespace modelfloat::engine {

// Collects what calls report in memory and writes it to the registry from time to time, so that a
// call does not cost a disk write. A pause is written at once. What was not written yet is lost
// when the process is killed. The registry outlives this object. May be used from any thread.
class RegistryLedger final : public store::Ledger {
 public:
  RegistryLedger(registry::StoreRecords& registry, const StoreId& store) : registry_(registry), store_(store) {}

  store::DayUse use(UtcTime now) override;
  void add_use(UtcTime now, std::uint64_t uploaded_bytes, std::uint64_t downloaded_bytes) override;
  std::optional<store::Pause> pause(store::Traffic) override;
  void record_pause(store::Traffic, const store::Pause&) override;
  store::Measurements measurements() override;
  void keep(const store::Measurements&) override;

  // Writes everything collected so far. Throws any error of the registry.
  void write();

 private:
  registry::StoreRecords& registry_;
  const StoreId store_;
  std::mutex mutex_;                           // guards all below
  std::optional<store::DayUse> known_;         // the registry's value plus what was added here
  store::DayUse unwritten_;                    // the part of known_ that is not in the registry
  std::optional<store::Measurements> newest_;  // not written yet
};

// Converts a row of the registry.
store::Measurements measurements_of(const registry::StoreHealthRow& row);

}  // namespace modelfloat::engine
