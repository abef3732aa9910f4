#include "modelfloat/store/mega/mega_store.h"

#include <algorithm>
#include <mutex>

#include <nlohmann/json.hpp>

#include "modelfloat/base/error.h"
#include "modelfloat/base/hex.h"
#include "modelfloat/store/mega/api.h"
#include "modelfloat/store/mega/json_fields.h"
#include "modelfloat/store/mega/mirror.h"
#include "modelfloat/store/mega/transfer.h"
#include "modelfloat/store/provider_limits.h"
#include "modelfloat/store/range.h"

namespace modelfloat::store {
namespace {

using mega::Handle;
using mega::Purpose;
using nlohmann::json;

constexpr Milliseconds k_quota_lasts = std::chrono::minutes(5);
constexpr unsigned k_tries = 4;  // attempts to read a node that is listed

class MegaStore final : public Store {
 public:
  MegaStore(const std::string& folder, const StoreSettings& settings, const StoreContext& context)
      : where_("mega:" + folder),
        clock_(context.clock),
        random_(context.random),
        api_(where_, settings, context),
        mirror_(api_, clock_, random_, where_, folder) {}

  StoreTraits traits() const override { return limits_of_mega(); }
  void put(const ObjectName& name, ByteSpan bytes, const CallOptions& options) override;
  std::optional<Bytes> get(const ObjectName& name, ByteRange range, const CallOptions& options) override;
  std::optional<ObjectInfo> stat(const ObjectName& name, const CallOptions& options) override;
  void remove(const ObjectName& name, const CallOptions& options) override;
  void list(std::string_view prefix, const ObjectSink& sink, const CallOptions& options) override;
  Space space(const CallOptions& options) override;

  // Makes our own folder where it is missing.
  void make_home(const CallOptions& options) { mirror_.make_home(options); }

 private:
  std::string where(const ObjectName& name) const { return where_ + "/" + name.path(); }
  void add_file(Handle folder, const std::string& leaf, const mega::Uploaded& uploaded, const ObjectName& name,
                const CallOptions& options);
  void remove_nodes(const std::vector<Handle>& handles, const std::string& where, const CallOptions& options);
  void require_room(std::uint64_t bytes, const std::string& where, const CallOptions& options);
  Space ask_space(const CallOptions& options);

  const std::string where_;
  Clock& clock_;
  Random& random_;
  mega::Api api_;
  mega::Mirror mirror_;
  KeyedMutex changing_;  // one at a time for each name

  std::mutex mutex_;            // guards what follows
  std::optional<Space> space_;  // as asked last, less what was put since
  SteadyTime space_asked_{};
};

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
  mirror_.require_home(options);
  require_room(bytes.size(), where(name), options);
  const std::size_t slash = name.path().rfind('/');
  const Handle folder = mirror_.folder_for(name.path().substr(0, slash), options);
  const mega::Uploaded uploaded = mega::upload(api_, clock_, random_, bytes, where(name), options);
  // Only nodes that existed before the new one are removed: of several writers' nodes the last one
  // always stays.
  const auto held = changing_.lock(name.path(), options, where(name));
  const auto before = mirror_.with_tree([&](const mega::Tree& tree) { return tree.all(name); });
  add_file(folder, name.path().substr(slash + 1), uploaded, name, options);
  const auto stored = mirror_.with_tree([&](const mega::Tree& tree) { return tree.find(name); });
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
    mirror_.with_tree([&](mega::Tree& tree) { tree.add(answer["f"]); });
  } catch (const Error& error) {
    if (error.kind != ErrorKind::not_found) throw;
    mirror_.forget();
    throw Error(ErrorKind::transient, where(name), "its folder on MEGA, or what was uploaded, is gone");
  }
}

void MegaStore::remove_nodes(const std::vector<Handle>& handles, const std::string& where, const CallOptions& options) {
  if (handles.empty()) return;
  json commands = json::array();
  for (const Handle handle : handles) commands.push_back({{"a", "d"}, {"n", mega::to_text(handle)}});
  api_.call_all(commands, Purpose::write, where, options);
  mirror_.with_tree([&](mega::Tree& tree) {
    for (const Handle handle : handles) tree.erase(handle);
  });
}

std::optional<Bytes> MegaStore::get(const ObjectName& name, ByteRange range, const CallOptions& options) {
  check_cancelled(options, where(name));
  std::optional<Handle> lost;  // a node that is listed but has no content
  for (unsigned tries = 0; tries < k_tries;) {
    auto found = mirror_.with_tree([&](const mega::Tree& tree) { return tree.find(name); });
    if (!found || lost) {
      mirror_.require_home(options);
      found = mirror_.with_tree([&](const mega::Tree& tree) { return tree.find(name); });
    }
    if (!found) return std::nullopt;
    try {
      return mega::download(api_, clock_, *found, clip(range, found->size_bytes, where(name)), where(name), options);
    } catch (const Error& error) {
      // After not_found, try again: the node may have been removed or replaced since we learned of
      // it.
      if (error.kind != ErrorKind::not_found) throw;
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
  mirror_.wait_until_applied(pending, options);
  const auto found = mirror_.with_tree([&](const mega::Tree& tree) { return tree.find(name); });
  if (!found) return std::nullopt;
  return ObjectInfo{name, found->size_bytes, std::nullopt};
}

void MegaStore::remove(const ObjectName& name, const CallOptions& options) {
  mirror_.require_home(options);
  const auto held = changing_.lock(name.path(), options, where(name));
  remove_nodes(mirror_.with_tree([&](const mega::Tree& tree) { return tree.all(name); }), where(name), options);
  const std::lock_guard lock(mutex_);
  space_.reset();
}

void MegaStore::list(std::string_view prefix, const ObjectSink& sink, const CallOptions& options) {
  // Objects that are put from now on need not be in the list.
  const auto unconfirmed = mirror_.with_tree([](const mega::Tree& tree) { return tree.unconfirmed(); });
  const auto pending = [&](const mega::Tree& tree) {
    std::vector<Handle> left;
    std::copy_if(unconfirmed.begin(), unconfirmed.end(), std::back_inserter(left),
                 [&](Handle handle) { return tree.is_unconfirmed(handle); });
    return left;
  };
  mirror_.wait_until_applied(pending, options);
  for (const Handle handle : mirror_.with_tree([](const mega::Tree& tree) { return tree.handles(); })) {
    const auto object = mirror_.with_tree([&](const mega::Tree& tree) { return tree.newest(handle); });
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
