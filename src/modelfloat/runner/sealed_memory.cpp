#include "modelfloat/runner/sealed_memory.h"

#include <cerrno>
#include <limits>

#include <fcntl.h>
#include <sys/mman.h>

#include "modelfloat/base/error.h"

namespace modelfloat::runner {

SealedMemory::SealedMemory(const std::string& name, std::uint64_t size_bytes) : name_(name), size_bytes_(size_bytes) {
  if (size_bytes > static_cast<std::uint64_t>(std::numeric_limits<off_t>::max())) {
    throw Error(ErrorKind::out_of_space, name, "larger than any file can be");
  }
  // The name stands in /proc for all users of the machine to see, so it says nothing about the
  // model.
  file_ = FileDescriptor(::memfd_create("modelfloat", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file_) throw system_error(errno, name, "cannot make a file in memory");
  if (::ftruncate(file_.get(), static_cast<off_t>(size_bytes)) != 0) {
    throw system_error(errno, name, "cannot size a file in memory");
  }
  if (::fcntl(file_.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) != 0) {
    throw system_error(errno, name, "cannot fix the size of a file in memory");
  }
}

void SealedMemory::seal() {
  if (::fcntl(file_.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SEAL) != 0) {
    throw system_error(errno, name_, "cannot seal a file in memory");
  }
}

MemoryView::MemoryView(const SealedMemory& memory) {
  if (memory.size_bytes() == 0) return;
  const auto size = static_cast<std::size_t>(memory.size_bytes());
  // A private mapping: a shared one of a descriptor that was opened for writing would prevent the
  // write seal.
  void* place = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, memory.fd(), 0);
  if (place == MAP_FAILED) throw system_error(errno, "memory", "cannot map a file in memory");
  bytes_ = {static_cast<const std::byte*>(place), size};
}

MemoryView::~MemoryView() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

}  // namespace modelfloat::runner
