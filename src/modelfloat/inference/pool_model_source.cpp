#include "modelfloat/inference/pool_model_source.h"

#include <mutex>

#include <unistd.h>

#include "modelfloat/base/hex.h"
#include "modelfloat/base/write_all.h"

namespace modelfloat::inference {
const FileEntry& runnable_file(const ManifestRoot& root) {
  const FileEntry* chosen = nullptr;
  const FileEntry* troubled = nullptr;
  for (const auto& file : root.files) {
    if (!file.trouble.empty()) troubled = &file;
    if (file.format != "gguf" || !file.trouble.empty()) continue;
    if (chosen != nullptr) {
      throw Error(ErrorKind::unsupported, root.model, "it has several GGUF files, and which one to run is not known");
    }
    chosen = &file;
  }
  if (chosen != nullptr) return *chosen;
  if (troubled != nullptr) {
    throw Error(ErrorKind::unsupported, root.model,
                "its file " + troubled->path + " cannot be run: " + troubled->trouble);
  }
  throw Error(ErrorKind::unsupported, root.model, "it has no GGUF file, and only those can be run");
}

PoolModelSource::PoolModelSource(engine::Pool& pool, engine::OpenManifest manifest)
    : pool_(pool), manifest_(std::move(manifest)), file_(runnable_file(manifest_.root)) {}

std::string PoolModelSource::identity() const { return to_hex(manifest_.root.revision) + "/" + file_.path; }

void PoolModelSource::fill(int fd, const std::function<void(std::uint64_t)>& progress, const CallOptions& call) {
  const auto index = static_cast<std::size_t>(&file_ - manifest_.root.files.data());
  const auto wanted = [this](const FileEntry& file) { return file.path == file_.path; };
  const auto write = [&](std::size_t file, std::uint64_t offset, ByteSpan bytes) {
    if (file == index) write_all_at(fd, offset, bytes, "memory");
  };
  std::mutex one_at_a_time;
  std::uint64_t most = 0;
  engine::TransferHooks hooks;
  hooks.progress = [&](std::uint64_t bytes_done) {
    const std::lock_guard lock(one_at_a_time);
    most = std::max(most, bytes_done);
    if (progress) progress(most);
  };
  bytes_fetched_ += engine::read_files(pool_, manifest_, wanted, write, hooks, call);
}

}  // namespace modelfloat::inference
