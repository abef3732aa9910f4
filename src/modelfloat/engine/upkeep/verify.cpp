#include "modelfloat/engine/upkeep/verify.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>
#include <set>

#include "modelfloat/base/hex.h"
#include "modelfloat/base/log.h"
#include "modelfloat/domain/superseded.h"
#include "modelfloat/engine/catalogue/catch_up.h"
#include "modelfloat/engine/catalogue/model_health.h"
#include "modelfloat/engine/catalogue/open_manifest.h"
#include "modelfloat/engine/manifest/manifest_reader.h"
#include "modelfloat/engine/manifest/manifest_writer.h"
#include "modelfloat/engine/pool/settings.h"
#include "modelfloat/engine/upkeep/document_copies.h"
#include "modelfloat/engine/upkeep/file_check.h"
#include "modelfloat/engine/upkeep/pool_survey.h"
#include "modelfloat/engine/upkeep/proofs.h"
#include "modelfloat/mf1/format.h"
#include "modelfloat/transfer/ask/copy_check.h"
#include "modelfloat/transfer/ask/inventory.h"
#include "modelfloat/transfer/packs/later_parity.h"

namespace modelfloat::engine {
namespace {

using registry::CopyState;
using transfer::Damage;
using transfer::Finding;
using transfer::Inventory;
using transfer::InventoryCopy;
using transfer::PoolStore;

// One copy of an object.
using Copy = std::pair<ObjectName, const PoolStore*>;

class Verification {
 public:
  Verification(Pool& pool, const VerifyOptions& options, const CallOptions& call)
      : pool_(pool), options_(options), call_(call) {}

  VerifyReport run() {
    const std::optional<std::string>& only = options_.model;
    const auto log_before = pool_.log().expected_objects();
    const bool fresh = read_log_thoroughly(pool_, report_.doubts, call_);
    state_ = pool_.log().state();
    expect_log(log_before);
    if (only && !state_.tags.contains(*only) && !has_manifest(*only)) {
      report_unknown_model(*only, fresh);
    }
    list_stores();
    transfer::learn_stray_shards(pool_.stores(), pool_.registry(), inventory_->stray(), call_);
    if (!only) check_common_objects();
    for (const LiveManifest* live : current_manifests(state_)) {
      if (!only || live->model == *only) check_manifest(*live);
    }
    bytes_to_read_ = 0;
    for (const auto& [name, store] : to_read_) bytes_to_read_ += size_of(name, *store);
    if (options_.read) {
      check_files();
      read(copies_to_read());
    } else if (options_.sample_percent) {
      read_sample();
    }
    proofs_->record();
    sum_up();
    return std::move(report_);
  }

 private:
  bool has_manifest(const std::string& model) const {
    return std::any_of(state_.manifests.begin(), state_.manifests.end(),
                       [&](const auto& entry) { return entry.second.committed && entry.second.model == model; });
  }

  void found(const std::string& store, const ObjectName& name, Damage what) {
    const Finding finding{store, name.path(), name.type().value_or(ObjectType::marker), what};
    if (findings_.insert(finding).second && options_.on_finding) options_.on_finding(finding);
  }

  void list_stores() {
    inventory_.emplace(transfer::take_inventory(pool_.stores(), pool_.registry(), {"mf1/"}, call_));
    proofs_.emplace(pool_, *inventory_);
    documents_.emplace(pool_.registry(), *inventory_);
    for (const Inventory::Store& listed : inventory_->stores()) {
      if (!listed.trouble.empty()) log_warning(listed.store->name + " cannot be listed: " + listed.trouble);
      if (!listed.is_complete) found(listed.store->name, ObjectName::marker(), Damage::offline);
    }
  }

  // For objects that must be on every store, such as slots and the newest log.
  void expect_everywhere(const ObjectName& name) {
    const auto stores = inventory_->expected_everywhere(name);
    for (const PoolStore* store : stores.having) {
      to_read_.emplace(name, store);
      const bool was_corrupt = !options_.read && documents_->was_damaged(name, *store);
      if (was_corrupt || !documents_->has_right_size(name, *store)) found(store->name, name, Damage::corrupt);
    }
    for (const PoolStore* store : stores.lacking) found(store->name, name, Damage::missing);
  }

  // Objects of our own chain that appeared after the log was read were written by another process
  // of this home. They may still be uploading, so they are not expected.
  void expect_log(const std::set<ObjectName>& before) {
    const auto own = Settings(pool_.registry()).writer();
    for (const ObjectName& name : pool_.log().expected_objects()) {
      if (name.writer() != own || before.contains(name)) expected_log_.insert(name);
    }
  }

  void check_common_objects() {
    for (const auto& [id, slot] : state_.slots) expect_everywhere(ObjectName::of(ObjectType::slot, slot.object));
    for (const ObjectName& name : expected_log_) expect_everywhere(name);
  }

  void check_manifest(const LiveManifest& live) {
    ManifestCheck check;
    check.model = live.model;
    check.id = live.manifest;
    try {
      check.documents = documents_of(pool_, live.manifest, call_);
      for (const ObjectName& name : check.documents) expect_everywhere(name);
      ManifestReader reader(pool_, {}, call_);
      const ManifestRoot root = reader.root(live);
      FileRecipes recipes(root);
      for (std::size_t index = 0; index < root.segments.size(); ++index) {
        const auto segment = reader.segment(root, index);
        recipes.add(segment.content);
        for (const Pack& pack : segment.structure.packs) {
          check.packs.push_back(pack.id);
          if (packs_.try_emplace(pack.id, PackCheck{pack, {}, {}}).second) check_pack(packs_.at(pack.id));
        }
      }
      check.recipes = recipes.finish();
    } catch (const Error& error) {
      if (error.kind == ErrorKind::cancelled) throw;
      log_warning(error.what());
      check.readable = false;
    }
    manifests_.push_back(std::move(check));
  }

  struct ManifestCheck {
    std::string model;
    ManifestId id;
    bool readable = true;
    bool is_wrong = false;  // a file differs from what the manifest says
    std::vector<ObjectName> documents;
    std::vector<PackId> packs;
    std::vector<FileRecipe> recipes;  // of its files
  };
  struct GoodShard {
    std::size_t index = 0;
    Copy copy;
  };
  struct PackCheck {
    Pack pack;
    std::vector<GoodShard> good;
    // Shards, or with k = 1 as many copies, that may be on stores that could not be listed.
    std::set<std::size_t> away;
  };

  void check_pack(PackCheck& check) {
    const std::size_t objects = check.pack.k == 1 ? 1 : check.pack.shard_count();
    for (std::size_t index = 0; index < objects; ++index) {
      const Hash256& object = check.pack.shard_name(index);
      if (check_shard(check, index, object, true)) continue;
      const bool may_be_away = !inventory_->complete();
      found("", ObjectName::of(ObjectType::shard, object), may_be_away ? Damage::offline : Damage::missing);
      if (may_be_away) check.away.insert(index);
    }
    for (const registry::StrayShard& later : transfer::later_parity(pool_.registry(), check.pack))
      check_shard(check, later.index, later.object, false);
  }

  // Returns whether any copy is known: present, missing from a known store, or on an offline store.
  // Reports what is wrong with the copies. A shard that is not promised (parity that was added
  // later) is never reported as missing.
  bool check_shard(PackCheck& check, std::size_t index, const Hash256& hash, bool promised) {
    const ObjectName name = ObjectName::of(ObjectType::shard, hash);
    const auto copies = inventory_->copies(hash);
    // Where it was once does not matter when all that should be there is elsewhere: repair() wrote it
    // there while that store was away.
    const std::size_t wanted = check.pack.k == 1 ? check.pack.shard_count() : 1;
    promised = promised && inventory_->holders(check.pack, index).size() < wanted;
    for (const InventoryCopy& copy : copies) {
      if (copy.size_bytes) {
        check_listed_copy(check, index, name, copy);
        continue;
      }
      if (promised) found(copy.store->name, name, copy.is_decided ? Damage::missing : Damage::offline);
      if (copy.is_decided) {
        pool_.registry().record_shard_copy(hash, copy.store->id, CopyState::missing);
      } else if (copy.remembered == CopyState::whole) {
        check.away.insert(check.pack.k == 1 ? check.away.size() : index);
      }
    }
    return !copies.empty();
  }

  void check_listed_copy(PackCheck& check, std::size_t index, const ObjectName& name, const InventoryCopy& copy) {
    const PoolStore& store = *copy.store;
    const bool was_corrupt = copy.remembered == CopyState::corrupt;
    if (copy.size_bytes != mf1::k_header_bytes + check.pack.slice_bytes || (was_corrupt && !options_.read)) {
      found(store.name, name, Damage::corrupt);
      if (!was_corrupt) record_state(name, store, CopyState::corrupt);
      return;
    }
    if (!copy.remembered) pool_.registry().add_shard_place(*name.hash(), store.id);
    if (!fits_checksum(name, store)) return;
    check.good.push_back({index, {name, &store}});
    to_read_.emplace(name, &store);
  }

  // Returns false when the store lists another checksum than when the bytes were right.
  bool fits_checksum(const ObjectName& name, const PoolStore& store) {
    if (proofs_->compare_checksum(name, store) != Proofs::ByChecksum::wrong) return true;
    if (options_.read) return true;  // its bytes will tell
    found(store.name, name, Damage::corrupt);
    record_state(name, store, CopyState::corrupt);
    return false;
  }

  // Of each shard; with k = 1 of each copy.
  static std::vector<std::vector<const PoolStore*>> holders_of(const PackCheck& check) {
    std::vector<std::vector<const PoolStore*>> holders(check.pack.shard_count());
    std::size_t copy = 0;
    for (const GoodShard& good : check.good) {
      const std::size_t shard = check.pack.k == 1 ? copy++ : good.index;
      if (shard < holders.size()) holders[shard].push_back(good.copy.second);
    }
    return holders;
  }

  static Health health_of(const PackCheck& check) {
    ShardNumbers numbers;
    auto& present = numbers.present;
    for (const GoodShard& good : check.good)
      // All copies have index 0, so they are counted instead.
      present.insert(check.pack.k == 1 ? present.size() : good.index);
    for (const std::size_t one : check.away) numbers.away.insert(check.pack.k == 1 ? present.size() + one : one);
    const Health health = pack_health(numbers, check.pack);
    return health == Health::sound && !keeps_promise(holders_of(check), check.pack) ? Health::degraded : health;
  }

  // Of the stores that have a good copy of this document.
  std::set<std::string> domains_with(const ObjectName& document) const {
    std::set<std::string> domains;
    for (const PoolStore* store : inventory_->expected_everywhere(document).having) {
      const bool was_damaged = !options_.read && documents_->was_damaged(document, *store);
      const bool is_good = !was_damaged && documents_->has_right_size(document, *store);
      if (is_good && !bad_.contains({document, store})) domains.insert(store->domain);
    }
    return domains;
  }

  // Without the log and a key slot no other machine can read any model.
  std::optional<unsigned> domains_may_go_for_all() const {
    std::set<std::string> with_slot;
    for (const auto& [id, slot] : state_.slots)
      with_slot.merge(domains_with(ObjectName::of(ObjectType::slot, slot.object)));
    auto may_go = domains_may_go(with_slot);
    for (const ObjectName& name : expected_log_) may_go = std::min(may_go, domains_may_go(domains_with(name)));
    return may_go;
  }

  // By documents without which the model cannot be read from the stores.
  void limit(ModelHealth& health, const std::optional<unsigned>& may_go, const ManifestCheck& check) const {
    health.domains_may_go = std::min(health.domains_may_go, may_go);
    unsigned survive = 0;
    for (const PackId& id : check.packs) survive = std::max<unsigned>(survive, packs_.at(id).pack.survive);
    if (!may_go || *may_go < survive) health.health = worse(health.health, Health::degraded);
  }

  ModelHealth health_of(const ManifestCheck& check) {
    ModelHealth health = health_of_manifest(pool_, check.id, call_);
    health.health = check.readable ? Health::sound : Health::unknown;
    if (check.is_wrong) health.health = Health::lost;
    for (const PackId& id : check.packs) health.health = worse(health.health, health_of(packs_.at(id)));
    for (const ObjectName& name : check.documents) limit(health, domains_may_go(domains_with(name)), check);
    limit(health, common_may_go_, check);
    return health;
  }

  // Compares every file with its SHA-256. Shards that are read completely here are not read again.
  void check_files() {
    std::mutex mutex;
    std::set<Copy> whole;
    FileCheck files(
        pool_,
        [&](const transfer::ShardCopy& copy) {
          const std::lock_guard lock(mutex);
          const auto added = whole.emplace(ObjectName::of(ObjectType::shard, copy.object), copy.store);
          if (added.second) was_read(size_of(added.first->first, *copy.store));
        },
        call_);
    for (ManifestCheck& check : manifests_) {
      if (check.readable) check_files_of(check, files);
    }
    for (const auto& one : whole) {
      if (to_read_.erase(one) > 0) proofs_->is_right(one.first, *one.second);
    }
    report_.bytes_read += files.bytes_fetched();
  }

  void check_files_of(ManifestCheck& check, FileCheck& files) {
    const auto complain = [&](const FileEntry& file, const Error& error) {
      const bool is_wrong = error.kind == ErrorKind::corrupt;
      // Also by later parity that is not what it says.
      const bool is_lost = error.kind == ErrorKind::lost && !error.retry_after && inventory_->complete();
      log(is_wrong || is_lost ? LogLevel::warning : LogLevel::info,
          check.model + ": " + file.path + ": " + error.what());
      check.is_wrong = check.is_wrong || is_wrong || is_lost;
      // A file that cannot be read is reported by its shards.
      if (is_wrong) found("", ObjectName::of(ObjectType::content, check.id.content), Damage::corrupt);
    };
    try {
      files.check(ManifestReader(pool_, {}, call_).root(check.id), check.recipes, complain);
    } catch (const Error& error) {
      if (error.kind == ErrorKind::cancelled) throw;
      log_warning(error.what());
      check.readable = false;
    }
  }

  std::uint64_t size_of(const ObjectName& name, const PoolStore& store) const {
    return inventory_->listed_size(store, name).value_or(0);
  }

  void was_read(std::uint64_t bytes) {
    bytes_done_ += bytes;
    if (options_.progress) options_.progress(std::min(bytes_done_, bytes_to_read_), bytes_to_read_);
  }

  std::vector<transfer::CopyToCheck> copies_to_read() const {
    std::vector<transfer::CopyToCheck> copies;
    for (const auto& [name, store] : to_read_) copies.push_back({name, store, size_of(name, *store)});
    return copies;
  }

  // Where a store turns out not to answer, others are read in its place.
  void read_sample() {
    const auto share = static_cast<std::uint64_t>(
        std::ceil(static_cast<double>(bytes_to_read_) * options_.sample_percent.value_or(0) / 100));
    std::uint64_t left = std::min(share, options_.budget_bytes);
    bytes_to_read_ = left;
    for (;;) {
      auto chosen = proofs_->longest_unproven(copies_to_read(), left, options_.unproven_since);
      if (chosen.empty()) return;
      for (const auto& copy : chosen) to_read_.erase({copy.name, copy.store});
      const std::uint64_t before = report_.bytes_read;
      read(std::move(chosen));
      left -= std::min(left, report_.bytes_read - before);
      if (silent_.empty()) return;
      std::erase_if(to_read_, [&](const Copy& copy) { return silent_.contains(copy.second); });
      silent_.clear();
    }
  }

  // Reads each copy and checks it against its name.
  void read(std::vector<transfer::CopyToCheck> copies) {
    report_.bytes_read += transfer::check_copies(
        pool_.stores(), std::move(copies), call_,
        [this](const transfer::CopyToCheck& copy, std::optional<Damage> damage) {
          was_read(copy.size_bytes);
          if (!damage) {
            proofs_->is_right(copy.name, *copy.store);
            return;
          }
          found(copy.store->name, copy.name, *damage);
          if (*damage == Damage::offline) {
            silent_.insert(copy.store);
          } else {
            record_state(copy.name, *copy.store, *damage == Damage::corrupt ? CopyState::corrupt : CopyState::missing);
          }
          bad_.emplace(Copy(copy.name, copy.store), *damage);
        });
  }

  void record_state(const ObjectName& name, const PoolStore& store, CopyState state) {
    if (name.type() == ObjectType::shard) {
      pool_.registry().record_shard_copy(*name.hash(), store.id, state);
    } else if (state != CopyState::missing) {
      pool_.registry().record_document_copy(name.path(), store.id, state == CopyState::whole);
    }
  }

  void sum_up() {
    for (auto& [id, check] : packs_) {
      std::erase_if(check.good, [&, &away = check.away, k = check.pack.k](const GoodShard& good) {
        const auto bad = bad_.find(good.copy);
        if (bad == bad_.end()) return false;
        if (bad->second == Damage::offline) away.insert(k == 1 ? away.size() : good.index);
        return true;
      });
    }
    std::map<std::string, ModelHealth> health;
    common_may_go_ = domains_may_go_for_all();
    for (const ManifestCheck& check : manifests_) {
      const ModelHealth own = health_of(check);
      const auto [known, is_first] = health.try_emplace(check.model, own);
      if (!is_first) known->second = worse(known->second, own);
    }
    for (const auto& [model, worst] : health)
      report_.models.push_back({model, worst.health, worst.domains_may_go, worst.oldest_proof});
    report_.damaged.assign(findings_.begin(), findings_.end());
  }

  Pool& pool_;
  const VerifyOptions& options_;
  const CallOptions& call_;
  PoolState state_;
  std::optional<Inventory> inventory_;  // of all objects
  std::optional<Proofs> proofs_;
  std::map<PackId, PackCheck> packs_;
  std::vector<ManifestCheck> manifests_;
  std::set<ObjectName> expected_log_;
  std::optional<DocumentCopies> documents_;
  std::optional<unsigned> common_may_go_;
  std::set<Copy> to_read_;
  std::uint64_t bytes_to_read_ = 0;
  std::uint64_t bytes_done_ = 0;
  VerifyReport report_;
  std::set<Finding> findings_;
  std::map<Copy, Damage> bad_;         // damage found by reading
  std::set<const PoolStore*> silent_;  // that did not answer while a sample was read
};

}  // namespace

bool VerifyReport::readable() const noexcept {
  return std::none_of(models.begin(), models.end(), [](const VerifiedModel& model) {
    return model.health == Health::lost || model.health == Health::offline || model.health == Health::unknown;
  });
}

VerifyReport verify(Pool& pool, const VerifyOptions& options, const CallOptions& call) {
  return Verification(pool, options, call).run();
}

}  // namespace modelfloat::engine
