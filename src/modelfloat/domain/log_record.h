#pragma once
// The records of the pool's log. docs/formats/mf1.md section 9 has their bytes and their meaning.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
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
// A `committed` of this revision that names the manifest `old` counts as naming `manifest`.
struct Replaced {
  std::string model;
  RevisionId revision{};
  Hash256 old{};  // name of a content root
  ManifestId manifest;
  bool operator==(const Replaced&) const = default;
};
struct CondemnedObject {
  ObjectType type = ObjectType::shard;
  Hash256 hash{};
  std::optional<StoreId> store;  // only the copy there
  auto operator<=>(const CondemnedObject&) const = default;
};
struct Condemned {
  std::vector<CondemnedObject> objects;
  std::uint64_t grace_seconds = 0;
  bool operator==(const Condemned&) const = default;
};
struct Spared {
  Hash256 record{};  // H of the record that condemns them; of the same writer
  std::vector<CondemnedObject> objects;
  bool operator==(const Spared&) const = default;
};
// All that these records condemn is gone from every store.
struct Deleted {
  std::vector<Hash256> records;
  bool operator==(const Deleted&) const = default;
};
enum class StoreUse : std::uint8_t {
  in_use = 0,
  draining = 1,  // gets nothing new
  other = 255,   // a state that this version does not know: gets nothing new
};
struct StoreAdded {
  StoreId store{};
  std::string name;
  std::string url;
  std::string domain;
  std::uint64_t capacity_bytes = 0;  // 0: not limited
  StoreUse use = StoreUse::in_use;
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
  std::array<std::byte, 32> public_key{};  // that slots for this secret are sealed to
  bool operator==(const SlotAdded&) const = default;
};
struct SlotRemoved {
  std::array<std::byte, 16> slot{};
  bool operator==(const SlotRemoved&) const = default;
};
struct WrappedRoot {  // the root key of an older epoch, under a key of the new one
  std::uint32_t epoch = 1;
  std::array<std::byte, 24> nonce{};
  std::array<std::byte, 48> sealed{};
  bool operator==(const WrappedRoot&) const = default;
};
struct EpochBegun {
  std::uint32_t epoch = 1;
  std::vector<WrappedRoot> wrapped;
  bool operator==(const EpochBegun&) const = default;
};
struct PolicySet {
  std::uint8_t k = 0;  // 0: chosen from survive
  std::uint8_t m = 0;
  std::uint8_t survive = 0;
  bool operator==(const PolicySet&) const = default;
};
// A change that this version does not understand: its kind is unknown, or its `must` has a name that
// is. It does not affect the state. Unless it may be passed over, whoever reads it writes nothing.
struct UnknownChange {
  std::string kind;
  bool may = false;  // be passed over
  // What is unknown about it, after "changes of the kind ...", for people; empty: the kind itself.
  std::string why = {};
  bool operator==(const UnknownChange&) const = default;
};

using Change = std::variant<Prepared, Committed, Untagged, Removed, Replaced, Condemned, Spared, Deleted, StoreAdded,
                            StoreRemoved, SlotAdded, SlotRemoved, EpochBegun, PolicySet, UnknownChange>;

// A record, checkpoint or part of a chain that is known: its number and the H of the object.
struct ChainHead {
  std::uint64_t seq = 0;
  Hash256 hash{};
  bool operator==(const ChainHead&) const = default;
};

struct LogRecord {
  WriterId writer{};
  std::uint64_t seq = 0;  // from 1
  Hash256 previous{};
  // What the writer knows of the other chains, as far as no record of its chain before says it.
  std::map<WriterId, ChainHead> heads;
  std::uint64_t time = 0;  // seconds of Unix time, for people only
  std::vector<Change> changes;
  std::vector<std::string> must;  // names of what a reader has to understand
  bool operator==(const LogRecord&) const = default;
};

// A record together with the hash of the object that it came in.
struct SeenRecord {
  LogRecord record;
  Hash256 hash{};
  bool operator==(const SeenRecord&) const = default;
};

// A checkpoint, without the parts that it names.
struct Checkpoint {
  WriterId writer{};
  std::uint64_t seq = 0;            // of the last record that it covers
  Hash256 hash{};                   // of that record
  std::optional<ChainHead> before;  // the checkpoint before
  std::vector<Hash256> records;     // those since then, by number
  std::vector<ChainHead> parts;     // their names, in order
  std::vector<StoreAdded> stores;
  std::vector<std::string> must;
  std::uint64_t first_seq() const { return before ? before->seq + 1 : 1; }  // of `records`
  // Grows along a chain. A checkpoint may have the number of the one before.
  std::pair<std::uint64_t, std::uint64_t> age() const { return {seq, before ? before->seq : 0}; }
  bool operator==(const Checkpoint&) const = default;
};

}  // namespace modelfloat
