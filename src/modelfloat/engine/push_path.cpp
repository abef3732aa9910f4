#include <algorithm>

#include "modelfloat/engine/file_source.h"
#include "modelfloat/engine/push.h"

namespace modelfloat::engine {
namespace {

namespace fs = std::filesystem;

struct LocalFile {
  std::string path;  // inside the model
  fs::path place;
  std::uint64_t size_bytes = 0;
};

std::vector<LocalFile> files_below(const fs::path& folder) {
  std::vector<LocalFile> files;
  for (auto entry = fs::recursive_directory_iterator(folder); entry != fs::recursive_directory_iterator(); ++entry) {
    const std::string leaf = entry->path().filename().string();
    if (entry->is_directory()) {
      if (leaf == ".git" || leaf == ".cache") entry.disable_recursion_pending();
      continue;
    }
    if (!entry->is_regular_file()) {
      throw Error(ErrorKind::invalid, entry->path().string(), "is neither a file nor a folder");
    }
    files.push_back({entry->path().lexically_relative(folder).generic_string(), entry->path(), entry->file_size()});
  }
  std::sort(files.begin(), files.end(), [](const LocalFile& a, const LocalFile& b) { return a.path < b.path; });
  return files;
}

std::vector<LocalFile> files_of(const fs::path& path) {
  try {
    if (fs::is_directory(path)) return files_below(path);
    if (fs::is_regular_file(path)) return {{path.filename().string(), path, fs::file_size(path)}};
  } catch (const fs::filesystem_error& error) {
    throw system_error(error.code().value(), path.string(), "cannot be read");
  }
  throw Error(fs::exists(path) ? ErrorKind::invalid : ErrorKind::not_found, path.string(), "no such file or folder");
}

}  // namespace

PushResult push_path(Pool& pool, const fs::path& path, PushOptions options, const CallOptions& call) {
  const auto files = files_of(path);
  if (files.empty()) throw Error(ErrorKind::invalid, path.string(), "has no file in it");
  std::uint64_t total = 0;
  for (const LocalFile& file : files) total += file.size_bytes;
  options.total_bytes = total;
  PushSession session(pool, std::move(options), call);
  for (const LocalFile& file : files) {
    FileSource source(file.place);
    session.add_file(file.path, source);
  }
  return session.commit();
}

}  // namespace modelfloat::engine
