#pragma once
// Memory for secrets that last: not swapped out, in no core dump, and not in the children that we
// start.

#include <cstddef>

namespace modelfloat::crypto {

// Room for `bytes` bytes, aligned as new aligns, that many secrets share. Where the limit on locked
// memory (ulimit -l) is too small, or the system knows no such memory, it is common memory. May be
// called from any thread. Throws std::bad_alloc.
void* allocate_locked(std::size_t bytes);
// Wipes the bytes and gives the room back. `bytes` is what was asked for.
void free_locked(void* place, std::size_t bytes) noexcept;

// For containers of secrets.
template <typename T>
struct LockedAllocator {
  using value_type = T;

  LockedAllocator() noexcept = default;
  template <typename U>
  LockedAllocator(const LockedAllocator<U>&) noexcept {}  // NOLINT(google-explicit-constructor): as allocators are

  T* allocate(std::size_t count) { return static_cast<T*>(allocate_locked(count * sizeof(T))); }
  void deallocate(T* place, std::size_t count) noexcept { free_locked(place, count * sizeof(T)); }
  friend bool operator==(const LockedAllocator&, const LockedAllocator&) noexcept { return true; }
};

}  // namespace modelfloat::crypto
