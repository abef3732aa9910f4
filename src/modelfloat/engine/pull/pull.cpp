#include "modelfloat/engine/pull/pull.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "modelfloat/base/hex.h"
#include "modelfloat/engine/manifest/manifest_reader.h"
#include "modelfloat/engine/manifest/reading_error.h"
#include "modelfloat/transfer/packs/download.h"

namespace modelfloat::engine {
namespace {

// Ranges are delivered in windows of about this size.
constexpr std::uint64_t k_window_bytes = 8ULL << 20;

transfer::PackReading reading_of(Pool& pool, const TransferHooks& hooks, const CallOptions& call) {
  return {pool.stores(), pool.registry(), pool.keys(), hooks.finding, call};
}

constexpr std::size_t k_named_files = 3;

// Adds the name of the model, and the names of its affected files, to the error.
Error with_names(const Error& error, const OpenManifest& manifest, const std::vector<PlacedFragment>& pieces) {
  std::vector<std::string> files;
  std::size_t unnamed = 0;
  std::size_t last = manifest.root.files.size();
  for (const PlacedFragment& piece : pieces) {
    const FrameRef* frame = piece.fragment->frame();
    const std::string where =
        frame != nullptr ? "pack " + to_hex(frame->pack) : "fragment " + to_hex(piece.fragment->id);
    if (where != error.where || piece.file == last) continue;
    last = piece.file;
    if (files.size() < k_named_files) {
      files.push_back(manifest.root.files[last].path);
    } else {
      ++unnamed;
    }
  }
  std::string what = fmt::format("{}", fmt::join(files, ", "));
  if (unnamed > 0) what += fmt::format(" and {} more files", unnamed);
  return Error(error.kind, manifest.name + (what.empty() ? "" : ": " + what),
               fmt::format("cannot be read: {}", error.what()), error.retry_after);
}

// Downloads pieces of the manifest; errors name the model and the files.
std::uint64_t download(Pool& pool, const OpenManifest& manifest, const transfer::PackReading& reading,
                       std::span<const Pack> packs, const std::vector<PlacedFragment>& wanted,
                       const transfer::PieceSink& deliver) {
  std::vector<transfer::DownloadPiece> pieces;
  pieces.reserve(wanted.size());
  for (const PlacedFragment& one : wanted) pieces.push_back({one.fragment, one.file, one.offset});
  try {
    return transfer::download(reading, pool.environment().cpu, packs, manifest.root.epoch, std::move(pieces), deliver);
  } catch (const Error& error) {
    if (!is_about_reading(error.kind)) throw;
    throw with_names(error, manifest, wanted);
  }
}

}  // namespace

std::uint64_t read_files(Pool& pool, const OpenManifest& manifest, const std::function<bool(const FileEntry&)>& wanted,
                         const WriteAt& write, const TransferHooks& hooks, const CallOptions& call) {
  const ManifestRoot& root = manifest.root;
  std::vector<bool> is_wanted;
  for (const FileEntry& file : root.files) is_wanted.push_back(wanted(file));

  ManifestReader reader(pool, hooks.finding, call);
  FileWalk walk(root);
  const auto reading = reading_of(pool, hooks, call);
  std::atomic<std::uint64_t> done = 0;
  std::uint64_t fetched = 0;
  for (std::size_t index = 0; index < root.segments.size(); ++index) {
    const auto segment = of_manifest(manifest.name, [&] { return reader.segment(root, index); });
    std::vector<PlacedFragment> pieces = walk.place(segment.content);
    std::erase_if(pieces, [&](const PlacedFragment& placed) { return !is_wanted[placed.file]; });
    fetched += download(pool, manifest, reading, segment.structure.packs, pieces,
                        [&](const transfer::DownloadPiece& piece, ByteSpan plain) {
                          write(piece.file, piece.offset, plain);
                          const std::uint64_t so_far = done += plain.size();
                          if (hooks.progress) hooks.progress(so_far);
                        });
  }
  walk.finish();
  return fetched;
}

std::uint64_t read_range(Pool& pool, const OpenManifest& manifest, const std::string& path, ByteRange range,
                         const std::function<void(ByteSpan)>& deliver, const TransferHooks& hooks,
                         const CallOptions& call) {
  const ManifestRoot& root = manifest.root;
  const FileEntry& file = find_file(root, path);
  const auto file_index = static_cast<std::size_t>(&file - root.files.data());
  const std::uint64_t begin = std::min(range.offset, file.size_bytes);
  const std::uint64_t end = range.length >= file.size_bytes - begin ? file.size_bytes : begin + range.length;
  const auto reading = reading_of(pool, hooks, call);
  std::uint64_t fetched = 0;
  std::uint64_t delivered = 0;

  // The fragments of one window. The first and the last may extend beyond the wanted range.
  std::vector<PlacedFragment> window;
  const auto flush = [&](const std::vector<Pack>& packs) {
    if (window.empty()) return;
    const std::uint64_t first = window.front().offset;
    const std::uint64_t last = window.back().offset + window.back().fragment->plain_bytes;
    Bytes bytes(last - first);
    fetched +=
        download(pool, manifest, reading, packs, window, [&](const transfer::DownloadPiece& piece, ByteSpan plain) {
          std::copy(plain.begin(), plain.end(), bytes.begin() + static_cast<std::ptrdiff_t>(piece.offset - first));
        });
    window.clear();
    const std::uint64_t from = std::max(first, begin);
    const std::uint64_t upto = std::min(last, end);
    deliver(ByteSpan(bytes).subspan(from - first, upto - from));
    delivered += upto - from;
    if (hooks.progress) hooks.progress(upto - begin);
  };

  ManifestReader reader(pool, hooks.finding, call);
  FileWalk walk(root);
  for (std::size_t index = 0; index < root.segments.size(); ++index) {
    const auto segment = of_manifest(manifest.name, [&] { return reader.segment(root, index); });
    std::uint64_t window_bytes = 0;
    for (const PlacedFragment& placed : walk.place(segment.content)) {
      if (placed.file > file_index) break;
      if (placed.file < file_index || placed.offset + placed.fragment->plain_bytes <= begin || placed.offset >= end)
        continue;
      window.push_back(placed);
      window_bytes += placed.fragment->plain_bytes;
      if (window_bytes >= k_window_bytes) {
        flush(segment.structure.packs);
        window_bytes = 0;
      }
    }
    flush(segment.structure.packs);
  }
  if (delivered != end - begin)
    throw Error(ErrorKind::corrupt, root.model, "its manifest has too few fragments for " + path);
  return fetched;
}

}  // namespace modelfloat::engine
