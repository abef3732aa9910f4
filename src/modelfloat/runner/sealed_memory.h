#pragma once
// A file in memory that cannot be changed after it has been sealed.

#include <cstdint>
#include <string>

#include "modelfloat/base/bytes.h"
#include "modelfloat/base/file_descriptor.h"

namespace modelfloat::runner {

// A memfd of a size fixed from the start. Throws Error{out_of_space, internal}.
class SealedMemory {
 public:
  SealedMemory(const std::string& name, std::uint64_t size_bytes);

  int fd() const noexcept { return file_.get(); }
  std::uint64_t size_bytes() const noexcept { return size_bytes_; }

  // From now on no process can change its bytes, including this one.
  void seal();

 private:
  std::string name_;
  FileDescriptor file_;
  std::uint64_t size_bytes_;
};

// A read-only view of the bytes of a SealedMemory. The view may outlive the SealedMemory.
class MemoryView {
 public:
  explicit MemoryView(const SealedMemory&);
  ~MemoryView();
  MemoryView(const MemoryView&) = delete;
  MemoryView& operator=(const MemoryView&) = delete;

  ByteSpan bytes() const noexcept { return bytes_; }

 private:
  ByteSpan bytes_;
};

}  // namespace modelfloat::runner
