#pragma once
// How much memory a running model needs, and which other models are unloaded to make room for it.
// Pure, except default_ram_budget().

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "modelfloat/formats/layout.h"

namespace modelfloat::runner {

// A cautious estimate: the engine should need less.
struct MemoryNeed {
  std::uint64_t model_bytes = 0;  // the file itself, mapped by the engine
  // The KV cache: the engine's memory of the text so far, for all parallel requests.
  std::uint64_t cache_bytes = 0;
  // Second copies of quantised tensors in the order that the processor likes; can be left out.
  std::uint64_t repack_bytes = 0;
  std::uint64_t work_bytes = 0;  // everything else

  // UINT64_MAX where it would not fit into 64 bits.
  std::uint64_t total(bool with_repack) const noexcept;
};

MemoryNeed estimate_need(const formats::FileLayout&, std::uint64_t file_bytes, std::uint64_t context,
                         unsigned parallel);
// The estimate when only the size of the file is known.
MemoryNeed estimate_need(std::uint64_t file_bytes);

struct HeldModel {
  std::uint64_t memory_bytes = 0;
  double reload_seconds = 0;  // what bringing it back would cost
  double idle_seconds = 0;
  bool busy = false;  // must stay
};

// Chooses the models to unload, as indices, so that `need` more bytes fit into the budget.
// Prefers models that are quick to reload and have not been used for long, and chooses no more
// than necessary. nullopt when unloading every model that is not busy would not be enough.
std::optional<std::vector<std::size_t>> choose_victims(std::span<const HeldModel>, std::uint64_t need,
                                                       std::uint64_t budget);

// The limit on an engine's private memory, when `planned_bytes` were planned for it: a quarter
// more, plus half a gibibyte, plus the stacks of its threads.
std::uint64_t engine_memory_limit(std::uint64_t planned_bytes, unsigned threads);

// Three quarters of the machine's memory, or of its control group's limit if that is smaller; but
// no more than is available now.
std::uint64_t default_ram_budget();

}  // namespace modelfloat::runner
