#pragma once
// The one interface to every place that keeps objects: a folder, a cloud account, or a wrapper
// around another store.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "modelfloat/base/bytes.h"
#include "modelfloat/base/cancel.h"
#include "modelfloat/domain/object_name.h"

namespace modelfloat::store {

// The real properties and limits of a provider.
struct StoreTraits {
  std::size_t parallel_calls = 8;  // more calls at once gain nothing, or are refused
  std::uint64_t max_object_bytes = UINT64_MAX;
  // A new object may be missing from list() for a while.
  bool delayed_listing = false;
  bool lists_checksums = false;  // list() fills ObjectInfo::checksum
  // Downloads are limited: read from another store where one has the object.
  bool downloads_are_scarce = false;
  // The provider's limit for one client. 0: no known limit.
  double calls_per_second = 0;
  std::uint64_t daily_upload_bytes = UINT64_MAX;  // the provider's limits for an account
  std::uint64_t daily_download_bytes = UINT64_MAX;
  // After so many days without a call the provider may close the account. 0: never, or not known.
  unsigned idle_days = 0;
};

struct ObjectInfo {
  ObjectName name;
  std::uint64_t size_bytes = 0;
  // The checksum that the store itself computed: "md5:..", "sha256:..", "crc32c:..".
  std::optional<std::string> checksum;
};

// The space as the provider reports it; nothing is listed to find it out. Many providers report
// only a part.
struct Space {
  std::optional<std::uint64_t> used_bytes;  // including objects that are not ours
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

  // Returns the properties of the provider. Does not throw. The first call may ask the provider; if
  // that fails, it returns the defaults.
  virtual StoreTraits traits() const = 0;

  // Stores `bytes` under `name`, durably. Returns only when the name holds exactly these bytes.
  // Also throws Error{out_of_space} when the store is full or the object is too large for it.
  //
  // Replaces an object of this name. Replacement should be atomic: readers see the old object or
  // the new one, and a call that is interrupted leaves one of them. Where the provider cannot do
  // that, readers may see a missing or shorter object during the replacement, and after one that
  // was interrupted. If there was no object before, an interrupted call leaves the whole object or
  // none.
  virtual void put(const ObjectName& name, ByteSpan bytes, const CallOptions&) = 0;

  // Returns the bytes of the range; nullopt when there is no such object. ByteRange{offset,
  // k_to_the_end} means all bytes from `offset` on. Throws Error{corrupt} when the range reaches
  // beyond the end of the object. Does not compare the bytes with the hash in the name; the caller
  // does that.
  virtual std::optional<Bytes> get(const ObjectName& name, ByteRange range, const CallOptions&) = 0;

  // Returns name, size and, if the store reports one, the checksum; nullopt when there is no such
  // object. Reads no content.
  virtual std::optional<ObjectInfo> stat(const ObjectName& name, const CallOptions&) = 0;

  // Removes the object. Does nothing when there is none.
  virtual void remove(const ObjectName& name, const CallOptions&) = 0;

  // Calls `sink` once for each object of ours whose name starts with `prefix`, in any order. Other
  // names in the store are left out. If a part of the store cannot be read, the sink still gets the
  // objects of the other parts; then the Error of that part is thrown.
  //
  // The sink is called on the calling thread, while the listing is running. An exception of the
  // sink ends the listing and is passed on unchanged. After a stop or the deadline the sink is not
  // called again. The sink must not call this store: the listing uses one of its connections, and
  // the call might wait for that one. make_limited() throws Error{internal} for such a call.
  virtual void list(std::string_view prefix, const ObjectSink& sink, const CallOptions&) = 0;

  // Returns the space as the provider reports it. A number that it does not report is nullopt.
  virtual Space space(const CallOptions&) = 0;
};

}  // namespace modelfloat::store
