#pragma once
// The API's work, done by the engine and the runner.

#include <atomic>
#include <string>
#include <thread>

#include "modelfloat/domain/model_ref.h"
#include "modelfloat/engine/pool/pool.h"
#include "modelfloat/runner/runner.h"
#include "modelfloat/server/service.h"

namespace modelfloat::server {

class PoolService final : public Service {
 public:
  // Both outlive it. Reads the log from the stores in the background, at once and then every
  // `refresh_period`, so that what other machines do becomes visible.
  PoolService(engine::Pool& pool, runner::Runner& runner, Milliseconds refresh_period = Milliseconds{30'000});

  std::unique_ptr<UploadSession> upload(const UploadRequest&, const CallOptions&) override;
  engine::ModelPage list(const std::string& after, const std::string& search, std::size_t limit) override;
  engine::ModelSummary find(const std::string& model, const CallOptions& call) override;
  std::vector<engine::ModelHealth> health(std::span<const engine::ModelSummary> models, const CallOptions&) override;
  std::vector<engine::RevisionSummary> revisions(const std::string& model) override;
  engine::OpenManifest open(const std::string& model, const CallOptions&) override;
  void map_fragments(const engine::OpenManifest&, const std::function<void(const engine::PackView&)>& on_pack,
                     const std::function<void(const engine::FragmentView&)>& on_fragment, const CallOptions&) override;
  void remove(const std::string& model, const CallOptions&) override;
  runner::Completion infer(const std::string& model, const runner::CompletionRequest&, const runner::TokenSink&,
                           const runner::LoadProgressSink&, const CallOptions&) override;
  Readiness readiness(const CallOptions& call) override;

 private:
  // With the tag or revision that was asked for. Error{not_found}.
  ModelRef resolve(const std::string& model);
  void record_policy();
  void refresh_now_and_then(const std::stop_token& stop);

  engine::Pool& pool_;
  runner::Runner& runner_;
  const Milliseconds refresh_period_;
  // As the pool's policy last said; readiness() is asked often, and by anybody.
  std::atomic<std::uint64_t> survive_ = 0;
  std::jthread refresher_;  // last: it uses the others
};

}  // namespace modelfloat::server
