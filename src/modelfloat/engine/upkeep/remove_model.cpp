#include "modelfloat/engine/upkeep/remove_model.h"

#include <algorithm>
#include <set>
#include <utility>

#include "modelfloat/base/hex.h"
#include "modelfloat/engine/catalogue/catch_up.h"
#include "modelfloat/engine/catalogue/open_manifest.h"

namespace modelfloat::engine {
namespace {

struct Plan {
  std::set<std::string> tags;
  std::set<RevisionId> revisions;
  // Whether the tags need an `untagged`. Without it, a tag falls back to an older revision.
  bool untags = false;
};

using Tags = std::map<std::string, RevisionId>;

// The tags of a model, and the revision that each points to.
Tags tags_of(const PoolState& state, const std::string& model) {
  Tags tags;
  const auto found = state.tags.find(model);
  if (found == state.tags.end()) return tags;
  for (const auto& [tag, content] : found->second) tags.emplace(tag, state.manifests.at(content).revision);
  return tags;
}

Plan plan_for_model(const PoolState& state, const std::string& model) {
  Plan plan;
  for (const auto& [tag, revision] : tags_of(state, model)) plan.tags.insert(tag);
  for (const auto& [content, live] : state.manifests) {
    if (live.model == model && live.committed) plan.revisions.insert(live.revision);
  }
  return plan;
}

Plan plan_for_tag(const Tags& tags, const Tags::value_type& tag) {
  Plan plan{{tag.first}, {}, true};
  const auto of_same_revision = [&](const auto& other) { return other.second == tag.second; };
  if (std::count_if(tags.begin(), tags.end(), of_same_revision) == 1) plan.revisions.insert(tag.second);
  return plan;
}

Plan plan_for_revision(const Tags& tags, const RevisionId& revision) {
  Plan plan{{}, {revision}, true};
  for (const auto& [tag, target] : tags) {
    if (target == revision) plan.tags.insert(tag);
  }
  return plan;
}

Plan plan_for(const PoolState& state, const ModelRef& ref, bool fresh) {
  const Tags tags = tags_of(state, ref.model);
  Plan plan;
  if (!ref.revision.empty()) {
    if (const auto revision = find_revision(state, ref)) plan = plan_for_revision(tags, *revision);
  } else if (ref.tag_given) {
    if (const auto tag = tags.find(ref.tag); tag != tags.end()) plan = plan_for_tag(tags, *tag);
  } else {
    plan = plan_for_model(state, ref.model);
  }
  if (plan.tags.empty() && plan.revisions.empty()) report_not_found(state, ref, fresh);
  return plan;
}

// All live manifests of these revisions, and all that stand for them.
std::vector<Hash256> manifests_of(const PoolState& state, const std::string& model,
                                  const std::set<RevisionId>& revisions) {
  std::set<Hash256> names;
  for (const auto& [content, live] : state.manifests) {
    if (live.model == model && live.committed && revisions.contains(live.revision)) names.insert(content);
  }
  std::vector<Hash256> all(names.begin(), names.end());
  for (const auto& [old, content] : state.replaced) {
    if (names.contains(content)) all.push_back(old);
  }
  return all;
}

std::vector<Change> changes_of(const PoolState& state, const std::string& model, const Plan& plan) {
  std::vector<Change> changes;
  if (plan.untags) {
    for (const std::string& tag : plan.tags) changes.emplace_back(Untagged{model, tag});
  }
  if (!plan.revisions.empty()) changes.emplace_back(Removed{model, manifests_of(state, model, plan.revisions)});
  return changes;
}

}  // namespace

ModelRemoval remove_model(Pool& pool, const ModelRef& ref, const CallOptions& call) {
  if (!pool.stores().wait_for_domains(1, call)) catch_up(pool, {.recheck = MarkerWait::full}, call);
  if (pool.stores().online().empty()) throw Error(ErrorKind::offline, "this pool", "none of its stores can be reached");
  const Freshness sync = catch_up(pool, {.log = LogReading::thorough}, call);
  if (sync.stores_read == 0) throw Error(ErrorKind::offline, ref.model, unread_text(sync) + ": nothing was removed");
  const bool fresh =
      warn_unless_fresh(sync, "revisions of " + ref.model + " that are known only there are not removed");
  const PoolState state = pool.log().state();
  const Plan plan = plan_for(state, ref, fresh);
  ModelRemoval removal{ref.model, {plan.tags.begin(), plan.tags.end()}, {}, false};
  for (const RevisionId& revision : plan.revisions) removal.revisions.push_back(to_hex(revision));
  const bool durable = pool.log().append_if_possible(changes_of(state, ref.model, plan), call);
  catch_up(pool, {.catalogue = true}, call);
  removal.complete = durable && fresh;
  return removal;
}

}  // namespace modelfloat::engine
