#pragma once
// What all chains together say: the union of the log, worked out by the rules of
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
  // By content name; those that no `removed` names.
  std::map<Hash256, LiveManifest> manifests;
  std::map<std::string, std::map<std::string, Hash256>> tags;  // model -> tag -> content name
  std::set<CondemnedObject> condemned;
  std::map<StoreId, StoreAdded> stores;  // the catalogue
  std::set<StoreId> removed_stores;      // that were in it, and are not any more
  std::map<std::array<std::byte, 16>, SlotAdded> slots;
  std::vector<EpochBegun> epochs;  // ascending
  std::optional<PolicySet> policy;
  std::map<WriterId, ChainHead> heads;  // the newest record of each chain
  std::uint64_t unknown_changes = 0;
  std::vector<std::string> irregular;  // double numbers and records that do not follow, for people

  bool is_condemned(const std::string& path) const;  // anywhere
};

// Records in any order. Records of one writer and number that differ all count, and are reported.
// Of heads, those need not be there that say no more than the heads of an earlier record of the
// same chain.
PoolState pool_state_of(std::span<const SeenRecord> records);
PoolState pool_state_of(std::span<const SeenRecord* const> records);

// Records of a chain that are not there, though later ones are or another chain names them.
struct LogGap {
  WriterId writer{};
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  auto operator<=>(const LogGap&) const = default;
};
// By writer and number. `covered`: up to which record of a chain a checkpoint stands for what is
// missing.
std::vector<LogGap> gaps_of(std::span<const SeenRecord* const> records,
                            const std::function<std::uint64_t(const WriterId&)>& covered);

}  // namespace modelfloat
