#include "modelfloat/runner/memory_plan.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <string>
#include <string_view>

#include "modelfloat/base/bytes.h"

namespace modelfloat::runner {
namespace {

constexpr std::uint64_t k_mebibyte = 1ULL << 20;

std::uint64_t add(std::uint64_t a, std::uint64_t b) { return checked_add(a, b).value_or(UINT64_MAX); }
std::uint64_t multiply(std::uint64_t a, std::uint64_t b) { return checked_multiply(a, b).value_or(UINT64_MAX); }

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end == text.data()) return std::nullopt;
  return number;
}

std::optional<std::uint64_t> fact(const formats::FileLayout& layout, const std::string& name) {
  const auto found = layout.metadata.find(name);
  return found == layout.metadata.end() ? std::nullopt : parse_number(found->second);
}

// ggml-cpu/repack.cpp has faster forms of these on some processor or other.
bool may_be_repacked(const Tensor& tensor) {
  static constexpr std::array<std::string_view, 8> k_types = {"Q4_0", "Q2_K", "Q4_K",   "Q5_K",
                                                              "Q6_K", "Q8_0", "IQ4_NL", "MXFP4"};
  return tensor.shape.size() > 1 && std::find(k_types.begin(), k_types.end(), tensor.dtype) != k_types.end();
}

// Two half-precision vectors for each layer and token: https://github.com/ggml-org/llama.cpp,
// llama_kv_cache.
std::uint64_t cache_bytes_per_token(const formats::FileLayout& layout) {
  const std::uint64_t width = fact(layout, "embedding_length").value_or(4096);
  const std::uint64_t heads = std::max<std::uint64_t>(1, fact(layout, "head_count").value_or(1));
  const std::uint64_t shared_heads = std::clamp<std::uint64_t>(fact(layout, "head_count_kv").value_or(heads), 1, heads);
  const std::uint64_t per_layer = multiply(multiply((width + heads - 1) / heads, shared_heads), std::uint64_t{2} * 2);
  return multiply(per_layer, fact(layout, "block_count").value_or(32));
}

std::uint64_t work_bytes(std::uint64_t file_bytes) { return 128 * k_mebibyte + file_bytes / 32; }

// "MemTotal:       24684412 kB"
std::optional<std::uint64_t> memory_info(const std::string& name) {
  std::ifstream file("/proc/meminfo");
  for (std::string key; file >> key; file.ignore(256, '\n')) {
    std::uint64_t kibibytes = 0;
    if (key == name + ":" && file >> kibibytes) return kibibytes * 1024;
  }
  return std::nullopt;
}

// The tightest bound among our control group (version 2) and those around it.
std::uint64_t control_group_limit() {
  std::uint64_t limit = UINT64_MAX;
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    if (!line.starts_with("0::/")) continue;
    for (std::filesystem::path group = line.substr(4);; group = group.parent_path()) {
      std::ifstream file(std::filesystem::path("/sys/fs/cgroup") / group / "memory.max");
      std::string text;
      // Or "max"
      if (file >> text) limit = std::min(limit, parse_number(text).value_or(UINT64_MAX));
      if (group.empty()) break;
    }
  }
  return limit;
}

}  // namespace

std::uint64_t MemoryNeed::total(bool with_repack) const noexcept {
  return add(add(model_bytes, cache_bytes), add(with_repack ? repack_bytes : 0, work_bytes));
}

MemoryNeed estimate_need(const formats::FileLayout& layout, std::uint64_t file_bytes, std::uint64_t context,
                         unsigned parallel) {
  MemoryNeed need = estimate_need(file_bytes);
  need.cache_bytes = multiply(cache_bytes_per_token(layout), multiply(context, parallel));
  for (const Tensor& tensor : layout.tensors) {
    if (may_be_repacked(tensor)) need.repack_bytes = add(need.repack_bytes, tensor.length_bytes);
  }
  return need;
}

MemoryNeed estimate_need(std::uint64_t file_bytes) {
  MemoryNeed need;
  need.model_bytes = file_bytes;
  need.work_bytes = work_bytes(file_bytes);
  return need;
}

std::optional<std::vector<std::size_t>> choose_victims(std::span<const HeldModel> models, std::uint64_t need,
                                                       std::uint64_t budget) {
  std::uint64_t total = need;
  for (const HeldModel& model : models) total = add(total, model.memory_bytes);

  std::vector<std::size_t> candidates;
  for (std::size_t i = 0; i < models.size(); ++i) {
    if (!models[i].busy) candidates.push_back(i);
  }
  const auto worth = [&](std::size_t i) { return models[i].reload_seconds / (1 + models[i].idle_seconds); };
  std::sort(candidates.begin(), candidates.end(), [&](std::size_t a, std::size_t b) { return worth(a) < worth(b); });

  std::vector<std::size_t> victims;
  for (const std::size_t i : candidates) {
    if (total <= budget) break;
    victims.push_back(i);
    total -= models[i].memory_bytes;
  }
  if (total > budget) return std::nullopt;
  // A large model that was chosen late may make smaller ones unnecessary. The most valuable ones
  // are kept first.
  for (std::size_t at = victims.size(); at-- > 0;) {
    const std::uint64_t back = models[victims[at]].memory_bytes;
    if (total + back > budget) continue;
    total += back;
    victims.erase(victims.begin() + static_cast<std::ptrdiff_t>(at));
  }
  return victims;
}

std::uint64_t engine_memory_limit(std::uint64_t planned_bytes, unsigned threads) {
  // Beside ours: HTTP, timers.
  const std::uint64_t stacks = multiply(8 * k_mebibyte, std::uint64_t{threads} + 64);
  return add(add(planned_bytes, planned_bytes / 4), add(512 * k_mebibyte, stacks));
}

std::uint64_t default_ram_budget() {
  const std::uint64_t machine = std::min(memory_info("MemTotal").value_or(4096 * k_mebibyte), control_group_limit());
  return std::min(machine / 4 * 3, memory_info("MemAvailable").value_or(UINT64_MAX));
}

}  // namespace modelfloat::runner
