#pragma once
// The records of the pool's log. docs/formats/mf1.md section 9 has their bytes and their meaning.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "modelfloat/domain/ids.h"
#include "modelfloat/domain/manifest.h"
#include "modelfloat/domain/object_name.h"

namespace modelfloat {

struct ManifestNaming {  // what prepared and committed say
  std::string model;
  std::string tag;
  RevisionId revision{};
  ManifestId manifest;
  bool operator==(const ManifestNaming&) const = default;
};
struct Prepared : ManifestNaming {
  bool operator==(const Prepared&) const = default;
};
struct Committed : ManifestNaming {
  bool operator==(const Committed&) const = default;
};
struct Untagged {
  std::string model;
  std::string tag;
  bool operator==(const Untagged&) const = default;
};
struct Removed {
  std::string model;
  std::vector<Hash256> manifests;  // names of content roots
  bool operator==(const Removed&) const = default;
};
struct CondemnedObject {
  std::string path;              // of the object, as ObjectName::path()
  std::optional<StoreId> store;  // only the copy there
  auto operator<=>(const CondemnedObject&) const = default;
};
struct Condemned {
  std::vector<CondemnedObject> objects;
  std::uint64_t grace_seconds = 0;
  bool operator==(const Condemned&) const = default;
};
struct Spared {
  std::vector<CondemnedObject> objects;
  bool operator==(const Spared&) const = default;
};
struct StoreAdded {
  StoreId store{};
  std::string name;
  std::string url;
  std::string domain;
  std::uint64_t capacity_bytes = 0;  // 0: not limited
  bool operator==(const StoreAdded&) const = default;
};
struct StoreRemoved {
  StoreId store{};
  bool operator==(const StoreRemoved&) const = default;
};
struct SlotAdded {
  std::array<std::byte, 16> slot{};
  Hash256 object{};
  std::uint8_t secret = 0;  // kind of secret
  std::uint32_t epoch = 1;
  bool operator==(const SlotAdded&) const = default;
};
struct SlotRemoved {
  std::array<std::byte, 16> slot{};
  bool operator==(const SlotRemoved&) const = default;
};
struct EpochBegun {
  std::uint32_t epoch = 1;
  std::array<std::byte, 24> nonce{};
  std::array<std::byte, 48> wrapped{};
  bool operator==(const EpochBegun&) const = default;
};
struct PolicySet {
  std::uint8_t k = 0;  // 0: chosen from survive
  std::uint8_t m = 0;
  std::uint8_t survive = 0;
  bool operator==(const PolicySet&) const = default;
};
// A change of a kind that this version does not know. It does not affect the state, but is
// counted and reported.
struct UnknownChange {
  std::string kind;
  bool operator==(const UnknownChange&) const = default;
};

using Change = std::variant<Prepared, Committed, Untagged, Removed, Condemned, Spared, StoreAdded, StoreRemoved,
                            SlotAdded, SlotRemoved, EpochBegun, PolicySet, UnknownChange>;

// The newest record of a chain that a writer has seen.
struct ChainHead {
  std::uint64_t seq = 0;
  Hash256 hash{};
  bool operator==(const ChainHead&) const = default;
};

struct LogRecord {
  WriterId writer{};
  std::uint64_t seq = 0;  // from 1
  Hash256 previous{};
  std::map<WriterId, ChainHead> heads;  // of the other chains
  std::uint64_t time = 0;               // seconds of Unix time, for people only
  std::vector<Change> changes;
  bool operator==(const LogRecord&) const = default;
};

// A record together with the hash of the object that it came in.
struct SeenRecord {
  LogRecord record;
  Hash256 hash{};
  bool operator==(const SeenRecord&) const = default;
};

struct Checkpoint {
  WriterId writer{};
  std::uint64_t seq = 0;
  Hash256 hash{};  // of record seq
  std::vector<StoreAdded> stores;
  std::vector<SeenRecord> records;
  bool operator==(const Checkpoint&) const = default;
};

}  // namespace modelfloat
