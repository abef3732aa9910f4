#pragma once
// A model of the pool, as the runner wants it: straight from the stores into its memory.

#include <atomic>
#include <string>

#include "modelfloat/engine/pool/pool.h"
#include "modelfloat/engine/pull/pull.h"
#include "modelfloat/runner/model_source.h"

namespace modelfloat::inference {

// The file of the model that an inference engine can run: its only sound GGUF file. Throws
// Error{unsupported} that says why there is none.
const FileEntry& runnable_file(const ManifestRoot& root);

// `pool` outlives it.
class PoolModelSource final : public runner::ModelSource {
 public:
  // Throws what runnable_file() throws.
  PoolModelSource(engine::Pool& pool, engine::OpenManifest manifest);

  std::string name() const override { return manifest_.name; }
  std::string identity() const override;
  std::uint64_t size_bytes() const override { return file_.size_bytes; }
  void fill(int fd, const std::function<void(std::uint64_t)>& progress, const CallOptions&) override;

  // What fill() has read from the stores so far; 0 when the model was in memory already.
  std::uint64_t bytes_fetched() const noexcept { return bytes_fetched_; }

 private:
  engine::Pool& pool_;
  engine::OpenManifest manifest_;
  const FileEntry& file_;  // in manifest_
  std::atomic<std::uint64_t> bytes_fetched_ = 0;
};

}  // namespace modelfloat::inference
