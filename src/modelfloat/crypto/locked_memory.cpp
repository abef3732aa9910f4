#include "modelfloat/crypto/locked_memory.h"

#include <memory_resource>
#include <mutex>
#include <new>

#include <sodium.h>
#include <sys/mman.h>
#include <unistd.h>

namespace modelfloat::crypto {
namespace {

// Whole pages from the system.
class LockedPages final : public std::pmr::memory_resource {
  static std::size_t rounded(std::size_t bytes) {
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    return (bytes + page - 1) / page * page;
  }

  void* do_allocate(std::size_t bytes, std::size_t) override {
    const std::size_t size = rounded(bytes);
    void* place = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (place == MAP_FAILED) throw std::bad_alloc();
    // Each is a help where it can be had.
    ::mlock(place, size);
    ::madvise(place, size, MADV_DONTDUMP);
    ::madvise(place, size, MADV_WIPEONFORK);
    return place;
  }
  void do_deallocate(void* place, std::size_t bytes, std::size_t) override { ::munmap(place, rounded(bytes)); }
  bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }
};

// A key takes a small part of a page, so that all together stay below common limits.
struct Arena {
  static constexpr std::size_t k_shared_up_to = 4096;  // larger ones get pages of their own

  std::mutex mutex;
  LockedPages pages;
  std::pmr::unsynchronized_pool_resource pool{
      {.max_blocks_per_chunk = 32, .largest_required_pool_block = k_shared_up_to}, &pages};
};

// Never ends: secrets in static objects may outlive everything else.
Arena& arena() {
  static Arena* const instance = new Arena;
  return *instance;
}

constexpr std::size_t k_alignment = alignof(std::max_align_t);

// The pools of libstdc++ align a block to what divides its size, whatever was asked for (its bug
// 118681).
std::size_t whole_units(std::size_t bytes) { return (bytes + k_alignment - 1) / k_alignment * k_alignment; }

}  // namespace

void* allocate_locked(std::size_t bytes) {
  Arena& all = arena();
  const std::lock_guard lock(all.mutex);
  return all.pool.allocate(whole_units(bytes), k_alignment);
}

void free_locked(void* place, std::size_t bytes) noexcept {
  sodium_memzero(place, bytes);
  Arena& all = arena();
  const std::lock_guard lock(all.mutex);
  all.pool.deallocate(place, whole_units(bytes), k_alignment);
}

}  // namespace modelfloat::crypto
