#include "modelfloat/engine/upkeep/remove_model.h"

#include "modelfloat/engine/catalogue/catch_up.h"
#include "modelfloat/engine/catalogue/open_manifest.h"

namespace modelfloat::engine {

bool remove_model(Pool& pool, const std::string& model, const CallOptions& call) {
  if (!pool.stores().wait_for_domains(1, call))
    throw Error(ErrorKind::offline, "this pool", "none of its stores can be reached");
  const Freshness sync = catch_up(pool, {.log = LogReading::thorough}, call);
  if (sync.stores_read == 0) throw Error(ErrorKind::offline, model, unread_text(sync) + ": nothing was removed");
  const bool fresh = warn_unless_fresh(sync, "revisions of " + model + " that are known only there are not removed");
  Removed removed{model, {}};
  for (const auto& [content, live] : pool.log().state().manifests) {
    if (live.model == model && live.committed) removed.manifests.push_back(content);
  }
  if (removed.manifests.empty()) report_unknown_model(model, fresh);
  const bool durable = pool.log().append_if_possible({removed}, call);
  catch_up(pool, {.catalogue = true}, call);
  return durable && fresh;
}

}  // namespace modelfloat::engine
