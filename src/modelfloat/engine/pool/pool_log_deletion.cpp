// What this machine deletes of its own chain: docs/formats/mf1.md section 9.6.
#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "modelfloat/base/log.h"
#include "modelfloat/engine/pool/pool_log.h"
#include "modelfloat/engine/pool/settings.h"
#include "modelfloat/transfer/ask/gather.h"

namespace modelfloat::engine {

// Readers that have listed an object have so long to read it.
static constexpr std::uint64_t k_seconds_to_read = 86400;
// So many objects are deleted at once, so that no command takes long for it.
static constexpr std::size_t k_deleted_at_once = 256;

// When every store has listed its log.
void PoolLog::delete_covered(const Listing& listing, const CallOptions& call) {
  if (listing.own.empty() || listing.own.size() < stores_.all().size()) return;
  Settings settings(environment_.registry);
  const auto checkpoints = taken_checkpoints();
  const std::uint64_t now = unix_seconds(environment_.clock.utc_now());
  const auto before = settings.checkpoints_everywhere();
  std::map<std::uint64_t, std::uint64_t> since;
  const Checkpoint* oldest_needed = nullptr;  // the newest that every store has listed long enough
  for (const auto& [hash, checkpoint] : checkpoints) {
    if (checkpoint.writer != settings.writer() || !checkpoint.before) continue;
    const auto name = ObjectName::of_chain(ObjectType::checkpoint, checkpoint.writer, checkpoint.seq, hash);
    const bool is_everywhere = std::all_of(listing.own.begin(), listing.own.end(), [&](const auto& one) {
      return std::find(one.second.begin(), one.second.end(), name) != one.second.end();
    });
    if (!is_everywhere) continue;
    const auto known = before.find(checkpoint.seq);
    const std::uint64_t first = known == before.end() ? now : std::min(known->second, now);
    since[checkpoint.seq] = first;
    const bool is_old = now - first >= k_seconds_to_read;
    if (is_old && (oldest_needed == nullptr || oldest_needed->seq < checkpoint.seq)) oldest_needed = &checkpoint;
  }
  settings.set_checkpoints_everywhere(since);
  if (oldest_needed == nullptr || !why_read_only_here().empty()) return;

  const std::uint64_t below = oldest_needed->before->seq;
  const Hashes known = known_hashes();
  std::map<const transfer::PoolStore*, std::vector<ObjectName>> objects;
  for (const auto& [store, names] : listing.own) {
    for (const ObjectName& name : names) {
      const bool is_old = name.type() == ObjectType::checkpoint ? *name.seq() < below : *name.seq() <= below;
      if (is_old && known.contains(*name.hash())) objects[store].push_back(name);
    }
  }
  if (objects.empty()) return;
  const auto parts = parts_to_delete(*oldest_needed, call);
  if (!parts) return;
  for (auto& [store, names] : objects) {
    if (const auto found = parts->find(store); found != parts->end())
      names.insert(names.end(), found->second.begin(), found->second.end());
    std::sort(names.begin(), names.end(), [](const auto& a, const auto& b) { return a.seq() < b.seq(); });
    if (names.size() > k_deleted_at_once)
      names.erase(names.begin() + static_cast<std::ptrdiff_t>(k_deleted_at_once), names.end());
    std::vector<std::string> paths;
    for (const ObjectName& name : names) paths.push_back(name.path());
    environment_.registry.forget_documents(paths);
  }
  delete_from_stores(objects, call);
}

// Returns the parts of this chain that stores list and that neither `needed`, nor the checkpoint
// before it, nor a newer one names; nullopt when a store does not show every part of `needed`.
std::optional<PoolLog::ByStore> PoolLog::parts_to_delete(const Checkpoint& needed, const CallOptions& call) {
  const std::string folder = ObjectName::of_chain(ObjectType::part, needed.writer, 0, {})
                                 .path()
                                 .substr(0, std::string("mf1/part/").size() + 33);
  const auto answers = transfer::list_stores(stores_, {folder}, transfer::WaitFor::all, {}, call);
  // After the listing: another process of this home may have written a checkpoint meanwhile. What
  // it has put since is not in the lists.
  Hashes named;
  for (const auto& [hash, checkpoint] : taken_checkpoints()) {
    if (checkpoint.writer != needed.writer || checkpoint.seq < needed.before->seq) continue;
    for (const ChainHead& part : checkpoint.parts) named.insert(part.hash);
  }
  ByStore parts;
  std::size_t showing_all = 0;
  for (const auto& answer : answers) {
    Hashes listed;
    for (const store::ObjectInfo& info : answer.objects) {
      listed.insert(*info.name.hash());
      if (*info.name.seq() <= needed.seq && !named.contains(*info.name.hash()))
        parts[answer.store].push_back(info.name);
    }
    const bool shows_all = std::all_of(needed.parts.begin(), needed.parts.end(),
                                       [&](const ChainHead& part) { return listed.contains(part.hash); });
    showing_all += answer.complete && shows_all ? 1 : 0;
  }
  if (showing_all < stores_.all().size()) return std::nullopt;
  return parts;
}

void PoolLog::delete_from_stores(const ByStore& objects, const CallOptions& call) {
  transfer::Race<std::size_t, std::monostate> race(environment_.clock, transfer::CallKind::put, call);
  for (const auto& [store, names] : objects) {
    race.ask(*store, stores_.timeouts().call_floor, {}, [names](store::Store& from, const CallOptions& options) {
      for (const ObjectName& name : names) from.remove(name, options);
      return names.size();
    });
  }
  const SteadyTime limit = environment_.clock.steady_now() + stores_.timeouts().call_floor;
  transfer::gather(
      race, [&](const auto&) { return limit; },
      [](const auto& answer) {
        if (answer.error)  // the next reading of the log finds what is left
          log_debug(fmt::format("old log records on {} are not deleted: {}", answer.store->name, answer.error->what()));
      });
}

}  // namespace modelfloat::engine
