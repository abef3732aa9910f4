#include "modelfloat/domain/pool_state.h"

#include <algorithm>
#include <functional>

#include "modelfloat/base/hex.h"

namespace modelfloat {
namespace {

using Seen = std::map<WriterId, std::uint64_t>;  // how far of each chain a record knows

// A change together with where in the causal order it was made.
template <typename T>
struct Placed {
  const T* change;
  const SeenRecord* by;
  const Seen* seen;
};

bool is_before(const SeenRecord& a, const SeenRecord& b, const Seen& seen_by_b) {
  if (a.record.writer == b.record.writer) return a.record.seq < b.record.seq;
  const auto known = seen_by_b.find(a.record.writer);
  return known != seen_by_b.end() && known->second >= a.record.seq;
}

// Of one record, by their places: both are elements of its list of changes.
template <typename A, typename B>
bool comes_before(const Placed<A>& a, const Placed<B>& b) {
  if (a.by == b.by) return std::less<const void*>{}(a.change, b.change);
  return is_before(*a.by, *b.by, *b.seen);
}

// The latest of several changes: none is after it, and among concurrent ones its record has the largest hash. Forked chains can make a ring
// in which each is before another; then all of them are concurrent.
template <typename T>
const Placed<T>* latest(const std::vector<Placed<T>>& all) {
  const Placed<T>* best = nullptr;
  const Placed<T>* best_of_ring = nullptr;
  // Of one record, the later change counts.
  const auto prefer = [](const Placed<T>*& kept, const Placed<T>& one) {
    if (kept == nullptr || one.by->hash >= kept->by->hash) kept = &one;
  };
  for (const auto& one : all) {
    const bool superseded = std::any_of(all.begin(), all.end(), [&](const Placed<T>& other) {
      return &other != &one && is_before(*one.by, *other.by, *other.seen);
    });
    prefer(superseded ? best_of_ring : best, one);
  }
  return best != nullptr ? best : best_of_ring;
}

// Changes are collected chain by chain in order, so of one chain only the last can win; of a fork, each end.
template <typename T>
void keep_latest_of_chain(std::vector<Placed<T>>& kept, const Placed<T>& next) {
  const bool same_chain = !kept.empty() && kept.back().by->record.writer == next.by->record.writer;
  if (same_chain && (kept.back().by->record.seq < next.by->record.seq || kept.back().by == next.by)) {
    kept.back() = next;
  } else {
    kept.push_back(next);
  }
}

class StateBuilder {
 public:
  explicit StateBuilder(std::span<const SeenRecord> records) {
    for (const auto& record : records) ordered_.push_back(&record);
    std::sort(ordered_.begin(), ordered_.end(), [](const SeenRecord* a, const SeenRecord* b) {
      return std::tie(a->record.writer, a->record.seq, a->hash) < std::tie(b->record.writer, b->record.seq, b->hash);
    });
  }

  PoolState build() {
    work_out_what_each_saw();
    for (std::size_t i = 0; i < ordered_.size(); ++i) collect(*ordered_[i], seen_[i]);
    settle_manifests();
    settle_tags();
    settle_members(stores_, state_.stores);
    for (const auto& [id, membership] : stores_) {
      if (!state_.stores.contains(id)) state_.removed_stores.insert(id);
    }
    settle_members(slots_, state_.slots);
    settle_condemned();
    settle_policy();
    std::sort(state_.epochs.begin(), state_.epochs.end(),
              [](const auto& a, const auto& b) { return a.epoch < b.epoch; });
    return std::move(state_);
  }

 private:
  // Added and removed of one key (a store, a slot).
  template <typename Added, typename Gone>
  struct Membership {
    std::vector<Placed<Added>> added;
    std::vector<Placed<Gone>> removed;
  };

  void work_out_what_each_saw() {
    seen_.reserve(ordered_.size());
    const SeenRecord* previous = nullptr;
    for (const SeenRecord* record : ordered_) {
      const bool same_chain = previous != nullptr && previous->record.writer == record->record.writer;
      Seen seen = same_chain ? seen_.back() : Seen{};
      if (same_chain) note_irregular(*previous, *record);
      for (const auto& [writer, head] : record->record.heads) seen[writer] = std::max(seen[writer], head.seq);
      seen_.push_back(std::move(seen));
      state_.heads[record->record.writer] = {record->record.seq, record->hash};
      previous = record;
    }
  }

  void note_irregular(const SeenRecord& previous, const SeenRecord& next) {
    if (next.record.seq == previous.record.seq) {
      state_.irregular.push_back("writer " + to_hex(next.record.writer) + " has two records with number " +
                                 std::to_string(next.record.seq));
    }
    // A record that came out of a checkpoint has no `previous`.
    const bool follows = next.record.seq == previous.record.seq + 1 && next.record.previous != Hash256{};
    if (follows && next.record.previous != previous.hash) {
      state_.irregular.push_back("record " + std::to_string(next.record.seq) + " of writer " +
                                 to_hex(next.record.writer) + " does not follow the one before it");
    }
  }

  void collect(const SeenRecord& record, const Seen& seen) {
    for (const Change& change : record.record.changes) {
      std::visit([&](const auto& one) { take(one, record, seen); }, change);
    }
  }

  void take(const Prepared& change, const SeenRecord&, const Seen&) { name_manifest(change, false); }
  void take(const Committed& change, const SeenRecord& by, const Seen& seen) {
    name_manifest(change, true);
    tag_changes_[{change.model, change.tag}].push_back({&change, &by, &seen});
  }
  void take(const Untagged& change, const SeenRecord& by, const Seen& seen) {
    untagged_[{change.model, change.tag}].push_back({&change, &by, &seen});
  }
  void take(const Removed& change, const SeenRecord&, const Seen&) {
    removed_.insert(change.manifests.begin(), change.manifests.end());
  }
  void take(const Condemned& change, const SeenRecord& by, const Seen& seen) {
    condemned_.push_back({&change, &by, &seen});
  }
  void take(const Spared& change, const SeenRecord& by, const Seen& seen) { spared_.push_back({&change, &by, &seen}); }
  void take(const StoreAdded& change, const SeenRecord& by, const Seen& seen) {
    stores_[change.store].added.push_back({&change, &by, &seen});
  }
  void take(const StoreRemoved& change, const SeenRecord& by, const Seen& seen) {
    stores_[change.store].removed.push_back({&change, &by, &seen});
  }
  void take(const SlotAdded& change, const SeenRecord& by, const Seen& seen) {
    slots_[change.slot].added.push_back({&change, &by, &seen});
  }
  void take(const SlotRemoved& change, const SeenRecord& by, const Seen& seen) {
    slots_[change.slot].removed.push_back({&change, &by, &seen});
  }
  void take(const EpochBegun& change, const SeenRecord&, const Seen&) { state_.epochs.push_back(change); }
  void take(const PolicySet& change, const SeenRecord& by, const Seen& seen) {
    keep_latest_of_chain(policies_, {&change, &by, &seen});
  }
  void take(const UnknownChange&, const SeenRecord&, const Seen&) { ++state_.unknown_changes; }

  void name_manifest(const ManifestNaming& naming, bool committed) {
    LiveManifest& live = state_.manifests[naming.manifest.content];
    live.model = naming.model;
    live.revision = naming.revision;
    live.manifest = naming.manifest;
    live.committed = live.committed || committed;
  }

  void settle_manifests() {
    for (const Hash256& content : removed_) state_.manifests.erase(content);
  }

  void settle_tags() {
    for (const auto& [key, commits] : tag_changes_) {
      const auto withdrawals = untagged_.find(key);
      std::vector<Placed<Committed>> candidates;
      for (const auto& commit : commits) {
        if (!state_.manifests.contains(commit.change->manifest.content)) continue;
        const bool withdrawn = withdrawals != untagged_.end() &&
                               std::any_of(withdrawals->second.begin(), withdrawals->second.end(),
                                           [&](const auto& other) { return comes_before(commit, other); });
        if (!withdrawn) keep_latest_of_chain(candidates, commit);
      }
      if (const auto* winner = latest(candidates)) {
        state_.tags[key.first][key.second] = winner->change->manifest.content;
      }
    }
  }

  template <typename Memberships, typename Map>
  static void settle_members(const Memberships& memberships, Map& into) {
    for (const auto& [key, membership] : memberships) {
      std::remove_cvref_t<decltype(membership.added)> standing;
      for (const auto& added : membership.added) {
        const bool gone = std::any_of(membership.removed.begin(), membership.removed.end(),
                                      [&](const auto& removed) { return comes_before(added, removed); });
        if (!gone) keep_latest_of_chain(standing, added);
      }
      if (const auto* winner = latest(standing)) into.emplace(key, *winner->change);
    }
  }

  void settle_condemned() {
    for (const auto& condemned : condemned_) {
      for (const CondemnedObject& object : condemned.change->objects) {
        const bool withdrawn = std::any_of(spared_.begin(), spared_.end(), [&](const auto& spared) {
          return comes_before(condemned, spared) &&
                 std::find(spared.change->objects.begin(), spared.change->objects.end(), object) !=
                     spared.change->objects.end();
        });
        if (!withdrawn) state_.condemned.insert(object);
      }
    }
  }

  void settle_policy() {
    if (const auto* winner = latest(policies_)) state_.policy = *winner->change;
  }

  std::vector<const SeenRecord*> ordered_;
  std::vector<Seen> seen_;
  PoolState state_;
  std::set<Hash256> removed_;
  std::map<std::pair<std::string, std::string>, std::vector<Placed<Committed>>> tag_changes_;
  std::map<std::pair<std::string, std::string>, std::vector<Placed<Untagged>>> untagged_;
  std::map<StoreId, Membership<StoreAdded, StoreRemoved>> stores_;
  std::map<std::array<std::byte, 16>, Membership<SlotAdded, SlotRemoved>> slots_;
  std::vector<Placed<Condemned>> condemned_;
  std::vector<Placed<Spared>> spared_;
  std::vector<Placed<PolicySet>> policies_;
};

}  // namespace

bool PoolState::is_condemned(const std::string& path) const {
  const auto found = condemned.lower_bound(CondemnedObject{path, std::nullopt});
  return found != condemned.end() && found->path == path;
}

PoolState pool_state_of(std::span<const SeenRecord> records) { return StateBuilder(records).build(); }

}  // namespace modelfloat
