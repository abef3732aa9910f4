#include "modelfloat/base/error.h"
#include "modelfloat/base/printable.h"
#include "modelfloat/engine/push/push.h"
#include "modelfloat/mf1/document.h"
#include "modelfloat/mf1/manifest_codec.h"

namespace modelfloat::engine {

// Room for what the content root has besides its files: the model card, and 34 bytes for each 8,192
// fragments.
static constexpr std::uint64_t k_besides_files = 4ULL << 20;
static constexpr std::uint64_t k_room = mf1::k_max_document_bytes - k_besides_files;

void FileListing::add(const std::string& path, std::optional<std::uint64_t> size_bytes) {
  const auto refuse = [&](std::string_view why) { return Error(ErrorKind::invalid, escaped(path), why); };
  if (const auto why = mf1::why_unsafe(path); !why.empty())
    throw refuse("is not a path that a file inside a model may have: it " + std::string(why));
  for (std::size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    if (paths_.contains(path.substr(0, slash))) throw refuse("a file of this model has the path of its folder");
  }
  if (const auto below = paths_.lower_bound(path + "/"); below != paths_.end() && below->starts_with(path + "/"))
    throw refuse("is the folder of another file of this model");
  if (!paths_.insert(path).second) throw refuse("is in the model already");

  FileEntry entry;  // unknown fields get the longest usual values
  entry.path = path;
  entry.size_bytes = size_bytes.value_or(UINT64_MAX);
  entry.cutter = "content-defined";
  entry.format = "safetensors";
  entry.fragments = UINT32_MAX;
  last_bytes_ = mf1::listed_bytes(entry, false);
  if (bytes_ + last_bytes_ > k_room) {
    throw Error(
        ErrorKind::invalid, escaped(path),
        "is one file too many: a manifest has room for the names of about 300,000 files with short paths, fewer "
        "with long ones. Push the folder in parts, or as an archive");
  }
  bytes_ += last_bytes_;
  last_tensor_bytes_ = 0;
  last_ = path;
}

void FileListing::drop_last() {
  if (last_.empty()) return;
  paths_.erase(last_);
  last_.clear();
  bytes_ -= last_bytes_;
  tensor_bytes_ -= last_tensor_bytes_;
}

void FileListing::complete(const FileEntry& file) {
  bytes_ -= last_bytes_;
  last_bytes_ = mf1::listed_bytes(file, false);
  bytes_ += last_bytes_;
  last_tensor_bytes_ = mf1::listed_bytes(file, true) - last_bytes_;
  tensor_bytes_ += last_tensor_bytes_;
}

bool FileListing::tensors_fit() const noexcept { return bytes_ + tensor_bytes_ <= k_room; }

}  // namespace modelfloat::engine
