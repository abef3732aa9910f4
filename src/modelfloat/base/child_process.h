#pragma once
// A child process that never outlives this one.

#include <condition_variable>
#include <cstddef>
#include <filesystem>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <sys/types.h>

#include "modelfloat/base/cancel.h"
#include "modelfloat/base/file_descriptor.h"

namespace modelfloat {

// What ChildConfinement::enter() gets to know about the start of the program.
struct ChildLaunch {
  // The arguments of the execve that follows.
  const char* program;
  char* const* arguments;
  char* const* environment;
  // The CLONE_NEW flags of the new namespaces in which the child is the first process.
  unsigned long namespaces;
  int report;  // belongs to ChildProcess

  // Hands a descriptor to the parent, which watches it (ChildConfinement::alarm). Safe after a
  // fork. Returns false, with errno set, when it fails.
  bool hand_to_parent(int fd) const noexcept;
};

// Restricts what a child process can do. It must outlive the child.
class ChildConfinement {
 public:
  virtual ~ChildConfinement() = default;
  // Sets of CLONE_NEW flags, the preferred one first. The child gets the first set that the
  // kernel permits; 0 means none.
  virtual std::span<const unsigned long> namespaces() const noexcept = 0;
  // Called in the new process, directly before the program is executed. It must be safe after a
  // fork: it allocates nothing and takes no lock. Returns nullptr on success, else the name of
  // the step that failed, with errno set.
  virtual const char* enter(const ChildLaunch&) noexcept = 0;
  // Called in the parent, on the child's listener thread, when the descriptor that the child
  // handed over becomes readable. Returns the reason why the child must be killed, or nullopt.
  virtual std::optional<std::string> alarm(int fd) noexcept = 0;
};

struct ChildSpec {
  std::filesystem::path program;
  std::vector<std::string> arguments;    // without the program's own name
  std::vector<std::string> environment;  // "NAME=value"; the child gets these and no others
  // The content of its standard input; at most 4096 bytes.
  std::string input;
  // The only descriptor that it inherits, as k_inherited_fd; -1 for none.
  int inherited_fd = -1;
  ChildConfinement* confinement = nullptr;  // nullptr: the child is not restricted
  std::size_t output_limit = 16384;         // how many of the last bytes of its output are kept
};

inline constexpr int k_inherited_fd = 3;

struct ChildEnd {
  bool by_signal = false;
  int number = 0;  // the exit code or the signal
  // Why its confinement killed it; empty when it ended for another reason.
  std::string cause = {};
};

// "exit code 1", "signal 11", "signal 9, killed because it called ptrace".
std::string to_string(const ChildEnd&);

// A child process in its own session. May be used by many threads.
class ChildProcess {
 public:
  // Starts the child. It is killed when the calling THREAD ends, so use a long-lived thread.
  // Throws Error{not_found} when the program is missing, else Error{internal} or
  // Error{transient}.
  explicit ChildProcess(const ChildSpec&);
  // Kills it.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t id() const noexcept { return id_; }
  // How it ended; nullopt while it runs.
  std::optional<ChildEnd> ended() const;
  // Waits at most this long, in real time. Returns whether the child has ended.
  bool ends_within(Milliseconds) const;
  // Waits for its end.
  ChildEnd wait(const CallOptions&) const;
  // The last bytes of its standard output and error output (ChildSpec::output_limit).
  std::string output() const;
  // Kills the child and waits for its end.
  void kill();

 private:
  void listen();
  bool read_output();
  void read_alarm();
  void record_end();

  pid_t id_ = -1;
  std::string name_;
  std::size_t output_limit_;
  ChildConfinement* confinement_;
  FileDescriptor output_pipe_;
  FileDescriptor alarm_;  // what the child handed over
  mutable std::mutex mutex_;
  mutable std::condition_variable_any changed_;
  std::optional<ChildEnd> end_;
  std::string cause_;
  std::string output_;
  std::jthread listener_;  // reads what the child says, and reaps it
};

}  // namespace modelfloat
