#pragma once
// Made-up rows for the tests of registries: the same number always gives the same row.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "modelfloat/base/error.h"
#include "modelfloat/registry/registry.h"

namespace modelfloat::test {

template <typename Id>
Id sample_id(std::uint64_t n) {
  Id id{};
  // A zero byte in front: ids are bytes, not text.
  store_le<std::uint64_t>(MutableByteSpan(id).subspan(1), n * 0x9e3779b97f4a7c15ULL + 1);
  store_le<std::uint32_t>(MutableByteSpan(id).last(4), static_cast<std::uint32_t>(n));
  return id;
}

inline Hash256 sample_hash(std::uint64_t n) { return sample_id<Hash256>(n); }

struct SamplePack {
  Pack pack;
  std::vector<Fragment> fragments;
  std::vector<StoreId> places;
};

inline constexpr std::size_t k_sample_fragments = 24;

inline SamplePack sample_pack(std::uint64_t n, std::uint8_t k = 4, std::uint8_t m = 2) {
  SamplePack sample;
  sample.pack = {.id = sample_hash(1'000'000 + n),
                 .epoch = 3,
                 .suite = 2,
                 .k = k,
                 .m = m,
                 .slice_bytes = 4U << 20,
                 .survive = 2,
                 .shards = {}};
  const std::size_t objects = k == 1 ? 1 : sample.pack.shard_count();
  for (std::size_t i = 0; i < objects; ++i) sample.pack.shards.push_back(sample_hash(2'000'000 + 100 * n + i));
  for (std::size_t i = 0; i < sample.pack.shard_count(); ++i) sample.places.push_back(sample_id<StoreId>(i));
  for (std::uint32_t i = 0; i < k_sample_fragments; ++i) {
    sample.fragments.push_back({sample_hash(100'000'000 + k_sample_fragments * n + i), 1U << 20,
                                Codec{CodecId::zstd, 7},
                                FrameRef{sample.pack.id, std::uint64_t{i} << 33, (1U << 20) + 16, i}});
  }
  return sample;
}

inline void add(registry::Registry& registry, const SamplePack& sample) {
  registry.add_pack(sample.pack, sample.fragments, sample.places);
}

// Whether all of it is there, as add() entered it.
inline bool is_whole(registry::Registry& registry, const SamplePack& sample) {
  if (registry.pack(sample.pack.id) != sample.pack) return false;
  for (const auto& fragment : sample.fragments) {
    if (registry.find_fragment(fragment.id) != std::vector{fragment}) return false;
  }
  for (std::size_t i = 0; i < sample.places.size(); ++i) {
    if (registry.shard_places(sample.pack.shards[i]) != std::vector{sample.places[i]}) return false;
  }
  return true;
}

inline registry::RevisionRow sample_revision(std::uint64_t n, const std::string& model,
                                             const std::string& description = "") {
  return {.model = model,
          .revision = sample_id<RevisionId>(n),
          .manifest = {sample_hash(n), sample_hash(n + 1'000'000)},
          .size_bytes = 5'000'000'000 + n,
          .fragments = 7,
          .files = 2,
          .stored_bytes = 4'000'000'000,
          .description = description,
          .framework = "ggml",
          .format = "gguf",
          .created_at = 1'700'000'000 + n};
}

// What kind of Error `call` throws, and that it throws one.
template <typename Call>
std::optional<ErrorKind> error_of(const Call& call, std::string* text = nullptr) {
  try {
    call();
  } catch (const Error& error) {
    if (text != nullptr) *text = error.what();
    return error.kind;
  }
  return std::nullopt;
}

}  // namespace modelfloat::test
