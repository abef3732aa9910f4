#pragma once
// Implements the API with the engine and the runner.

#include <atomic>
#include <string>
#include <thread>

#include "modelfloat/domain/model_ref.h"
#include "modelfloat/engine/pool/pool.h"
#include "modelfloat/runner/runner.h"
#include "modelfloat/server/event_log.h"
#include "modelfloat/server/service.h"

namespace modelfloat::server {

class PoolService final : public Service {
 public:
  // `pool`, `runner` and `events` must outlive it. Uploads, and models that are loaded to be run, are
  // told to `events` as transfers. A background thread reads the log from the stores at
  // once and then every `refresh_period`, so that changes by other machines become visible.
  PoolService(engine::Pool& pool, runner::Runner& runner, EventLog& events,
              Milliseconds refresh_period = Milliseconds{30'000});

  std::unique_ptr<UploadSession> upload(const UploadRequest&, const CallOptions&) override;
  engine::ModelPage list(const std::string& after, const std::string& search, std::size_t limit) override;
  engine::ModelSummary find(const std::string& model, const CallOptions& call) override;
  std::vector<engine::ModelHealth> health(std::span<const engine::ModelSummary> models, const CallOptions&) override;
  std::vector<engine::RevisionSummary> revisions(const std::string& model) override;
  engine::OpenManifest open(const std::string& model, const CallOptions&) override;
  void map_fragments(const engine::OpenManifest&, const std::function<void(const engine::PackView&)>& on_pack,
                     const std::function<void(const engine::FragmentView&)>& on_fragment, const CallOptions&) override;
  engine::ModelRemoval remove(const std::string& model, const CallOptions&) override;
  runner::Completion infer(const std::string& model, const runner::CompletionRequest&, const runner::TokenSink&,
                           const runner::LoadProgressSink&, const CallOptions&) override;
  Readiness readiness(const CallOptions& call) override;

 private:
  // Resolves an id or a name, and keeps the requested tag or revision. Error{not_found} for an
  // unknown model.
  ModelRef resolve(const std::string& model);
  void record_policy();
  void refresh_now_and_then(const std::stop_token& stop);

  engine::Pool& pool_;
  runner::Runner& runner_;
  EventLog& events_;
  const Milliseconds refresh_period_;
  // From the pool's policy, as last read. Cached because anybody may call readiness() often.
  std::atomic<std::uint64_t> survive_ = 0;
  std::jthread refresher_;  // last: it uses the others
};

}  // namespace modelfloat::server
