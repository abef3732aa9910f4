#pragma once
// Turns termination signals into a stop token.

#include <stop_token>
#include <thread>
#include <vector>

#include <signal.h>

#include "modelfloat/base/file_descriptor.h"

namespace modelfloat::cli {

// The first SIGINT, SIGTERM, SIGQUIT or SIGHUP requests a stop. A second signal of the same kind
// ends the program at once, which is the default action. SIGHUP is an exception: several may come
// when a terminal is closed, so it never does more than request a stop. If SIGHUP is ignored when
// the program starts (nohup), it stays ignored. Only one object may exist at a time.
class InterruptWatch {
 public:
  // Throws Error{transient} when no thread or pipe can be created.
  InterruptWatch();
  ~InterruptWatch();
  InterruptWatch(const InterruptWatch&) = delete;
  InterruptWatch& operator=(const InterruptWatch&) = delete;

  std::stop_token token() const noexcept { return source_.get_token(); }

 private:
  struct Before {
    int number;
    struct sigaction action;
  };

  void handle(int number, int flags);
  void wait();

  std::stop_source source_;
  FileDescriptor read_end_;
  FileDescriptor write_end_;
  std::vector<Before> before_;  // the signal actions to restore
  std::jthread thread_;
};

}  // namespace modelfloat::cli
