#pragma once
// Reads the XML answers of WebDAV: RFC 4918, 13, and the quota of RFC 4331.

#include <functional>
#include <optional>
#include <string>

#include "modelfloat/base/clock.h"
#include "modelfloat/store/xml_reader.h"

namespace modelfloat::store::webdav {

// One resource of a multi-status answer. Properties that the server does not have are nullopt.
struct Entry {
  std::string path;  // decoded, without scheme, host and trailing slash
  int status = 0;    // of the resource itself; 0: none given, its properties are valid
  bool is_collection = false;
  std::optional<std::uint64_t> size_bytes;
  std::optional<UtcTime> modified;
  std::optional<std::int64_t> quota_available;  // negative: unknown or unlimited on some servers
  std::optional<std::int64_t> quota_used;
};

// The body of a PROPFIND request for all these properties.
std::string_view propfind_body();

// Reads a multi-status answer piece by piece. Throws like XmlReader, and Error{transient} when it
// is no multi-status answer. Used by one thread.
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
  // Properties of the propstat that is being read. Whether they are valid is known only from its
  // status, which comes last.
  Entry found_;
  bool in_propstat_ = false;
  int status_ = 0;    // of that propstat
  XmlReader reader_;  // last member: it uses the others
};

}  // namespace modelfloat::store::webdav
