#pragma once
// A plain folder as a store: the object NAME is the file FOLDER/NAME.

#include <filesystem>
#include <memory>
#include <string>

#include <unistd.h>

#include "modelfloat/store/scheme.h"
#include "modelfloat/store/store.h"

namespace modelfloat::store {

// The calls that bring what was written onto the disk. Each takes a descriptor and returns 0, or -1
// with errno.
struct DiskSync {
  int (*file)(int) = ::fdatasync;
  int (*folder)(int) = ::fsync;
};

// While the folder does not exist, every call is Error{offline}: an unmounted disk must not look
// like an empty store. put() makes folders inside it, never itself. A put is on the disk (file and
// folders synced) when it returns; a put that fails leaves nothing, and what a killed process left
// behind is cleared by a listing that finds it a day old. A file that the disk cannot read, or
// something else than a file under an object's name, is Error{corrupt}. Errors name folder and
// object. Some network and FUSE mounts cannot sync files or folders at all (EINVAL, ENOTSUP,
// ENOSYS): there a put ends well without it.
std::unique_ptr<Store> make_local_store(std::filesystem::path folder, DiskSync sync = {});

// What is lost on a power cut where the folder's file system cannot sync; empty when it can. Makes
// a file in the folder and removes it; Error as put() has it when that cannot be done.
std::string sync_limits(const std::filesystem::path& folder, DiskSync sync = {});

// local:/folder or local:folder, which is relative to where the program runs. A leading ~ or ~USER
// is a home folder, as in a shell; a folder of that name is local:./~. A new one's folder and its
// parents are made, and the dialogue is told what its file system cannot do; Error{invalid} when
// something else than a folder is there.
Scheme local_scheme();

}  // namespace modelfloat::store
