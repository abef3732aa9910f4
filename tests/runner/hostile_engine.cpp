#include "runner/hostile_engine.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <thread>
#include <utility>

#include "runner/unix_address.h"
#include <dirent.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <sched.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

namespace modelfloat::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

struct Target {
  pid_t victim;
  fs::path folder;
  std::string file(const char* name) const { return (folder / name).string(); }
  std::string of_victim(const char* name) const { return "/proc/" + std::to_string(victim) + "/" + name; }
};

std::string outcome_of(long result) { return result < 0 ? ::strerrorname_np(errno) : "worked"; }

long open_to_read(const std::string& path) { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC); }

long connect_to(const std::string& name, bool abstract) {
  const sockaddr_un address = address_of(name, abstract);
  return ::connect(::socket(AF_UNIX, SOCK_STREAM, 0), reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

long send_to(const std::string& name) {
  const sockaddr_un address = address_of(name, false);
  return ::sendto(::socket(AF_UNIX, SOCK_DGRAM, 0), "x", 1, 0, reinterpret_cast<const sockaddr*>(&address),
                  sizeof address);
}

long send_a_descriptor() {
  char byte = 0;
  iovec data{&byte, 1};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  return ::sendmsg(1, &message, 0);
}

// Whether listing the folder shows the name.
long find_in(const fs::path& folder, const std::string& name) {
  DIR* listing = ::opendir(folder.c_str());
  if (listing == nullptr) return -1;
  long found = -1;
  errno = ENOENT;
  while (const dirent* entry = ::readdir(listing)) {
    if (entry->d_name == name) found = 0;
  }
  ::closedir(listing);
  return found;
}

long call_memory(int flags) {
  return ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, flags, -1, 0) == MAP_FAILED ? -1 : 0;
}

// Everything that holds without a trace: what a program may try in good faith, or cannot be told
// from that.
const std::vector<std::pair<std::string, std::function<long(const Target&)>>>& quiet_attacks() {
  static const std::vector<std::pair<std::string, std::function<long(const Target&)>>> attacks = {
      {"read the key file", [](const Target& t) { return open_to_read(t.file("key")); }},
      {"read the registry", [](const Target& t) { return open_to_read(t.file("registry.db")); }},
      {"read the key file by /proc/self/root",
       [](const Target& t) { return open_to_read("/proc/self/root" + t.file("key")); }},
      {"read the key file by its folder",
       [](const Target& t) { return ::openat(::open(t.folder.c_str(), O_PATH | O_CLOEXEC), "key", O_RDONLY); }},
      {"list the home", [](const Target& t) { return find_in(t.folder, "key"); }},
      {"list the root", [](const Target&) { return ::open("/home", O_RDONLY | O_DIRECTORY | O_CLOEXEC); }},
      {"read the users", [](const Target&) { return open_to_read("/etc/passwd"); }},
      {"the victim's environment", [](const Target& t) { return open_to_read(t.of_victim("environ")); }},
      {"the victim's memory", [](const Target& t) { return open_to_read(t.of_victim("mem")); }},
      {"the victim's map", [](const Target& t) { return open_to_read(t.of_victim("maps")); }},
      {"the victim's descriptors",
       [](const Target& t) {
         char text[64];
         return ::readlink(t.of_victim("fd/0").c_str(), text, sizeof text);
       }},
      {"the victim's files by /proc",
       [](const Target& t) { return open_to_read(t.of_victim("root") + t.file("key")); }},
      {"processes by /proc", [](const Target& t) { return find_in("/proc", std::to_string(t.victim)); }},
      {"connect to a socket", [](const Target& t) { return connect_to(t.file("service"), false); }},
      {"connect to an abstract socket", [](const Target& t) { return connect_to(t.file("abstract"), true); }},
      {"send to a socket", [](const Target& t) { return send_to(t.file("service")); }},
      {"send a descriptor", [](const Target&) { return send_a_descriptor(); }},
      {"a process of its own", [](const Target&) { return ::syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0); }},
      {"clone3", [](const Target&) { return ::syscall(SYS_clone3, nullptr, 0); }},
      {"openat2", [](const Target&) { return ::syscall(SYS_openat2, AT_FDCWD, "/", nullptr, 0); }},
      {"the victim's limits", [](const Target& t) { return ::prlimit(t.victim, RLIMIT_CPU, nullptr, nullptr); }},
      {"the victim's processors",
       [](const Target& t) {
         cpu_set_t one;
         CPU_ZERO(&one);
         CPU_SET(0, &one);
         return ::sched_setaffinity(t.victim, sizeof one, &one);
       }},
      {"the victim's priority",
       [](const Target& t) { return ::setpriority(PRIO_PROCESS, static_cast<id_t>(t.victim), 19); }},
      {"signals by a socket",
       [](const Target& t) { return ::fcntl(::socket(AF_UNIX, SOCK_STREAM, 0), F_SETOWN, t.victim); }},
      {"a signal of its choice", [](const Target&) { return ::fcntl(1, F_SETSIG, SIGKILL); }},
      {"signals by ioctl",
       [](const Target& t) {
         int owner = t.victim;
         return ::ioctl(::socket(AF_UNIX, SOCK_STREAM, 0), FIOSETOWN, &owner);
       }},
      {"type into the terminal", [](const Target&) { return ::ioctl(0, TIOCSTI, "x"); }},
      {"memory that no limit counts", [](const Target&) { return call_memory(MAP_SHARED | MAP_ANONYMOUS); }},
      {"a file in memory", [](const Target&) { return ::memfd_create("x", 0); }},
      {"shared memory", [](const Target&) { return ::shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600); }},
      {"the memory of others", [](const Target&) { return ::syscall(SYS_shmat, 0, nullptr, 0) == -1 ? -1L : 0L; }},
      {"watch files", [](const Target&) { return ::inotify_init1(0); }},
      {"be root", [](const Target&) { return ::setuid(0) == 0 && ::access("/", W_OK) == 0 ? 0L : -1L; }},
      {"a folder", [](const Target& t) { return ::mkdir(t.file("made").c_str(), 0700); }},
      {"times of files", [](const Target& t) { return ::utimensat(AT_FDCWD, t.file("key").c_str(), nullptr, 0); }},
      {"a program for packets",
       [](const Target&) {
         sock_filter all{BPF_RET | BPF_K, 0, 0, 0xffffffff};
         sock_fprog program{1, &all};
         return ::setsockopt(::socket(AF_UNIX, SOCK_STREAM, 0), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
       }},
      {"change the model", [](const Target&) { return ::write(3, "x", 1); }},
      {"map the model to change it",
       [](const Target&) { return ::mmap(nullptr, 4096, PROT_WRITE, MAP_SHARED, 3, 0) == MAP_FAILED ? -1L : 0L; }},
      {"shorten the model", [](const Target&) { return ::ftruncate(3, 0); }},
      {"a socket elsewhere",
       [](const Target& t) {
         const sockaddr_un address = address_of(t.file("own"), false);
         return ::bind(::socket(AF_UNIX, SOCK_STREAM, 0), reinterpret_cast<const sockaddr*>(&address), sizeof address);
       }},
      {"higher limits",
       [](const Target&) {
         const rlimit more{1 << 20, 1 << 20};
         return ::setrlimit(RLIMIT_FSIZE, &more);
       }},
  };
  return attacks;
}

struct Call {
  long number;
  const char* name;
};

// Made with no arguments: the call itself is the alarm.
#define MODELFLOAT_CALL(name) \
  Call { __NR_##name, #name }
constexpr Call k_calls[] = {
    MODELFLOAT_CALL(tkill),
    MODELFLOAT_CALL(rt_sigqueueinfo),
    MODELFLOAT_CALL(rt_tgsigqueueinfo),
    MODELFLOAT_CALL(pidfd_open),
    MODELFLOAT_CALL(pidfd_send_signal),
    MODELFLOAT_CALL(pidfd_getfd),
    MODELFLOAT_CALL(ptrace),
    MODELFLOAT_CALL(process_vm_readv),
    MODELFLOAT_CALL(process_vm_writev),
    MODELFLOAT_CALL(process_madvise),
    MODELFLOAT_CALL(kcmp),
    MODELFLOAT_CALL(unlinkat),
    MODELFLOAT_CALL(renameat2),
    MODELFLOAT_CALL(linkat),
    MODELFLOAT_CALL(symlinkat),
    MODELFLOAT_CALL(mknodat),
    MODELFLOAT_CALL(truncate),
    MODELFLOAT_CALL(fchmod),
    MODELFLOAT_CALL(fchmodat),
    MODELFLOAT_CALL(fchownat),
    MODELFLOAT_CALL(setxattr),
    MODELFLOAT_CALL(removexattr),
    MODELFLOAT_CALL(mount),
    MODELFLOAT_CALL(umount2),
    MODELFLOAT_CALL(pivot_root),
    MODELFLOAT_CALL(chroot),
    MODELFLOAT_CALL(move_mount),
    MODELFLOAT_CALL(open_tree),
    MODELFLOAT_CALL(fsopen),
    MODELFLOAT_CALL(unshare),
    MODELFLOAT_CALL(setns),
    MODELFLOAT_CALL(keyctl),
    MODELFLOAT_CALL(add_key),
    MODELFLOAT_CALL(request_key),
    MODELFLOAT_CALL(bpf),
    MODELFLOAT_CALL(io_uring_setup),
    MODELFLOAT_CALL(io_uring_enter),
    MODELFLOAT_CALL(io_uring_register),
    MODELFLOAT_CALL(perf_event_open),
    MODELFLOAT_CALL(userfaultfd),
    MODELFLOAT_CALL(open_by_handle_at),
    MODELFLOAT_CALL(fanotify_init),
    MODELFLOAT_CALL(execveat),
    MODELFLOAT_CALL(clock_settime),
#if defined(__x86_64__)
    MODELFLOAT_CALL(unlink),
    MODELFLOAT_CALL(rename),
    MODELFLOAT_CALL(link),
    MODELFLOAT_CALL(symlink),
    MODELFLOAT_CALL(rmdir),
    MODELFLOAT_CALL(chmod),
    MODELFLOAT_CALL(creat),
#endif
};
#undef MODELFLOAT_CALL

long open_with(const Target& target, int flags) { return ::open(target.file("registry.db").c_str(), flags, 0600); }

long execute() {
  char name[] = "/bin/true";
  char* arguments[] = {name, nullptr};
  return ::execve(name, arguments, nullptr);
}

struct LoudCall {
  const char* name;
  const char* alarm;
  long (*make)(const Target&);
};

// Alarms because of their arguments.
constexpr LoudCall k_loud_calls[] = {
    {"kill the victim", "called kill", [](const Target& t) -> long { return ::kill(t.victim, SIGKILL); }},
    {"kill the parent", "called kill", [](const Target&) -> long { return ::kill(::getppid(), SIGKILL); }},
    {"kill everybody", "called kill", [](const Target&) -> long { return ::kill(-1, SIGKILL); }},
    {"kill a thread", "called tgkill",
     [](const Target& t) -> long { return ::syscall(SYS_tgkill, t.victim, t.victim, SIGKILL); }},
    {"write a file", "opened a file for writing", [](const Target& t) { return open_with(t, O_WRONLY); }},
    {"read and write a file", "opened a file for writing", [](const Target& t) { return open_with(t, O_RDWR); }},
    {"make a file", "opened a file for writing", [](const Target& t) { return open_with(t, O_RDONLY | O_CREAT); }},
    {"empty a file", "opened a file for writing", [](const Target& t) { return open_with(t, O_RDONLY | O_TRUNC); }},
    {"the victim's memory to write", "opened a file for writing",
     [](const Target& t) -> long { return ::open(t.of_victim("mem").c_str(), O_RDWR | O_CLOEXEC); }},
    {"a file without a name", "opened a file for writing",
     [](const Target& t) -> long { return ::open(t.folder.c_str(), O_TMPFILE | O_WRONLY, 0600); }},
    {"the network", "called socket", [](const Target&) -> long { return ::socket(AF_INET, SOCK_STREAM, 0); }},
    {"the newer network", "called socket", [](const Target&) -> long { return ::socket(AF_INET6, SOCK_DGRAM, 0); }},
    {"the kernel's sockets", "called socket", [](const Target&) -> long { return ::socket(AF_NETLINK, SOCK_RAW, 0); }},
    {"packets", "called socket", [](const Target&) -> long { return ::socket(AF_PACKET, SOCK_RAW, 0); }},
    {"another user namespace", "called clone",
     [](const Target&) -> long { return ::syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0); }},
    {"another program", "called execve", [](const Target&) -> long { return execute(); }},
#if defined(__x86_64__)
    {"a call by its other number", "a system call that no engine makes",
     [](const Target&) -> long { return ::syscall(0x40000000 | __NR_getpid); }},
    {"a call of another architecture", "a system call that no engine makes",
     [](const Target&) -> long {
       long result = 20;  // getpid there
       __asm__ volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
       return result;
     }},
#endif
};

long make_loud(const std::string& name, const Target& target) {
  for (const Call& call : k_calls) {
    if (name == call.name) return ::syscall(call.number, 0, 0, 0, 0, 0, 0);
  }
  for (const LoudCall& call : k_loud_calls) {
    if (name == call.name) return call.make(target);
  }
  std::fprintf(stderr, "there is no attack %s\n", name.c_str());
  std::exit(2);
}

}  // namespace

int act_as_hostile_engine(int argc, char** argv) {
  if (argc < 5) return 2;
  const std::string name = argv[1];
  const Target target{std::atoi(argv[2]), argv[3]};
  json report = json::object();
  if (name == "quiet") {
    report["descriptors"] = json::array();
    for (int fd = 0; fd < 256; ++fd) {
      if (::fcntl(fd, F_GETFD) >= 0) report["descriptors"].push_back(fd);
    }
    for (const auto& [attack, make] : quiet_attacks()) report[attack] = outcome_of(make(target));
    const sockaddr_un address = address_of(std::string(argv[4]) + "/engine.sock", false);
    const int own = ::socket(AF_UNIX, SOCK_STREAM, 0);
    report["own socket"] = outcome_of(::bind(own, reinterpret_cast<const sockaddr*>(&address), sizeof address));
    std::thread([] {}).join();
  } else {
    report[name] = outcome_of(make_loud(name, target));
  }
  std::puts(report.dump().c_str());
  return 0;
}

std::vector<LoudAttack> loud_attacks() {
  std::vector<LoudAttack> attacks;
  for (const Call& call : k_calls) attacks.push_back({call.name, std::string("called ") + call.name});
  for (const LoudCall& call : k_loud_calls) attacks.push_back({call.name, call.alarm});
  return attacks;
}

std::vector<LoudAttack> some_loud_attacks() {
  std::vector<LoudAttack> attacks;
  for (const LoudAttack& attack : loud_attacks()) {
    for (const char* name : {"kill the victim", "empty a file", "the network", "ptrace", "another program"}) {
      if (attack.name == name) attacks.push_back(attack);
    }
  }
  return attacks;
}

}  // namespace modelfloat::test
