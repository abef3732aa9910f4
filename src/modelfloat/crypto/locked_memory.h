#pragma once
// Memory for long-lived secrets. It is not swapped out, not part of core dumps, and not inherited
// by child processes.

#include <cstddef>

namespace modelfloat::crypto {

// Allocates `bytes` bytes, aligned as by operator new. Many secrets share a locked page. Falls
// back to ordinary memory where the limit on locked memory (ulimit -l) is too small, or the
// system has no such memory. May be called from any thread. Throws std::bad_alloc.
void* allocate_locked(std::size_t bytes);
// Wipes the bytes and frees them. `bytes` is the size that was allocated.
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
