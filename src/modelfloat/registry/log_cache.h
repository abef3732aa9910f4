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

// A log record with its CBOR as it was in the document. The state of the pool can be computed
// from these records at any time.
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
  bool operator==(const LogName&) const = default;
};

// An object of the log that was read and could not be used.
struct UnreadableRow {
  std::string object;  // path
  std::string tried;   // which reader tried: another one may be able to read it
  bool operator==(const UnreadableRow&) const = default;
};

// Threads, durability and errors: see Registry.
class LogCache {
 public:
  virtual ~LogCache() = default;

  // Adding a record twice is fine. Two records of one writer and seq that differ are both kept.
  virtual void add_log_records(std::span<const LogRow>) = 0;
  // All records, ordered by writer, seq and hash; seq is unsigned.
  virtual std::vector<LogRow> log_records() = 0;
  // All names, in the same order.
  virtual std::vector<LogName> log_names() = 0;
  // The CBOR of a record, or nullopt.
  virtual std::optional<Bytes> log_record(const LogName&) = 0;
  // The records of one writer, ordered by seq and hash.
  virtual std::vector<LogRow> log_records_of(const WriterId&) = 0;

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
};

}  // namespace modelfloat::registry
