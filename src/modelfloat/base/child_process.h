#pragma once
// A program that runs beside us and never outlives us.

#include <condition_variable>
#include <cstddef>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <sys/types.h>

#include "modelfloat/base/cancel.h"
#include "modelfloat/base/file_descriptor.h"

namespace modelfloat {

struct ChildSpec {
  std::filesystem::path program;
  std::vector<std::string> arguments;    // without the program's own name
  std::vector<std::string> environment;  // "NAME=value"; the child gets these and no others
  std::string input;                     // what it can read on its standard input, once; at most 4096 bytes
  int inherited_fd = -1;                 // the only descriptor of ours that it gets, as k_inherited_fd; -1 for none
  const char* (*before_exec)() noexcept =
      nullptr;  // the new process's last step before the program: safe after a fork; gives nullptr, or what failed, with errno set
  std::size_t output_limit = 16384;  // how many of the last bytes that it says are kept
};

inline constexpr int k_inherited_fd = 3;

struct ChildEnd {
  bool by_signal = false;
  int number = 0;  // the exit code or the signal
};

// "exit code 1", "signal 11".
std::string to_string(const ChildEnd&);

// A child in a session of its own. Shared by all threads.
class ChildProcess {
 public:
  // Starts it. The child is killed when the calling THREAD ends, so call this on one that lasts. Throws
  // Error{not_found} when the program is missing, else Error{internal} or Error{transient}.
  explicit ChildProcess(const ChildSpec&);
  // Kills it.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t id() const noexcept { return id_; }
  // How it ended, or nothing while it runs.
  std::optional<ChildEnd> ended() const;
  // Whether it has ended after this much real time at the most.
  bool ends_within(Milliseconds) const;
  // Waits for its end.
  ChildEnd wait(const CallOptions&) const;
  // The end of what it wrote to its standard output and error output.
  std::string output() const;
  // Returns when it is gone.
  void kill();

 private:
  void listen();

  pid_t id_ = -1;
  std::string name_;
  std::size_t output_limit_;
  FileDescriptor output_pipe_;
  mutable std::mutex mutex_;
  mutable std::condition_variable_any changed_;
  std::optional<ChildEnd> end_;
  std::string output_;
  std::jthread listener_;  // reads what the child says, and reaps it
};

}  // namespace modelfloat
