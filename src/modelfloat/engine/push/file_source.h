#pragma once
// A local file as a source of bytes.

#include <filesystem>
#include <string>

#include <sys/stat.h>

#include "modelfloat/base/byte_source.h"
#include "modelfloat/base/file_descriptor.h"

namespace modelfloat::engine {

class FileSource final : public ByteSource {
 public:
  // Throws Error when the file cannot be opened.
  explicit FileSource(const std::filesystem::path& path);

  std::size_t read(MutableByteSpan to) override;
  std::optional<std::uint64_t> size_bytes() const override { return static_cast<std::uint64_t>(opened_.st_size); }

  // Returns whether the file may have changed since it was opened, or whether its path leads to
  // another file now. Compares size, modification time, status change time and inode. If true, what
  // was read may be a mixture of old and new bytes.
  bool has_changed() const;

 private:
  std::string path_;
  FileDescriptor file_;
  struct stat opened_{};  // as the file was when it was opened
};

}  // namespace modelfloat::engine
