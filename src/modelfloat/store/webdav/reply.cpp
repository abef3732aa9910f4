#include "modelfloat/store/webdav/reply.h"

#include <charconv>

#include "modelfloat/base/ascii.h"
#include "modelfloat/base/error.h"
#include "modelfloat/store/http/status.h"
#include "modelfloat/store/http/url.h"

namespace modelfloat::store::webdav {
namespace {

constexpr std::size_t k_longest_path = 4096;

template <typename Number>
std::optional<Number> number_of(std::string_view text) {
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// "HTTP/1.1 200 OK"
int status_of(std::string_view text) {
  const auto space = text.find(' ');
  return space == std::string_view::npos
             ? 0
             : static_cast<int>(number_of<std::uint16_t>(text.substr(space + 1, 3)).value_or(0));
}

// An absolute URL or an absolute path, encoded.
std::string path_of_href(std::string_view href, const std::string& where) {
  if (href.size() > k_longest_path)
    throw Error(ErrorKind::transient, where, "the answer names a path that is too long");
  if (const auto scheme = href.find("://"); scheme != std::string_view::npos && scheme < href.find('/')) {
    href.remove_prefix(scheme + 3);
    href.remove_prefix(std::min(href.find('/'), href.size()));
  }
  std::string path;
  try {
    path = http::percent_decode(href.substr(0, href.find_first_of("?#")));
  } catch (const Error&) {
    throw Error(ErrorKind::transient, where, "the answer names a path that makes no sense");
  }
  while (path.ends_with('/')) path.pop_back();
  return path;
}

}  // namespace

std::string_view propfind_body() {
  return "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<propfind "
         "xmlns=\"DAV:\"><prop><resourcetype/><getcontentlength/><getlastmodified/>"
         "<quota-available-bytes/><quota-used-bytes/></prop></propfind>";
}

MultistatusReader::MultistatusReader(std::string where, std::function<void(const Entry&)> on_entry)
    : where_(std::move(where)),
      on_entry_(std::move(on_entry)),
      reader_(
          where_, [this](std::string_view name) { open(name); },
          [this](std::string_view name, std::string_view text) { close(name, trimmed(text)); }) {}

void MultistatusReader::open(std::string_view name) {
  if (!has_root_ && name != "multistatus") throw Error(ErrorKind::transient, where_, "the answer is no WebDAV");
  has_root_ = true;
  if (name == "response") entry_ = {};
  if (name == "propstat") {
    in_propstat_ = true;
    found_ = {};
    status_ = 0;
  }
}

void MultistatusReader::set(Entry& entry, std::string_view name, std::string_view text) const {
  if (name == "collection") entry.is_collection = true;
  if (name == "getcontentlength") entry.size_bytes = number_of<std::uint64_t>(text);
  if (name == "getlastmodified") entry.modified = http::parse_date(text);
  if (name == "quota-available-bytes") entry.quota_available = number_of<std::int64_t>(text);
  if (name == "quota-used-bytes") entry.quota_used = number_of<std::int64_t>(text);
}

void MultistatusReader::close(std::string_view name, std::string_view text) {
  if (name == "propstat") {
    in_propstat_ = false;
    if (status_ < 200 || status_ >= 300) return;
    entry_.is_collection = entry_.is_collection || found_.is_collection;
    if (found_.size_bytes) entry_.size_bytes = found_.size_bytes;
    if (found_.modified) entry_.modified = found_.modified;
    if (found_.quota_available) entry_.quota_available = found_.quota_available;
    if (found_.quota_used) entry_.quota_used = found_.quota_used;
  } else if (name == "status") {
    (in_propstat_ ? status_ : entry_.status) = status_of(text);
  } else if (name == "href" && !in_propstat_) {
    if (entry_.path.empty())
      // With a status of its own, a response may name several.
      entry_.path = path_of_href(text, where_);
  } else if (name == "response") {
    on_entry_(entry_);
  } else if (in_propstat_) {
    set(found_, name, text);
  }
}

void MultistatusReader::finish() { reader_.finish(); }

}  // namespace modelfloat::store::webdav
