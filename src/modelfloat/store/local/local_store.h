#pragma once
// A plain folder as a store: the object NAME is the file FOLDER/NAME.

#include <filesystem>
#include <memory>
#include <string>

#include <unistd.h>

#include "modelfloat/store/scheme.h"
#include "modelfloat/store/store.h"

namespace modelfloat::store {

// The system calls that write data to the disk. Each takes a file descriptor and returns 0, or -1
// with errno.
struct DiskSync {
  int (*file)(int) = ::fdatasync;
  int (*folder)(int) = ::fsync;
};

// While the folder does not exist, every call throws Error{offline}: an unmounted disk must not
// look like an empty store. put() makes folders inside the folder, but never the folder itself.
// When put() returns, the object is on the disk (file and folders are synced). A put() that fails
// leaves nothing behind; files left by a process that was killed are removed by a listing after a
// day. Error{corrupt} is thrown for a file that the disk cannot read, and when an object's name is
// something other than a file. Errors name folder and object.
//
// Some network and FUSE mounts cannot sync files or folders at all (EINVAL, ENOTSUP, ENOSYS). There
// put() succeeds without it.
std::unique_ptr<Store> make_local_store(std::filesystem::path folder, DiskSync sync = {});

// A text that says what a power failure may lose because the folder's file system cannot sync;
// empty when it can. Makes a file in the folder and removes it; throws like put() when that fails.
std::string sync_limits(const std::filesystem::path& folder, DiskSync sync = {});

// local:/folder, or local:folder relative to the current folder. A leading ~ or ~USER is a home
// folder, as in a shell; a folder of that name is local:./~. The folder of a new store and its
// parents are made, and the dialogue is told what its file system cannot do. Throws Error{invalid}
// when the path is something other than a folder.
Scheme local_scheme();

}  // namespace modelfloat::store
