#pragma once
// Requests to end, as the system makes them, as a stop token.

#include <stop_token>
#include <thread>
#include <vector>

#include <signal.h>

#include "modelfloat/base/file_descriptor.h"

namespace modelfloat::cli {

// The first SIGINT, SIGTERM, SIGQUIT or SIGHUP asks for a stop. The second one of the same kind
// ends the program at once, as the system does by default; but SIGHUP may come several times when a
// terminal is closed, and only asks. A SIGHUP that is ignored when the program starts (nohup) stays
// ignored. One object at a time.
class InterruptWatch {
 public:
  // Throws Error{transient} when no thread or pipe can be had.
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
  std::vector<Before> before_;  // what the signals did before
  std::jthread thread_;
};

}  // namespace modelfloat::cli
