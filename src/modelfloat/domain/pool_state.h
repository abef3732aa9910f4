#pragma once
// What all chains together say: the union of the log, worked out by the rules of docs/formats/mf1.md section 9. Pure.

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
  std::map<Hash256, LiveManifest> manifests;                   // by content name; those that no `removed` names
  std::map<std::string, std::map<std::string, Hash256>> tags;  // model -> tag -> content name
  std::set<CondemnedObject> condemned;
  std::map<StoreId, StoreAdded> stores;  // the catalogue
  std::set<StoreId> removed_stores;      // that were in it, and are not any more
  std::map<std::array<std::byte, 16>, SlotAdded> slots;
  std::vector<EpochBegun> epochs;  // ascending
  std::optional<PolicySet> policy;
  std::map<WriterId, ChainHead> heads;  // the newest record of each chain
  std::uint64_t unknown_changes = 0;
  std::vector<std::string> irregular;  // gaps and double numbers, for people

  bool is_condemned(const std::string& path) const;  // anywhere
};

// Records in any order. Records of one writer and number that differ all count, and are reported.
PoolState pool_state_of(std::span<const SeenRecord> records);

}  // namespace modelfloat
