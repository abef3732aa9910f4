#include "modelfloat/server/pool_service.h"

#include <algorithm>

#include "modelfloat/base/log.h"
#include "modelfloat/base/thread.h"
#include "modelfloat/engine/catalogue/catch_up.h"
#include "modelfloat/engine/catalogue/pool_status.h"
#include "modelfloat/engine/upkeep/remove_model.h"
#include "modelfloat/inference/pool_model_source.h"
#include "modelfloat/server/transfer_report.h"

namespace modelfloat::server {
namespace {

constexpr engine::Need k_refresh{.log = engine::LogReading::all, .catalogue = true};

class PoolUpload final : public UploadSession {
 public:
  PoolUpload(engine::Pool& pool, EventLog& events, engine::PushOptions options, const CallOptions& call)
      : pool_(pool),
        model_(options.model),
        report_(events, pool.environment(), TransferReport::Direction::upload, options.model, options.total_bytes),
        push_(pool, reporting(std::move(options)), call) {}

  void add_file(const std::string& path, ByteSource& source) override { push_.add_file(path, source); }
  void describe(const std::string& key, const std::string& value) override { push_.describe(key, value); }

  UploadResult commit() override {
    UploadResult result;
    result.push = push_.commit();
    report_.end(result.push.bytes);
    result.name = model_;
    if (const auto summary = engine::find_model(pool_, model_)) result.id = summary->id;
    return result;
  }

 private:
  engine::PushOptions reporting(engine::PushOptions options) {
    options.progress = [this](std::uint64_t bytes_read, std::uint64_t) { report_.progress(bytes_read); };
    return options;
  }

  engine::Pool& pool_;
  const std::string model_;
  TransferReport report_;
  engine::PushSession push_;
};

}  // namespace

PoolService::PoolService(engine::Pool& pool, runner::Runner& runner, EventLog& events, Milliseconds refresh_period)
    : pool_(pool), runner_(runner), events_(events), refresh_period_(refresh_period) {
  record_policy();
  refresher_ = start_thread([this](const std::stop_token& stop) { refresh_now_and_then(stop); });
}

void PoolService::record_policy() {
  const auto policy = pool_.log().state().policy;
  survive_ = policy ? policy->survive : 0;
}

void PoolService::refresh_now_and_then(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    try {
      if (!engine::catch_up(pool_, k_refresh, {stop, std::nullopt}).fresh)
        log_info("too few stores answered to be sure that the list of models is up to date");
      record_policy();
    } catch (const std::exception& error) {
      if (!stop.stop_requested())
        log_warning(std::string("the list of models could not be brought up to date: ") + error.what());
    }
    pool_.environment().clock.sleep_for(refresh_period_, stop);
  }
}

ModelRef PoolService::resolve(const std::string& model) {
  if (const auto name = engine::find_name(pool_, model)) return ModelRef::parse(*name);
  try {
    auto ref = ModelRef::parse(model);
    if (engine::find_name(pool_, ref.model)) return ref;
  } catch (const Error& error) {
    // An id that is none of ours need not be a well-formed name.
    if (error.kind != ErrorKind::invalid) throw;
  }
  throw Error(ErrorKind::not_found, model, "there is no such model");
}

std::unique_ptr<UploadSession> PoolService::upload(const UploadRequest& request, const CallOptions& call) {
  engine::PushOptions options;
  const auto ref = ModelRef::parse_new(request.tag.empty() ? request.model : request.model + ":" + request.tag);
  options.model = ref.model;
  options.tag = ref.tag;
  options.card = request.card;
  options.total_bytes = request.expected_bytes;
  return std::make_unique<PoolUpload>(pool_, events_, std::move(options), call);
}

engine::ModelPage PoolService::list(const std::string& after, const std::string& search, std::size_t limit) {
  return engine::list_models(pool_, after, search, limit);
}

engine::ModelSummary PoolService::find(const std::string& model, const CallOptions& call) {
  const auto ref = resolve(model);
  if (ref.tag_given || !ref.revision.empty())
    return engine::summarise(pool_, engine::open_manifest(pool_, ref, true, call));
  if (auto summary = engine::find_model(pool_, ref.model)) return *std::move(summary);
  throw Error(ErrorKind::not_found, model, "there is no such model");  // any more
}

std::vector<engine::ModelHealth> PoolService::health(std::span<const engine::ModelSummary> models,
                                                     const CallOptions& call) {
  return engine::health_of_models(pool_, models, engine::AskStores::yes, call);
}

std::vector<engine::RevisionSummary> PoolService::revisions(const std::string& model) {
  return engine::list_revisions(pool_, resolve(model).model);
}

engine::OpenManifest PoolService::open(const std::string& model, const CallOptions& call) {
  return engine::open_manifest(pool_, resolve(model), true, call);
}

void PoolService::map_fragments(const engine::OpenManifest& manifest,
                                const std::function<void(const engine::PackView&)>& on_pack,
                                const std::function<void(const engine::FragmentView&)>& on_fragment,
                                const CallOptions& call) {
  engine::map_fragments(pool_, manifest, on_pack, on_fragment, call);
}

engine::ModelRemoval PoolService::remove(const std::string& model, const CallOptions& call) {
  return engine::remove_model(pool_, resolve(model), call);
}

runner::Completion PoolService::infer(const std::string& model, const runner::CompletionRequest& request,
                                      const runner::TokenSink& on_text, const runner::LoadProgressSink& on_progress,
                                      const CallOptions& call) {
  auto manifest = engine::open_manifest(pool_, resolve(model), true, call);
  LoadReport report(events_, pool_.environment(), manifest.root.model);
  inference::PoolModelSource source(pool_, std::move(manifest));
  const auto reporting = [&](const runner::LoadProgress& progress) {
    report.progress(progress);
    if (on_progress) on_progress(progress);
  };
  // A request that waits for another one's load may not be told that it has ended.
  const auto on_first_text = [&](std::string_view text) {
    report.loaded();
    on_text(text);
  };
  auto completion =
      runner_.complete(source, request, on_text ? runner::TokenSink(on_first_text) : on_text, reporting, call);
  report.loaded();
  return completion;
}

Readiness PoolService::readiness(const CallOptions& call) {
  Readiness state;
  try {
    const engine::PoolStatus status = engine::pool_status(pool_, call);
    state.stores = status.stores.size();
    state.stores_online = static_cast<std::size_t>(
        std::count_if(status.stores.begin(), status.stores.end(), [](const auto& store) { return store.online; }));
    state.domains = status.domains;
    state.domains_online = status.domains_online;
    // More silent domains than the pool was told to survive, and something may be unreadable.
    state.ready = state.domains_online > 0 && state.domains_online + survive_ >= state.domains;
    if (!state.ready) state.problem = "too few stores are online";
  } catch (const Error& error) {
    if (error.kind == ErrorKind::cancelled) throw;
    state.ready = false;
    state.problem = "the registry cannot be read";
  }
  return state;
}

}  // namespace modelfloat::server
