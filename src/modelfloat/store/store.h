#pragma once
// The one interface to everything that keeps objects: a folder, a cloud account, a wrapper around another store.

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
  bool delayed_listing = false;                   // a fresh object may be missing from list() for a while
  bool lists_checksums = false;                   // ObjectInfo::checksum is filled
  bool downloads_are_scarce = false;              // read elsewhere while another store has what is wanted
  double calls_per_second = 0;                    // the provider's limit on a client; 0: none that we know
  std::uint64_t daily_upload_bytes = UINT64_MAX;  // the provider's limits on an account
  std::uint64_t daily_download_bytes = UINT64_MAX;
  unsigned idle_days =
      0;  // after so many days without a call the provider may close the account; 0: never, or not known
};

struct ObjectInfo {
  ObjectName name;
  std::uint64_t size_bytes = 0;
  std::optional<std::string> checksum;  // as the store itself computed it: "md5:..", "sha256:..", "crc32c:.."
};

// What a provider says of itself, by itself: nothing is listed for it. Many don't say all.
struct Space {
  std::optional<std::uint64_t> used_bytes;  // also by what is not ours
  std::optional<std::uint64_t> free_bytes;
};

using ObjectSink = std::function<void(const ObjectInfo&)>;

// A place that keeps named, immutable objects. All methods may be called from many threads.
// Failures throw Error; the provider fills in its kind, because only it knows what a reply meant. A store that is not
// there at all (a missing folder, no connection) is Error{offline}, never an empty answer.
class Store {
 public:
  virtual ~Store() = default;
  Store() = default;
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  virtual StoreTraits traits() const = 0;
  // Keeps `bytes` under `name`, durably. Returns only when the name holds exactly these bytes; what stood there before
  // and differs is replaced, seen by readers as the old or the new object, never a mixture. Putting equal bytes twice
  // is fine. A provider that cannot do better may show readers less than an object while it replaces one, and leave that
  // when the call is cut. Where nothing stood, a call that is cut leaves the whole object or nothing.
  virtual void put(const ObjectName& name, ByteSpan bytes, const CallOptions&) = 0;
  // The bytes asked for, or nullopt when there is no such object. A range that reaches beyond the end of the object is
  // Error{corrupt}; ByteRange{offset, k_to_the_end} gives all from offset on.
  virtual std::optional<Bytes> get(const ObjectName& name, ByteRange range, const CallOptions&) = 0;
  virtual std::optional<ObjectInfo> stat(const ObjectName& name, const CallOptions&) = 0;
  // An absent object is fine.
  virtual void remove(const ObjectName& name, const CallOptions&) = 0;
  // Calls the sink once for each object of ours whose name starts with `prefix`, in any order, on the calling thread.
  // A part that cannot be read hides no other: the sink is given what there is, then comes the Error of that part.
  virtual void list(std::string_view prefix, const ObjectSink& sink, const CallOptions&) = 0;
  virtual Space space(const CallOptions&) = 0;
};

}  // namespace modelfloat::store
