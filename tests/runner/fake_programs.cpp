#include "runner/fake_programs.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>

#include "runner/fake_llama_server.h"
#include "runner/hostile_engine.h"
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <nlohmann/json.hpp>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "modelfloat/base/child_process.h"
#include "modelfloat/base/error.h"
#include "modelfloat/base/sanitizers.h"
#include "modelfloat/runner/sandbox.h"

namespace modelfloat::test {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view k_prefix = "fake-";

// Of the kind that fills up with what is written to it.
int take_memory(std::size_t bytes) {
  void* place = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (place == MAP_FAILED) return -1;
  ::munmap(place, bytes);
  return 0;
}

template <typename Result>
std::string outcome(Result result) {
  return result < 0 ? ::strerrorname_np(errno) : "worked";
}

nlohmann::json open_descriptors() {
  nlohmann::json result = nlohmann::json::object();
  for (int fd = 0; fd < 1024; ++fd) {
    char target[256] = {};
    if (::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), target, sizeof target - 1) < 0) continue;
    result[std::to_string(fd)] = target;
  }
  return result;
}

int sleep_for_ever() {
  for (;;) ::pause();
}

int flood_the_log() {
  const std::string text(1 << 16, 'x');
  while (::write(STDOUT_FILENO, text.data(), text.size()) > 0) {
  }
  return 1;
}

int make_an_orphan(const fs::path& folder) {
  ChildSpec spec;
  spec.program = folder / "fake-sleep";
  spec.environment = {"TMPDIR=/dev/null"};
  spec.inherited_fd = 3;
  runner::Sandbox sandbox(sandbox_for(spec.program), runner::choose_file_confinement(test_sandbox()), test_sandbox());
  spec.confinement = &sandbox;
  const ChildProcess child(spec);
  ::close(3);
  ::raise(SIGKILL);
  return 1;
}

// From here on no new process of ours can make itself readable to others: the call kills it.
bool forbid_to_be_dumpable() {
  sock_filter steps[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_prctl, 0, 4),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PR_SET_DUMPABLE, 0, 2),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args) + 8),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
  };
  const sock_fprog program{static_cast<unsigned short>(std::size(steps)), steps};
  return ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 && ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}

// Starts a child as the program does, whose memory nobody may read, as `user`; tells the child's
// oom_score_adj.
int start_undumpable(uid_t user) {
  if (::geteuid() == 0 && ::setresuid(user, user, user) != 0) return 2;
  if (!forbid_to_be_dumpable()) return 2;
  ChildSpec spec;
  spec.program = "/bin/sleep";
  spec.arguments = {"1000"};
  try {
    const ChildProcess child(spec);
    std::ifstream file("/proc/" + std::to_string(child.id()) + "/oom_score_adj");
    int score = 0;
    file >> score;
    std::printf("%d\n", score);
    return child.ended() ? 1 : 0;
  } catch (const Error& error) {
    std::puts(error.what());
    return 1;
  }
}

// Starts a child as a user who may have no more threads or processes than the child itself.
int start_without_listener(uid_t user) {
  if (::setresuid(user, user, user) != 0) return 2;
  std::size_t tasks = 1;
  for ([[maybe_unused]] const auto& task : fs::directory_iterator("/proc/self/task")) ++tasks;
  const rlimit limit{tasks, tasks};
  ::setrlimit(RLIMIT_NPROC, &limit);
  ChildSpec spec;
  spec.program = "/bin/sleep";
  spec.arguments = {"1000"};
  try {
    const ChildProcess child(spec);
    return 3;
  } catch (const Error& error) {
    std::puts(error.what());
  }
  return ::waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD ? 0 : 1;
}

}  // namespace

runner::SandboxOptions test_sandbox() {
  runner::SandboxOptions options;
  options.limit_memory = !k_address_sanitizer && !k_thread_sanitizer;
  options.alarms = !k_thread_sanitizer;
  return options;
}

runner::SandboxSpec sandbox_for(const fs::path& program) {
  runner::SandboxSpec spec;
  spec.program = program;
  return spec;
}

std::string sandbox_report(int argc, char** argv) {
  nlohmann::json report;
  report["descriptors"] = open_descriptors();
  for (int i = 0; i < argc; ++i) report["arguments"].push_back(argv[i]);
  report["environment"] = nlohmann::json::array();
  for (char** variable = environ; *variable != nullptr; ++variable) report["environment"].push_back(*variable);
  rlimit core{};
  ::getrlimit(RLIMIT_CORE, &core);
  report["core_limit"] = core.rlim_max;
  rlimit memory{};
  ::getrlimit(RLIMIT_DATA, &memory);
  report["memory_limit"] = memory.rlim_max;
  report["take_memory"] = outcome(take_memory(1ULL << 30));
  return report.dump();
}

fs::path fake_program(const fs::path& folder, const std::string& name) {
  const fs::path link = folder / (std::string(k_prefix) + name);
  if (!fs::exists(link)) fs::create_symlink(fs::read_symlink("/proc/self/exe"), link);
  return link;
}

std::optional<int> act_as_fake_program(int argc, char** argv) {
  std::string name = fs::path(argv[0]).filename();
  if (!name.starts_with(k_prefix)) return std::nullopt;
  name.erase(0, k_prefix.size());
  if (name == "sleep") return sleep_for_ever();
  if (name == "orphan") return make_an_orphan(fs::path(argv[0]).parent_path());
  if (name == "undumpable") return start_undumpable(static_cast<uid_t>(std::stoul(argv[1])));
  if (name == "no-listener") return start_without_listener(static_cast<uid_t>(std::stoul(argv[1])));
  if (name == "flood") return flood_the_log();
  if (name == "attack") return act_as_hostile_engine(argc, argv);
  if (name == "surroundings") return act_in_surroundings(argc, argv);
  if (name == "report") {
    std::puts(sandbox_report(argc, argv).c_str());
    return 0;
  }
  return fake_llama_server(name, argc, argv);
}

}  // namespace modelfloat::test
