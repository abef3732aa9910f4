#pragma once
// A local file as a source of bytes.

#include <filesystem>
#include <string>

#include "modelfloat/base/byte_source.h"

namespace modelfloat::engine {

class FileSource final : public ByteSource {
 public:
  explicit FileSource(const std::filesystem::path& path);
  ~FileSource() override;
  FileSource(const FileSource&) = delete;
  FileSource& operator=(const FileSource&) = delete;

  std::size_t read(MutableByteSpan to) override;
  std::optional<std::uint64_t> size_bytes() const override { return size_bytes_; }

 private:
  std::string path_;
  int fd_ = -1;
  std::uint64_t size_bytes_ = 0;
};

}  // namespace modelfloat::engine
