#pragma once
// The four documents of a manifest as deterministic CBOR (format document, section 8.1), and the
// ids that files and revisions have.
//
// The writers refuse what the readers would refuse (Error{invalid}). The readers give
// Error{corrupt} for bytes that are no such document or break a rule. They give Error{unsupported}
// for codecs and suites that this program does not know, for fragments with a base, and for a
// document whose `must` names something, and ignore unknown map keys.

#include <cstdint>
#include <span>
#include <string_view>

#include "modelfloat/base/bytes.h"
#include "modelfloat/domain/manifest.h"

namespace modelfloat::mf1 {

Bytes to_cbor(const ManifestRoot&);
Bytes to_cbor(const StructureRoot&);
Bytes to_cbor(const ContentSegment&);
Bytes to_cbor(const StructureSegment&);

ManifestRoot manifest_root_from_cbor(ByteSpan);
StructureRoot structure_root_from_cbor(ByteSpan);
ContentSegment content_segment_from_cbor(ByteSpan);
StructureSegment structure_segment_from_cbor(ByteSpan);

// Tells a root from a segment among opened content or structure documents.
enum class ManifestPart { root, segment };
ManifestPart manifest_part_of(ByteSpan cbor);

// Error{corrupt} unless every frame of `content`, those of its bases included, lies in a pack that
// `structure` lists, before that pack's end.
void check_frames_fit(const ContentSegment& content, const StructureSegment& structure);

// The id of a revision: a hash of the paths, sizes and SHA-256 of its files. `files` must be
// ordered by path.
RevisionId revision_id(std::span<const FileEntry> files);

// Whether a file's path can be written below any folder without leaving it: relative, '/' between
// parts, no empty, "." or ".." part, no control character or backslash, valid UTF-8, parts of at
// most 255 bytes, 4096 bytes in all.
bool is_safe_path(std::string_view path) noexcept;
// Why a path is not safe, as text that follows the path in a message; empty for a safe path.
std::string_view why_unsafe(std::string_view path) noexcept;

// How many bytes the entry of a file takes in the CBOR of the content root, which has at most
// k_max_document_bytes. `with_tensors`: including its tensor table.
std::uint64_t listed_bytes(const FileEntry& file, bool with_tensors);

}  // namespace modelfloat::mf1
