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
  // By content name: those that a commit stands for, and those that are only prepared.
  std::map<Hash256, LiveManifest> manifests;
  // The committed manifests that were replaced, by content name, and the live one that each stands
  // for. Whoever removes the live one names them, too.
  std::map<Hash256, Hash256> replaced;
  std::map<std::string, std::map<std::string, Hash256>> tags;  // model -> tag -> content name
  std::set<CondemnedObject> condemned;
  std::set<CondemnedObject> spared;      // of condemnations that are not done yet
  std::map<StoreId, StoreAdded> stores;  // the catalogue
  std::set<StoreId> removed_stores;      // that were in the catalogue and have been removed
  std::map<std::array<std::byte, 16>, SlotAdded> slots;
  std::vector<EpochBegun> epochs;  // ascending
  std::optional<PolicySet> policy;
  std::uint8_t largest_survive = 0;     // of all policies that there ever were
  std::map<WriterId, ChainHead> heads;  // the newest record of each chain
  std::uint64_t passed_over = 0;        // unknown changes that may be
  // What this version does not understand, as texts for people. Unless it is empty, nothing may be
  // written (section 9.7).
  std::set<std::string> not_understood;
  // Duplicate numbers and records that do not fit the one before; text for people.
  std::vector<std::string> irregular;

  // Whether a condemnation that is not done names it, on any store, spared or not: then a push may
  // not count on it.
  bool is_condemned(ObjectType type, const Hash256& hash) const;
};

// Computes the state from records in any order, in linear time. When records of one writer have the
// same number and differ, all of them count, and this is reported in `irregular`.
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
