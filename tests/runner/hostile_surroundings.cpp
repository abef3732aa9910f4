// Where the taken-over engine runs: other processes, files, and the ways in which it is confined.
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "runner/fake_programs.h"
#include "runner/hostile_engine.h"
#include "runner/unix_address.h"
#include <fcntl.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "modelfloat/base/child_process.h"
#include "modelfloat/base/error.h"
#include "modelfloat/runner/load_failure.h"
#include "modelfloat/runner/sandbox.h"

namespace modelfloat::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr auto k_secret = "the secret of another process";

// What a service manager that forbids namespaces does, and what containers do.
bool refuse_namespaces() {
  constexpr std::uint32_t k_flags =
      CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
  sock_filter steps[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_clone3, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_clone, 1, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_unshare, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args)),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, k_flags, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{static_cast<unsigned short>(std::size(steps)), steps};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}

// What some container managers do: of the listeners of a process there can be one only.
bool have_a_listener() {
  sock_filter all{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW};
  const sock_fprog program{1, &all};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program) >= 0;
}

bool has(const std::string& settings, const std::string& word) { return settings.find(word) != std::string::npos; }

runner::SandboxOptions options_of(const std::string& settings) {
  runner::SandboxOptions options;
  if (const auto at = settings.find("landlock="); at != std::string::npos) {
    options.newest_landlock = std::atoi(settings.c_str() + at + 9);
  }
  options.namespaces = !has(settings, "no-namespaces");
  options.private_mounts = !has(settings, "no-mounts");
  options.alarms = !has(settings, "no-alarms");
  options.weak = has(settings, "weak");
  options.limit_memory = test_sandbox().limit_memory;
  return options;
}

// Starts one engine after the other.
class Surroundings {
 public:
  Surroundings(const std::string& settings, fs::path folder)
      : options_(options_of(settings)),
        confinement_(runner::choose_file_confinement(options_)),
        folder_(std::move(folder)) {
    model_ = FileDescriptor(::memfd_create("modelfloat", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (::ftruncate(model_.get(), 4096) != 0) std::exit(2);
    if (::fcntl(model_.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) std::exit(2);
  }

  json attack(const std::string& name, pid_t victim) {
    const fs::path own = folder_ / ("engine" + std::to_string(++engines_));
    runner::SandboxSpec spec;
    spec.program = folder_ / "fake-attack";
    spec.socket_folder = own / "socket";
    spec.root_folder = own / "root";
    fs::create_directories(spec.socket_folder);
    fs::create_directories(spec.root_folder);
    spec.memory_bytes = 1ULL << 30;
    runner::Sandbox sandbox(spec, confinement_, options_);
    ChildSpec child;
    child.program = spec.program;
    child.arguments = {name, std::to_string(victim), folder_.string(), spec.socket_folder.string()};
    child.environment = {"TMPDIR=/dev/null"};
    child.inherited_fd = model_.get();
    child.confinement = &sandbox;
    const ChildProcess process(child);
    const ChildEnd end = process.wait({});
    if (!end.by_signal && end.number == 0) return json::parse(process.output());
    return {{name, "killed: " + runner::describe_end(end, process.output())}};
  }

  std::string confinement() const {
    switch (confinement_) {
      case runner::FileConfinement::landlock: return "landlock";
      case runner::FileConfinement::private_mounts: return "private mounts";
      case runner::FileConfinement::none: return "none";
    }
    return "";
  }

 private:
  runner::SandboxOptions options_;
  runner::FileConfinement confinement_;
  fs::path folder_;
  FileDescriptor model_;
  int engines_ = 0;
};

std::string contents_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

FileDescriptor listener_at(const std::string& name, bool abstract) {
  FileDescriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_un address = address_of(name, abstract);
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) std::exit(2);
  ::listen(socket.get(), 4);
  return socket;
}

void become(uid_t user) {
  if (user == 0) return;
  if (::setgroups(0, nullptr) != 0 || ::setresgid(user, user, user) != 0 || ::setresuid(user, user, user) != 0) {
    std::exit(2);
  }
}

json attack_in(const std::string& settings, const fs::path& folder) {
  std::ofstream(folder / "key") << "the key";
  std::ofstream(folder / "registry.db") << "the registry";
  const FileDescriptor service = listener_at((folder / "service").string(), false);
  const FileDescriptor abstract = listener_at((folder / "abstract").string(), true);
  ChildSpec victim;
  victim.program = folder / "fake-sleep";
  victim.environment = {"TMPDIR=/dev/null", std::string("SECRET=") + k_secret};
  const ChildProcess other(victim);

  Surroundings surroundings(settings, folder);
  json report = surroundings.attack("quiet", other.id());
  report["confinement"] = surroundings.confinement();
  for (const LoudAttack& loud : has(settings, "all") ? loud_attacks() : some_loud_attacks()) {
    report.update(surroundings.attack(loud.name, other.id()));
  }
  report["victim"] = other.ended() ? "gone" : "as before";
  const bool same = contents_of(folder / "key") == "the key" && contents_of(folder / "registry.db") == "the registry";
  report["files"] = same ? "as before" : "changed";
  return report;
}

}  // namespace

int act_in_surroundings(int argc, char** argv) {
  if (argc < 4) return 2;
  const std::string settings = argv[2];
  become(static_cast<uid_t>(std::stoul(argv[1])));
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);  // as the program is
  if (has(settings, "refuse-namespaces") && !refuse_namespaces()) return 2;
  if (has(settings, "has-listener") && !have_a_listener()) return 2;
  if (has(settings, "no-new-privileges")) ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  try {
    std::puts(attack_in(settings, argv[3]).dump().c_str());
  } catch (const Error& error) {
    std::puts(json({{"refused", error.what()}}).dump().c_str());
  }
  return 0;
}

}  // namespace modelfloat::test
