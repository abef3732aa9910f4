#include "modelfloat/store/webdav/webdav_store.h"

#include <algorithm>
#include <mutex>
#include <set>

#include "modelfloat/base/ascii.h"
#include "modelfloat/base/hex.h"
#include "modelfloat/store/bad_folders.h"
#include "modelfloat/store/host_domain.h"
#include "modelfloat/store/http/ranged_get.h"
#include "modelfloat/store/http/status.h"
#include "modelfloat/store/http/url.h"
#include "modelfloat/store/may_match.h"
#include "modelfloat/store/range.h"
#include "modelfloat/store/webdav/address.h"
#include "modelfloat/store/webdav/connection.h"
#include "modelfloat/store/webdav/reply.h"

namespace modelfloat::store {
namespace webdav {
namespace {

constexpr std::uint64_t k_longest_object = std::uint64_t{1} << 30;  // ours have 64 MiB and a header
constexpr Milliseconds k_stale{24 * 60 * 60 * 1000};
constexpr Milliseconds k_time_to_clean_up{15'000};
constexpr std::string_view k_temporary = "tmp-";
constexpr std::size_t k_temporary_digits = 32;

bool is_temporary_name(std::string_view leaf) {
  return leaf.size() == k_temporary.size() + k_temporary_digits && leaf.starts_with(k_temporary) &&
         leaf.find_first_not_of("0123456789abcdef", k_temporary.size()) == std::string_view::npos;
}

class WebdavStore final : public Store {
 public:
  WebdavStore(Address address, const StoreSettings& settings, const StoreContext& context);

  StoreTraits traits() const override { return {.parallel_calls = 8}; }
  void put(const ObjectName& name, ByteSpan bytes, const CallOptions& options) override;
  std::optional<Bytes> get(const ObjectName& name, ByteRange range, const CallOptions& options) override;
  std::optional<ObjectInfo> stat(const ObjectName& name, const CallOptions& options) override;
  void remove(const ObjectName& name, const CallOptions& options) override;
  void list(std::string_view prefix, const ObjectSink& sink, const CallOptions& options) override;
  Space space(const CallOptions& options) override;

  // Makes the store's own folder where it is missing.
  void make_root(const CallOptions& options);

 private:
  struct Walk {
    std::string_view prefix;
    const ObjectSink& sink;
    const CallOptions& options;
    BadFolders& bad;
  };

  std::string where(std::string_view path) const { return url_ + "/" + std::string(path); }
  std::string path_of(const ObjectName& name) const { return address_.folder + "/" + name.path(); }

  Error error(const http::Response& response, const std::string& where, std::string_view what) const;

  // Calls `on_entry` for each entry of a PROPFIND. Returns false for a 404.
  bool properties(const std::string& path, const char* depth, const std::string& where, const CallOptions& options,
                  const std::function<void(const Entry&)>& on_entry, std::optional<UtcTime>* server_time = nullptr);
  void require_root(const CallOptions& options);
  bool is_absent(const http::Response& response, const CallOptions& options);

  void make_folder(const std::string& path, const std::string& where, const CallOptions& options);
  void forget_folders() {
    const std::lock_guard lock(mutex_);
    folders_.clear();
  }
  http::Response put_file(const std::string& path, ByteSpan bytes, const std::string& where,
                          const CallOptions& options);
  bool move_new(const std::string& from, const std::string& to, const std::string& where, const CallOptions& options);
  bool holds(const std::string& path, ByteSpan bytes, const std::string& where, const CallOptions& options);
  void discard(const std::string& path, const std::string& where) noexcept;
  void walk(const std::string& folder, unsigned depth, const Walk& walk);

  const Address address_;
  const std::string url_;
  StoreContext context_;
  Connection connection_;
  std::mutex mutex_;
  std::size_t spelling_ = 0;       // spelling of Destination that the server accepts
  std::set<std::string> folders_;  // folders that are known to exist
};

WebdavStore::WebdavStore(Address address, const StoreSettings& settings, const StoreContext& context)
    : address_(std::move(address)),
      url_("webdav:" + address_.text()),
      context_(context),
      connection_(address_, settings) {}

Error WebdavStore::error(const http::Response& response, const std::string& where, std::string_view what) const {
  return http::status_error(response, where, what, context_.clock.utc_now());
}

bool WebdavStore::properties(const std::string& path, const char* depth, const std::string& where,
                             const CallOptions& options, const std::function<void(const Entry&)>& on_entry,
                             std::optional<UtcTime>* server_time) {
  MultistatusReader reader(where, on_entry);
  Request call{.method = "PROPFIND",
               .path = path,
               .headers = {{"Depth", depth}, {"Content-Type", "application/xml; charset=utf-8"}},
               .body = {as_bytes(propfind_body())}};
  call.on_head = [&](const http::Response& head) {
    if (head.status != 207)
      throw Error(ErrorKind::offline, where, "what answers is no WebDAV server, or a page came instead of an answer");
    if (server_time != nullptr) *server_time = http::date(head);
  };
  call.sink = [&](ByteSpan piece) { reader.feed(piece); };
  const http::Response response = connection_.send(std::move(call), where, options);
  if (response.status == 404) return false;
  if (!response.ok()) throw error(response, where, "cannot look at");
  reader.finish();
  return true;
}

void WebdavStore::require_root(const CallOptions& options) {
  bool is_folder = false;
  const bool found = properties(address_.folder + "/", "0", url_, options,
                                [&](const Entry& entry) { is_folder = entry.is_collection; });
  if (!found || !is_folder) throw Error(ErrorKind::offline, url_, "the folder is not there");
}

bool WebdavStore::is_absent(const http::Response& response, const CallOptions& options) {
  if (response.status != 404 && response.status != 410) return false;
  require_root(options);
  return true;
}

// `path` ends without a slash.
void WebdavStore::make_folder(const std::string& path, const std::string& where, const CallOptions& options) {
  {
    const std::lock_guard lock(mutex_);
    if (folders_.contains(path)) return;
  }
  if (path.size() <= address_.folder.size()) return require_root(options);
  const auto make = [&] { return connection_.send({.method = "MKCOL", .path = path + "/"}, where, options); };
  http::Response made = make();
  if (made.status == 409 || made.status == 404) {
    make_folder(std::string(parent_of(path)), where, options);
    made = make();
  }
  if (!made.ok() && made.status != 405) {  // 405: it is there
    // Another client may have made it at the same moment; servers report that in many ways.
    bool is_folder = false;
    properties(path + "/", "0", where, options, [&](const Entry& entry) { is_folder = entry.is_collection; });
    if (!is_folder) throw error(made, where, "cannot make a folder");
  }
  const std::lock_guard lock(mutex_);
  folders_.insert(path);
}

void WebdavStore::make_root(const CallOptions& options) {
  std::string_view rest = address_.folder;
  std::vector<std::string> missing;
  for (;; rest = parent_of(rest)) {
    if (properties(std::string(rest) + "/", "0", url_, options, [](const Entry&) {})) break;
    if (rest.empty()) throw Error(ErrorKind::offline, url_, "the server has no WebDAV at its root");
    missing.emplace_back(rest);
  }
  for (auto path = missing.rbegin(); path != missing.rend(); ++path) {
    const http::Response made = connection_.send({.method = "MKCOL", .path = *path + "/"}, url_, options);
    if (!made.ok() && made.status != 405) throw error(made, url_, "cannot make the folder");
  }
  require_root(options);
}

http::Response WebdavStore::put_file(const std::string& path, ByteSpan bytes, const std::string& where,
                                     const CallOptions& options) {
  http::Response response = connection_.send(
      {.method = "PUT", .path = path, .headers = {{"Content-Type", "application/octet-stream"}}, .body = {bytes}},
      where, options);
  if (response.ok() && response.header("content-type").value_or("").starts_with("text/html") &&
      response.status == 200) {
    throw Error(ErrorKind::offline, where, "a page came instead of an answer");
  }
  return response;
}

// Returns false when the destination exists.
bool WebdavStore::move_new(const std::string& from, const std::string& to, const std::string& where,
                           const CallOptions& options) {
  // A server behind a TLS proxy may take its own address for that of another server. The spelling
  // that it accepts is found out once.
  std::vector<std::string> spellings = {connection_.address_of(to), http::percent_encode(to, true)};
  if (connection_.is_secure()) spellings.push_back("http" + connection_.address_of(to).substr(5));
  std::size_t spelling = 0;
  {
    const std::lock_guard lock(mutex_);
    spelling = spelling_;
  }
  http::Response moved;
  for (const std::size_t first = spelling;; ++spelling) {
    moved = connection_.send(
        {.method = "MOVE", .path = from, .headers = {{"Destination", spellings[spelling]}, {"Overwrite", "F"}}}, where,
        options);
    const bool is_refused = moved.status == 502 || (moved.status == 400 && spelling > first);
    if (!is_refused || spelling + 1 == spellings.size()) break;
  }
  if (moved.ok() || moved.status == 412) {
    const std::lock_guard lock(mutex_);
    spelling_ = spelling;
  }
  if (moved.status == 201 || moved.status == 204) return true;
  if (moved.status == 412) return false;
  if (moved.status == 207)
    throw Error(ErrorKind::transient, where, "cannot move it to its name: the server says why in several answers");
  if (moved.ok()) throw Error(ErrorKind::offline, where, "a page came instead of an answer");
  if (moved.status == 404 || moved.status == 409)
    throw Error(ErrorKind::transient, where, "what was put is gone, or its folder is");
  throw error(moved, where, "cannot move it to its name");
}

bool WebdavStore::holds(const std::string& path, ByteSpan bytes, const std::string& where, const CallOptions& options) {
  std::uint64_t at = 0;
  bool same = true;
  const auto compare = [&](ByteSpan piece) {
    same = same && piece.size() <= bytes.size() - at && equal(piece, bytes.subspan(at, piece.size()));
    at += same ? piece.size() : 0;
  };
  const http::Response response = connection_.send({.method = "GET", .path = path, .sink = compare}, where, options);
  if (is_absent(response, options)) return false;
  if (!response.ok()) throw error(response, where, "cannot read what is there");
  return same && at == bytes.size();
}

// If this fails, a later listing removes the file.
void WebdavStore::discard(const std::string& path, const std::string& where) noexcept {
  try {
    CallOptions options;  // also after the caller's deadline
    options.deadline = std::chrono::steady_clock::now() + k_time_to_clean_up;
    connection_.send({.method = "DELETE", .path = path}, where, options);
  } catch (const Error&) {  // NOLINT(bugprone-empty-catch): what went wrong before is what matters
  }
}

void WebdavStore::put(const ObjectName& name, ByteSpan bytes, const CallOptions& options) {
  const std::string place = where(name.path());
  const std::string path = path_of(name);
  const std::string folder(parent_of(path));
  const std::string temporary =
      folder + "/" + std::string(k_temporary) + to_hex(context_.random.array<k_temporary_digits / 2>());
  make_folder(folder, place, options);
  try {
    http::Response response = put_file(temporary, bytes, place, options);
    if (response.status == 404 || response.status == 409) {  // the folder was removed
      forget_folders();
      make_folder(folder, place, options);
      response = put_file(temporary, bytes, place, options);
    }
    if (!response.ok()) throw error(response, place, "cannot put");
    if (move_new(temporary, path, place, options)) return;
    if (!holds(path, bytes, place, options)) {
      // Not by MOVE: a server may delete the destination before it moves, and readers would then
      // find nothing. The servers that we know write PUT data to another file and rename that.
      response = put_file(path, bytes, place, options);
      if (!response.ok()) throw error(response, place, "cannot replace what is there");
    }
  } catch (const Error& error) {
    // During a pause the server is not called: a later listing removes the file after a day.
    if (error.kind != ErrorKind::rate_limited) discard(temporary, place);
    throw;
  }
  discard(temporary, place);
}

std::optional<Bytes> WebdavStore::get(const ObjectName& name, ByteRange range, const CallOptions& options) {
  const std::string place = where(name.path());
  if (range.length == 0 || range.offset == UINT64_MAX ||
      !checked_add(range.offset, range.length == ByteRange::k_to_the_end ? 0 : range.length)) {
    const auto info = stat(name, options);  // HTTP cannot express such a range
    if (!info) return std::nullopt;
    clip(range, info->size_bytes, place);
    return Bytes();
  }
  std::optional<Bytes> bytes;
  Request call{.method = "GET", .path = path_of(name)};
  call.on_head = [&](const http::Response& head) {
    if (head.header("content-type").value_or("").starts_with("text/html")) {
      throw Error(ErrorKind::offline, place, "a page came instead of the object: one to log in, perhaps");
    }
  };
  const http::Response response = connection_.send(std::move(call), place, options, [&](http::Request request) {
    http::RangedAnswer answer =
        http::ranged_get(connection_.client(), std::move(request), range, k_longest_object, options);
    bytes = std::move(answer.bytes);
    return std::move(answer.response);
  });
  if (bytes) return bytes;
  if (is_absent(response, options)) return std::nullopt;
  if (response.status == 416) {
    const auto info = stat(name, options);
    if (!info) return std::nullopt;
    if (clip(range, info->size_bytes, place).length == 0) return Bytes();
  }
  throw error(response, place, "cannot read");
}

std::optional<ObjectInfo> WebdavStore::stat(const ObjectName& name, const CallOptions& options) {
  const std::string place = where(name.path());
  std::optional<Entry> found;
  if (!properties(path_of(name), "0", place, options, [&](const Entry& entry) { found = entry; })) {
    require_root(options);
    return std::nullopt;
  }
  if (!found || found->status >= 300) throw Error(ErrorKind::transient, place, "the answer does not say what it is");
  if (found->is_collection) throw Error(ErrorKind::corrupt, place, "a folder stands in the object's place");
  if (!found->size_bytes) throw Error(ErrorKind::transient, place, "the server does not say how long it is");
  return ObjectInfo{name, *found->size_bytes, std::nullopt};
}

void WebdavStore::remove(const ObjectName& name, const CallOptions& options) {
  const std::string place = where(name.path());
  const http::Response response = connection_.send({.method = "DELETE", .path = path_of(name)}, place, options);
  if (response.status == 204 || is_absent(response, options)) return;
  if (response.status == 207)
    throw Error(ErrorKind::transient, place, "cannot remove: the server says why in several answers");
  if (response.ok() && !response.header("content-type").value_or("").starts_with("text/html")) return;
  if (response.ok()) throw Error(ErrorKind::offline, place, "a page came instead of an answer");
  throw error(response, place, "cannot remove");
}

// `folder` ends with a slash and is relative to the store's folder. Depth 0 is "mf1/", 1 a type, 2
// the folders that hold objects.
void WebdavStore::walk(const std::string& folder, unsigned depth, const Walk& walk_of) {
  const std::string place = where(folder);
  const std::string path = address_.folder + "/" + folder.substr(0, folder.size() - 1);
  const std::string_view own_leaf = leaf_of(path);
  // Collects the entries of the folder first: handling them may take longer than the server waits.
  std::vector<Entry> entries;
  bool has_itself = false;
  std::optional<UtcTime> now;
  const auto on_entry = [&](const Entry& entry) {
    // Behind a proxy the server may know itself by another path, so only the end of the path is
    // compared.
    if (entry.path == path ||
        (entry.is_collection && leaf_of(entry.path) == own_leaf && leaf_of(parent_of(entry.path)) != own_leaf)) {
      has_itself = true;
    } else if (leaf_of(parent_of(entry.path)) != own_leaf) {
      throw Error(ErrorKind::transient, place, "the listing names what is elsewhere");
    } else if (entry.status >= 300 && entry.status != 404) {
      const bool is_denied = entry.status == 401 || entry.status == 403;
      walk_of.bad.record(Error(is_denied ? ErrorKind::denied : ErrorKind::transient, place,
                               "a part of it cannot be listed: HTTP status " + std::to_string(entry.status)));
    } else if (entry.status != 404) {
      entries.push_back(entry);
    }
  };
  try {
    if (!properties(path + "/", "1", place, walk_of.options, on_entry, &now)) return;
    if (!has_itself) throw Error(ErrorKind::transient, place, "the listing lacks the folder itself");
  } catch (const Error& error) {
    return walk_of.bad.record(error);
  }
  for (const Entry& entry : entries) {
    check_cancelled(walk_of.options, place);
    const std::string full = folder + std::string(leaf_of(entry.path));
    if (entry.is_collection) {
      if (depth < 2 && may_match(full + "/", walk_of.prefix)) walk(full + "/", depth + 1, walk_of);
    } else if (is_temporary_name(leaf_of(entry.path))) {
      if (entry.modified && now && *entry.modified < *now - k_stale)
        discard(path + "/" + std::string(leaf_of(entry.path)), place);
    } else if (const auto name = full.starts_with(walk_of.prefix) ? ObjectName::parse(full) : std::nullopt) {
      if (!entry.size_bytes) throw Error(ErrorKind::transient, where(full), "the listing does not say how long it is");
      walk_of.sink({*name, *entry.size_bytes, std::nullopt});
    }
  }
}

void WebdavStore::list(std::string_view prefix, const ObjectSink& sink, const CallOptions& options) {
  require_root(options);
  BadFolders bad;
  if (may_match("mf1/", prefix)) walk("mf1/", 0, {prefix, sink, options, bad});
  bad.report();
}

Space WebdavStore::space(const CallOptions& options) {
  std::optional<Entry> root;
  if (!properties(address_.folder + "/", "0", url_, options, [&](const Entry& entry) { root = entry; }))
    throw Error(ErrorKind::offline, url_, "the folder is not there");
  Space space;
  if (root && root->quota_available && *root->quota_available >= 0)
    space.free_bytes = static_cast<std::uint64_t>(*root->quota_available);
  if (root && root->quota_used && *root->quota_used >= 0)
    space.used_bytes = static_cast<std::uint64_t>(*root->quota_used);
  return space;
}

}  // namespace
}  // namespace webdav

std::unique_ptr<Store> make_webdav_store(std::string_view address, const StoreSettings& settings,
                                         const StoreContext& context) {
  return std::make_unique<webdav::WebdavStore>(webdav::parse_address(address), settings, context);
}

Scheme webdav_scheme() {
  return {
      .name = "webdav",
      .example = "webdav:https://host/path",
      .credential_fields = {{"user", "User", false}, {"password", "Password", true}},
      .make = [](std::string_view rest, const StoreSettings& settings,
                 const StoreContext& context) { return make_webdav_store(rest, settings, context); },
      .canonical_rest = [](std::string_view rest) { return webdav::parse_address(rest).text(); },
      .domain = [](std::string_view rest,
                   const StoreSettings& settings) { return host_domain(webdav::parse_address(rest).server, settings); },
      .prepare =
          [](std::string_view rest, StoreSettings& settings, const StoreContext& context, Dialogue& dialogue,
             const CallOptions& call) {
            const webdav::Address address = webdav::parse_address(rest);
            const http::Url server = settings.api_url.empty() ? address.server : http::parse_url(settings.api_url);
            if (server.scheme == "http" && !http::is_this_machine(server.root()) && !settings.credentials.empty()) {
              dialogue.tell(
                  "Warning: http:// shows the password of this store to everybody on the way; use https:// if the "
                  "server can.");
            }
            webdav::WebdavStore(address, settings, context).make_root(call);
          }};
}

}  // namespace modelfloat::store
