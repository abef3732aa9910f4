#pragma once
// A program that runs beside us and never outlives us.

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

// What the new process knows about its own start in the last step before the program.
struct ChildLaunch {
  // The arguments of the execve that follows.
  const char* program;
  char* const* arguments;
  char* const* environment;
  // The CLONE_NEW flags of the namespaces that it is the first process in.
  unsigned long namespaces;
  int report;  // belongs to ChildProcess

  // Gives the parent a descriptor to watch (ChildConfinement::alarm). Safe after a fork. False with
  // errno set.
  bool hand_to_parent(int fd) const noexcept;
};

// What shuts a child in. It must outlive the child.
class ChildConfinement {
 public:
  virtual ~ChildConfinement() = default;
  // Sets of CLONE_NEW flags, the best first. The child gets the first set that the kernel permits;
  // 0 means none.
  virtual std::span<const unsigned long> namespaces() const noexcept = 0;
  // Called in the new process, as its last step before the program. It must be safe after a fork:
  // it allocates nothing and takes no lock. Returns nullptr, or what failed, with errno set.
  virtual const char* enter(const ChildLaunch&) noexcept = 0;
  // Called in the parent, on the child's listener thread, when the descriptor that the child handed
  // over is readable. Returns why the child has to be killed, or nothing.
  virtual std::optional<std::string> alarm(int fd) noexcept = 0;
};

struct ChildSpec {
  std::filesystem::path program;
  std::vector<std::string> arguments;    // without the program's own name
  std::vector<std::string> environment;  // "NAME=value"; the child gets these and no others
  // What it can read on its standard input, once; at most 4096 bytes.
  std::string input;
  // The only descriptor of ours that it gets, as k_inherited_fd; -1 for none.
  int inherited_fd = -1;
  ChildConfinement* confinement = nullptr;  // nullptr: the child may do what we may
  std::size_t output_limit = 16384;         // how many of the last bytes that it says are kept
};

inline constexpr int k_inherited_fd = 3;

struct ChildEnd {
  bool by_signal = false;
  int number = 0;  // the exit code or the signal
  // Why its confinement had it killed; empty when it ended for another reason.
  std::string cause = {};
};

// "exit code 1", "signal 11", "signal 9, killed because it called ptrace".
std::string to_string(const ChildEnd&);

// A child in a session of its own. Shared by all threads.
class ChildProcess {
 public:
  // Starts it. The child is killed when the calling THREAD ends, so call this on one that lasts.
  // Throws Error{not_found} when the program is missing, else Error{internal} or Error{transient}.
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
