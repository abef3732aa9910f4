#include "modelfloat/engine/upkeep/repair.h"

#include <algorithm>

#include <fmt/format.h>

#include "modelfloat/base/log.h"
#include "modelfloat/engine/manifest/manifest_reader.h"
#include "modelfloat/engine/upkeep/document_repair.h"
#include "modelfloat/engine/upkeep/pool_survey.h"
#include "modelfloat/engine/upkeep/repair_packs.h"

namespace modelfloat::engine {
namespace {

class Repair {
 public:
  Repair(Pool& pool, const RepairOptions& options, const CallOptions& call)
      : pool_(pool), options_(options), call_(call), survey_(survey_pool(pool, options.model, call)) {}

  RepairReport run() {
    report_.doubts = survey_.doubts;
    restore_documents();
    std::vector<Pack> packs;
    for (const auto& [id, needed] : survey_.packs) packs.push_back(needed.pack);
    repair_packs(
        RepairContext(pool_), survey_.inventory, packs, options_, [this](const Pack& pack) { is_unrepairable(pack); },
        report_, call_);
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
  RepairReport report_;
};

}  // namespace

RepairReport repair(Pool& pool, const RepairOptions& options, const CallOptions& call) {
  return Repair(pool, options, call).run();
}

}  // namespace modelfloat::engine
