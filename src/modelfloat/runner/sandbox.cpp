#include "modelfloat/runner/sandbox.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>

#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "modelfloat/base/error.h"
#include "modelfloat/runner/engine_files.h"
#include "modelfloat/runner/runner.h"

namespace modelfloat::runner {
namespace {

constexpr rlim_t k_descriptors = 256;
constexpr unsigned long k_apart = CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC;

int usable_landlock(const SandboxOptions& options) noexcept {
  const int version = std::min(landlock_version(), options.newest_landlock);
  return version >= k_oldest_landlock ? version : 0;
}

// Root can have the others without one of users.
std::vector<unsigned long> namespaces_for(FileConfinement confinement, const SandboxOptions& options) {
  if (confinement == FileConfinement::private_mounts) {
    return {CLONE_NEWNS | CLONE_NEWUSER | k_apart, CLONE_NEWNS | CLONE_NEWUSER, CLONE_NEWNS | k_apart, CLONE_NEWNS};
  }
  if (!options.namespaces) return {0};
  return {CLONE_NEWUSER | k_apart, k_apart, 0};
}

const char* limit(decltype(RLIMIT_CORE) resource, rlim_t most, const char* step) noexcept {
  rlimit now{};
  if (::getrlimit(resource, &now) != 0) return step;
  const rlim_t lower = std::min(now.rlim_max, most);
  const rlimit wanted{lower, lower};
  return ::setrlimit(resource, &wanted) == 0 ? nullptr : step;
}

// Without capabilities root is a user like any other; with no_new_privs it does not get them back.
const char* give_up_capabilities() noexcept {
  __user_cap_header_struct header{};
  header.version = _LINUX_CAPABILITY_VERSION_3;
  const std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> none{};
  ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  return ::syscall(SYS_capset, &header, none.data()) == 0 ? nullptr : "give up capabilities";
}

void refuse_scripts(const std::filesystem::path& program) {
  std::array<char, 2> start{};
  std::ifstream(program, std::ios::binary).read(start.data(), start.size());
  if (start[0] != '#' || start[1] != '!') return;
  throw Error(ErrorKind::unsupported, program.string(),
              "is a script, which the sandbox of engines does not run: name the llama-server that it starts in "
              "MODELFLOAT_LLAMA_SERVER");
}

}  // namespace

FileConfinement choose_file_confinement(const SandboxOptions& options) {
  if (usable_landlock(options) > 0) return FileConfinement::landlock;
  if (options.private_mounts && can_have_private_mounts()) return FileConfinement::private_mounts;
  if (options.weak) return FileConfinement::none;
  throw NoEngine(
      "sandbox",
      "nothing here keeps a model from your files: the kernel has no Landlock (version 2, Linux 5.19) or it is "
      "switched off, and user namespaces are forbidden. Permit one of them, or set weak_sandbox = true under "
      "[runner] in config.toml if you trust whoever made your models");
}

Sandbox::Sandbox(const SandboxSpec& spec, FileConfinement confinement, const SandboxOptions& options)
    : memory_bytes_(options.limit_memory ? spec.memory_bytes : 0),
      threads_(spec.threads),
      landlock_(confinement == FileConfinement::landlock ? usable_landlock(options) : 0),
      files_(files_of_engine(spec.program)),
      namespaces_(namespaces_for(confinement, options)),
      filter_(options.alarms) {
  refuse_scripts(spec.program);
  if (!spec.socket_folder.empty()) files_.push_back({spec.socket_folder.string(), PermittedPath::Use::make_socket});
  if (confinement == FileConfinement::private_mounts) mounts_.emplace(spec.root_folder, files_);
}

const char* Sandbox::limit_resources(unsigned long namespaces) const noexcept {
  if (const char* step = limit(RLIMIT_CORE, 0, "forbid core dumps")) return step;
  if (const char* step = limit(RLIMIT_FSIZE, 0, "forbid files")) return step;
  if (const char* step = limit(RLIMIT_NOFILE, k_descriptors, "limit descriptors")) return step;
  if (memory_bytes_ > 0) {
    if (const char* step = limit(RLIMIT_DATA, memory_bytes_, "limit memory")) return step;
  }
  // Elsewhere the limit would count all processes of the user.
  if ((namespaces & CLONE_NEWUSER) != 0) return limit(RLIMIT_NPROC, threads_, "limit threads");
  return nullptr;
}

// The filter of system calls comes last, because it forbids the steps before it.
const char* Sandbox::enter(const ChildLaunch& launch) noexcept {
  // A write to a file must fail, not kill the program. An ignored signal stays ignored after an
  // exec; a handler does not survive it.
  if (::signal(SIGXFSZ, SIG_IGN) == SIG_ERR) return "ignore a signal";
  if (mounts_) {
    errno = EPERM;
    if ((launch.namespaces & CLONE_NEWNS) == 0) return "have mounts of its own";  // never ours
    if (const char* step = mounts_->enter()) return step;
  }
  if (const char* step = give_up_capabilities()) return step;
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return "forbid new privileges";
  if (landlock_ > 0) {
    if (const char* step = restrict_by_landlock(landlock_, files_)) return step;
  }
  if (const char* step = limit_resources(launch.namespaces)) return step;
  return filter_.enter(launch);
}

std::optional<std::string> Sandbox::alarm(int fd) noexcept { return read_syscall_alarm(fd); }

}  // namespace modelfloat::runner
