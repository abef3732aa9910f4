#pragma once
// What is remembered of a store from run to run, in the registry.

#include <mutex>

#include "modelfloat/registry/store_records.h"
#include "modelfloat/store/wrap/ledger.h"

namespace modelfloat::engine {

// Gathers what calls report and writes it now and then, so that a call costs no write to the disk;
// a pause is written at once. What a killed process had not written is forgotten. The registry
// outlives it.
class RegistryLedger final : public store::Ledger {
 public:
  RegistryLedger(registry::StoreRecords& registry, const StoreId& store) : registry_(registry), store_(store) {}

  store::DayUse use(UtcTime now) override;
  void add_use(UtcTime now, std::uint64_t uploaded_bytes, std::uint64_t downloaded_bytes) override;
  std::optional<store::Pause> pause(store::Traffic) override;
  void record_pause(store::Traffic, const store::Pause&) override;
  store::Measurements measurements() override;
  void keep(const store::Measurements&) override;

  // Writes what was gathered. Throws what the registry throws.
  void write();

 private:
  registry::StoreRecords& registry_;
  const StoreId store_;
  std::mutex mutex_;                           // guards all below
  std::optional<store::DayUse> known_;         // what the registry had, with what was added here
  store::DayUse unwritten_;                    // of known_, what the registry does not have yet
  std::optional<store::Measurements> newest_;  // not written yet
};

// What the registry has of it.
store::Measurements measurements_of(const registry::StoreHealthRow& row);

}  // namespace modelfloat::engine
