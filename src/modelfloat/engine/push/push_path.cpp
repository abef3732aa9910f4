#include <algorithm>

#include "modelfloat/base/log.h"
#include "modelfloat/crypto/hash.h"
#include "modelfloat/engine/push/file_source.h"
#include "modelfloat/engine/push/push.h"

namespace modelfloat::engine {
namespace {

namespace fs = std::filesystem;

struct LocalFile {
  std::string path;  // inside the model
  fs::path place;
  std::uint64_t size_bytes = 0;
};

struct LocalModel {
  std::vector<LocalFile> files;
  std::vector<std::string> left_out;  // as PushResult has them
};

// Folders of git and of the Hub's client beside the files of a model.
bool is_left_out(const std::string& leaf) { return leaf == ".git" || leaf == ".cache"; }

LocalModel model_below(const fs::path& folder) {
  LocalModel model;
  for (auto entry = fs::recursive_directory_iterator(folder); entry != fs::recursive_directory_iterator(); ++entry) {
    const std::string path = entry->path().lexically_relative(folder).generic_string();
    if (entry->is_directory()) {
      if (is_left_out(entry->path().filename().string())) {
        model.left_out.push_back(path + "/");
        entry.disable_recursion_pending();
      } else if (entry->is_symlink()) {
        // Such a link could lead back into this folder, or to files outside that nobody wants to
        // push.
        throw Error(ErrorKind::invalid, entry->path().string(),
                    "is a link to a folder, which is not followed: put the folder itself there, or take the link away");
      } else if (fs::is_empty(entry->path())) {
        model.left_out.push_back(path + "/");  // a model consists of files
      }
      continue;
    }
    if (!entry->is_regular_file()) {
      throw Error(ErrorKind::invalid, entry->path().string(),
                  entry->is_symlink() && !entry->exists() ? "is a link to what is not there" : "is no regular file");
    }
    model.files.push_back({path, entry->path(), entry->file_size()});
  }
  std::sort(model.files.begin(), model.files.end(),
            [](const LocalFile& a, const LocalFile& b) { return a.path < b.path; });
  std::sort(model.left_out.begin(), model.left_out.end());
  return model;
}

LocalModel model_at(const fs::path& path) {
  try {
    if (fs::is_directory(path)) return model_below(path);
    if (fs::is_regular_file(path)) return {{{path.filename().string(), path, fs::file_size(path)}}, {}};
    if (fs::exists(path)) throw Error(ErrorKind::invalid, path.string(), "is no regular file and no folder");
  } catch (const fs::filesystem_error& error) {
    const fs::path& place = error.path1().empty() ? path : error.path1();
    throw system_error(error.code().value(), place.string(), "cannot be read");
  }
  throw Error(ErrorKind::not_found, path.string(), "no such file or folder");
}

// Returns false when the file changed while it was read. The session may then have a mixture of old
// and new bytes.
bool add_unless_it_changes(PushSession& session, const LocalFile& file) {
  FileSource source(file.place);
  try {
    session.add_file(file.path, source);
  } catch (const Error& error) {
    // The file became longer or shorter.
    if (error.kind == ErrorKind::invalid && source.has_changed()) return false;
    throw;
  }
  return !source.has_changed();
}

void add_file(PushSession& session, const LocalFile& file) {
  if (add_unless_it_changes(session, file)) return;
  session.drop_last_file();
  log_warning(file.place.string() + " was written to while it was read, and is read once more");
  if (add_unless_it_changes(session, file)) return;
  throw Error(ErrorKind::transient, file.place.string(),
              "was written to while it was read, and again when it was read once more: push when nothing writes to it");
}

}  // namespace

bool has_content(Pool& pool, const fs::path& path, const std::vector<FileEntry>& files, const CallOptions& call) {
  const auto model = model_at(path);
  const auto alike = [](const LocalFile& local, const FileEntry& file) {
    return local.path == file.path && local.size_bytes == file.size_bytes;
  };
  if (!std::equal(model.files.begin(), model.files.end(), files.begin(), files.end(), alike)) return false;
  Bytes buffer(std::size_t{1} << 20);
  return std::equal(model.files.begin(), model.files.end(), files.begin(), [&](const auto& local, const auto& file) {
    FileSource source(local.place);
    crypto::Sha256 hash;
    while (const auto size = source.read(buffer)) {
      check_cancelled(call, pool.environment().clock, local.path);
      hash.update(ByteSpan(buffer).first(size));
    }
    return hash.finish() == file.sha256;
  });
}

PushResult push_path(Pool& pool, const fs::path& path, PushOptions options, const CallOptions& call) {
  auto model = model_at(path);
  if (model.files.empty()) throw Error(ErrorKind::invalid, path.string(), "has no file in it");
  std::uint64_t total = 0;
  for (const LocalFile& file : model.files) total += file.size_bytes;
  options.total_bytes = total;
  FileListing listing;  // all of them, before the first byte is stored
  for (const LocalFile& file : model.files) {
    listing.add(file.path, file.size_bytes);
    const FileSource can_be_opened(file.place);
  }
  PushSession session(pool, std::move(options), call);
  for (const LocalFile& file : model.files) add_file(session, file);
  auto result = session.commit();
  result.left_out = std::move(model.left_out);
  return result;
}

}  // namespace modelfloat::engine
