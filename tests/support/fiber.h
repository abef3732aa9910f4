#pragma once
#include <cstddef>
#include <functional>

#include <ucontext.h>

namespace modelfloat::test {

// A flow of control with a stack of its own, on the thread that switches to it. For code that would
// else need a thread for each of many tasks of which one runs at a time: a switch takes less than a
// microsecond. All fibers of one group belong to one thread. A mutex does not know fibers: one that
// is held by a fiber must not be wanted by another.
class Fiber {
 public:
  Fiber();  // what runs now
  // `entry` must not throw, and ends by end_for().
  explicit Fiber(std::function<void()> entry);
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // Goes on in the other one. Returns when one switches back to this, which runs now.
  void switch_to(Fiber& other);
  // The same, for good. Then this one may be destroyed, by another.
  [[noreturn]] void end_for(Fiber& other);

 private:
  struct Exceptions {  // what the C++ runtime keeps for each thread
    void* caught = nullptr;
    unsigned int uncaught = 0;
  };
  static void enter(unsigned int high, unsigned int low);
  void jump(Fiber& other, bool for_good);
  void arrived();

  std::function<void()> entry_;
  ucontext_t context_{};
  void* stack_ = nullptr;  // nullptr: the stack of a thread
  Exceptions exceptions_;
  // For the sanitizers:
  [[maybe_unused]] const void* bottom_ = nullptr;
  [[maybe_unused]] std::size_t size_ = 0;
  [[maybe_unused]] void* fake_stack_ = nullptr;
  [[maybe_unused]] void* thread_sanitizer_ = nullptr;
};

}  // namespace modelfloat::test
