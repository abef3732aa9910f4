#include "modelfloat/runner/private_mounts.h"

#include <cerrno>
#include <fstream>
#include <system_error>

#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "modelfloat/base/error.h"
#include "modelfloat/base/sanitizers.h"

namespace modelfloat::runner {
namespace {

namespace fs = std::filesystem;

const char* bind(const char* source, const char* target) noexcept {
  return ::mount(source, target, nullptr, MS_BIND | MS_REC, nullptr) == 0 ? nullptr : "mount what it may read";
}

// A new mount may not lose a restriction that the one it comes from has.
const char* make_read_only(const char* target) noexcept {
  struct statvfs about{};
  if (::statvfs(target, &about) != 0) return "look at a mount";
  unsigned long flags = MS_BIND | MS_REMOUNT | MS_RDONLY;
  if ((about.f_flag & ST_NOSUID) != 0) flags |= MS_NOSUID;
  if ((about.f_flag & ST_NODEV) != 0) flags |= MS_NODEV;
  if ((about.f_flag & ST_NOEXEC) != 0) flags |= MS_NOEXEC;
  if ((about.f_flag & ST_NOATIME) != 0) flags |= MS_NOATIME;
  if ((about.f_flag & ST_NODIRATIME) != 0) flags |= MS_NODIRATIME;
  if ((about.f_flag & ST_RELATIME) != 0) flags |= MS_RELATIME;
  return ::mount(nullptr, target, nullptr, flags, nullptr) == 0 ? nullptr : "make a mount read-only";
}

const char* keep_mounts_to_ourselves() noexcept {
  return ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 ? nullptr : "have mounts of its own";
}

}  // namespace

bool can_have_private_mounts() noexcept {
  if (k_thread_sanitizer) return false;  // children have no namespaces then (child_process.cpp)
  for (const unsigned long flags : {static_cast<unsigned long>(CLONE_NEWUSER | CLONE_NEWNS), 0UL | CLONE_NEWNS}) {
    const long id = ::syscall(SYS_clone, flags | SIGCHLD, nullptr, nullptr, nullptr, nullptr);
    if (id == 0) ::_exit(keep_mounts_to_ourselves() == nullptr ? 0 : 1);
    if (id < 0) continue;
    int status = 1;
    while (::waitpid(static_cast<pid_t>(id), &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return true;
  }
  return false;
}

PrivateMounts::PrivateMounts(fs::path root, std::span<const PermittedPath> permitted) : root_(std::move(root)) {
  for (const PermittedPath& path : permitted) add(path);
}

void PrivateMounts::add(const PermittedPath& permitted) {
  std::error_code missing;
  const auto status = fs::status(permitted.path, missing);
  if (missing || !fs::exists(status) || permitted.use == PermittedPath::Use::list) return;
  // Each process has its own, and ours is not the one that is meant.
  const bool own_process = permitted.path.starts_with("/proc/self/");
  const fs::path source = own_process ? "/proc/self" : permitted.path;
  const fs::path target = own_process ? make_place("/proc/self", true) : make_place(source, fs::is_directory(status));
  for (const Mount& mount : mounts_) {
    if (mount.target == target.string()) return;
  }
  mounts_.push_back({source.string(), target.string(), permitted.use == PermittedPath::Use::make_socket});
}

// Links on the way are made as they are, so that every path leads where it did.
fs::path PrivateMounts::make_place(const fs::path& path, bool is_folder) const {
  fs::path rest = path.relative_path();
  fs::path at = "/";
  for (int links = 0; !rest.empty();) {
    const fs::path name = *rest.begin();
    fs::path beyond;
    for (auto part = std::next(rest.begin()); part != rest.end(); ++part) beyond /= *part;
    const fs::path here = at / name;
    if (here != "/proc/self" && fs::is_symlink(here)) {
      if (++links > 40) throw Error(ErrorKind::unsupported, path.string(), "a link that leads to itself");
      const fs::path inside = root_ / here.relative_path();
      const fs::path leads_to = fs::read_symlink(here);
      if (!fs::is_symlink(fs::symlink_status(inside))) fs::create_symlink(leads_to, inside);
      rest = (at / leads_to / beyond).lexically_normal().relative_path();
      at = "/";
      continue;
    }
    const fs::path inside = root_ / here.relative_path();
    if (!beyond.empty() || is_folder) {
      fs::create_directory(inside);
    } else if (!fs::exists(inside)) {
      std::ofstream(inside).flush();
    }
    at = here;
    rest = beyond;
  }
  return root_ / at.relative_path();
}

const char* PrivateMounts::enter() const noexcept {
  if (const char* step = keep_mounts_to_ourselves()) return step;
  if (const char* step = bind(root_.c_str(), root_.c_str())) return step;
  for (const Mount& mount : mounts_) {
    if (const char* step = bind(mount.source.c_str(), mount.target.c_str())) return step;
    if (mount.writable) continue;
    if (const char* step = make_read_only(mount.target.c_str())) return step;
  }
  if (const char* step = make_read_only(root_.c_str())) return step;
  if (::chdir(root_.c_str()) != 0) return "enter its own root folder";
  if (::syscall(SYS_pivot_root, ".", ".") != 0) return "make its own root folder the root";
  if (::umount2(".", MNT_DETACH) != 0) return "leave the old root folder";
  return ::chdir("/") == 0 ? nullptr : "enter its own root folder";
}

}  // namespace modelfloat::runner
