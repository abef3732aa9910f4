#include "modelfloat/domain/pool_state.h"

#include <algorithm>
#include <functional>

#include "modelfloat/base/hex.h"

namespace modelfloat {
namespace {

// How much of each other chain the records of one chain have seen. This only grows along the
// chain, so only the steps are stored.
class ChainSight {
 public:
  // Record number `place` of the chain, in order, names this head.
  void add(const WriterId& other, std::size_t place, std::uint64_t seq) {
    std::vector<Step>& steps = steps_[other];
    if (!steps.empty() && steps.back().seq >= seq) return;
    if (!steps.empty() && steps.back().place == place) {
      steps.back().seq = seq;
    } else {
      steps.push_back({place, seq});
    }
  }
  // The newest number of the other chain that the record knows; 0: none.
  std::uint64_t seen(const WriterId& other, std::size_t place) const {
    const auto found = steps_.find(other);
    if (found == steps_.end()) return 0;
    const auto after = std::upper_bound(found->second.begin(), found->second.end(), place,
                                        [](std::size_t wanted, const Step& step) { return wanted < step.place; });
    return after == found->second.begin() ? 0 : std::prev(after)->seq;
  }

 private:
  struct Step {
    std::size_t place;
    std::uint64_t seq;
  };
  std::map<WriterId, std::vector<Step>> steps_;  // ascending
};

// What a record knows of the other chains.
struct Sight {
  const ChainSight* chain;
  std::size_t place;
};

// A change together with where in the causal order it was made.
template <typename T>
struct Placed {
  const T* change;
  const SeenRecord* by;
  Sight sight;
};

bool is_before(const SeenRecord& a, const SeenRecord& b, const Sight& of_b) {
  if (a.record.writer == b.record.writer) return a.record.seq < b.record.seq;
  const std::uint64_t known = of_b.chain->seen(a.record.writer, of_b.place);
  return known != 0 && known >= a.record.seq;
}

// Of one record, by their places: both are elements of its list of changes.
template <typename A, typename B>
bool comes_before(const Placed<A>& a, const Placed<B>& b) {
  if (a.by == b.by) return std::less<const void*>{}(a.change, b.change);
  return is_before(*a.by, *b.by, b.sight);
}

// The latest of several changes: no other change is after it, and among concurrent ones its
// record has the largest hash. With forked chains there can be a cycle in which each change is
// before another one. Then all of them count as concurrent.
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
      return &other != &one && is_before(*one.by, *other.by, other.sight);
    });
    prefer(superseded ? best_of_ring : best, one);
  }
  return best != nullptr ? best : best_of_ring;
}

// Changes are collected chain by chain in order, so of one chain only the last can win; of a fork,
// each end.
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
  explicit StateBuilder(std::vector<const SeenRecord*> records) : ordered_(std::move(records)) {
    std::sort(ordered_.begin(), ordered_.end(), [](const SeenRecord* a, const SeenRecord* b) {
      return std::tie(a->record.writer, a->record.seq, a->hash) < std::tie(b->record.writer, b->record.seq, b->hash);
    });
  }

  PoolState build() {
    for (std::size_t i = 0; i < ordered_.size(); ++i) collect(*ordered_[i], look_from(i));
    resolve_manifests();
    resolve_tags();
    resolve_members(stores_, state_.stores);
    for (const auto& [id, membership] : stores_) {
      if (!state_.stores.contains(id)) state_.removed_stores.insert(id);
    }
    resolve_members(slots_, state_.slots);
    resolve_condemned();
    resolve_policy();
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

  // What the record knows; those before it were asked for.
  Sight look_from(std::size_t place) {
    const SeenRecord& record = *ordered_[place];
    if (place > 0 && ordered_[place - 1]->record.writer == record.record.writer)
      record_irregular(*ordered_[place - 1], record);
    ChainSight& chain = sights_[record.record.writer];
    for (const auto& [writer, head] : record.record.heads) chain.add(writer, place, head.seq);
    state_.heads[record.record.writer] = {record.record.seq, record.hash};
    return {&chain, place};
  }

  void record_irregular(const SeenRecord& previous, const SeenRecord& next) {
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

  void collect(const SeenRecord& record, const Sight& sight) {
    for (const Change& change : record.record.changes) {
      std::visit([&](const auto& one) { apply(one, record, sight); }, change);
    }
  }

  void apply(const Prepared& change, const SeenRecord&, const Sight&) { name_manifest(change, false); }
  void apply(const Committed& change, const SeenRecord& by, const Sight& sight) {
    name_manifest(change, true);
    tag_changes_[{change.model, change.tag}].push_back({&change, &by, sight});
  }
  void apply(const Untagged& change, const SeenRecord& by, const Sight& sight) {
    untagged_[{change.model, change.tag}].push_back({&change, &by, sight});
  }
  void apply(const Removed& change, const SeenRecord&, const Sight&) {
    removed_.insert(change.manifests.begin(), change.manifests.end());
  }
  void apply(const Condemned& change, const SeenRecord& by, const Sight& sight) {
    condemned_.push_back({&change, &by, sight});
  }
  void apply(const Spared& change, const SeenRecord& by, const Sight& sight) {
    for (const CondemnedObject& object : change.objects) {
      auto& spared = spared_[object];
      if (spared.empty() || spared.back().change != &change) spared.push_back({&change, &by, sight});
    }
  }
  void apply(const StoreAdded& change, const SeenRecord& by, const Sight& sight) {
    stores_[change.store].added.push_back({&change, &by, sight});
  }
  void apply(const StoreRemoved& change, const SeenRecord& by, const Sight& sight) {
    stores_[change.store].removed.push_back({&change, &by, sight});
  }
  void apply(const SlotAdded& change, const SeenRecord& by, const Sight& sight) {
    slots_[change.slot].added.push_back({&change, &by, sight});
  }
  void apply(const SlotRemoved& change, const SeenRecord& by, const Sight& sight) {
    slots_[change.slot].removed.push_back({&change, &by, sight});
  }
  void apply(const EpochBegun& change, const SeenRecord&, const Sight&) { state_.epochs.push_back(change); }
  void apply(const PolicySet& change, const SeenRecord& by, const Sight& sight) {
    keep_latest_of_chain(policies_, {&change, &by, sight});
  }
  void apply(const UnknownChange&, const SeenRecord&, const Sight&) { ++state_.unknown_changes; }

  void name_manifest(const ManifestNaming& naming, bool committed) {
    LiveManifest& live = state_.manifests[naming.manifest.content];
    live.model = naming.model;
    live.revision = naming.revision;
    live.manifest = naming.manifest;
    live.committed = live.committed || committed;
  }

  void resolve_manifests() {
    for (const Hash256& content : removed_) state_.manifests.erase(content);
  }

  void resolve_tags() {
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
  static void resolve_members(const Memberships& memberships, Map& into) {
    for (const auto& [key, membership] : memberships) {
      std::remove_cvref_t<decltype(membership.added)> current;
      for (const auto& added : membership.added) {
        const bool gone = std::any_of(membership.removed.begin(), membership.removed.end(),
                                      [&](const auto& removed) { return comes_before(added, removed); });
        if (!gone) keep_latest_of_chain(current, added);
      }
      if (const auto* winner = latest(current)) into.emplace(key, *winner->change);
    }
  }

  void resolve_condemned() {
    for (const auto& condemned : condemned_) {
      for (const CondemnedObject& object : condemned.change->objects) {
        const auto spared = spared_.find(object);
        const bool withdrawn =
            spared != spared_.end() && std::any_of(spared->second.begin(), spared->second.end(),
                                                   [&](const auto& one) { return comes_before(condemned, one); });
        if (!withdrawn) state_.condemned.insert(object);
      }
    }
  }

  void resolve_policy() {
    if (const auto* winner = latest(policies_)) state_.policy = *winner->change;
  }

  std::vector<const SeenRecord*> ordered_;
  std::map<WriterId, ChainSight> sights_;  // by chain
  PoolState state_;
  std::set<Hash256> removed_;
  std::map<std::pair<std::string, std::string>, std::vector<Placed<Committed>>> tag_changes_;
  std::map<std::pair<std::string, std::string>, std::vector<Placed<Untagged>>> untagged_;
  std::map<StoreId, Membership<StoreAdded, StoreRemoved>> stores_;
  std::map<std::array<std::byte, 16>, Membership<SlotAdded, SlotRemoved>> slots_;
  std::vector<Placed<Condemned>> condemned_;
  std::map<CondemnedObject, std::vector<Placed<Spared>>> spared_;
  std::vector<Placed<PolicySet>> policies_;
};

}  // namespace

bool PoolState::is_condemned(const std::string& path) const {
  const auto found = condemned.lower_bound(CondemnedObject{path, std::nullopt});
  return found != condemned.end() && found->path == path;
}

PoolState pool_state_of(std::span<const SeenRecord> records) {
  std::vector<const SeenRecord*> pointers;
  pointers.reserve(records.size());
  for (const SeenRecord& record : records) pointers.push_back(&record);
  return StateBuilder(std::move(pointers)).build();
}

PoolState pool_state_of(std::span<const SeenRecord* const> records) {
  return StateBuilder({records.begin(), records.end()}).build();
}

std::vector<LogGap> gaps_of(std::span<const SeenRecord* const> records,
                            const std::function<std::uint64_t(const WriterId&)>& covered) {
  std::map<WriterId, std::vector<std::uint64_t>> numbers;
  std::map<WriterId, std::uint64_t> named;  // the newest by what other chains say
  for (const SeenRecord* seen : records) {
    numbers[seen->record.writer].push_back(seen->record.seq);
    for (const auto& [writer, head] : seen->record.heads) named[writer] = std::max(named[writer], head.seq);
  }
  for (const auto& [writer, seq] : named) numbers.try_emplace(writer);
  std::vector<LogGap> gaps;
  for (auto& [writer, seqs] : numbers) {
    std::sort(seqs.begin(), seqs.end());
    std::uint64_t at = covered(writer);
    for (const std::uint64_t seq : seqs) {
      if (seq <= at) continue;
      if (seq - 1 > at) gaps.push_back({writer, at + 1, seq - 1});
      at = seq;
    }
    const auto head = named.find(writer);
    if (head != named.end() && head->second > at) gaps.push_back({writer, at + 1, head->second});
  }
  return gaps;
}

}  // namespace modelfloat
