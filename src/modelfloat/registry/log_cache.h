#pragma once
// The log of the pool as far as it was read from the stores or written here.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "modelfloat/base/bytes.h"
#include "modelfloat/domain/ids.h"
#include "modelfloat/domain/object_name.h"

namespace modelfloat::registry {

// A log record with its CBOR as it came: a record document, or an entry of a checkpoint's part. The
// state of the pool can be computed from these records at any time.
struct LogRow {
  WriterId writer{};
  std::uint64_t seq = 0;
  Hash256 hash{};
  Bytes cbor;
  bool operator==(const LogRow&) const = default;
};

// The same without the bytes.
struct LogName {
  WriterId writer{};
  std::uint64_t seq = 0;
  Hash256 hash{};
  std::uint64_t cbor_bytes = 0;
  bool operator==(const LogName&) const = default;
};

// The CBOR of a checkpoint.
struct CheckpointRow {
  WriterId writer{};
  std::uint64_t seq = 0;
  Hash256 hash{};  // of the object
  Bytes cbor;
  bool is_taken = false;  // all that it stands for is here
  bool operator==(const CheckpointRow&) const = default;
};

enum class Unreadable : std::uint8_t {
  locked = 0,   // no key for it, or of a newer format
  junk = 1,     // no object of the log
  damaged = 2,  // every copy is
};
// An object of the log that was read and could not be used.
struct UnreadableRow {
  std::string object;  // path
  std::string tried;   // which reader tried: another one may be able to read it
  Unreadable why = Unreadable::locked;
  bool operator==(const UnreadableRow&) const = default;
};

// Threads, durability and errors: see Registry.
class LogCache {
 public:
  virtual ~LogCache() = default;

  // Adding a record twice is fine: the first one stays. Two records of one writer and seq that
  // differ are both kept.
  virtual void add_log_records(std::span<const LogRow>) = 0;
  // Replaces the CBOR of records that are here by other bytes that say the same.
  virtual void replace_log_records(std::span<const LogRow>) = 0;
  // Of these records, only the names are kept, here or not: a checkpoint that is here stands for
  // them. They are no log_records() any more.
  virtual void keep_names_only(std::span<const LogName>) = 0;
  // The names that keep_names_only() left, ordered by writer, seq and hash; cbor_bytes is 0.
  virtual std::vector<LogName> names_without_records() = 0;
  // Adds names of records that a checkpoint stands for. Those of log_records() stay that.
  virtual void add_names(std::span<const LogName>) = 0;
  // A number that changes whenever log_records() does, and with each put_checkpoint().
  virtual std::uint64_t log_version() = 0;
  // All records, ordered by writer, seq and hash; seq is unsigned.
  virtual std::vector<LogRow> log_records() = 0;
  // All names, in the same order.
  virtual std::vector<LogName> log_names() = 0;
  // The CBOR of a record, or nullopt.
  virtual std::optional<Bytes> log_record(const LogName&) = 0;
  // The records of one writer, ordered by seq and hash.
  virtual std::vector<LogRow> log_records_of(const WriterId&) = 0;

  // All checkpoints, ordered by writer, seq and hash.
  virtual std::vector<CheckpointRow> checkpoints() = 0;
  // Adds the checkpoint, or replaces the row of the same name.
  virtual void put_checkpoint(const CheckpointRow&) = 0;
  virtual void forget_checkpoint(const WriterId&, std::uint64_t seq, const Hash256& hash) = 0;

  // Ordered by object.
  virtual std::vector<UnreadableRow> unreadable() = 0;
  // Replaces the row of the same object.
  virtual void record_unreadable(const UnreadableRow&) = 0;
  // Objects that have no row are fine.
  virtual void forget_unreadable(std::span<const std::string> objects) = 0;

  // Adds paths of log and checkpoint objects that were seen on the store. If somebody resets the
  // store to an older state, some of them are missing there, which reveals the reset.
  virtual void record_listed(const StoreId&, std::span<const std::string> log_paths) = 0;
  // All paths that record_listed() added, ordered; empty for an unknown store.
  virtual std::vector<std::string> listed(const StoreId&) = 0;
  // Paths that the store may have no more. Those that it never listed are fine.
  virtual void forget_listed(const StoreId&, std::span<const std::string> log_paths) = 0;
};

}  // namespace modelfloat::registry
