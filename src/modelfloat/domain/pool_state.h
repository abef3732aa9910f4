#pragma once
// The state of the pool, computed from the records of all chains by the rules of
// docs/formats/mf1.md section 9. Pure.

#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "modelfloat/domain/log_record.h"

namespace modelfloat {

struct LiveManifest {
  std::string model;
  RevisionId revision{};
  ManifestId manifest;
  bool committed = false;  // false: only prepared, by a push that is running or was cut off
  bool operator==(const LiveManifest&) const = default;
};

struct PoolState {
  // By content name, without those that a `removed` names.
  std::map<Hash256, LiveManifest> manifests;
  std::map<std::string, std::map<std::string, Hash256>> tags;  // model -> tag -> content name
  std::set<CondemnedObject> condemned;
  std::map<StoreId, StoreAdded> stores;  // the catalogue
  std::set<StoreId> removed_stores;      // that were in the catalogue and have been removed
  std::map<std::array<std::byte, 16>, SlotAdded> slots;
  std::vector<EpochBegun> epochs;  // ascending
  std::optional<PolicySet> policy;
  std::map<WriterId, ChainHead> heads;  // the newest record of each chain
  std::uint64_t unknown_changes = 0;
  // Duplicate numbers and records that do not fit the one before; text for people.
  std::vector<std::string> irregular;

  bool is_condemned(const std::string& path) const;  // on any store
};

// Computes the state from records in any order. When records of one writer have the same number
// and differ, all of them count, and this is reported in `irregular`. A record may leave out the
// heads that have not changed since an earlier record of the same chain.
PoolState pool_state_of(std::span<const SeenRecord> records);
PoolState pool_state_of(std::span<const SeenRecord* const> records);

// Missing records of a chain: later records of the chain exist, or another chain names them.
struct LogGap {
  WriterId writer{};
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  auto operator<=>(const LogGap&) const = default;
};
// The gaps, ordered by writer and number. `covered`: up to which record of each chain a
// checkpoint replaces missing records.
std::vector<LogGap> gaps_of(std::span<const SeenRecord* const> records,
                            const std::function<std::uint64_t(const WriterId&)>& covered);

}  // namespace modelfloat
