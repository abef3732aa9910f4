// The state of the pool against the plainest way to work it out: every record with all that it saw,
// every pair of changes compared.
#include <algorithm>
#include <random>

#include <gtest/gtest.h>

#include "modelfloat/domain/pool_state.h"

namespace modelfloat {
namespace {

class PlainState {
 public:
  explicit PlainState(std::vector<SeenRecord> records) : records_(std::move(records)) {
    std::sort(records_.begin(), records_.end(), [](const SeenRecord& a, const SeenRecord& b) {
      return std::tie(a.record.writer, a.record.seq, a.hash) < std::tie(b.record.writer, b.record.seq, b.hash);
    });
  }

 private:
  struct Place {
    std::size_t record, change;
  };

  template <typename T>
  const T& at(const Place& place) const {
    return std::get<T>(records_[place.record].record.changes[place.change]);
  }

  template <typename T, typename KeyOf>
  auto places_of(KeyOf key_of) const {
    std::map<decltype(key_of(std::declval<T>())), std::vector<Place>> places;
    for (std::size_t r = 0; r < records_.size(); ++r) {
      for (std::size_t c = 0; c < records_[r].record.changes.size(); ++c) {
        if (const auto* one = std::get_if<T>(&records_[r].record.changes[c])) places[key_of(*one)].push_back({r, c});
      }
    }
    return places;
  }

  // How far of a chain the record knows: by its own heads, and by those of smaller numbers.
  std::uint64_t saw(std::size_t record, const WriterId& writer) const {
    std::uint64_t most = 0;
    for (std::size_t r = 0; r < records_.size(); ++r) {
      const LogRecord& one = records_[r].record;
      const bool is_below = one.writer == records_[record].record.writer && one.seq < records_[record].record.seq;
      if (r != record && !is_below) continue;
      const auto head = one.heads.find(writer);
      if (head != one.heads.end()) most = std::max(most, head->second.seq);
    }
    return most;
  }

  bool record_before(std::size_t a, std::size_t b) const {
    const LogRecord& first = records_[a].record;
    if (first.writer == records_[b].record.writer) return first.seq < records_[b].record.seq;
    return saw(b, first.writer) >= first.seq;
  }
  bool before(const Place& a, const Place& b) const {
    return a.record == b.record ? a.change < b.change : record_before(a.record, b.record);
  }

  template <typename T, typename Fits>
  bool any_after(const Place& place, Fits fits) const {
    for (std::size_t r = 0; r < records_.size(); ++r) {
      for (std::size_t c = 0; c < records_[r].record.changes.size(); ++c) {
        const auto* one = std::get_if<T>(&records_[r].record.changes[c]);
        if (one != nullptr && fits(*one) && before(place, {r, c})) return true;
      }
    }
    return false;
  }

  // Of each record the last, then those that are before no other, or all when they run in a ring;
  // of these the largest hash.
  Place latest(const std::vector<Place>& all) const {
    std::map<std::size_t, Place> last_of_record;
    for (const Place& place : all) last_of_record.insert_or_assign(place.record, place);
    std::vector<Place> ends;
    for (const auto& [record, place] : last_of_record) {
      const bool superseded = std::any_of(
          last_of_record.begin(), last_of_record.end(),
          [&, &mine = record](const auto& other) { return other.first != mine && record_before(mine, other.first); });
      if (!superseded) ends.push_back(place);
    }
    if (ends.empty()) {
      // What the chains end with: a later record of one chain always stands before an earlier one.
      for (const auto& [record, place] : last_of_record) {
        const bool chain_goes_on =
            std::any_of(last_of_record.begin(), last_of_record.end(), [&, &mine = record](const auto& other) {
              return records_[other.first].record.writer == records_[mine].record.writer &&
                     records_[other.first].record.seq > records_[mine].record.seq;
            });
        if (!chain_goes_on) ends.push_back(place);
      }
    }
    return *std::max_element(ends.begin(), ends.end(), [&](const Place& a, const Place& b) {
      return records_[a.record].hash < records_[b.record].hash;
    });
  }

  template <typename T, typename Visit>
  void each(Visit visit) const {
    for (std::size_t r = 0; r < records_.size(); ++r) {
      for (std::size_t c = 0; c < records_[r].record.changes.size(); ++c) {
        if (const auto* one = std::get_if<T>(&records_[r].record.changes[c])) visit(Place{r, c}, *one);
      }
    }
  }

  bool is_removed(const Hash256& content) const {
    bool removed = false;
    each<Removed>([&](const Place&, const Removed& change) {
      removed =
          removed || std::find(change.manifests.begin(), change.manifests.end(), content) != change.manifests.end();
    });
    return removed;
  }

  // nullopt: for nothing.
  std::optional<ManifestId> stands_for(const ManifestId& manifest, const RevisionId& revision,
                                       std::vector<Hash256> passed = {}) const {
    if (is_removed(manifest.content) || std::find(passed.begin(), passed.end(), manifest.content) != passed.end())
      return std::nullopt;
    passed.push_back(manifest.content);
    std::vector<Place> places;
    each<Replaced>([&](const Place& place, const Replaced& change) {
      const bool counts = change.old == manifest.content && change.revision == revision;
      if (counts && !is_removed(change.manifest.content)) places.push_back(place);
    });
    if (places.empty()) return manifest;
    return stands_for(at<Replaced>(latest(places)).manifest, revision, std::move(passed));
  }

  void name_manifests(PoolState& state) const {
    std::set<Hash256> committed;
    each<Committed>([&](const Place&, const Committed& change) {
      committed.insert(change.manifest.content);
      const auto manifest = stands_for(change.manifest, change.revision);
      if (!manifest) return;
      state.manifests[manifest->content] = {change.model, change.revision, *manifest, true};
      if (manifest->content != change.manifest.content) state.replaced[change.manifest.content] = manifest->content;
    });
    each<Prepared>([&](const Place&, const Prepared& change) {
      const Hash256& content = change.manifest.content;
      if (is_removed(content) || committed.contains(content)) return;
      state.manifests.try_emplace(content, LiveManifest{change.model, change.revision, change.manifest, false});
    });
  }

  void condemn(PoolState& state) const {
    each<Condemned>([&](const Place& place, const Condemned& condemned) {
      const SeenRecord& by = records_[place.record];
      bool deleted = false;
      each<Deleted>([&](const Place&, const Deleted& change) {
        deleted = deleted || std::find(change.records.begin(), change.records.end(), by.hash) != change.records.end();
      });
      for (const CondemnedObject& object : condemned.objects) {
        bool spared = false;
        each<Spared>([&](const Place& other, const Spared& change) {
          spared = spared || (records_[other.record].record.writer == by.record.writer && change.record == by.hash &&
                              std::find(change.objects.begin(), change.objects.end(), object) != change.objects.end());
        });
        if (!deleted) (spared ? state.spared : state.condemned).insert(object);
      }
    });
  }

  std::vector<SeenRecord> records_;

 public:
  PoolState build() const {
    PoolState state;
    for (const SeenRecord& seen : records_) state.heads[seen.record.writer] = {seen.record.seq, seen.hash};
    name_manifests(state);
    condemn(state);
    for (const auto& [key, places] :
         places_of<Committed>([](const Committed& change) { return std::pair(change.model, change.tag); })) {
      std::vector<Place> locations;
      for (const Place& place : places) {
        const auto& change = at<Committed>(place);
        const bool gone = any_after<Untagged>(
            place, [&](const Untagged& other) { return other.model == change.model && other.tag == change.tag; });
        if (stands_for(change.manifest, change.revision) && !gone) locations.push_back(place);
      }
      if (locations.empty()) continue;
      const auto& winner = at<Committed>(latest(locations));
      state.tags[key.first][key.second] = stands_for(winner.manifest, winner.revision)->content;
    }
    for (const auto& [key, places] : places_of<StoreAdded>([](const StoreAdded& change) { return change.store; })) {
      std::vector<Place> locations;
      for (const Place& place : places) {
        if (!any_after<StoreRemoved>(place,
                                     [&, &store = key](const StoreRemoved& other) { return other.store == store; }))
          locations.push_back(place);
      }
      if (!locations.empty()) state.stores[key] = at<StoreAdded>(latest(locations));
    }
    for (std::size_t r = 0; r < records_.size(); ++r) {
      for (const Change& change : records_[r].record.changes) {
        StoreId id{};
        if (const auto* added = std::get_if<StoreAdded>(&change)) id = added->store;
        if (const auto* gone = std::get_if<StoreRemoved>(&change)) id = gone->store;
        if (id != StoreId{} && !state.stores.contains(id)) state.removed_stores.insert(id);
      }
    }
    const auto policies = places_of<PolicySet>([](const PolicySet&) { return 0; });
    if (!policies.empty()) state.policy = at<PolicySet>(latest(policies.begin()->second));
    return state;
  }
};

// Histories of a few writers, who read each other now and then, fork now and then, and speak of a
// few things again and again.
class Histories {
 public:
  explicit Histories(std::uint32_t seed) : random_(seed) {}

  std::vector<SeenRecord> make() {
    std::vector<SeenRecord> records;
    const auto writers = 1 + pick(4);
    std::map<std::size_t, std::uint64_t> ends;
    std::map<std::size_t, std::map<WriterId, ChainHead>> known;
    for (std::size_t i = 1 + pick(14); i > 0; --i) {
      const auto writer = pick(writers);
      SeenRecord seen;
      seen.record.writer = id_of(writer);
      const bool forks = ends[writer] > 0 && pick(6) == 0;
      if (!forks) ++ends[writer];
      seen.record.seq = ends[writer];
      for (std::size_t other = 0; other < writers; ++other) {
        if (other != writer && ends[other] > 0 && pick(2) == 0)
          known[writer][id_of(other)].seq = std::max(known[writer][id_of(other)].seq, 1 + pick(ends[other]));
      }
      seen.record.heads = known[writer];
      for (std::size_t changes = 1 + pick(3); changes > 0; --changes) seen.record.changes.push_back(change());
      for (std::byte& byte : seen.hash) byte = static_cast<std::byte>(pick(256));
      hashes_.push_back(seen.hash);
      records.push_back(std::move(seen));
    }
    std::shuffle(records.begin(), records.end(), random_);
    return records;
  }

 private:
  std::uint64_t pick(std::uint64_t below) { return random_() % below; }
  static WriterId id_of(std::size_t writer) { return WriterId{static_cast<std::byte>(writer + 1)}; }
  std::string letter() { return std::string(1, static_cast<char>('a' + pick(2))); }
  ManifestNaming naming() {
    // A content name is committed by one push only, and replaced by one of the same model.
    ManifestNaming naming{"a", letter(), {}, {}};
    naming.manifest.content = Hash256{static_cast<std::byte>(pick(3))};
    naming.manifest.structure = naming.manifest.content;
    return naming;
  }
  std::vector<CondemnedObject> objects() {
    std::vector<CondemnedObject> objects;
    for (std::size_t count = 1 + pick(3); count > 0; --count) {
      objects.push_back({ObjectType::shard, Hash256{static_cast<std::byte>(pick(2))},
                         pick(2) == 0 ? std::nullopt : std::optional(StoreId{std::byte{1}})});
    }
    return objects;
  }
  // Of a record that was made before, mostly.
  Hash256 any_record() { return hashes_.empty() ? Hash256{} : hashes_[pick(hashes_.size())]; }
  Change change() {
    const StoreId store{static_cast<std::byte>(1 + pick(2))};
    switch (pick(12)) {
      case 0: return Prepared{naming()};
      case 1:
      case 2: return Committed{naming()};
      case 3: return Untagged{letter(), letter()};
      case 4: return Removed{letter(), {Hash256{static_cast<std::byte>(pick(4))}}};
      case 5: return Condemned{objects(), 1};
      case 6: return Spared{any_record(), objects()};
      case 7: return Deleted{{any_record()}};
      case 8:
      case 9: return Replaced{letter(), {}, Hash256{static_cast<std::byte>(pick(3))}, naming().manifest};
      case 10: return pick(2) == 0 ? Change(StoreAdded{store, letter(), "", "", 0}) : Change(StoreRemoved{store});
      default: return PolicySet{1, 1, static_cast<std::uint8_t>(pick(4))};
    }
  }

  std::vector<Hash256> hashes_;  // of the records so far
  std::mt19937 random_;
};

// As writers write them: without heads that say no more than those of smaller numbers.
std::vector<SeenRecord> with_new_heads_alone(std::vector<SeenRecord> records) {
  const std::vector<SeenRecord> all = records;
  for (SeenRecord& record : records) {
    std::erase_if(record.record.heads, [&](const auto& head) {
      return std::any_of(all.begin(), all.end(), [&](const SeenRecord& other) {
        const auto known = other.record.heads.find(head.first);
        return other.record.writer == record.record.writer && other.record.seq < record.record.seq &&
               known != other.record.heads.end() && known->second.seq >= head.second.seq;
      });
    });
  }
  return records;
}

void expect_same(const PoolState& plain, const PoolState& state, std::uint32_t seed) {
  EXPECT_EQ(plain.manifests, state.manifests) << seed;
  EXPECT_EQ(plain.tags, state.tags) << seed;
  EXPECT_EQ(plain.replaced, state.replaced) << seed;
  EXPECT_EQ(plain.condemned, state.condemned) << seed;
  EXPECT_EQ(plain.spared, state.spared) << seed;
  EXPECT_EQ(plain.stores, state.stores) << seed;
  EXPECT_EQ(plain.removed_stores, state.removed_stores) << seed;
  EXPECT_EQ(plain.policy, state.policy) << seed;
  EXPECT_EQ(plain.heads, state.heads) << seed;
}

TEST(PoolState, IsWhatThePlainestWayGives) {
  for (std::uint32_t seed = 1; seed <= 4000 && !testing::Test::HasFailure(); ++seed) {
    const auto records = Histories(seed).make();
    const PoolState plain = PlainState(records).build();
    expect_same(plain, pool_state_of(records), seed);
    expect_same(plain, pool_state_of(with_new_heads_alone(records)), seed);
  }
}

Hash256 numbered(std::size_t number) {
  Hash256 hash{};
  store_le<std::uint64_t>(hash, number);
  return hash;
}

// Each object was looked for in all that was ever spared: 40,000 took 3 seconds.
TEST(PoolState, ManyCondemnedAndSparedObjectsAreNotComparedEachWithEach) {
  std::vector<SeenRecord> records(2);
  Condemned condemned;
  Spared spared{numbered(1), {}};
  constexpr std::size_t k_objects = 400'000;
  for (std::size_t i = 0; i < k_objects; ++i) {
    condemned.objects.push_back({ObjectType::shard, numbered(i), std::nullopt});
    if (i % 2 == 0) spared.objects.push_back(condemned.objects.back());
  }
  records[0].hash = numbered(1);
  records[0].record = {WriterId{std::byte{1}}, 1, {}, {}, 0, {std::move(condemned)}, {}};
  records[1].record = {WriterId{std::byte{1}}, 2, {}, {}, 0, {std::move(spared)}, {}};
  // Each with each would be minutes.
  EXPECT_EQ(pool_state_of(records).condemned.size(), k_objects / 2);
}

// One tag that was pushed and taken away again and again, by many writers: each commit was compared
// with each end.
TEST(PoolState, ManyCommitsAndEndsOfOneTagAreNotComparedEachWithEach) {
  constexpr std::size_t k_records = 100'000;
  std::vector<SeenRecord> records(k_records);
  for (std::size_t i = 0; i < k_records; ++i) {
    const WriterId writer{static_cast<std::byte>(i % 10)};
    records[i].hash = numbered(i);
    records[i].record.writer = writer;
    records[i].record.seq = 1 + i / 10;
    records[i].record.changes = {Untagged{"a/m", "latest"},
                                 Committed{{"a/m", "latest", {}, {numbered(i), numbered(i)}}}};
  }
  const PoolState state = pool_state_of(records);
  EXPECT_EQ(state.manifests.size(), k_records);
  EXPECT_EQ(state.tags.at("a/m").size(), 1U);
}

TEST(PoolState, GapsAreWhatIsMissingBelowOrNamedByOthers) {
  const auto record = [](unsigned char writer, std::uint64_t seq, std::map<WriterId, ChainHead> heads = {}) {
    SeenRecord seen;
    seen.record.writer = WriterId{std::byte{writer}};
    seen.record.seq = seq;
    seen.record.heads = std::move(heads);
    return seen;
  };
  const WriterId one{std::byte{1}};
  const WriterId three{std::byte{3}};
  const std::vector<SeenRecord> records{record(1, 1), record(1, 4), record(1, 4),
                                        record(2, 1, {{one, {6, {}}}, {three, {UINT64_MAX, {}}}})};
  std::vector<const SeenRecord*> pointers;
  for (const SeenRecord& one_record : records) pointers.push_back(&one_record);
  const auto uncovered = gaps_of(pointers, [](const WriterId&) { return std::uint64_t{0}; });
  EXPECT_EQ(uncovered, (std::vector<LogGap>{{one, 2, 3}, {one, 5, 6}, {three, 1, UINT64_MAX}}));
  const auto covered = gaps_of(pointers, [&](const WriterId& writer) { return writer == one ? std::uint64_t{5} : 0; });
  EXPECT_EQ(covered, (std::vector<LogGap>{{one, 6, 6}, {three, 1, UINT64_MAX}}));
}

}  // namespace
}  // namespace modelfloat
