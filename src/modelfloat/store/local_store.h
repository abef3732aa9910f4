#pragma once
// A plain folder as a store: the object NAME is the file FOLDER/NAME.

#include <filesystem>
#include <memory>

#include "modelfloat/store/scheme.h"
#include "modelfloat/store/store.h"

namespace modelfloat::store {

// While the folder does not exist, every call is Error{offline}: an unmounted disk must not look like an empty store.
// put() makes folders inside it, never itself. A put is on the disk (file and folders synced) when it returns; a put
// that fails leaves nothing, and what a killed process left behind is cleared by a listing that finds it a day old. A
// file that the disk cannot read, or something else than a file under an object's name, is Error{corrupt}. Errors name
// folder and object.
std::unique_ptr<Store> make_local_store(std::filesystem::path folder);

// local:/folder or local:folder (relative to where the program runs; ~ is the shell's affair). A new one's folder and its
// parents are made; Error{invalid} when something else than a folder is there.
Scheme local_scheme();

}  // namespace modelfloat::store
