#pragma once
// A ModelSource for models of the pool. It writes fragments from the stores directly into the
// runner's memory.

#include <atomic>
#include <string>

#include "modelfloat/engine/pool/pool.h"
#include "modelfloat/engine/pull/pull.h"
#include "modelfloat/runner/model_source.h"

namespace modelfloat::inference {

// The file of the model that an inference engine can run: its only sound GGUF file. Throws
// Error{unsupported} with the reason when there is no such file.
const FileEntry& runnable_file(const ManifestRoot& root);

// `pool` must outlive it.
class PoolModelSource final : public runner::ModelSource {
 public:
  // Throws what runnable_file() throws.
  PoolModelSource(engine::Pool& pool, engine::OpenManifest manifest);

  std::string name() const override { return manifest_.name; }
  std::string identity() const override;
  std::uint64_t size_bytes() const override { return file_.size_bytes; }
  void fill(int fd, const std::function<void(std::uint64_t)>& progress, const CallOptions&) override;

  // How many bytes fill() has read from the stores so far; 0 when the model was in memory
  // already.
  std::uint64_t bytes_fetched() const noexcept { return bytes_fetched_; }

 private:
  engine::Pool& pool_;
  engine::OpenManifest manifest_;
  const FileEntry& file_;  // in manifest_
  std::atomic<std::uint64_t> bytes_fetched_ = 0;
};

}  // namespace modelfloat::inference
