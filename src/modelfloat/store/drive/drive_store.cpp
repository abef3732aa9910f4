#include "modelfloat/store/drive/drive_store.h"

#include <algorithm>
#include <set>
#include <unordered_set>

#include "modelfloat/base/hex.h"
#include "modelfloat/crypto/hash.h"
#include "modelfloat/store/bad_folders.h"
#include "modelfloat/store/drive/folder_tree.h"
#include "modelfloat/store/drive/known_files.h"
#include "modelfloat/store/drive/login.h"
#include "modelfloat/store/drive/uploader.h"
#include "modelfloat/store/provider_limits.h"
#include "modelfloat/store/range.h"
#include "modelfloat/store/wrap/guarded_list.h"

namespace modelfloat::store {
namespace drive {
namespace {

constexpr int k_attempts = 4;  // while others replace the file that is read

std::string owner_of(const Address& address, const Credentials& credentials) {
  crypto::Sha256 hash;
  hash.update(as_bytes(address.rest()));
  for (const char* name : {"client_id", "client_secret", "refresh_token", "service_account"}) {
    hash.update(as_bytes(std::string("\0", 1) + std::string(credentials.find(name).value_or(""))));
  }
  return to_hex(hash.finish()).substr(0, 16);
}

bool same_content(const FileInfo& a, const FileInfo& b) {
  return a.size_bytes == b.size_bytes && !a.sha256.empty() && a.sha256 == b.sha256;
}

class DriveStore final : public Store {
 public:
  DriveStore(const Address& address, const StoreSettings& settings, const StoreContext& context)
      : where_("drive:" + address.rest()),
        shared_(!address.shared_drive.empty()),
        client_({.ca_file = settings.ca_file}),
        backoff_(context.clock),
        session_(context.vault, context.clock, owner_of(address, settings.credentials)),
        tokens_(settings, session_, client_, context.clock, backoff_, where_),
        api_(settings.api_url, address.shared_drive, client_, tokens_, context.clock, context.random, backoff_),
        tree_(address, api_, session_, where_),
        uploader_(api_, session_, context.clock) {}

  void make_folders(const CallOptions& options) { tree_.make_all(options); }

  StoreTraits traits() const override {
    StoreTraits traits = limits_of_drive();
    traits.lists_checksums = true;
    return traits;
  }
  void put(const ObjectName& name, ByteSpan bytes, const CallOptions& options) override;
  std::optional<Bytes> get(const ObjectName& name, ByteRange range, const CallOptions& options) override;
  std::optional<ObjectInfo> stat(const ObjectName& name, const CallOptions& options) override;
  void remove(const ObjectName& name, const CallOptions& options) override;
  void list(std::string_view prefix, const ObjectSink& sink, const CallOptions& options) override;
  Space space(const CallOptions& options) override;

 private:
  using Ids = std::set<std::string>;

  std::string where(const ObjectName& name) const { return where_ + "/" + name.path(); }
  // All files of this name, the newest first.
  std::vector<FileInfo> find_all(const ObjectName& name, const CallOptions& options);
  // The file of the object, but none of `gone`; nullopt when there is none. Throws Error{offline}
  // when the store's folder is missing.
  std::optional<FileInfo> locate(const ObjectName& name, const Ids& gone, const CallOptions& options);
  std::optional<Bytes> read(const FileInfo& file, ByteRange range, const std::string& place,
                            const CallOptions& options);
  FileInfo choose(const ObjectName& name, const std::vector<FileInfo>& files, const CallOptions& options);
  void put_in_turn(const ObjectName& name, ByteSpan bytes, const CallOptions& options);
  void remove_file(const std::string& id, const std::string& place, const CallOptions& options);
  void list_folder(const std::string& folder, std::string_view prefix, const ObjectSink& sink,
                   const CallOptions& options);
  // Runs work that uses the ids of folders; once more with fresh ids if it failed with the known
  // ones.
  template <typename Work>
  void with_fresh_folders(const CallOptions& options, Work work) {
    try {
      return work();
    } catch (const Error& error) {
      if (error.kind != ErrorKind::not_found) throw;
    }
    tree_.refresh(options);
    work();
  }

  const std::string where_;
  const bool shared_;
  http::HttpClient client_;
  Backoff backoff_;
  Session session_;
  AccessTokens tokens_;
  DriveApi api_;
  FolderTree tree_;
  Uploader uploader_;
  KnownFiles known_;
  // Two puts of different bytes under one name must not remove each other's file.
  KeyedMutex changing_;
};

std::vector<FileInfo> DriveStore::find_all(const ObjectName& name, const CallOptions& options) {
  const Place place = place_of(name);
  std::vector<FileInfo> files;
  const auto sink = [&](const FileInfo& file) {
    if (file.name == place.leaf && file.size_bytes && !known_.is_buried(file.id)) files.push_back(file);
  };
  for (const std::string& folder : tree_.find(place.folder, options))
    api_.list(folder, place.leaf, sink, where(name), options);
  return files;
}

// Chooses among several files of one name: the one whose bytes match the name; for names without a
// hash, the newest.
FileInfo DriveStore::choose(const ObjectName& name, const std::vector<FileInfo>& files, const CallOptions& options) {
  const bool agree =
      std::all_of(files.begin(), files.end(), [&](const FileInfo& file) { return same_content(file, files.front()); });
  if (files.size() == 1 || agree || !name.hash()) return files.front();
  for (const FileInfo& file : files) {
    const auto whole = api_.download(file.id, {}, file.size_bytes.value_or(0), where(name), options);
    if (whole && crypto::blake3(*whole) == *name.hash()) return file;
  }
  return files.front();
}

std::optional<FileInfo> DriveStore::locate(const ObjectName& name, const Ids& gone, const CallOptions& options) {
  auto known = known_.find(name.path());
  if (known && !gone.contains(known->id)) return known;
  std::vector<FileInfo> files;
  with_fresh_folders(options, [&] { files = find_all(name, options); });
  std::erase_if(files, [&](const FileInfo& file) { return gone.contains(file.id); });
  if (files.empty()) {
    tree_.refresh(options);
    return std::nullopt;
  }
  FileInfo file = choose(name, files, options);
  known_.remember(name.path(), file);
  return file;
}

void DriveStore::put_in_turn(const ObjectName& name, ByteSpan bytes, const CallOptions& options) {
  const std::string place = where(name);
  const Content content{bytes, to_hex(crypto::sha256(bytes))};
  std::optional<FileInfo> kept = uploader_.finish(name.path(), content, place, options);
  std::vector<FileInfo> there = find_all(name, options);
  const auto known = known_.find(name.path());
  if (known && std::none_of(there.begin(), there.end(), [&](const FileInfo& file) { return file.id == known->id; }))
    there.push_back(*known);
  std::vector<std::string> bad;
  for (const FileInfo& file : there) {
    if (kept && kept->id == file.id) continue;
    if (!content.is_in(file)) {
      bad.push_back(file.id);
    } else if (!kept) {
      const auto now = api_.look_at(file.id, place, options);  // the listing may be behind
      if (now && !now->trashed && content.is_in(*now)) kept = now;
    }
  }
  if (!kept) {
    const Place at = place_of(name);
    kept =
        uploader_.upload(name.path(), {.id = {}, .name = at.leaf, .folder_id = tree_.find_or_make(at.folder, options)},
                         content, place, options);
  }
  if (kept->trashed) {  // together with its folder
    tree_.refresh(options);
    throw Error(ErrorKind::transient, place, "its folder was put into the trash");
  }
  known_.remember(name.path(), *kept);
  for (const std::string& id : bad) remove_file(id, place, options);
}

void DriveStore::put(const ObjectName& name, ByteSpan bytes, const CallOptions& options) {
  check_cancelled(options, where(name));
  const auto held = changing_.lock(name.path(), options, where(name));
  with_fresh_folders(options, [&] { put_in_turn(name, bytes, options); });
}

// Reads a file by its description. Nullopt when the file is gone.
std::optional<Bytes> DriveStore::read(const FileInfo& file, ByteRange range, const std::string& place,
                                      const CallOptions& options) {
  const std::uint64_t size = file.size_bytes.value_or(0);
  if (range.length != 0) return api_.download(file.id, range, size, place, options);
  const auto now = api_.look_at(file.id, place, options);  // only whether it exists
  if (!now || now->trashed) return std::nullopt;
  clip(range, now->size_bytes.value_or(0), place);
  return Bytes();
}

std::optional<Bytes> DriveStore::get(const ObjectName& name, ByteRange range, const CallOptions& options) {
  const std::string place = where(name);
  check_cancelled(options, place);
  Ids gone;
  for (int attempt = 1; attempt <= k_attempts; ++attempt) {
    const auto file = locate(name, gone, options);
    if (!file) return std::nullopt;
    auto bytes = read(*file, range, place, options);
    const bool to_the_end = range.length == ByteRange::k_to_the_end;
    if (bytes && (!to_the_end || range.offset + bytes->size() == file->size_bytes)) return bytes;
    // The file was replaced since it was found, or the server's listing and its content differ.
    known_.forget(name.path(), file->id);
    if (!bytes) gone.insert(file->id);
  }
  throw Error(ErrorKind::corrupt, place, "what is listed is not what comes");
}

std::optional<ObjectInfo> DriveStore::stat(const ObjectName& name, const CallOptions& options) {
  const std::string place = where(name);
  check_cancelled(options, place);
  Ids gone;
  while (const auto file = locate(name, gone, options)) {
    const auto now = api_.look_at(file->id, place, options);
    if (now && !now->trashed && now->size_bytes && now->name == place_of(name).leaf)
      return ObjectInfo{name, *now->size_bytes, checksum_of(*now)};
    known_.forget(name.path(), file->id);
    gone.insert(file->id);
  }
  return std::nullopt;
}

void DriveStore::remove_file(const std::string& id, const std::string& place, const CallOptions& options) {
  api_.remove(id, place, options);
  known_.bury(id);
}

void DriveStore::remove(const ObjectName& name, const CallOptions& options) {
  const std::string place = where(name);
  check_cancelled(options, place);
  const auto held = changing_.lock(name.path(), options, place);
  Ids ids;
  if (const auto known = known_.find(name.path())) ids.insert(known->id);
  if (const auto pending = session_.pending(name.path())) ids.insert(pending->id);
  session_.forget_pending(name.path());
  with_fresh_folders(options, [&] {
    for (const FileInfo& file : find_all(name, options)) ids.insert(file.id);
  });
  if (ids.empty()) tree_.refresh(options);
  for (const std::string& id : ids) {
    remove_file(id, place, options);
    known_.forget(name.path(), id);
  }
}

void DriveStore::list_folder(const std::string& folder, std::string_view prefix, const ObjectSink& sink,
                             const CallOptions& options) {
  const auto ids = tree_.find(folder, options);
  std::optional<ObjectName> last;  // files of one name follow each other,
  // But not if the folder's name exists several times. Names consist of hashes: 64 bits of them are
  // enough.
  std::unordered_set<std::size_t> seen;
  const auto visit = [&](const FileInfo& file) {
    const auto name = object_at(folder, file.name);
    if (!name || !file.size_bytes || !name->path().starts_with(prefix) || known_.is_buried(file.id)) return;
    const bool again = name == last || (ids.size() > 1 && !seen.insert(std::hash<std::string>()(name->path())).second);
    // A read finds out which of them is the object.
    if (again) return known_.doubt(name->path());
    last = name;
    known_.record(name->path(), file);
    sink({*name, *file.size_bytes, checksum_of(file)});
  };
  for (const std::string& id : ids) api_.list(id, std::nullopt, visit, where_ + "/" + folder, options);
}

void DriveStore::list(std::string_view prefix, const ObjectSink& sink, const CallOptions& options) {
  check_cancelled(options, where_);
  tree_.refresh(options);
  BadFolders bad;
  guarded_list(sink, [&](const ObjectSink& guarded) {
    for (const std::string& folder : folders_with(prefix)) {
      try {
        list_folder(folder, prefix, guarded, options);
      } catch (const Error& error) {
        bad.record(error);
      }
    }
  });
  bad.report();
}

Space DriveStore::space(const CallOptions& options) {
  check_cancelled(options, where_);
  // The quota of our account does not apply to a shared drive, and Drive does not report that of
  // the shared drive.
  if (shared_) {
    tree_.refresh(options);
    return {};
  }
  const Quota quota = api_.quota(where_, options);
  if (!quota.limit_bytes) return {quota.used_bytes, std::nullopt};
  return {quota.used_bytes, *quota.limit_bytes - std::min(quota.used_bytes, *quota.limit_bytes)};
}

void check(const StoreSettings& settings, const std::string& where) {
  settings.credentials.check_names({"client_id", "client_secret", "refresh_token", "service_account"}, where);
  for (const std::string& url : {settings.api_url, settings.token_url}) {
    if (!url.empty()) http::parse_url(url);
  }
}

std::unique_ptr<DriveStore> make(std::string_view rest, const StoreSettings& settings, const StoreContext& context) {
  const Address address = parse_address(rest);
  check(settings, "drive:" + address.rest());
  return std::make_unique<DriveStore>(address, settings, context);
}

void prepare(std::string_view rest, StoreSettings& settings, const StoreContext& context, Dialogue& dialogue,
             const CallOptions& options) {
  const std::string where = "drive:" + parse_address(rest).rest();
  check(settings, where);
  if (!settings.credentials.has("service_account") && !settings.credentials.has("refresh_token"))
    log_in(settings, context, dialogue, where, options);
  make(rest, settings, context)->make_folders(options);
}

}  // namespace
}  // namespace drive

Scheme drive_scheme() {
  return {
      .name = "drive",
      .example = "drive:FOLDER",
      .credential_fields = {{"client_id", "OAuth client id", false}, {"client_secret", "OAuth client secret", true}},
      .make = [](std::string_view rest, const StoreSettings& settings, const StoreContext& context)
          -> std::unique_ptr<Store> { return drive::make(rest, settings, context); },
      .canonical_rest = [](std::string_view rest) { return drive::parse_address(rest).rest(); },
      .domain = [](std::string_view, const StoreSettings&) { return std::string("google"); },
      .prepare = drive::prepare};
}

}  // namespace modelfloat::store
