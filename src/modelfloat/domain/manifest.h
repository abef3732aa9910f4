#pragma once
// A manifest describes one revision of a model. docs/formats/mf1.md section 8.1 has its bytes.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "modelfloat/base/clock.h"
#include "modelfloat/domain/fragment.h"
#include "modelfloat/domain/ids.h"
#include "modelfloat/domain/pack.h"
#include "modelfloat/domain/tensor.h"

namespace modelfloat {

// One file of a model.
struct FileEntry {
  std::string path;  // relative, '/' between parts
  std::uint64_t size_bytes = 0;
  Hash256 sha256{};
  GitOid git_oid{};
  std::string cutter;  // which splitter cut it; never needed to read it back
  std::string format;  // "gguf", "safetensors", "onnx", "opaque"
  // Why the file is not accepted as the model format that it claims to be; empty when nothing is
  // wrong.
  std::string trouble;
  std::uint64_t fragments = 0;  // how many of the manifest's fragments, in order, are this file
  std::vector<Tensor> tensors;  // may be left out
  bool operator==(const FileEntry&) const = default;
};

// The two root objects of a manifest. The content root identifies the manifest, and names the
// structure root.
struct ManifestId {
  Hash256 content{};
  Hash256 structure{};
  auto operator<=>(const ManifestId&) const = default;
};

// The content root: everything except the fragments, which are in segments.
struct ManifestRoot {
  Hash256 structure{};  // name of the structure root
  std::string model;    // "namespace/name"
  RevisionId revision{};
  std::uint64_t created_at = 0;  // seconds of Unix time
  std::uint32_t epoch = 1;
  std::map<std::string, std::string> card;  // description, framework, architecture, license, ...
  std::vector<FileEntry> files;             // by the bytes of path
  std::vector<Hash256> segments;            // names of content segments
  bool operator==(const ManifestRoot&) const = default;

  std::uint64_t size_bytes() const noexcept {
    std::uint64_t sum = 0;
    for (const auto& file : files) sum += file.size_bytes;
    return sum;
  }
  std::uint64_t fragment_count() const noexcept {
    std::uint64_t sum = 0;
    for (const auto& file : files) sum += file.fragments;
    return sum;
  }
};

struct StructureRoot {
  std::vector<Hash256> segments;  // names of structure segments, each once
  std::vector<Hash256> contents;  // names of content segments, in order: the content root's `segments`
  std::uint8_t survive = 0;
  bool operator==(const StructureRoot&) const = default;
};

inline constexpr std::size_t k_fragments_per_segment = 8192;

// The packs that hold the fragments of the content segment with the same index, and their bases.
struct StructureSegment {
  std::vector<Pack> packs;
  bool operator==(const StructureSegment&) const = default;
};

struct ContentSegment {
  Hash256 structure{};  // name of the structure segment with the same index
  std::vector<Fragment> fragments;
  // What later codecs encode fragments as a difference to. This version knows no such codec, but
  // keeps the list.
  std::vector<Fragment> bases;
  bool operator==(const ContentSegment&) const = default;
};

}  // namespace modelfloat
