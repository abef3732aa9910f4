#pragma once
// Ctrl-C and kill as a stop token.

#include <stop_token>
#include <thread>

#include "modelfloat/base/file_descriptor.h"

namespace modelfloat::cli {

// The first SIGINT or SIGTERM asks for a stop; the second ends the program at once, as the system does by default. One
// at a time.
class InterruptWatch {
 public:
  InterruptWatch();
  ~InterruptWatch();
  InterruptWatch(const InterruptWatch&) = delete;
  InterruptWatch& operator=(const InterruptWatch&) = delete;

  std::stop_token token() const noexcept { return source_.get_token(); }

 private:
  void wait();

  std::stop_source source_;
  FileDescriptor read_end_;
  FileDescriptor write_end_;
  std::jthread thread_;
};

}  // namespace modelfloat::cli
