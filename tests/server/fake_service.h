#pragma once
// Models in memory, and hooks by which a test decides what happens.

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "modelfloat/server/service.h"

namespace modelfloat::test {

struct FakeModel {
  engine::ModelSummary summary;
  engine::ModelHealth health;
  std::map<std::string, std::string> card;
  std::vector<FileEntry> files;  // in sha256 is what was counted of the bytes, see FakeService
};

// Keeps of uploaded files their length and the SHA-256, not the bytes. Shared by threads.
class FakeService final : public server::Service {
 public:
  // Every model that was committed, by name.
  std::map<std::string, FakeModel> models() const;
  // The tags and revisions that were removed, as NAME:TAG and NAME@REVISION. The models stay.
  std::vector<std::string> removed_parts() const;
  void add_model(const std::string& name, std::size_t files = 1);
  // The sessions that were begun, and of these the ones that were dropped without a commit.
  std::size_t sessions_begun() const;
  // Blocks until so many sessions were dropped.
  void wait_for_dropped_sessions(std::size_t count);

  // What infer() does; nothing by default. Set before the server starts.
  std::function<runner::Completion(const std::string& model, const runner::CompletionRequest&, const runner::TokenSink&,
                                   const runner::LoadProgressSink&, const CallOptions&)>
      on_infer;
  // Called for each file before it is read.
  std::function<void(const std::string& path, ByteSource&, const CallOptions&)> on_file;
  // What map_fragments shows for each file.
  std::size_t fragments_per_file = 2;
  server::Readiness ready{true, "", 6, 6, 6, 6};
  std::function<void()> on_list;

  std::unique_ptr<server::UploadSession> upload(const server::UploadRequest&, const CallOptions&) override;
  engine::ModelPage list(const std::string& after, const std::string& search, std::size_t limit) override;
  engine::ModelSummary find(const std::string& model, const CallOptions&) override;
  std::vector<engine::ModelHealth> health(std::span<const engine::ModelSummary>, const CallOptions&) override;
  std::vector<engine::RevisionSummary> revisions(const std::string& model) override;
  engine::OpenManifest open(const std::string& model, const CallOptions&) override;
  void map_fragments(const engine::OpenManifest&, const std::function<void(const engine::PackView&)>& on_pack,
                     const std::function<void(const engine::FragmentView&)>& on_fragment, const CallOptions&) override;
  engine::ModelRemoval remove(const std::string& model, const CallOptions&) override;
  bool removals_are_complete = true;
  runner::Completion infer(const std::string& model, const runner::CompletionRequest&, const runner::TokenSink&,
                           const runner::LoadProgressSink&, const CallOptions&) override;
  server::Readiness readiness(const CallOptions&) override { return ready; }

 private:
  class Session;
  FakeModel& get(const std::string& model);  // under mutex_

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, FakeModel> models_;
  std::vector<std::string> removed_parts_;
  std::size_t begun_ = 0;
  std::size_t dropped_ = 0;
};

}  // namespace modelfloat::test
