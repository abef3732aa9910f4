#include "modelfloat/domain/pool_state.h"

#include <algorithm>
#include <utility>

#include "modelfloat/base/hex.h"
#include "modelfloat/domain/causal_order.h"

namespace modelfloat {
namespace {

class StateBuilder {
 public:
  explicit StateBuilder(std::vector<const SeenRecord*> records) : ordered_(std::move(records)) {
    std::sort(ordered_.begin(), ordered_.end(), [](const SeenRecord* a, const SeenRecord* b) {
      return std::tie(a->record.writer, a->record.seq, a->hash) < std::tie(b->record.writer, b->record.seq, b->hash);
    });
  }

  PoolState build() {
    for (std::size_t i = 0; i < ordered_.size(); ++i) collect(i);
    resolve_manifests();
    resolve_tags();
    resolve_members(stores_, state_.stores);
    for (const auto& [id, membership] : stores_) {
      if (!state_.stores.contains(id)) state_.removed_stores.insert(id);
    }
    resolve_members(slots_, state_.slots);
    resolve_condemned();
    if (const auto* winner = latest<PolicySet>(policies_)) state_.policy = *winner->change;
    std::sort(state_.epochs.begin(), state_.epochs.end(),
              [](const auto& a, const auto& b) { return a.epoch < b.epoch; });
    return std::move(state_);
  }

 private:
  using Tag = std::pair<std::string, std::string>;  // model, tag
  struct TagChanges {
    std::vector<Placed<Committed>> committed;
    Endings<Untagged> untagged;
  };
  template <typename Added, typename Gone>
  struct Membership {  // of a store or a slot
    std::vector<Placed<Added>> added;
    Endings<Gone> removed;
  };

  void collect(std::size_t place) {
    const SeenRecord& seen = *ordered_[place];
    const WriterId& writer = seen.record.writer;
    if (place > 0 && ordered_[place - 1]->record.writer == writer) report_irregular(*ordered_[place - 1], seen);
    state_.heads[writer] = {seen.record.seq, seen.hash};
    for (const std::string& name : seen.record.must) state_.not_understood.insert("records that need \"" + name + "\"");
    if (!seen.record.must.empty()) return;
    ChainKnowledge& chain = knowledge_[writer];
    for (const auto& [other, head] : seen.record.heads) chain.add(other, seen.record.seq, head.seq);
    for (const Change& change : seen.record.changes) {
      std::visit([&](const auto& one) { apply(one, Knowing{&seen, &chain}); }, change);
    }
  }

  void report_irregular(const SeenRecord& previous, const SeenRecord& next) {
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

  void apply(const Prepared& change, const Knowing&) { prepared_.push_back(&change); }
  void apply(const Committed& change, const Knowing& by) {
    tags_[{change.model, change.tag}].committed.push_back({&change, by});
  }
  void apply(const Untagged& change, const Knowing& by) {
    tags_[{change.model, change.tag}].untagged.add({&change, by});
  }
  void apply(const Removed& change, const Knowing&) {
    removed_.insert(change.manifests.begin(), change.manifests.end());
  }
  void apply(const Replaced& change, const Knowing& by) {
    replaced_[{change.old, change.revision}].push_back({&change, by});
  }
  void apply(const Condemned& change, const Knowing& by) { condemned_.push_back({&change, by}); }
  void apply(const Spared& change, const Knowing& by) {
    auto& spared = spared_[{by.record->record.writer, change.record}];
    spared.insert(change.objects.begin(), change.objects.end());
  }
  void apply(const Deleted& change, const Knowing&) { deleted_.insert(change.records.begin(), change.records.end()); }
  void apply(const StoreAdded& change, const Knowing& by) { stores_[change.store].added.push_back({&change, by}); }
  void apply(const StoreRemoved& change, const Knowing& by) { stores_[change.store].removed.add({&change, by}); }
  void apply(const SlotAdded& change, const Knowing& by) { slots_[change.slot].added.push_back({&change, by}); }
  void apply(const SlotRemoved& change, const Knowing& by) { slots_[change.slot].removed.add({&change, by}); }
  void apply(const EpochBegun& change, const Knowing&) { state_.epochs.push_back(change); }
  void apply(const PolicySet& change, const Knowing& by) {
    state_.largest_survive = std::max(state_.largest_survive, change.survive);
    keep_latest_of_chain(policies_, {&change, by});
  }
  void apply(const UnknownChange& change, const Knowing&) {
    if (change.may) {
      ++state_.passed_over;
    } else {
      state_.not_understood.insert("changes of the kind \"" + change.kind + "\"" +
                                   (change.why.empty() ? "" : " " + change.why));
    }
  }

  // The manifest that a commit stands for by now; null when it is dead.
  const ManifestId* stands_for(const Committed& committed) const {
    const ManifestId* manifest = &committed.manifest;
    std::set<Hash256> passed;
    while (!removed_.contains(manifest->content)) {
      if (!passed.insert(manifest->content).second) return nullptr;
      const auto next = replacement_.find({manifest->content, committed.revision});
      if (next == replacement_.end()) return manifest;
      manifest = next->second;
    }
    return nullptr;
  }

  void resolve_manifests() {
    for (auto& [old, changes] : replaced_) {
      // One by a manifest that is dead does not count.
      std::erase_if(changes, [&](const auto& one) { return removed_.contains(one.change->manifest.content); });
      if (const auto* winner = latest<Replaced>(changes)) replacement_[old] = &winner->change->manifest;
    }
    std::set<Hash256> committed_names;
    for (const auto& [tag, changes] : tags_) {
      for (const Placed<Committed>& committed : changes.committed) {
        const Committed& change = *committed.change;
        committed_names.insert(change.manifest.content);
        const ManifestId* manifest = stands_for(change);
        if (manifest == nullptr) continue;
        state_.manifests[manifest->content] = {change.model, change.revision, *manifest, true};
        if (manifest->content != change.manifest.content) state_.replaced[change.manifest.content] = manifest->content;
      }
    }
    for (const Prepared* prepared : prepared_) {
      const Hash256& content = prepared->manifest.content;
      if (removed_.contains(content) || committed_names.contains(content)) continue;
      state_.manifests.try_emplace(content,
                                   LiveManifest{prepared->model, prepared->revision, prepared->manifest, false});
    }
  }

  void resolve_tags() {
    for (const auto& [tag, changes] : tags_) {
      std::vector<Placed<Committed>> candidates;
      for (const Placed<Committed>& committed : changes.committed) {
        if (stands_for(*committed.change) != nullptr && !changes.untagged.any_after(committed))
          keep_latest_of_chain(candidates, committed);
      }
      if (const auto* winner = latest<Committed>(candidates))
        state_.tags[tag.first][tag.second] = stands_for(*winner->change)->content;
    }
  }

  template <typename Memberships, typename Map>
  static void resolve_members(const Memberships& memberships, Map& into) {
    for (const auto& [key, membership] : memberships) {
      std::remove_cvref_t<decltype(membership.added)> current;
      for (const auto& added : membership.added) {
        if (!membership.removed.any_after(added)) keep_latest_of_chain(current, added);
      }
      if (const auto* winner = latest(std::span(std::as_const(current)))) into.emplace(key, *winner->change);
    }
  }

  void resolve_condemned() {
    for (const auto& condemned : condemned_) {
      const SeenRecord& record = *condemned.by.record;
      if (deleted_.contains(record.hash)) continue;
      const auto spared = spared_.find({record.record.writer, record.hash});
      for (const CondemnedObject& object : condemned.change->objects) {
        const bool is_spared = spared != spared_.end() && spared->second.contains(object);
        (is_spared ? state_.spared : state_.condemned).insert(object);
      }
    }
  }

  std::vector<const SeenRecord*> ordered_;
  std::map<WriterId, ChainKnowledge> knowledge_;
  PoolState state_;
  std::set<Hash256> removed_;
  std::vector<const Prepared*> prepared_;
  std::map<Tag, TagChanges> tags_;
  std::map<std::pair<Hash256, RevisionId>, std::vector<Placed<Replaced>>> replaced_;
  std::map<std::pair<Hash256, RevisionId>, const ManifestId*> replacement_;
  std::map<StoreId, Membership<StoreAdded, StoreRemoved>> stores_;
  std::map<std::array<std::byte, 16>, Membership<SlotAdded, SlotRemoved>> slots_;
  std::vector<Placed<Condemned>> condemned_;
  std::map<std::pair<WriterId, Hash256>, std::set<CondemnedObject>> spared_;  // by writer and record
  std::set<Hash256> deleted_;                                                 // records that condemn
  std::vector<Placed<PolicySet>> policies_;
};

}  // namespace

bool PoolState::is_condemned(ObjectType type, const Hash256& hash) const {
  const auto has_it = [&](const std::set<CondemnedObject>& objects) {
    const auto found = objects.lower_bound(CondemnedObject{type, hash, std::nullopt});
    return found != objects.end() && found->type == type && found->hash == hash;
  };
  return has_it(condemned) || has_it(spared);
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
