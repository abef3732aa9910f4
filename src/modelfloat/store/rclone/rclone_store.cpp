#include "modelfloat/store/rclone/rclone_store.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_set>

#include <fmt/format.h>

#include "modelfloat/base/error.h"
#include "modelfloat/base/hex.h"
#include "modelfloat/crypto/hash.h"
#include "modelfloat/store/bad_folders.h"
#include "modelfloat/store/may_match.h"
#include "modelfloat/store/range.h"
#include "modelfloat/store/rclone/address.h"
#include "modelfloat/store/rclone/again_while_locked.h"
#include "modelfloat/store/rclone/daemon.h"
#include "modelfloat/store/rclone/rc.h"
#include "modelfloat/store/rclone/remote_type.h"
#include "modelfloat/store/replacement.h"
#include "modelfloat/store/wrap/guarded_list.h"

namespace modelfloat::store {
namespace {

using rclone::Address;
using rclone::Item;
using rclone::parse_address;

// Followed by the time in seconds as 16 hex digits, a hyphen, and 16 random digits.
constexpr std::string_view k_temporary = ".mf-tmp-";
constexpr std::uint64_t k_stale_seconds = std::uint64_t{24} * 3600;
constexpr Milliseconds k_folder_is_fresh{10'000};
constexpr Milliseconds k_traits_limit{20'000};
constexpr Milliseconds k_cleaning{10'000};

// The checksum that the remote reports for these bytes; `kind` is one of Features::checksum.
std::string checksum_of(const std::string& kind, ByteSpan bytes) {
  if (kind == "sha256") return "sha256:" + to_hex(crypto::sha256(bytes));
  if (kind == "md5") return "md5:" + to_hex(crypto::md5(bytes));
  crypto::Sha1 sha1;
  sha1.update(bytes);
  return "sha1:" + to_hex(sha1.finish());
}

// A temporary file of ours that is more than a day old.
bool is_stale(std::string_view path, UtcTime now) {
  const std::string_view leaf = path.substr(path.rfind('/') + 1);
  if (!leaf.starts_with(k_temporary) || leaf.size() < k_temporary.size() + 16) return false;
  const char* begin = leaf.data() + k_temporary.size();
  std::uint64_t seconds = 0;
  const auto [end, error] = std::from_chars(begin, begin + 16, seconds, 16);
  return error == std::errc() && end == begin + 16 && seconds + k_stale_seconds < unix_seconds(now);
}

class RcloneStore final : public Store {
 public:
  RcloneStore(Address address, const StoreContext& context)
      : address_(std::move(address)),
        context_(context),
        rc_(rclone::shared_daemon(), address_.remote, context.random) {}

  StoreTraits traits() const override;
  void put(const ObjectName& name, ByteSpan bytes, const CallOptions& options) override;
  std::optional<Bytes> get(const ObjectName& name, ByteRange range, const CallOptions& options) override;
  std::optional<ObjectInfo> stat(const ObjectName& name, const CallOptions& options) override;
  void remove(const ObjectName& name, const CallOptions& options) override;
  void list(std::string_view prefix, const ObjectSink& sink, const CallOptions& options) override;
  Space space(const CallOptions& options) override;

  void prepare(const CallOptions& options);

 private:
  // What is asked of the remote once.
  struct Profile {
    rclone::Features features;
    StoreTraits traits;
  };

  std::string place(std::string_view path) const {
    return address_.path.empty() || address_.path == "/" ? address_.path + std::string(path)
                                                         : address_.path + "/" + std::string(path);
  }
  std::optional<Profile> known_profile() const;
  Profile profile(const CallOptions& options) const;
  void require_folder(const CallOptions& options);
  void require_folder_lately(const CallOptions& options);
  std::vector<Item> files_called(const std::string& path, const Profile& profile, const CallOptions& options);
  std::optional<std::vector<Item>> unless_broken(const std::string& path, const Profile& profile,
                                                 const CallOptions& options);
  void replace_broken(const std::string& path, ByteSpan bytes, const CallOptions& options);
  std::optional<Item> find(const std::string& path, const Profile& profile, const CallOptions& options);
  bool is_the_same(const Item& there, ByteSpan bytes, const Profile& profile, const CallOptions& options);
  void store_new(const std::string& path, ByteSpan bytes, std::size_t replaced, const Profile& profile,
                 const CallOptions& options);
  void upload_aside(const std::string& temporary, ByteSpan bytes, const CallOptions& options);
  void list_all(std::string_view prefix, const ObjectSink& sink, const CallOptions& options);
  using OnItem = std::function<void(const Item&)>;
  void list_below(const std::string& path, const Profile& profile, const OnItem& on_item, BadFolders& bad,
                  const CallOptions& options);

  const Address address_;
  const StoreContext context_;
  mutable rclone::Rc rc_;  // its calls change nothing of it
  mutable std::mutex mutex_;
  mutable std::optional<Profile> profile_;
  mutable KeyedMutex learning_;
  std::optional<SteadyTime> folder_seen_;
  KeyedMutex putting_;  // one at a time for each name
  Replacement replacement_;
};

std::optional<RcloneStore::Profile> RcloneStore::known_profile() const {
  const std::lock_guard lock(mutex_);
  return profile_;
}

RcloneStore::Profile RcloneStore::profile(const CallOptions& options) const {
  if (const auto known = known_profile()) return *known;
  // One thread asks for all: otherwise rclone would open the remote once for each of several
  // parallel callers.
  const auto held = learning_.lock("", options, rc_.where(address_.path));
  if (const auto known = known_profile()) return *known;
  Profile profile;
  profile.features = rc_.features(options);
  const auto lookup = [&](const std::string& name) { return rc_.config(name, options); };
  const std::string type = rclone::remote_type(address_.remote, address_.path, lookup).type;
  if (type == "webdav")
    // Rclone says no, but it depends on the server.
    profile.features.shows_partial_uploads = true;
  profile.traits = rclone::traits_of(type);
  profile.traits.lists_checksums = !profile.features.checksum.empty();
  const std::lock_guard lock(mutex_);
  profile_ = profile;
  return profile;
}

StoreTraits RcloneStore::traits() const {
  try {
    return profile({{}, std::chrono::steady_clock::now() + k_traits_limit}).traits;
  } catch (const Error&) {
    return {};  // the calls will report the error
  }
}

void RcloneStore::prepare(const CallOptions& options) {
  rc_.features(options);
  if (address_.path.empty() || address_.path == "/") return;
  rc_.make_folder(address_.path, options);
  require_folder(options);
}

void RcloneStore::require_folder(const CallOptions& options) {
  if (address_.path.empty() || address_.path == "/" || !profile(options).features.keeps_folders) return;
  const auto folder = rc_.stat(address_.path, false, {}, options);
  if (!folder || !folder->is_folder)
    throw Error(ErrorKind::offline, rc_.where(address_.path), "the folder is not there");
  const std::lock_guard lock(mutex_);
  folder_seen_ = context_.clock.steady_now();
}

// For calls that would make the folder, not for calls that conclude that an object is absent.
void RcloneStore::require_folder_lately(const CallOptions& options) {
  {
    const std::lock_guard lock(mutex_);
    if (folder_seen_ && context_.clock.steady_now() - *folder_seen_ < k_folder_is_fresh) return;
  }
  require_folder(options);
}

std::vector<Item> RcloneStore::files_called(const std::string& path, const Profile& profile,
                                            const CallOptions& options) {
  if (profile.features.allows_twins) return rc_.twins(path, profile.features.checksum, options);
  std::vector<Item> files;
  if (auto item = rc_.stat(path, true, profile.features.checksum, options)) files.push_back(std::move(*item));
  return files;
}

// Nullopt for a file that lacks a part, as a chunker remote reports it: it can be replaced all the
// same.
std::optional<std::vector<Item>> RcloneStore::unless_broken(const std::string& path, const Profile& profile,
                                                            const CallOptions& options) {
  try {
    return files_called(path, profile, options);
  } catch (const Error& error) {
    if (error.kind != ErrorKind::corrupt) throw;
    return std::nullopt;
  }
}

// rclone can move and delete only what it can open. An upload that does not check the destination
// replaces the file.
void RcloneStore::replace_broken(const std::string& path, ByteSpan bytes, const CallOptions& options) {
  replacement_.run(options, path, [&] { rc_.upload(path, bytes, {.is_new = true}, options); });
}

std::optional<Item> RcloneStore::find(const std::string& path, const Profile& profile, const CallOptions& options) {
  auto item = replacement_.look(options, path, [&]() -> std::optional<Item> {
    const auto files = files_called(path, profile, options);
    if (files.empty()) return std::nullopt;
    Item first = files.front();
    // It is not known which of them a read returns.
    if (std::any_of(files.begin(), files.end(), [&](const Item& one) { return one.checksum != first.checksum; }))
      first.checksum.reset();
    return first;
  });
  if (!item) require_folder(options);
  return item;
}

bool RcloneStore::is_the_same(const Item& there, ByteSpan bytes, const Profile& profile, const CallOptions& options) {
  if (there.size_bytes != bytes.size()) return false;
  if (there.checksum) return *there.checksum == checksum_of(profile.features.checksum, bytes);
  if (profile.traits.downloads_are_scarce) return false;
  try {
    const auto part = rc_.read(there.path, {}, options);
    return part && equal(part->bytes, bytes);
  } catch (const Error& error) {
    if (error.kind == ErrorKind::corrupt) return false;  // put() is how a bad object is replaced
    throw;
  }
}

void RcloneStore::upload_aside(const std::string& temporary, ByteSpan bytes, const CallOptions& options) {
  try {
    rc_.upload(temporary, bytes, {.is_new = true, .in_place = true}, options);
  } catch (const Error&) {
    try {
      rc_.remove(temporary, {{}, std::chrono::steady_clock::now() + k_cleaning});
    } catch (const Error&) {  // NOLINT(bugprone-empty-catch): what failed before says more; a listing clears it away
    }
    throw;
  }
}

// `replaced` is how many files have the name.
void RcloneStore::store_new(const std::string& path, ByteSpan bytes, std::size_t replaced, const Profile& profile,
                            const CallOptions& options) {
  const bool twins = replaced > 1;
  const bool replaces = replaced > 0;
  const auto keep = [&](const auto& last_step) {
    if (replaces) return replacement_.run(options, path, last_step);
    last_step();
  };
  const auto remove_twins = [&] {  // called late: the old files stay until the bytes are stored
    for (std::size_t i = 0; twins && i < replaced; ++i) rc_.remove(path, options);
  };
  if ((!profile.features.shows_partial_uploads && !twins) || !profile.features.can_move) {
    return keep([&] {
      remove_twins();
      rc_.upload(path, bytes, {.is_new = !replaces || twins}, options);
    });
  }
  const std::string temporary = fmt::format("{}/{}{:016x}-{}", path.substr(0, path.rfind('/')), k_temporary,
                                            unix_seconds(context_.clock.utc_now()), to_hex(context_.random.array<8>()));
  upload_aside(temporary, bytes, options);
  keep([&] {
    remove_twins();
    rc_.move(temporary, path, !replaces || twins, options);
  });
}

void RcloneStore::put(const ObjectName& name, ByteSpan bytes, const CallOptions& options) {
  const std::string path = place(name.path());
  const Profile known = profile(options);
  require_folder_lately(options);
  const auto held = putting_.lock(path, options, path);
  const auto there = unless_broken(path, known, options);
  if (there && there->size() == 1 && is_the_same(there->front(), bytes, known, options)) return;
  if (there) {
    rclone::again_while_locked(context_.clock, options, rc_.where(path),
                               [&] { store_new(path, bytes, there->size(), known, options); });
  } else {
    replace_broken(path, bytes, options);
  }
  const auto now = files_called(path, known, options);
  const bool is_stored = !now.empty() && std::all_of(now.begin(), now.end(), [&](const Item& one) {
    return one.size_bytes == bytes.size() &&
           (!one.checksum || *one.checksum == checksum_of(known.features.checksum, bytes));
  });
  if (!is_stored) throw Error(ErrorKind::transient, rc_.where(path), "is not there as it was put");
}

std::optional<Bytes> RcloneStore::get(const ObjectName& name, ByteRange range, const CallOptions& options) {
  const std::string path = place(name.path());
  const std::string where = rc_.where(path);
  check_cancelled(options, where);
  const bool beyond_any = !checked_add(range.offset, range.length) && range.length != ByteRange::k_to_the_end;
  const Profile known = profile(options);
  if (range.length == 0 || beyond_any) {  // HTTP cannot express such a range
    const auto item = find(path, known, options);
    if (!item) return std::nullopt;
    clip(range, item->size_bytes, where);
    return Bytes();
  }
  std::optional<rclone::Rc::Part> part;
  try {
    part = replacement_.look(options, path, [&] { return rc_.read(path, range, options); });
  } catch (const Error& error) {
    if (error.kind != ErrorKind::transient || range.offset == 0) throw;
    // Some remotes fail at a range that begins at the end or beyond it.
    const auto item = find(path, known, options);
    if (item && clip(range, item->size_bytes, where).length == 0) return Bytes();
    throw;
  }
  if (!part) {
    require_folder(options);
    return std::nullopt;
  }
  if (part->bytes.empty()) {  // also the answer for a range beyond the end
    const auto item = find(path, known, options);
    if (!item) return std::nullopt;
    part->whole_bytes = item->size_bytes;
  }
  range = clip(range, part->whole_bytes, where);
  if (part->bytes.size() != range.length) throw Error(ErrorKind::corrupt, where, "is shorter than it says it is");
  return std::move(part->bytes);
}

std::optional<ObjectInfo> RcloneStore::stat(const ObjectName& name, const CallOptions& options) {
  const auto item = find(place(name.path()), profile(options), options);
  if (!item) return std::nullopt;
  return ObjectInfo{name, item->size_bytes, item->checksum};
}

void RcloneStore::remove(const ObjectName& name, const CallOptions& options) {
  const std::string path = place(name.path());
  const Profile known = profile(options);
  if (!find(path, known, options)) return;
  const std::size_t count = known.features.allows_twins ? files_called(path, known, options).size() : 1;
  for (std::size_t i = 0; i < count; ++i) rc_.remove(path, options);
}

void RcloneStore::list(std::string_view prefix, const ObjectSink& sink, const CallOptions& options) {
  guarded_list(sink, [&](const ObjectSink& guarded) { list_all(prefix, guarded, options); });
}

void RcloneStore::list_all(std::string_view prefix, const ObjectSink& sink, const CallOptions& options) {
  const Profile known = profile(options);
  require_folder(options);
  const std::string root = place("");
  std::vector<std::string> stale;
  std::unordered_set<std::size_t> seen;  // names are made of hashes, so 64 bits tell them apart
  const auto pass_on = [&](const Item& item) {
    check_cancelled(options, rc_.where(root));
    if (is_stale(item.path, context_.clock.utc_now())) stale.push_back(item.path);
    const std::string_view full = std::string_view(item.path).substr(std::min(root.size(), item.path.size()));
    if (item.is_folder || !full.starts_with(prefix)) return;
    const auto name = ObjectName::parse(full);
    if (name && (!known.features.allows_twins || seen.insert(std::hash<std::string_view>()(full)).second))
      sink({*name, item.size_bytes, item.checksum});
  };
  if (!may_match("mf1/", prefix)) return;
  std::vector<std::string> folders;
  const auto at_top = [&](const Item& item) {
    if (item.is_folder) folders.push_back(item.path);
    pass_on(item);
  };
  if (!rc_.list(place("mf1"), false, known.features.checksum, at_top, options)) return;
  BadFolders bad;
  for (const std::string& path : folders) {
    const std::string folder = path.substr(std::min(root.size(), path.size()));
    const std::string_view leaf = std::string_view(folder).substr(folder.rfind('/') + 1);
    if (!object_type_from(leaf) || !may_match(folder + "/", prefix)) continue;
    // As deep as the prefix goes: one folder inside, or all of them by the provider's own
    // recursion.
    const auto slash = prefix.size() > folder.size() + 1 ? prefix.find('/', folder.size() + 1) : std::string_view::npos;
    list_below(slash == std::string_view::npos ? path : place(prefix.substr(0, slash)), known, pass_on, bad, options);
  }
  for (const std::string& path : stale) rc_.remove(path, options);
  bad.report();
}

// rclone's listing of a whole tree fails when it cannot read one folder. Then the folders are
// listed one by one.
void RcloneStore::list_below(const std::string& path, const Profile& profile, const OnItem& on_item, BadFolders& bad,
                             const CallOptions& options) {
  try {
    rc_.list(path, true, profile.features.checksum, on_item, options);
    return;
  } catch (const Error& error) {
    bad.record(error);
    if (worth_retrying(error.kind)) return;  // some items may have been passed on already
  }
  std::vector<std::string> folders;
  try {
    rc_.list(
        path, false, profile.features.checksum,
        [&](const Item& item) { item.is_folder ? folders.push_back(item.path) : on_item(item); }, options);
  } catch (const Error& error) {
    return bad.record(error);
  }
  for (const std::string& folder : folders) {
    try {
      rc_.list(folder, true, profile.features.checksum, on_item, options);
    } catch (const Error& error) {
      bad.record(error);
    }
  }
}

Space RcloneStore::space(const CallOptions& options) {
  require_folder(options);
  return rc_.space(address_.path, options);
}

}  // namespace

Scheme rclone_scheme() {
  return {
      .name = "rclone",
      .example = "rclone:remote:folder",
      .credential_fields = {},
      .no_ca_file = "rclone reads the certificates itself: RCLONE_CA_CERT or SSL_CERT_FILE names a file of authorities",
      .make = [](std::string_view rest, const StoreSettings& settings,
                 const StoreContext& context) -> std::unique_ptr<Store> {
        settings.credentials.check_names({}, "rclone:" + std::string(rest));
        return std::make_unique<RcloneStore>(parse_address(rest), context);
      },
      .canonical_rest = [](std::string_view rest) { return parse_address(rest).text(); },
      .domain =
          [](std::string_view rest, const StoreSettings&) {
            const Address address = parse_address(rest);
            SystemRandom random;
            rclone::Rc rc(rclone::shared_daemon(), address.remote, random);
            const CallOptions options{{}, std::chrono::steady_clock::now() + k_traits_limit};
            const auto lookup = [&](const std::string& name) { return rc.config(name, options); };
            return rclone::remote_type(address.remote, address.path, lookup).domain;
          },
      .prepare = [](std::string_view rest, StoreSettings&, const StoreContext& context, Dialogue&,
                    const CallOptions& call) { RcloneStore(parse_address(rest), context).prepare(call); }};
}

}  // namespace modelfloat::store
