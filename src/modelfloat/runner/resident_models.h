#pragma once
// The models that a runner holds in memory, and which of them are unloaded when another needs the
// room.

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "modelfloat/base/clock.h"
#include "modelfloat/base/error.h"
#include "modelfloat/runner/llama_engine.h"
#include "modelfloat/runner/memory_plan.h"
#include "modelfloat/runner/runner.h"
#include "modelfloat/runner/sealed_memory.h"

namespace modelfloat::runner {

enum class Phase { absent, loading, ready, stopped, failed };

// A model that is in memory or being loaded. The runner's mutex guards all members except the
// atomics. While the model is loading, `memory`, `context` and `repack` belong to the thread that
// loads it. Shared ownership, because a caller that waits for a load may outlive the entry.
struct Model {
  std::string name;
  std::string identity;
  std::uint64_t size_bytes = 0;
  Phase phase = Phase::absent;
  std::optional<Error> failure;       // why loading failed, for callers that waited
  std::optional<NoEngine> no_engine;  // the same, where the model is not to blame
  std::unique_ptr<SealedMemory> memory;
  // Shared with the requests that it answers: each of them may notice a crash at another time.
  std::shared_ptr<LlamaEngine> engine;
  std::uint64_t context = 0;
  bool repack = true;
  std::uint64_t memory_bytes = 0;
  unsigned requests = 0;
  SteadyTime last_used;
  UtcTime last_used_utc;
  double load_seconds = 0;
  unsigned failures = 0;  // crashes since the last answer
  SteadyTime not_before;  // of the next start
  std::atomic<std::uint64_t> bytes_done = 0;
  std::atomic<bool> fetched = false;
};

using ModelPtr = std::shared_ptr<Model>;

// Guarded by the runner's mutex, like its models. Models that a method returns as removed belong
// to the caller. The caller destroys them after it has released the mutex, because killing a
// child takes time.
class ResidentModels {
 public:
  explicit ResidentModels(std::uint64_t ram_budget_bytes) : ram_budget_bytes_(ram_budget_bytes) {}

  // The entry of the source's model. A new one in Phase::absent is added where there is none.
  ModelPtr entry_for(const ModelSource&);
  ModelPtr find(std::string_view identity) const;  // or null
  const std::map<std::string, ModelPtr, std::less<>>& all() const noexcept { return models_; }
  std::vector<RunningModel> running() const;

  // Reserves the memory that the model needs, including repacked tensors where there is room.
  // Removes other models if necessary and returns them. Error{out_of_space} when there is not
  // enough room; with a retry_after when busy models are the only obstacle.
  std::vector<ModelPtr> make_room(Model& model, const MemoryNeed& need, SteadyTime now);
  // Removes and returns the models that have not been used for `idle_limit`.
  std::vector<ModelPtr> take_idle(Milliseconds idle_limit, SteadyTime now);
  // Removes and returns a model; null when it is busy or not there.
  ModelPtr extract(std::string_view identity);
  void forget(const Model& model) { models_.erase(model.identity); }

 private:
  std::optional<std::vector<ModelPtr>> evict_for(Model& model, std::uint64_t bytes, SteadyTime now);
  Error no_room(const Model& model, const MemoryNeed& need) const;

  const std::uint64_t ram_budget_bytes_;
  std::map<std::string, ModelPtr, std::less<>> models_;  // by identity
};

}  // namespace modelfloat::runner
