#pragma once
// Threads that the system may refuse to start.

#include <system_error>
#include <thread>
#include <utility>

namespace modelfloat {

// Throws the Error for a thread that could not be started: transient when the system has no room
// for another one.
[[noreturn]] void throw_no_thread(const std::system_error& failure);

// Starts a thread that runs `work`, as std::jthread does. Throws Error{transient} when the system
// starts no more.
template <typename Work>
std::jthread start_thread(Work&& work) {
  try {
    return std::jthread(std::forward<Work>(work));
  } catch (const std::system_error& failure) {
    throw_no_thread(failure);
  }
}

}  // namespace modelfloat
