#pragma once
// A file that exists in memory alone, and that nobody can change any more once it is sealed.

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

  // From here on its bytes are final for every process that has the descriptor, this one included.
  void seal();

 private:
  std::string name_;
  FileDescriptor file_;
  std::uint64_t size_bytes_;
};

// The bytes of a SealedMemory, to look at; they may outlive it.
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
