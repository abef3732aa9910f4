#include "modelfloat/engine/upkeep/repair.h"

#include <algorithm>

#include <fmt/format.h>

#include "modelfloat/base/log.h"
#include "modelfloat/engine/manifest/manifest_reader.h"
#include "modelfloat/engine/upkeep/document_repair.h"
#include "modelfloat/engine/upkeep/new_copies.h"
#include "modelfloat/engine/upkeep/pack_repair.h"
#include "modelfloat/engine/upkeep/pool_survey.h"
#include "modelfloat/engine/upkeep/shard_spread.h"
#include "modelfloat/placement/policy.h"
#include "modelfloat/transfer/packs/later_parity.h"

namespace modelfloat::engine {
namespace {

using transfer::ShardPlace;

class Repair {
 public:
  Repair(Pool& pool, const RepairOptions& options, const CallOptions& call)
      : pool_(pool),
        options_(options),
        call_(call),
        survey_(survey_pool(pool, options.model, call)),
        new_copies_(pool, call) {}

  RepairReport run() {
    report_.doubts = survey_.doubts;
    restore_documents();
    std::vector<PackToRepair> tasks = plan();
    if (options_.dry_run) {
      for (const PackToRepair& task : tasks) count(task);
      return std::move(report_);
    }
    for (const PackToRepair& task : tasks) bytes_to_write_ += task.bytes_to_write();
    // Those for which a store failed in between are tried once more, with the stores that are left.
    tasks = repair(std::move(tasks), false);
    tasks = repair(std::move(tasks), true);
    report_.packs_below_promise += tasks.size();
    for (const PackToRepair& task : tasks) report_.shards_left += task.missing.size();
    new_copies_.read_back();
    report_.packs_below_promise += new_copies_.failures().size();
    for (const std::string& failure : new_copies_.failures()) report_.doubts.push_back(failure);
    std::sort(report_.unrepairable.begin(), report_.unrepairable.end());
    return std::move(report_);
  }

 private:
  void restore_documents() {
    const DocumentRepair done =
        repair_documents(RepairContext(pool_), survey_.inventory, survey_.documents, options_.dry_run, call_);
    report_.documents_written = done.written;
    report_.bytes_written = done.bytes_written;
    for (const std::string& doubt : done.doubts) report_.doubts.push_back(doubt);
    for (const auto& [store, count] : done.not_taken)
      report_.doubts.push_back(
          fmt::format("{} has not taken {} documents yet: they stay queued for it, and go there later", store, count));
  }

  std::vector<PackToRepair> plan() {
    struct Planned {
      std::optional<unsigned> domains_may_go;
      PackToRepair task;
    };
    std::vector<Planned> planned;
    for (const auto& [id, needed] : survey_.packs) {
      const Pack& pack = needed.pack;
      ++report_.packs_checked;
      ShardSpread spread = spread_of(survey_.inventory, pack, options_.leaving);
      const std::vector<std::string> domains = spread.domains();
      const bool can_be_copied = std::all_of(spread.missing.begin(), spread.missing.end(), [&](std::size_t index) {
        return !survey_.inventory.holders(pack, index).empty();
      });
      for (const ShardPlace& place : spread.crowded) spread.missing.push_back(place.index);
      if (spread.missing.empty()) continue;
      if (spread.is_undecided) {
        ++report_.packs_below_promise;
        report_.shards_left += spread.missing.size();
        continue;
      }
      planned.push_back({placement::domains_may_go(domains, pack.k),
                         {pack, std::move(spread.missing), std::move(spread.lying), std::move(spread.prefer),
                          std::move(spread.crowded), can_be_copied}});
    }
    std::stable_sort(planned.begin(), planned.end(),
                     [](const Planned& a, const Planned& b) { return a.domains_may_go < b.domains_may_go; });
    std::vector<PackToRepair> tasks;
    for (Planned& one : planned) tasks.push_back(std::move(one.task));
    return tasks;
  }

  void count(const PackToRepair& task) {
    if (task.lying.size() < task.pack.k && transfer::later_parity(pool_.registry(), task.pack).empty()) {
      is_unrepairable(task.pack);
      return;
    }
    if (report_.bytes_read + report_.bytes_written + task.bytes_to_read() + task.bytes_to_write() >
        options_.budget_bytes) {
      ++report_.packs_below_promise;
      report_.shards_left += task.missing.size();
      return;
    }
    ++report_.packs_repaired;
    report_.shards_written += task.missing.size();
    report_.bytes_read += task.bytes_to_read();
    report_.bytes_written += task.bytes_to_write();
  }

  // Returns the packs for which stores failed in between.
  std::vector<PackToRepair> repair(std::vector<PackToRepair> tasks, bool may_spread_less_after_failures) {
    std::vector<PackToRepair> again;
    if (tasks.empty()) return again;
    PackRepair packs(RepairContext(pool_), transfer::ask_targets(pool_.stores(), call_), call_);
    const std::uint64_t read_before = report_.bytes_read;
    const std::uint64_t written_before = report_.bytes_written;
    std::uint64_t promised = read_before + written_before;  // of the packs that were begun
    const auto take = [&](std::size_t index) -> std::optional<PackToRepair> {
      if (index >= tasks.size()) return std::nullopt;
      promised += tasks[index].bytes_to_read() + tasks[index].bytes_to_write();
      if (promised > options_.budget_bytes) return std::nullopt;
      return tasks[index];
    };
    auto first = take(0);
    if (first) packs.begin(*std::move(first));
    std::size_t index = 0;
    for (; packs.has_begun(); ++index) {
      const PackToRepair& task = tasks[index];
      const auto outcome = packs.finish(may_spread_less_after_failures || !failed_, take(index + 1));
      report_.bytes_read = read_before + packs.bytes_read();
      report_.bytes_written = written_before + packs.bytes_written();
      if (outcome == PackRepair::Outcome::no_room && !may_spread_less_after_failures) {
        failed_ = true;
        again.push_back(task);
      } else {
        ended(task, outcome, packs.places());
      }
      if (options_.progress) options_.progress(report_.bytes_written, bytes_to_write_ + written_before);
    }
    report_.packs_below_promise += tasks.size() - index;  // beyond the budget
    for (std::size_t left = index; left < tasks.size(); ++left) report_.shards_left += tasks[left].missing.size();
    if (index < tasks.size())
      report_.doubts.push_back(fmt::format("the budget is used up: {} packs are left", tasks.size() - index));
    return again;
  }

  void ended(const PackToRepair& task, PackRepair::Outcome outcome, const std::vector<ShardPlace>& places) {
    switch (outcome) {
      case PackRepair::Outcome::as_promised: ++report_.packs_repaired; break;
      case PackRepair::Outcome::less_spread:
        ++report_.packs_repaired;
        ++report_.packs_below_promise;
        break;
      case PackRepair::Outcome::no_better_place:
      case PackRepair::Outcome::no_room: ++report_.packs_below_promise; break;
      case PackRepair::Outcome::too_few_left: is_unrepairable(task.pack); break;
    }
    report_.shards_left += task.missing.size() - places.size();
    for (const ShardPlace& place : places) {
      new_copies_.add(task.pack, place);
      ++report_.shards_written;
    }
  }

  // Names the files that need the pack.
  void is_unrepairable(const Pack& pack) {
    report_.is_lost = report_.is_lost || survey_.inventory.complete();
    for (const Hash256& content : survey_.packs.at(pack.id).manifests) {
      const LiveManifest& live = survey_.state.manifests.at(content);
      try {
        ManifestReader reader(pool_, {}, call_);
        const ManifestRoot root = reader.root(live);
        FileWalk walk(root);
        for (std::size_t index = 0; index < root.segments.size(); ++index) {
          const auto segment = reader.segment(root, index);
          for (const PlacedFragment& placed : walk.place(segment.content)) {
            const FrameRef* frame = placed.fragment->frame();
            if (frame == nullptr || frame->pack != pack.id) continue;
            Unrepairable one{live.model, root.files[placed.file].path, pack.id};
            if (report_.unrepairable.empty() || report_.unrepairable.back() != one)
              report_.unrepairable.push_back(std::move(one));
          }
        }
      } catch (const Error& error) {
        if (error.kind == ErrorKind::cancelled) throw;
        log_warning(error.what());
      }
    }
  }

  Pool& pool_;
  const RepairOptions& options_;
  const CallOptions& call_;
  const PoolSurvey survey_;
  std::uint64_t bytes_to_write_ = 0;
  bool failed_ = false;  // a store, while shards were put
  NewCopies new_copies_;
  RepairReport report_;
};

}  // namespace

RepairReport repair(Pool& pool, const RepairOptions& options, const CallOptions& call) {
  return Repair(pool, options, call).run();
}

}  // namespace modelfloat::engine
