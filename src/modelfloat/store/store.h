#pragma once
// The one interface to everything that keeps objects: a folder, a cloud account, a wrapper around
// another store.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "modelfloat/base/bytes.h"
#include "modelfloat/base/cancel.h"
#include "modelfloat/domain/object_name.h"

namespace modelfloat::store {

// What a provider honestly is.
struct StoreTraits {
  std::size_t parallel_calls = 8;  // more at once gain nothing or are refused
  std::uint64_t max_object_bytes = UINT64_MAX;
  // A fresh object may be missing from list() for a while.
  bool delayed_listing = false;
  bool lists_checksums = false;  // ObjectInfo::checksum is filled
  // Read elsewhere while another store has what is wanted.
  bool downloads_are_scarce = false;
  // The provider's limit on a client; 0: none that we know.
  double calls_per_second = 0;
  std::uint64_t daily_upload_bytes = UINT64_MAX;  // the provider's limits on an account
  std::uint64_t daily_download_bytes = UINT64_MAX;
  // After so many days without a call the provider may close the account; 0: never, or not known.
  unsigned idle_days = 0;
};

struct ObjectInfo {
  ObjectName name;
  std::uint64_t size_bytes = 0;
  // As the store itself computed it: "md5:..", "sha256:..", "crc32c:.."
  std::optional<std::string> checksum;
};

// What a provider says of itself, by itself: nothing is listed for it. Many don't say all.
struct Space {
  std::optional<std::uint64_t> used_bytes;  // also by what is not ours
  std::optional<std::uint64_t> free_bytes;
};

using ObjectSink = std::function<void(const ObjectInfo&)>;

// A place that keeps named, immutable objects. Providers and wrappers keep this contract alike;
// tests/support/store_suite.h tests it.
//
// Threads. Any thread may call any method, and many may at once. A call blocks its thread until it
// returns or throws.
//
// Repeating. Every call may be repeated, also one that failed. Names are made from content, so
// putting or removing twice comes to the same as once.
//
// Absent is no error. get() and stat() return nullopt, remove() does nothing, list() finds nothing.
//
// Errors. Every method but traits() may throw Error of these kinds. The provider sets the kind,
// because only it knows what a reply meant.
//   cancelled     the caller asked to stop
//   timed_out     the deadline passed, or the store did not answer in time
//   offline       the store is not there (no connection, no folder); never told as an absent object
//   denied        the store refuses the login or the call
//   rate_limited  the store asks to wait; Error::retry_after has the time when it named one
//   transient     may work when it is tried again: a broken transfer, an error of the server
//   corrupt       what the store holds or says is damaged
//   other kinds   the store refuses this call, and waiting does not help; internal is a bug
class Store {
 public:
  virtual ~Store() = default;
  Store() = default;
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // What the provider is. Does not throw. The first call may ask the provider; where that fails, it
  // returns the defaults.
  virtual StoreTraits traits() const = 0;

  // Keeps `bytes` under `name`, durably. Returns only when the name holds exactly these bytes. Also
  // throws Error{out_of_space} when the store is full or the object is too large for it.
  //
  // Other bytes under this name are replaced. Readers see the old object or the new one, and a call
  // that is cut leaves one of them. A provider that cannot replace in one step may show readers an
  // absent or shorter object meanwhile, and may leave that when the call is cut. Where nothing was,
  // a call that is cut leaves the whole object or nothing.
  virtual void put(const ObjectName& name, ByteSpan bytes, const CallOptions&) = 0;

  // Returns the bytes asked for, or nullopt when there is no such object. ByteRange{offset,
  // k_to_the_end} asks for all from `offset` on. Throws Error{corrupt} when the range reaches
  // beyond the end of the object. Whether the bytes are what the name says, is for the caller to
  // check.
  virtual std::optional<Bytes> get(const ObjectName& name, ByteRange range, const CallOptions&) = 0;

  // Returns name, size and, where the store tells one, the checksum; nullopt when there is no such
  // object. Reads no content.
  virtual std::optional<ObjectInfo> stat(const ObjectName& name, const CallOptions&) = 0;

  // Removes the object. Does nothing when there is none.
  virtual void remove(const ObjectName& name, const CallOptions&) = 0;

  // Calls `sink` once for each object of ours whose name starts with `prefix`, in any order. Names
  // that are not ours are left out. A part that cannot be read hides no other: the sink is given
  // what there is, then the Error of that part is thrown.
  //
  // The sink is called by the calling thread, while the listing is under way. What it throws ends
  // the listing and comes out as it was. After a stop or the deadline it is called no more. It must
  // not call this store: the listing has one of its connections, and the call might wait for that
  // one. make_limited() throws Error{internal} for such a call.
  virtual void list(std::string_view prefix, const ObjectSink& sink, const CallOptions&) = 0;

  // Returns what the provider says of its space. A number that it does not tell is nullopt.
  virtual Space space(const CallOptions&) = 0;
};

}  // namespace modelfloat::store
