#include "modelfloat/engine/upkeep/drill.h"

#include <algorithm>
#include <map>
#include <set>
#include <sstream>

#include <fmt/format.h>

#include "modelfloat/base/log.h"
#include "modelfloat/domain/superseded.h"
#include "modelfloat/engine/catalogue/catch_up.h"
#include "modelfloat/engine/manifest/manifest_reader.h"
#include "modelfloat/engine/manifest/manifest_writer.h"
#include "modelfloat/engine/pool/slots.h"
#include "modelfloat/engine/upkeep/file_check.h"
#include "modelfloat/engine/upkeep/pool_survey.h"
#include "modelfloat/transfer/ask/object_reader.h"

namespace modelfloat::engine {
namespace {

constexpr const char* k_last_drill = "last_drill";

// The manifests of the pool in turn, read from the stores that `rest` has.
class Drill {
 public:
  Drill(Pool& rest, const DrillOptions& options, const CallOptions& call)
      : rest_(rest), options_(options), call_(call) {}

  DrillReport run() {
    Clock& clock = rest_.environment().clock;
    const SteadyTime begin = clock.steady_now();
    const Freshness sync = catch_up(rest_, {.log = LogReading::thorough, .decided = MarkerWait::full}, call_);
    if (!sync.fresh)
      report_.doubts.push_back(unread_text(sync) + ": models that are known only there were not looked at");
    if (rest_.stores().online().empty()) throw Error(ErrorKind::offline, "stores", "no other store can be read now");
    catch_up(rest_, {.catalogue = true}, call_);
    const PoolState state = rest_.log().state();
    const auto manifests = current_manifests(state);
    for (const LiveManifest* live : manifests) prepare(*live);
    read_log_and_slots();
    FileCheck files(rest_, {}, call_);
    files.on_read([this](std::uint64_t bytes) {
      read_bytes_ = std::min(read_bytes_ + bytes, total_bytes_);
      if (options_.progress) options_.progress(read_bytes_, total_bytes_);
    });
    for (const LiveManifest* live : manifests) check(*live, files);
    report_.bytes_read = document_bytes_ + files.bytes_fetched();
    report_.checked = models_.size();
    for (const auto& [model, is_readable] : models_) {
      if (!is_readable) report_.lost_models.push_back(model);
    }
    report_.lost = report_.lost_models.size();
    report_.seconds = seconds_between(begin, clock.steady_now());
    report_.at = unix_seconds(clock.utc_now());
    return std::move(report_);
  }

 private:
  struct Prepared {
    ManifestRoot root;
    std::vector<FileRecipe> recipes;
  };

  bool can_read(const ObjectName& document) {
    const auto bytes = transfer::read_object(rest_.stores(), document, false, {}, call_);
    if (bytes) document_bytes_ += bytes->size();
    return bytes.has_value();
  }

  // This home knows what they say. Without the log and a key slot no other machine can read any model.
  void read_log_and_slots() {
    std::vector<std::string> lacking;
    for (const ObjectName& name : rest_.log().expected_objects()) {
      if (!can_read(name)) lacking.push_back(name.path());
    }
    bool can_open = false;
    for (const SlotAdded& slot : valid_slots(rest_.registry()))
      can_open = can_read(ObjectName::of(ObjectType::slot, slot.object)) || can_open;
    if (!can_open) lacking.emplace_back("a key slot");
    if (lacking.empty()) return;
    report_.doubts.push_back(
        fmt::format("none of the stores has {} ({} in all): no other machine could read any model from them",
                    lacking.front(), lacking.size()));
    for (auto& [model, is_readable] : models_) is_readable = false;
  }

  // Reads its documents, and learns how much there is to read.
  void prepare(const LiveManifest& live) {
    models_.try_emplace(live.model, true);
    try {
      for (const ObjectName& name : documents_of(rest_, live.manifest, call_)) {
        if (documents_.contains(name)) continue;
        if (!can_read(name)) throw Error(ErrorKind::lost, name.path(), "none of the stores has it");
        documents_.insert(name);
      }
      ManifestReader reader(rest_, {}, call_);
      Prepared prepared{reader.root(live), {}};
      FileRecipes recipes(prepared.root);
      for (std::size_t index = 0; index < prepared.root.segments.size(); ++index)
        recipes.add(reader.segment(prepared.root, index).content);
      prepared.recipes = recipes.finish();
      for (const FileEntry& file : prepared.root.files) total_bytes_ += file.size_bytes;
      prepared_.emplace(live.manifest.content, std::move(prepared));
    } catch (const Error& error) {
      if (error.kind == ErrorKind::cancelled || error.kind == ErrorKind::timed_out) throw;
      is_lost(live.model, error, live.model);
    }
  }

  void check(const LiveManifest& live, FileCheck& files) {
    const auto prepared = prepared_.find(live.manifest.content);
    if (prepared == prepared_.end()) return;
    try {
      files.check(prepared->second.root, prepared->second.recipes, [&](const FileEntry& file, const Error& error) {
        is_lost(live.model + ": " + file.path, error, live.model);
      });
    } catch (const Error& error) {
      if (error.kind == ErrorKind::cancelled || error.kind == ErrorKind::timed_out) throw;
      is_lost(live.model, error, live.model);
    }
  }

  void is_lost(const std::string& what, const Error& error, const std::string& model) {
    log_warning(what + ": " + error.what());
    models_[model] = false;
  }

  Pool& rest_;
  const DrillOptions& options_;
  const CallOptions& call_;
  std::map<std::string, bool> models_;  // whether each can be read
  std::set<ObjectName> documents_;
  std::map<Hash256, Prepared> prepared_;  // by content name
  std::uint64_t document_bytes_ = 0;
  std::uint64_t total_bytes_ = 0;  // of all files
  std::uint64_t read_bytes_ = 0;   // of them
  DrillReport report_;
};

void remember(Pool& pool, const DrillOptions& options, const DrillReport& report) {
  std::ostringstream text;
  text << report.at << ' ' << report.checked << ' ' << report.lost << '\n';
  for (const std::string& name : options.without) text << name << '\n';
  pool.registry().set_setting(k_last_drill, as_bytes(text.str()));
}

}  // namespace

DrillReport drill(Pool& pool, const DrillOptions& options, const CallOptions& call) {
  const auto rest = pool.without(store_ids(pool, options.without));
  DrillReport report = Drill(*rest, options, call).run();
  remember(pool, options, report);
  return report;
}

std::optional<LastDrill> last_drill(Pool& pool) {
  const auto kept = pool.registry().setting(k_last_drill);
  if (!kept) return std::nullopt;
  std::istringstream text{std::string(as_text(*kept))};
  LastDrill last;
  text >> last.at >> last.checked >> last.lost;
  std::string name;
  std::getline(text, name);
  while (std::getline(text, name)) last.without.push_back(name);
  return last;
}

}  // namespace modelfloat::engine
