#include "modelfloat/base/bytes.h"

#include <new>

#include <sys/mman.h>

template class std::vector<std::byte, modelfloat::UninitialisedAllocator<std::byte>>;

namespace modelfloat {

namespace {
constexpr std::size_t k_huge_page_bytes = std::size_t{2} << 20;
}

void* allocate_large(std::size_t bytes) {
  void* const memory = ::operator new(bytes, std::align_val_t{k_huge_page_bytes});
  // Whole pages only, so that no buffer holds more than it asked for. Where the kernel has no
  // huge pages, the call has no effect.
  ::madvise(memory, bytes / k_huge_page_bytes * k_huge_page_bytes, MADV_HUGEPAGE);
  return memory;
}

void free_large(void* memory, std::size_t bytes) noexcept {
  ::operator delete(memory, bytes, std::align_val_t{k_huge_page_bytes});
}

}  // namespace modelfloat
