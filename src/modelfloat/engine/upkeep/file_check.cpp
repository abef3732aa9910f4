#include "modelfloat/engine/upkeep/file_check.h"

#include <algorithm>

#include "modelfloat/transfer/packs/download.h"

namespace modelfloat::engine {
namespace {

// A window of at least k_enough_for_a_window bytes ends with its pack, so that packs are fetched
// whole. No window is larger than k_window_limit.
constexpr std::uint64_t k_enough_for_a_window = 32ULL << 20;
constexpr std::uint64_t k_window_limit = 48ULL << 20;

void add_number(crypto::Blake3& hash, std::uint64_t number) {
  std::array<std::byte, 8> bytes{};
  store_le(bytes, number);
  hash.update(bytes);
}

const PackId* pack_of(const Fragment& fragment) {
  const FrameRef* frame = fragment.frame();
  return frame == nullptr ? nullptr : &frame->pack;
}

bool same_pack(const Fragment& a, const Fragment& b) {
  const PackId* one = pack_of(a);
  const PackId* other = pack_of(b);
  return one == nullptr || other == nullptr || *one == *other;
}

}  // namespace

// --- recipes

FileRecipes::FileRecipes(const ManifestRoot& root) : walk_(root), recipes_(root.files.size()) {}

void FileRecipes::add(const ContentSegment& segment) {
  for (const PlacedFragment& placed : walk_.place(segment)) {
    if (placed.file != file_) {
      recipes_[file_] = hash_.finish();
      hash_ = crypto::Blake3();
      file_ = placed.file;
    }
    const Fragment& fragment = *placed.fragment;
    hash_.update(fragment.id);
    add_number(hash_, fragment.plain_bytes);
    add_number(hash_, static_cast<std::uint8_t>(fragment.codec.id));
    add_number(hash_, fragment.codec.parameter);
    hash_.update(fragment.codec.base.value_or(FragmentId{}));
    if (const FrameRef* frame = fragment.frame()) {
      hash_.update(frame->pack);
      add_number(hash_, frame->offset);
      add_number(hash_, frame->sealed_bytes);
      add_number(hash_, frame->number);
    } else {
      hash_.update(crypto::blake3(*fragment.inline_bytes()));
    }
  }
}

std::vector<FileRecipe> FileRecipes::finish() {
  walk_.finish();
  if (file_ < recipes_.size()) recipes_[file_] = hash_.finish();
  return std::move(recipes_);
}

// --- reading

// One pass over a manifest, window by window. One window is in memory at a time, besides the packs
// that are being fetched.
class FileCheck::Pass {
 public:
  Pass(FileCheck& check, const ManifestRoot& root, const Complaint& complaint)
      : check_(check),
        root_(root),
        complaint_(complaint),
        reading_{check.pool_.stores(), check.pool_.registry(), check.pool_.keys(), {}, check.call_, check.whole_shard_},
        failed_(root.files.size()) {}
  // Returns the files that were read and have the right SHA-256.
  std::vector<std::size_t> run(const std::vector<bool>& wanted) {
    ManifestReader reader(check_.pool_, {}, check_.call_);
    FileWalk walk(root_);
    for (std::size_t index = 0; index < root_.segments.size(); ++index) {
      const auto segment = reader.segment(root_, index);
      for (const PlacedFragment& placed : walk.place(segment.content)) {
        if (!wanted[placed.file]) continue;
        if (is_full(*placed.fragment)) flush(segment.structure.packs);
        window_.push_back(placed);
        window_bytes_ += placed.fragment->plain_bytes;
      }
      flush(segment.structure.packs);
    }
    walk.finish();
    return std::move(right_);
  }

 private:
  struct Part {  // the bytes of one file in a window
    std::size_t file = 0;
    std::uint64_t offset = 0;  // in the window
    std::uint64_t bytes = 0;
    bool is_last = false;
  };
  using Window = std::vector<PlacedFragment>;

  bool is_full(const Fragment& next) const {
    if (window_.empty()) return false;
    if (window_bytes_ + next.plain_bytes > k_window_limit) return true;
    return window_bytes_ >= k_enough_for_a_window && !same_pack(*window_.back().fragment, next);
  }

  void flush(const std::vector<Pack>& packs) {
    if (window_.empty()) return;
    Bytes bytes(window_bytes_);
    fetch(packs, window_, bytes);
    if (check_.on_read_) check_.on_read_(window_bytes_);
    std::vector<Part> parts;
    std::uint64_t at = 0;
    for (const PlacedFragment& placed : window_) {
      const std::uint64_t size = placed.fragment->plain_bytes;
      if (parts.empty() || parts.back().file != placed.file) parts.push_back({placed.file, at, 0, false});
      parts.back().bytes += size;
      parts.back().is_last = placed.offset + size == root_.files[placed.file].size_bytes;
      at += size;
    }
    window_.clear();
    window_bytes_ = 0;
    std::erase_if(parts, [this](const Part& part) { return failed_[part.file]; });
    hash(parts, bytes);
  }

  // If fetching the window fails, fetches its files one by one, so that each is judged by its own
  // bytes.
  void fetch(const std::vector<Pack>& packs, const Window& window, MutableByteSpan to) {
    std::vector<transfer::DownloadPiece> pieces;
    std::uint64_t at = 0;
    for (const PlacedFragment& placed : window) {
      if (!failed_[placed.file]) pieces.push_back({placed.fragment, placed.file, at});
      at += placed.fragment->plain_bytes;
    }
    if (pieces.empty()) return;
    const std::size_t first = pieces.front().file;
    const bool one_file = pieces.back().file == first;
    try {
      check_.bytes_fetched_ += transfer::download(
          reading_, check_.pool_.environment().cpu, packs, root_.epoch, std::move(pieces),
          [to](const transfer::DownloadPiece& piece, ByteSpan plain) {
            std::copy(plain.begin(), plain.end(), to.begin() + static_cast<std::ptrdiff_t>(piece.offset));
          });
    } catch (const Error& error) {
      if (error.kind == ErrorKind::cancelled) throw;
      if (one_file) return complain(first, error);
      fetch_one_by_one(packs, window, to);
    }
  }

  void fetch_one_by_one(const std::vector<Pack>& packs, const Window& window, MutableByteSpan to) {
    std::uint64_t at = 0;
    for (auto begin = window.begin(); begin != window.end();) {
      const auto end = std::find_if(begin, window.end(), [&](const auto& one) { return one.file != begin->file; });
      const Window part(begin, end);
      std::uint64_t bytes = 0;
      for (const PlacedFragment& placed : part) bytes += placed.fragment->plain_bytes;
      fetch(packs, part, to.subspan(at, bytes));
      at += bytes;
      begin = end;
    }
  }

  void hash(const std::vector<Part>& parts, ByteSpan bytes) {
    for (const Part& part : parts) {
      // The previous file may not have been read to its end.
      if (part.file != hashed_file_) sha256_ = crypto::Sha256();
      hashed_file_ = part.file;
      sha256_.update(bytes.subspan(part.offset, part.bytes));
      if (!part.is_last) continue;
      if (sha256_.finish() == root_.files[part.file].sha256) {
        right_.push_back(part.file);
      } else {
        complain(part.file, Error(ErrorKind::corrupt, "",
                                  "its fragments are what the manifest names, and together they have another SHA-256"));
      }
    }
  }

  void complain(std::size_t file, const Error& error) {
    failed_[file] = true;
    complaint_(root_.files[file], error);
  }

  FileCheck& check_;
  const ManifestRoot& root_;
  const Complaint& complaint_;
  const transfer::PackReading reading_;
  std::vector<bool> failed_;  // by file
  Window window_;
  std::uint64_t window_bytes_ = 0;

  crypto::Sha256 sha256_;
  std::size_t hashed_file_ = 0;
  std::vector<std::size_t> right_;
};

void FileCheck::check(const ManifestRoot& root, const std::vector<FileRecipe>& recipes, const Complaint& complaint) {
  std::vector<bool> wanted(root.files.size());
  const Hash256 of_nothing = crypto::sha256({});
  for (std::size_t file = 0; file < root.files.size(); ++file) {
    const FileEntry& entry = root.files[file];
    wanted[file] = entry.fragments > 0 && !right_.contains({recipes.at(file), entry.sha256});
    if (entry.fragments == 0 && entry.sha256 != of_nothing)
      complaint(entry, Error(ErrorKind::corrupt, "", "is empty, and has the SHA-256 of something else"));
  }
  if (std::find(wanted.begin(), wanted.end(), true) == wanted.end()) return;
  for (const std::size_t file : Pass(*this, root, complaint).run(wanted))
    right_.emplace(recipes.at(file), root.files[file].sha256);
}

}  // namespace modelfloat::engine
