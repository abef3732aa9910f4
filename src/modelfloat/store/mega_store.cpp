#include "modelfloat/store/mega_store.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <set>

#include <nlohmann/json.hpp>

#include "modelfloat/base/error.h"
#include "modelfloat/base/hex.h"
#include "modelfloat/store/mega/api.h"
#include "modelfloat/store/mega/json_fields.h"
#include "modelfloat/store/mega/transfer.h"
#include "modelfloat/store/mega/tree.h"
#include "modelfloat/store/provider_limits.h"
#include "modelfloat/store/range.h"

namespace modelfloat::store {
namespace {

using mega::Handle;
using mega::Purpose;
using nlohmann::json;

constexpr Milliseconds k_quota_lasts = std::chrono::minutes(5);
constexpr Milliseconds k_longest_event_pause{2000};
constexpr unsigned k_tries = 4;  // to read what is listed all the same

class MegaStore final : public Store {
 public:
  MegaStore(const std::string& folder, const StoreSettings& settings, const StoreContext& context)
      : where_("mega:" + folder),
        clock_(context.clock),
        random_(context.random),
        api_(where_, settings, context),
        tree_(folder) {}

  StoreTraits traits() const override { return limits_of_mega(); }
  void put(const ObjectName& name, ByteSpan bytes, const CallOptions& options) override;
  std::optional<Bytes> get(const ObjectName& name, ByteRange range, const CallOptions& options) override;
  std::optional<ObjectInfo> stat(const ObjectName& name, const CallOptions& options) override;
  void remove(const ObjectName& name, const CallOptions& options) override;
  void list(std::string_view prefix, const ObjectSink& sink, const CallOptions& options) override;
  Space space(const CallOptions& options) override;

  // Makes our own folder where it is missing.
  void make_home(const CallOptions& options);

 private:
  // Held while one thread changes what `key` stands for: an object's name, or "" for folders.
  class Claim {
   public:
    Claim(MegaStore& store, std::string key, const CallOptions& options);
    ~Claim();
    Claim(const Claim&) = delete;
    Claim& operator=(const Claim&) = delete;

   private:
    MegaStore& store_;
    const std::string key_;
  };

  std::string where(const ObjectName& name) const { return where_ + "/" + name.path(); }
  template <typename Done>
  void wait_until(std::unique_lock<std::mutex>& lock, const Done& done, const CallOptions& options);
  void refresh(const CallOptions& options);
  void bring_up_to_date(const CallOptions& options);
  void require_home(const CallOptions& options);
  template <typename Pending>
  void settle(const Pending& pending, const CallOptions& options);
  template <typename Read>
  auto read_tree(Read read) {
    const std::lock_guard lock(mutex_);
    return read(tree_);
  }
  void forget_tree();

  Handle folder_for(const std::string& path, const CallOptions& options);
  void make_folders(Handle parent, const std::vector<std::string>& names, const CallOptions& options);
  void add_file(Handle folder, const std::string& leaf, const mega::Uploaded& uploaded, const ObjectName& name,
                const CallOptions& options);
  void remove_nodes(const std::vector<Handle>& handles, const std::string& where, const CallOptions& options);
  void require_room(std::uint64_t bytes, const std::string& where, const CallOptions& options);
  Space ask_space(const CallOptions& options);

  const std::string where_;
  Clock& clock_;
  Random& random_;
  mega::Api api_;

  std::mutex mutex_;  // guards what follows; never held while anything is sent
  std::condition_variable_any changed_;
  mega::Tree tree_;
  std::uint64_t refreshes_begun_ = 0;
  std::uint64_t refreshes_done_ = 0;  // the number of the last one that ended well
  bool refreshing_ = false;
  std::set<std::string> claimed_;
  std::optional<Space> space_;  // as asked last, less what was put since
  SteadyTime space_asked_{};
};

MegaStore::Claim::Claim(MegaStore& store, std::string key, const CallOptions& options)
    : store_(store), key_(std::move(key)) {
  std::unique_lock lock(store_.mutex_);
  store_.wait_until(lock, [&] { return !store_.claimed_.contains(key_); }, options);
  store_.claimed_.insert(key_);
}

MegaStore::Claim::~Claim() {
  const std::lock_guard lock(store_.mutex_);
  store_.claimed_.erase(key_);
  store_.changed_.notify_all();
}

template <typename Done>
void MegaStore::wait_until(std::unique_lock<std::mutex>& lock, const Done& done, const CallOptions& options) {
  if (options.deadline) {
    changed_.wait_until(lock, options.stop, *options.deadline, done);
  } else {
    changed_.wait(lock, options.stop, done);
  }
  if (!done()) check_cancelled(options, where_);
}

// Returns when a look at the server that began after this call did has been taken over. Threads that want one at the same time share it.
void MegaStore::refresh(const CallOptions& options) {
  check_cancelled(options, where_);
  std::unique_lock lock(mutex_);
  const std::uint64_t wanted = refreshes_begun_ + 1;
  while (refreshes_done_ < wanted) {
    if (refreshing_) {
      wait_until(lock, [&] { return !refreshing_ || refreshes_done_ >= wanted; }, options);
      continue;
    }
    refreshing_ = true;
    const std::uint64_t mine = ++refreshes_begun_;
    lock.unlock();
    try {
      bring_up_to_date(options);
    } catch (...) {
      lock.lock();
      refreshing_ = false;
      changed_.notify_all();
      throw;
    }
    lock.lock();
    refreshing_ = false;
    refreshes_done_ = mine;
    changed_.notify_all();
  }
}

// Called by one thread at a time.
void MegaStore::bring_up_to_date(const CallOptions& options) {
  for (;;) {
    const std::string sequence =
        read_tree([](const mega::Tree& tree) { return tree.loaded() ? tree.sequence() : std::string(); });
    if (sequence.empty()) {
      const auto [answer, session] = api_.nodes(options);
      const std::lock_guard lock(mutex_);
      tree_.load(answer, session->master_key.bytes(), session->user, where_);
      return;
    }
    const auto events = api_.events(sequence, options);
    if (!events || !events->is_object()) {
      forget_tree();
      continue;
    }
    const bool all = events->contains("w");  // where one may wait for more: there is no more now
    const std::lock_guard lock(mutex_);
    const std::string next = mega::text_in(*events, "sn");
    const bool fits = !events->contains("a") || tree_.apply((*events)["a"]);
    if (!next.empty()) tree_.set_sequence(next);
    if (!fits || (!all && next.empty())) {
      tree_.forget();
    } else if (all || next == sequence) {
      return;
    }
  }
}

void MegaStore::forget_tree() {
  const std::lock_guard lock(mutex_);
  tree_.forget();
}

void MegaStore::require_home(const CallOptions& options) {
  refresh(options);
  if (!read_tree([](const mega::Tree& tree) { return tree.folder(""); })) {
    throw Error(ErrorKind::offline, where_, "the account has no such folder");
  }
}

// Events tell of our own nodes too, mostly at once. A node that they don't tell of in some seconds is none, whatever the answer to our call said.
// `pending` gives the nodes of a tree that are meant.
template <typename Pending>
void MegaStore::settle(const Pending& pending, const CallOptions& options) {
  require_home(options);
  for (Milliseconds pause(250); !read_tree(pending).empty(); pause *= 2) {
    if (pause > k_longest_event_pause) {
      const std::lock_guard lock(mutex_);
      for (const Handle handle : pending(tree_)) tree_.erase(handle);
      return;
    }
    clock_.sleep_for(pause, options.stop);
    require_home(options);
  }
}

void MegaStore::make_folders(Handle parent, const std::vector<std::string>& names, const CallOptions& options) {
  const auto session = api_.session(options);
  json nodes = json::array();
  for (const std::string& name : names) {
    auto key = random_.array<mega::k_block_bytes>();
    const std::string attributes = mega::seal_name(key, name);
    mega::encrypt_ecb(session->master_key.bytes(), key);
    nodes.push_back({{"h", "xxxxxxxx"}, {"t", 1}, {"a", attributes}, {"k", to_base64url(key)}});
  }
  const json answer =
      api_.call({{"a", "p"}, {"t", mega::to_text(parent)}, {"n", nodes}}, Purpose::write, where_, options);
  if (!answer.is_object() || !answer.contains("f"))
    throw Error(ErrorKind::corrupt, where_, "MEGA does not say what folder it made");
  const std::lock_guard lock(mutex_);
  tree_.add(answer["f"]);
}

// Sixteen neighbours are made at once where an object's folder is one of 256: a call each would be slow at first.
static std::vector<std::string> with_neighbours(const std::string& path, const std::string& leaf) {
  if (path != "mf1/shard" || leaf.size() != 2) return {leaf};
  std::vector<std::string> names;
  for (const char digit : std::string_view("0123456789abcdef")) names.push_back({leaf[0], digit});
  return names;
}

Handle MegaStore::folder_for(const std::string& path, const CallOptions& options) {
  const auto known = [&](const std::string& one) {
    return read_tree([&](const mega::Tree& tree) { return tree.folder(one); });
  };
  if (const auto handle = known(path)) return *handle;
  const Claim claim(*this, "", options);
  std::string way;
  Handle parent = *known("");
  for (std::string_view rest = path; !rest.empty();) {
    const std::string leaf(rest.substr(0, rest.find('/')));
    rest.remove_prefix(std::min(rest.size(), leaf.size() + 1));
    const std::string before = way.empty() ? way : way + "/";
    std::string next = before + leaf;
    if (!known(next)) {
      auto names = with_neighbours(way, leaf);
      std::erase_if(names, [&](const std::string& name) { return known(before + name).has_value(); });
      make_folders(parent, names, options);
    }
    const auto handle = known(next);
    if (!handle) throw Error(ErrorKind::transient, where_, "MEGA did not make the folder " + next);
    parent = *handle;
    way = std::move(next);
  }
  return parent;
}

void MegaStore::make_home(const CallOptions& options) {
  for (;;) {
    refresh(options);
    const auto [parent, depth] = read_tree([](const mega::Tree& tree) { return tree.way_to_folder(); });
    const auto parts = read_tree([](const mega::Tree& tree) { return tree.folder_parts(); });
    if (depth == parts.size()) return;
    make_folders(parent, {parts[depth]}, options);
    forget_tree();
  }
}

void MegaStore::require_room(std::uint64_t bytes, const std::string& where, const CallOptions& options) {
  {
    const std::lock_guard lock(mutex_);
    if (space_ && clock_.steady_now() < space_asked_ + k_quota_lasts && space_->free_bytes.value_or(0) >= bytes) return;
  }
  if (ask_space(options).free_bytes.value_or(0) < bytes) {
    throw Error(ErrorKind::out_of_space, where,
                "the MEGA account has no room for " + std::to_string(bytes) + " bytes more");
  }
}

Space MegaStore::ask_space(const CallOptions& options) {
  const json answer = api_.call({{"a", "uq"}, {"strg", 1}, {"xfer", 1}}, Purpose::read, where_, options);
  const std::uint64_t total = mega::number_in(answer, "mstrg");
  const std::uint64_t used = mega::number_in(answer, "cstrg");
  const Space space{used, total - std::min(used, total)};
  const std::lock_guard lock(mutex_);
  space_ = space;
  space_asked_ = clock_.steady_now();
  return space;
}

void MegaStore::put(const ObjectName& name, ByteSpan bytes, const CallOptions& options) {
  require_home(options);
  require_room(bytes.size(), where(name), options);
  const std::size_t slash = name.path().rfind('/');
  const Handle folder = folder_for(name.path().substr(0, slash), options);
  const mega::Uploaded uploaded = mega::upload(api_, clock_, random_, bytes, where(name), options);
  // What was there before the new node goes, and nothing else: of several writers' nodes the last one always stays.
  const Claim claim(*this, name.path(), options);
  const auto before = read_tree([&](const mega::Tree& tree) { return tree.all(name); });
  add_file(folder, name.path().substr(slash + 1), uploaded, name, options);
  const auto stored = read_tree([&](const mega::Tree& tree) { return tree.find(name); });
  if (!stored || stored->size_bytes != bytes.size())
    throw Error(ErrorKind::transient, where(name), "MEGA says that it is stored and does not list it");
  remove_nodes(before, where(name), options);
  const std::lock_guard lock(mutex_);
  if (space_ && space_->free_bytes) *space_->free_bytes -= std::min<std::uint64_t>(*space_->free_bytes, bytes.size());
}

void MegaStore::add_file(Handle folder, const std::string& leaf, const mega::Uploaded& uploaded, const ObjectName& name,
                         const CallOptions& options) {
  const auto session = api_.session(options);
  auto key = uploaded.key.pack();
  mega::encrypt_ecb(session->master_key.bytes(), key);
  const json node = {
      {"h", uploaded.token}, {"t", 0}, {"a", mega::seal_name(uploaded.key.key, leaf)}, {"k", to_base64url(key)}};
  try {
    const json answer = api_.call({{"a", "p"}, {"t", mega::to_text(folder)}, {"n", json::array({node})}},
                                  Purpose::write, where(name), options);
    if (!answer.is_object() || !answer.contains("f"))
      throw Error(ErrorKind::corrupt, where(name), "MEGA does not say what it stored");
    const std::lock_guard lock(mutex_);
    tree_.add(answer["f"]);
  } catch (const Error& error) {
    if (error.kind != ErrorKind::not_found) throw;
    forget_tree();
    throw Error(ErrorKind::transient, where(name), "its folder on MEGA, or what was uploaded, is gone");
  }
}

void MegaStore::remove_nodes(const std::vector<Handle>& handles, const std::string& where, const CallOptions& options) {
  if (handles.empty()) return;
  json commands = json::array();
  for (const Handle handle : handles) commands.push_back({{"a", "d"}, {"n", mega::to_text(handle)}});
  api_.call_all(commands, Purpose::write, where, options);
  const std::lock_guard lock(mutex_);
  for (const Handle handle : handles) tree_.erase(handle);
}

std::optional<Bytes> MegaStore::get(const ObjectName& name, ByteRange range, const CallOptions& options) {
  check_cancelled(options, where(name));
  std::optional<Handle> lost;  // listed, but without its content
  for (unsigned tries = 0; tries < k_tries;) {
    auto found = read_tree([&](const mega::Tree& tree) { return tree.find(name); });
    if (!found || lost) {
      require_home(options);
      found = read_tree([&](const mega::Tree& tree) { return tree.find(name); });
    }
    if (!found) return std::nullopt;
    try {
      return mega::download(api_, clock_, *found, clip(range, found->size_bytes, where(name)), where(name), options);
    } catch (const Error& error) {
      if (error.kind != ErrorKind::not_found) throw;  // else it was removed or replaced since we learned of it
    }
    tries = lost == found->handle ? tries + 1 : 1;
    lost = found->handle;
  }
  throw Error(ErrorKind::corrupt, where(name), "MEGA lists it, but does not have its content");
}

std::optional<ObjectInfo> MegaStore::stat(const ObjectName& name, const CallOptions& options) {
  const auto pending = [&](const mega::Tree& tree) {
    const auto object = tree.find(name);
    return object && !object->confirmed ? std::vector{object->handle} : std::vector<Handle>();
  };
  settle(pending, options);
  const auto found = read_tree([&](const mega::Tree& tree) { return tree.find(name); });
  if (!found) return std::nullopt;
  return ObjectInfo{name, found->size_bytes, std::nullopt};
}

void MegaStore::remove(const ObjectName& name, const CallOptions& options) {
  require_home(options);
  const Claim claim(*this, name.path(), options);
  remove_nodes(read_tree([&](const mega::Tree& tree) { return tree.all(name); }), where(name), options);
  const std::lock_guard lock(mutex_);
  space_.reset();
}

void MegaStore::list(std::string_view prefix, const ObjectSink& sink, const CallOptions& options) {
  // What is put from now on need not be in the list.
  const auto unconfirmed = read_tree([](const mega::Tree& tree) { return tree.unconfirmed(); });
  const auto pending = [&](const mega::Tree& tree) {
    std::vector<Handle> left;
    std::copy_if(unconfirmed.begin(), unconfirmed.end(), std::back_inserter(left),
                 [&](Handle handle) { return tree.is_unconfirmed(handle); });
    return left;
  };
  settle(pending, options);
  for (const Handle handle : read_tree([](const mega::Tree& tree) { return tree.handles(); })) {
    const auto object = read_tree([&](const mega::Tree& tree) { return tree.newest(handle); });
    if (!object || !object->first.path().starts_with(prefix)) continue;
    check_cancelled(options, where_);
    sink({object->first, object->second, std::nullopt});
  }
}

Space MegaStore::space(const CallOptions& options) {
  check_cancelled(options, where_);
  return ask_space(options);
}

// "/a/b", or "/" for the account's root.
std::string folder_of(std::string_view rest) {
  const auto complain = [&](std::string_view words) {
    return Error(ErrorKind::invalid, "mega:" + std::string(rest), words);
  };
  if (rest.empty()) throw complain("a MEGA store is named by its folder in the account, such as mega:/models");
  std::string folder;
  for (std::string_view left = rest; !left.empty();) {
    const std::string_view part = left.substr(0, left.find('/'));
    left.remove_prefix(std::min(left.size(), part.size() + 1));
    if (part == "." || part == "..") throw complain("has . or .. in it");
    if (std::any_of(part.begin(), part.end(), [](char c) { return static_cast<unsigned char>(c) < 32; }))
      throw complain("has a control character in it");
    if (!part.empty()) folder.append("/").append(part);
  }
  return folder.empty() ? "/" : folder;
}

}  // namespace

Scheme mega_scheme() {
  return {
      .name = "mega",
      .example = "mega:/folder",
      .credential_fields = {{"email", "MEGA account (email)", false}, {"password", "MEGA password", true}},
      .make = [](std::string_view rest, const StoreSettings& settings, const StoreContext& context)
          -> std::unique_ptr<Store> { return std::make_unique<MegaStore>(folder_of(rest), settings, context); },
      .canonical_rest = [](std::string_view rest) { return folder_of(rest); },
      .domain = [](std::string_view, const StoreSettings&) { return std::string("mega"); },
      .prepare = [](std::string_view rest, StoreSettings& settings, const StoreContext& context, Dialogue&,
                    const CallOptions& options) { MegaStore(folder_of(rest), settings, context).make_home(options); }};
}

}  // namespace modelfloat::store
