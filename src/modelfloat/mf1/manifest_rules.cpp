#include "modelfloat/mf1/manifest_rules.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "modelfloat/base/utf8.h"
#include "modelfloat/codec/codec.h"
#include "modelfloat/crypto/aead.h"
#include "modelfloat/domain/redundancy.h"
#include "modelfloat/mf1/cbor.h"
#include "modelfloat/mf1/manifest_codec.h"
#include "modelfloat/mf1/pack_builder.h"
#include "modelfloat/mf1/pack_layout.h"
#include "modelfloat/mf1/shard.h"

namespace modelfloat::mf1 {
namespace {

constexpr std::size_t k_max_path_bytes = 4096;
constexpr std::size_t k_max_part_bytes = 255;

std::string_view why_unsafe_part(std::string_view part) noexcept {
  if (part.empty()) return "has an empty part: it begins or ends with '/', or has '//'";
  if (part == "." || part == "..") return "has a part '.' or '..'";
  if (part.size() > k_max_part_bytes) return "has a part of more than 255 bytes";
  return {};
}

bool has_control_character(std::string_view text) noexcept {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x20 || c == 0x7F) return true;
    // U+0080 to U+009F, as UTF-8 writes them.
    if (c == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0) return true;
  }
  return false;
}

std::optional<Problem> problem_of(const FileEntry& file) {
  if (!is_safe_path(file.path)) return Problem{"a file has a path that is not safe"};
  const std::uint64_t most = file.size_bytes;
  const std::uint64_t least = most / k_max_fragment_bytes + (most % k_max_fragment_bytes != 0 ? 1 : 0);
  if (file.fragments > most || file.fragments < least) {
    return Problem{"\"" + file.path + "\" cannot have that many fragments"};
  }
  for (const Tensor& tensor : file.tensors) {
    const auto end = checked_add(tensor.offset, tensor.length_bytes);
    if (!end || *end > file.size_bytes) return Problem{"\"" + file.path + "\" has a tensor beyond its end"};
    if (tensor.shape.size() > k_max_dimensions) return Problem{"\"" + file.path + "\" has a tensor of odd shape"};
  }
  return std::nullopt;
}

// One file's path may not be a folder in another's.
bool has_file_as_folder(const std::vector<FileEntry>& files) {
  std::set<std::string_view> paths;
  for (const FileEntry& file : files) paths.insert(file.path);
  for (const std::string_view path : paths) {
    for (std::size_t slash = path.find('/'); slash != path.npos; slash = path.find('/', slash + 1)) {
      if (paths.count(path.substr(0, slash)) != 0) return true;
    }
  }
  return false;
}

std::optional<Problem> problem_of(const Fragment& fragment) {
  if (fragment.codec.base) return Problem{"has a fragment with a base", true};
  if (!codec::can_decode(fragment.codec)) {
    return Problem{"codec " + std::to_string(static_cast<int>(fragment.codec.id)) + " is not known", true};
  }
  const FrameRef* const frame = fragment.frame();
  const std::uint64_t sealed_bytes =
      frame != nullptr ? frame->sealed_bytes : fragment.inline_bytes()->size() + crypto::k_tag_bytes;
  if (!is_fragment_size(fragment.codec.id, fragment.plain_bytes, sealed_bytes)) {
    return Problem{"a fragment has a length that none can have"};
  }
  if (frame != nullptr && (frame->number >= k_max_frames_per_pack || frame->offset > UINT32_MAX)) {
    return Problem{"a fragment lies where none can"};
  }
  return std::nullopt;
}

std::optional<Problem> problem_of(const Pack& pack) {
  if (!crypto::suite_from(pack.suite)) return Problem{"suite " + std::to_string(pack.suite) + " is not known", true};
  if (pack.epoch == 0 || !is_valid(Redundancy{pack.k, pack.m}) || !is_slice_size(pack.slice_bytes, pack.k)) {
    return Problem{"a pack has numbers that none can have"};
  }
  if (pack.shards.size() != (pack.k == 1 ? 1 : pack.shard_count())) {
    return Problem{"a pack has a wrong number of shards"};
  }
  return std::nullopt;
}

template <typename Things>
std::optional<Problem> first_problem(const Things& things) {
  for (const auto& thing : things) {
    if (auto problem = problem_of(thing)) return problem;
  }
  return std::nullopt;
}

}  // namespace

std::string_view why_unsafe(std::string_view path) noexcept {
  if (path.size() > k_max_path_bytes) return "has more than 4096 bytes";
  if (path.find('\\') != path.npos) return "has a backslash, which some systems take for '/'";
  if (!is_utf8(path)) return "is not valid UTF-8";
  if (has_control_character(path)) return "has a control character";
  for (std::size_t slash = path.find('/'); slash != path.npos; slash = path.find('/')) {
    if (const auto why = why_unsafe_part(path.substr(0, slash)); !why.empty()) return why;
    path.remove_prefix(slash + 1);
  }
  return why_unsafe_part(path);
}

bool is_safe_path(std::string_view path) noexcept { return why_unsafe(path).empty(); }

std::optional<Problem> problem_of(const ManifestRoot& root) {
  if (root.epoch == 0) return Problem{"epochs are counted from 1"};
  if (root.model.empty()) return Problem{"the model has no name"};
  if (auto problem = first_problem(root.files)) return problem;
  const auto not_before = [](const FileEntry& a, const FileEntry& b) { return a.path >= b.path; };
  if (std::adjacent_find(root.files.begin(), root.files.end(), not_before) != root.files.end()) {
    return Problem{"the files are not in order of their paths, or one comes twice"};
  }
  if (has_file_as_folder(root.files)) return Problem{"a file's path is the folder of another"};
  std::uint64_t fragments = 0;
  for (const FileEntry& file : root.files) {
    const auto sum = checked_add(fragments, file.fragments);
    if (!sum) return Problem{"there are too many fragments"};
    fragments = *sum;
  }
  const std::uint64_t least = fragments / k_fragments_per_segment + (fragments % k_fragments_per_segment != 0 ? 1 : 0);
  if (root.segments.size() < least) return Problem{"there are more fragments than its segments can list"};
  return std::nullopt;
}

std::optional<Problem> problem_of(const StructureRoot& root) {
  const std::set<Hash256> names(root.segments.begin(), root.segments.end());
  if (names.size() != root.segments.size()) return Problem{"the structure names a segment twice"};
  return std::nullopt;
}

std::optional<Problem> problem_of(const ContentSegment& segment) {
  if (segment.fragments.size() > k_fragments_per_segment || segment.bases.size() > k_fragments_per_segment) {
    return Problem{"a segment lists too many fragments"};
  }
  if (auto problem = first_problem(segment.fragments)) return problem;
  return first_problem(segment.bases);
}

std::optional<Problem> problem_of(const StructureSegment& segment) {
  if (segment.packs.size() > k_fragments_per_segment) return Problem{"a segment lists too many packs"};
  std::set<PackId> ids;
  for (const Pack& pack : segment.packs) {
    if (!ids.insert(pack.id).second) return Problem{"a segment lists a pack twice"};
  }
  return first_problem(segment.packs);
}

std::size_t tensor_count(const ManifestRoot& root) noexcept {
  std::size_t sum = 0;
  for (const FileEntry& file : root.files) sum += file.tensors.size();
  return sum;
}

}  // namespace modelfloat::mf1
