#pragma once
// How much memory a model takes while it runs, and which others make room for it. Pure but for the
// budget's default.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "modelfloat/formats/layout.h"

namespace modelfloat::runner {

// An estimate, on the safe side.
struct MemoryNeed {
  std::uint64_t model_bytes = 0;  // the file itself, mapped by the engine
  // What the engine remembers of the text so far (KV cache), for all requests at a time.
  std::uint64_t cache_bytes = 0;
  // Second copies of quantised tensors in the order that the processor likes; can be left out.
  std::uint64_t repack_bytes = 0;
  std::uint64_t work_bytes = 0;  // everything else

  // UINT64_MAX where it would not fit into 64 bits.
  std::uint64_t total(bool with_repack) const noexcept;
};

MemoryNeed estimate_need(const formats::FileLayout&, std::uint64_t file_bytes, std::uint64_t context,
                         unsigned parallel);
// While nothing but the size is known.
MemoryNeed estimate_need(std::uint64_t file_bytes);

struct HeldModel {
  std::uint64_t memory_bytes = 0;
  double reload_seconds = 0;  // what bringing it back would cost
  double idle_seconds = 0;
  bool busy = false;  // must stay
};

// The models (as indices) that must go so that `need` more bytes fit into the budget: those first
// that are cheap to bring back and long unused, and none without need. Nothing when not even all
// that may go make room.
std::optional<std::vector<std::size_t>> choose_victims(std::span<const HeldModel>, std::uint64_t need,
                                                       std::uint64_t budget);

// What an engine may take of private memory, for which the plan counted `planned_bytes`: a quarter
// more, half a gibibyte, and the stacks of its threads.
std::uint64_t engine_memory_limit(std::uint64_t planned_bytes, unsigned threads);

// Three quarters of the machine's memory, or of what its control group allows; no more than is free
// now.
std::uint64_t default_ram_budget();

}  // namespace modelfloat::runner
