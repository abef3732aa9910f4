#include "modelfloat/engine/upkeep/plan.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "modelfloat/domain/superseded.h"
#include "modelfloat/engine/catalogue/pack_health.h"
#include "modelfloat/engine/manifest/manifest_writer.h"
#include "modelfloat/engine/pool/settings.h"
#include "modelfloat/engine/pool/slots.h"
#include "modelfloat/engine/pool/store_health.h"
#include "modelfloat/engine/upkeep/document_copies.h"
#include "modelfloat/engine/upkeep/pool_survey.h"
#include "modelfloat/engine/upkeep/shard_spread.h"
#include "modelfloat/mf1/format.h"
#include "modelfloat/transfer/packs/later_parity.h"

namespace modelfloat::engine {
namespace {

// As many calls of a store are under way at once.
constexpr std::size_t k_calls_at_once = 4;

class Planning {
 public:
  Planning(Pool& pool, std::set<StoreId> gone, const CallOptions& call)
      : pool_(pool),
        gone_(std::move(gone)),
        call_(call),
        survey_(survey_pool(pool, std::nullopt, call)),
        documents_(pool.registry(), survey_.inventory),
        largest_survive_(Settings(pool.registry()).largest_survive()) {}

  PlanReport run() {
    report_.doubts = survey_.doubts;
    for (const auto& listed : survey_.inventory.stores()) {
      if (!listed.is_complete && !gone_.contains(listed.store->id))
        report_.doubts.push_back(listed.store->name + " cannot be listed now, and counts as gone");
    }
    for (const std::string& model : survey_.unread_models) meets(model, std::nullopt, true);
    for (const auto& [id, needed] : survey_.packs) look_at(needed);
    look_at_documents();
    for (const auto& [name, fate] : models_) {
      if (!fate.domains_may_go) {
        report_.lost.push_back(name);
      } else if (fate.is_below_promise) {
        report_.at_risk.push_back({name, *fate.domains_may_go});
      }
    }
    estimate_times();
    return std::move(report_);
  }

 private:
  struct Fate {
    std::optional<unsigned> domains_may_go = 0;
    bool is_below_promise = false;
    bool is_known = false;  // domains_may_go has a meaning
  };

  void meets(const std::string& model, std::optional<unsigned> domains_may_go, bool is_below_promise) {
    Fate& fate = models_[model];
    fate.domains_may_go = fate.is_known ? std::min(fate.domains_may_go, domains_may_go) : domains_may_go;
    fate.is_below_promise = fate.is_below_promise || is_below_promise;
    fate.is_known = true;
  }

  void look_at(const NeededPack& needed) {
    const Pack& pack = needed.pack;
    const ShardSpread spread = spread_of(survey_.inventory, pack, gone_);
    const std::size_t left = spread.lying.size() + spread.crowded.size();
    auto may_go = spread.domains_may_go;
    // Anybody may write the header of parity that was added later, so it only counts where it must.
    if (!may_go && left + later_parity_left(pack) >= pack.k) may_go = 0;
    const bool is_below = !may_go || *may_go < pack.survive;
    const std::uint64_t object_bytes = mf1::k_header_bytes + pack.slice_bytes;
    if (may_go) {
      const std::size_t to_write = pack.shard_count() - left + spread.crowded.size();
      report_.bytes_to_copy += to_write * object_bytes;
      if (to_write > 0) bytes_to_read_ += pack.k * object_bytes;
    }
    for (const Hash256& content : needed.manifests) {
      meets(survey_.state.manifests.at(content).model, may_go, is_below);
      if (may_go) model_bytes_[content] += pack.k * object_bytes;
    }
  }

  std::size_t later_parity_left(const Pack& pack) const {
    const auto shards = transfer::later_parity(pool_.registry(), pack);
    return static_cast<std::size_t>(std::count_if(shards.begin(), shards.end(), [&](const registry::StrayShard& later) {
      const auto copies = survey_.inventory.copies(later.object);
      return std::any_of(copies.begin(), copies.end(), [&](const transfer::InventoryCopy& copy) {
        return copy.size_bytes && copy.remembered != registry::CopyState::corrupt && !gone_.contains(copy.store->id);
      });
    }));
  }

  // Without the log and a key slot no other machine can read any model.
  void look_at_documents() {
    const std::set<ObjectName> common = pool_.log().expected_objects();
    std::set<std::string> with_slot;
    for (const SlotAdded& slot : valid_slots(pool_.registry()))
      with_slot.merge(domains_left(ObjectName::of(ObjectType::slot, slot.object)));
    std::map<std::string, std::set<ObjectName>> documents;
    for (const LiveManifest* live : current_manifests(survey_.state)) {
      auto& own = documents[live->model];
      try {
        for (ObjectName& name : documents_of(pool_, live->manifest, call_)) own.insert(std::move(name));
      } catch (const Error& error) {
        if (error.kind == ErrorKind::cancelled) throw;
        meets(live->model, std::nullopt, true);
      }
    }
    for (const auto& [model, own] : documents) {
      for (const ObjectName& name : own) look_at(model, domains_left(name));
      for (const ObjectName& name : common) look_at(model, domains_left(name));
      look_at(model, with_slot);
    }
  }

  std::set<std::string> domains_left(const ObjectName& document) const {
    std::set<std::string> domains;
    for (const auto* store : documents_.good(document)) {
      if (!gone_.contains(store->id)) domains.insert(store->domain);
    }
    return domains;
  }

  void look_at(const std::string& model, const std::set<std::string>& domains) {
    const auto may_go = domains_may_go(domains);
    meets(model, may_go, !may_go || *may_go < largest_survive_);
  }

  void estimate_times() {
    double download = 0;
    double upload = 0;
    for (const auto& listed : survey_.inventory.stores()) {
      if (!listed.is_complete || gone_.contains(listed.store->id)) continue;
      const StoreHealth health = store_health(pool_, *listed.store);
      const double at_once =
          static_cast<double>(std::min(k_calls_at_once, listed.store->store->traits().parallel_calls));
      download += at_once * throughput(health.measured.get).value_or(0);
      if (listed.store->use == StoreUse::in_use) upload += at_once * throughput(health.measured.put).value_or(0);
    }
    const auto seconds = [](std::uint64_t bytes, double rate) { return static_cast<double>(bytes) / rate; };
    if (report_.bytes_to_copy == 0) {
      report_.copy_seconds = 0;
    } else if (download > 0 && upload > 0) {
      report_.copy_seconds = std::max(seconds(bytes_to_read_, download), seconds(report_.bytes_to_copy, upload));
    }
    std::uint64_t largest = 0;
    for (const auto& [content, bytes] : model_bytes_) largest = std::max(largest, bytes);
    if (largest > 0 && download > 0) report_.first_token_seconds = seconds(largest, download);
  }

  Pool& pool_;
  const std::set<StoreId> gone_;
  const CallOptions& call_;
  const PoolSurvey survey_;
  const DocumentCopies documents_;
  const unsigned largest_survive_;
  std::map<std::string, Fate> models_;
  std::map<Hash256, std::uint64_t> model_bytes_;  // to read, by manifest
  std::uint64_t bytes_to_read_ = 0;               // by a repair
  PlanReport report_;
};

}  // namespace

PlanReport plan_without(Pool& pool, const std::vector<std::string>& stores, const CallOptions& call) {
  return Planning(pool, store_ids(pool, stores), call).run();
}

}  // namespace modelfloat::engine
