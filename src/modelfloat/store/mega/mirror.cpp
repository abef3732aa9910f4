#include "modelfloat/store/mega/mirror.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "modelfloat/base/error.h"
#include "modelfloat/base/hex.h"
#include "modelfloat/store/mega/json_fields.h"

namespace modelfloat::store::mega {

using nlohmann::json;

Mirror::Mirror(Api& api, Clock& clock, Random& random, std::string where, std::string_view folder)
    : api_(api), clock_(clock), random_(random), where_(std::move(where)), tree_(folder) {}

template <typename Done>
void Mirror::wait_until(std::unique_lock<std::mutex>& lock, const Done& done, const CallOptions& options) {
  if (options.deadline) {
    changed_.wait_until(lock, options.stop, *options.deadline, done);
  } else {
    changed_.wait(lock, options.stop, done);
  }
  if (!done()) check_cancelled(options, where_);
}

void Mirror::refresh(const CallOptions& options) {
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
void Mirror::bring_up_to_date(const CallOptions& options) {
  for (;;) {
    const std::string sequence =
        with_tree([](const Tree& tree) { return tree.loaded() ? tree.sequence() : std::string(); });
    if (sequence.empty()) {
      const auto [answer, session] = api_.nodes(options);
      const std::lock_guard lock(mutex_);
      tree_.load(answer, session->master_key.bytes(), session->user, where_);
      return;
    }
    const auto events = api_.events(sequence, options);
    if (!events || !events->is_object()) {
      forget();
      continue;
    }
    const bool all = events->contains("w");  // "w" is where to wait for more: there are no more now
    const std::lock_guard lock(mutex_);
    const std::string next = text_in(*events, "sn");
    const bool fits = !events->contains("a") || tree_.apply((*events)["a"]);
    if (!next.empty()) tree_.set_sequence(next);
    if (!fits || (!all && next.empty())) {
      tree_.forget();
    } else if (all || next == sequence) {
      return;
    }
  }
}

void Mirror::forget() {
  const std::lock_guard lock(mutex_);
  tree_.forget();
}

void Mirror::require_home(const CallOptions& options) {
  refresh(options);
  if (!with_tree([](const Tree& tree) { return tree.folder(""); })) {
    throw Error(ErrorKind::offline, where_, "the account has no such folder");
  }
}

void Mirror::make_folders(Handle parent, const std::vector<std::string>& names, const CallOptions& options) {
  const auto session = api_.session(options);
  json nodes = json::array();
  for (const std::string& name : names) {
    auto key = random_.array<k_block_bytes>();
    const std::string attributes = seal_name(key, name);
    encrypt_ecb(session->master_key.bytes(), key);
    nodes.push_back({{"h", "xxxxxxxx"}, {"t", 1}, {"a", attributes}, {"k", to_base64url(key)}});
  }
  const json answer = api_.call({{"a", "p"}, {"t", to_text(parent)}, {"n", nodes}}, Purpose::write, where_, options);
  if (!answer.is_object() || !answer.contains("f"))
    throw Error(ErrorKind::corrupt, where_, "MEGA does not say what folder it made");
  const std::lock_guard lock(mutex_);
  tree_.add(answer["f"]);
}

// If an object's folder is one of 256, sixteen neighbours are made at once: one call for each would
// be slow at first.
static std::vector<std::string> with_neighbours(const std::string& path, const std::string& leaf) {
  if (path != "mf1/shard" || leaf.size() != 2) return {leaf};
  std::vector<std::string> names;
  for (const char digit : std::string_view("0123456789abcdef")) names.push_back({leaf[0], digit});
  return names;
}

Handle Mirror::folder_for(const std::string& path, const CallOptions& options) {
  const auto known = [&](const std::string& one) {
    return with_tree([&](const Tree& tree) { return tree.folder(one); });
  };
  if (const auto handle = known(path)) return *handle;
  const auto held = making_folders_.lock({}, options, where_);
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

void Mirror::make_home(const CallOptions& options) {
  for (;;) {
    refresh(options);
    const auto [parent, depth] = with_tree([](const Tree& tree) { return tree.way_to_folder(); });
    const auto parts = with_tree([](const Tree& tree) { return tree.folder_parts(); });
    if (depth == parts.size()) return;
    make_folders(parent, {parts[depth]}, options);
    forget();
  }
}

}  // namespace modelfloat::store::mega
