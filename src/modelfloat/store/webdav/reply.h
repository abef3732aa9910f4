#pragma once
// What WebDAV says in XML: RFC 4918, 13, and the quota of RFC 4331.

#include <functional>
#include <optional>
#include <string>

#include "modelfloat/base/clock.h"
#include "modelfloat/store/xml_reader.h"

namespace modelfloat::store::webdav {

// One resource of a multi-status answer. Only properties that the server has are there.
struct Entry {
  std::string path;  // decoded, without scheme, host, and slash at the end
  int status = 0;    // of the resource itself; 0: none said, so its properties count
  bool is_collection = false;
  std::optional<std::uint64_t> size_bytes;
  std::optional<UtcTime> modified;
  std::optional<std::int64_t> quota_available;  // negative: unknown or none, as some servers say
  std::optional<std::int64_t> quota_used;
};

// The body of a PROPFIND for all of these.
std::string_view propfind_body();

// Reads a multi-status answer piece by piece. Errors as XmlReader's; transient too when it is none.
class MultistatusReader {
 public:
  MultistatusReader(std::string where, std::function<void(const Entry&)> on_entry);
  void feed(ByteSpan piece) { reader_.feed(piece); }
  void finish();

 private:
  void open(std::string_view name);
  void close(std::string_view name, std::string_view text);
  void set(Entry& entry, std::string_view name, std::string_view text) const;

  const std::string where_;
  const std::function<void(const Entry&)> on_entry_;
  bool has_root_ = false;
  Entry entry_;
  // Properties of the propstat that is open: whether they count, its status says, which comes last.
  Entry found_;
  bool in_propstat_ = false;
  int status_ = 0;    // of that propstat
  XmlReader reader_;  // the last: it uses the others
};

}  // namespace modelfloat::store::webdav
