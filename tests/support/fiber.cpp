#include "support/fiber.h"

#include <cstdint>
#include <cstdlib>
#include <utility>
#include <vector>

#include <cxxabi.h>
#include <sys/mman.h>

// The sanitizers have to be told of each switch.
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MODELFLOAT_TELL_ADDRESS_SANITIZER
#include <sanitizer/common_interface_defs.h>
#endif
#if __has_feature(thread_sanitizer)
#define MODELFLOAT_TELL_THREAD_SANITIZER
#include <sanitizer/tsan_interface.h>
#endif
#endif

namespace modelfloat::test {
namespace {

// Touched pages alone take memory.
constexpr std::size_t k_stack_bytes = std::size_t{1} << 20;
constexpr std::size_t k_guard_bytes = std::size_t{64} << 10;

// Stacks of fibers that have ended are used again.
thread_local std::vector<void*> idle_stacks;

void* new_stack() {
  if (!idle_stacks.empty()) {
    void* const stack = idle_stacks.back();
    idle_stacks.pop_back();
    return stack;
  }
  void* const stack =
      ::mmap(nullptr, k_stack_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  // Below it, what overflows meets a wall.
  if (stack == MAP_FAILED || ::mprotect(stack, k_guard_bytes, PROT_NONE) != 0) std::abort();
  return stack;
}

// The fiber that is left, for the one that comes next.
thread_local Fiber* left = nullptr;

}  // namespace

Fiber::Fiber() {
#ifdef MODELFLOAT_TELL_THREAD_SANITIZER
  thread_sanitizer_ = __tsan_get_current_fiber();
#endif
}

Fiber::Fiber(std::function<void()> entry)
    : entry_(std::move(entry)),
      stack_(new_stack()),
      bottom_(static_cast<const char*>(stack_) + k_guard_bytes),
      size_(k_stack_bytes - k_guard_bytes) {
  ::getcontext(&context_);
  context_.uc_stack.ss_sp = static_cast<char*>(stack_) + k_guard_bytes;
  context_.uc_stack.ss_size = size_;
  context_.uc_link = nullptr;
  const auto me = reinterpret_cast<std::uintptr_t>(this);
  // makecontext passes numbers of the size of an int.
  ::makecontext(&context_, reinterpret_cast<void (*)()>(&Fiber::enter), 2, static_cast<unsigned int>(me >> 32),
                static_cast<unsigned int>(me));
#ifdef MODELFLOAT_TELL_THREAD_SANITIZER
  thread_sanitizer_ = __tsan_create_fiber(0);
#endif
}

Fiber::~Fiber() {
  if (stack_ == nullptr) return;
  idle_stacks.push_back(stack_);
#ifdef MODELFLOAT_TELL_THREAD_SANITIZER
  __tsan_destroy_fiber(thread_sanitizer_);
#endif
}

void Fiber::enter(unsigned int high, unsigned int low) {
  // makecontext() hands on numbers alone. NOLINTNEXTLINE(performance-no-int-to-ptr)
  auto* const me = reinterpret_cast<Fiber*>((static_cast<std::uintptr_t>(high) << 32) | low);
  me->arrived();
  me->entry_();
  std::abort();  // it has to end by end_for()
}

void Fiber::switch_to(Fiber& other) { jump(other, false); }

void Fiber::end_for(Fiber& other) {
  jump(other, true);
  std::abort();
}

void Fiber::jump(Fiber& other, [[maybe_unused]] bool for_good) {
  auto* const exceptions = reinterpret_cast<Exceptions*>(abi::__cxa_get_globals());
  exceptions_ = std::exchange(*exceptions, other.exceptions_);
  left = this;
#ifdef MODELFLOAT_TELL_ADDRESS_SANITIZER
  __sanitizer_start_switch_fiber(for_good ? nullptr : &fake_stack_, other.bottom_, other.size_);
#endif
#ifdef MODELFLOAT_TELL_THREAD_SANITIZER
  __tsan_switch_to_fiber(other.thread_sanitizer_, 0);
#endif
  ::swapcontext(&context_, &other.context_);
  arrived();
}

void Fiber::arrived() {
#ifdef MODELFLOAT_TELL_ADDRESS_SANITIZER
  const void* bottom = nullptr;
  std::size_t size = 0;
  __sanitizer_finish_switch_fiber(fake_stack_, &bottom, &size);
  if (left->stack_ == nullptr) {
    left->bottom_ = bottom;
    left->size_ = size;
  }
#endif
}

}  // namespace modelfloat::test
