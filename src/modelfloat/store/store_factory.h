#pragma once
// From a store's URL to the store. The list of schemes stands in store_factory.cpp, in one place.

#include <memory>
#include <string>
#include <string_view>

#include "modelfloat/store/store.h"

namespace modelfloat::store {

// local:/folder or local:folder (relative to where the program runs; ~ is the shell's affair). The store need not be
// there: its calls say so. Error{unsupported}, naming the schemes that work, for any other scheme; Error{invalid} for
// what is no URL.
std::unique_ptr<Store> make_store(std::string_view url);

// The one way to write this store down: absolute, without . and .., // and a slash at the end. Symbolic links stay as
// they are. Throws like make_store.
std::string canonical_url(std::string_view url);

// What the store fails together with when the user doesn't say: for local: the store alone, named by its canonical URL.
std::string default_domain(std::string_view url);

// Whether both are local: and their folders are there and lie on one device: two domains that a single disk takes away
// together.
bool share_a_device(std::string_view url_a, std::string_view url_b);

// Makes the folder of a local: store where it is missing; nothing to do for other schemes. For the user's own "add this
// store" only.
void prepare_new_store(std::string_view url);

}  // namespace modelfloat::store
