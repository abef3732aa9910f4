#pragma once
// The models that a runner holds in memory, and which of them leave when another needs the room.

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

// A model that is or comes into memory. All but the atomics is guarded by the runner's mutex; while
// it is loading, `memory`, `context` and `repack` belong to the thread that loads it. Shared,
// because whoever waits for a load may outlive its entry.
struct Model {
  std::string name;
  std::string identity;
  std::uint64_t size_bytes = 0;
  Phase phase = Phase::absent;
  std::optional<Error> failure;       // why it failed, for those that waited
  std::optional<NoEngine> no_engine;  // the same, where the model is not to blame
  std::unique_ptr<SealedMemory> memory;
  // Shared with the requests that it answers: they may notice a crash one after the other.
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

// Guarded by the runner's mutex, as what it holds is. Models that it gives back are no longer its
// own; the caller destroys them after it has let go of the mutex, because killing a child takes
// time.
class ResidentModels {
 public:
  explicit ResidentModels(std::uint64_t ram_budget_bytes) : ram_budget_bytes_(ram_budget_bytes) {}

  // The entry of the source's model, an absent one where there was none.
  ModelPtr entry_for(const ModelSource&);
  ModelPtr find(std::string_view identity) const;  // or null
  const std::map<std::string, ModelPtr, std::less<>>& all() const noexcept { return models_; }
  std::vector<RunningModel> running() const;

  // Reserves what the model needs, with repacked tensors where there is room for them, and returns
  // those that had to go. Error{out_of_space}, with a time to try again when only busy models are
  // in the way.
  std::vector<ModelPtr> make_room(Model& model, const MemoryNeed& need, SteadyTime now);
  // Takes out those that nothing has used for so long.
  std::vector<ModelPtr> take_idle(Milliseconds idle_limit, SteadyTime now);
  // Takes out one, unless it is busy: then, or when it is not there, null.
  ModelPtr extract(std::string_view identity);
  void forget(const Model& model) { models_.erase(model.identity); }

 private:
  std::optional<std::vector<ModelPtr>> evict_for(Model& model, std::uint64_t bytes, SteadyTime now);
  Error no_room(const Model& model, const MemoryNeed& need) const;

  const std::uint64_t ram_budget_bytes_;
  std::map<std::string, ModelPtr, std::less<>> models_;  // by identity
};

}  // namespace modelfloat::runner
