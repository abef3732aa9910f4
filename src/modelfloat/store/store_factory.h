#pragma once
// From a store's URL to the store. The list of schemes stands in store_factory.cpp, in one place.

#include <memory>
#include <string>
#include <string_view>

#include "modelfloat/store/scheme.h"
#include "modelfloat/store/store.h"

namespace modelfloat::store {

// The store need not be there: its calls say so. Error{unsupported}, naming the schemes that work,
// for any other scheme; Error{invalid} for what is no URL, or has an address that makes no sense;
// Error{denied} when credentials are missing. What `context` refers to outlives the store.
std::unique_ptr<Store> make_store(std::string_view url, const StoreSettings& settings, const StoreContext& context);

// The kind of store that a URL names. Throws like make_store.
const Scheme& scheme_of(std::string_view url);

// One URL of each kind, for help.
std::string example_urls();

// The one way to write this store down. local: absolute, without . and .., // and a slash at the
// end; symbolic links stay as they are. Throws like make_store.
std::string canonical_url(std::string_view url);

// What the store fails together with when the user doesn't say: the company or host of a cloud
// store, a local: store alone.
std::string default_domain(std::string_view url, const StoreSettings& settings);

// Whether both are local: and their folders are there and lie on one device: two domains that a
// single disk takes away together.
bool share_a_device(std::string_view url_a, std::string_view url_b);

// For the user's own "add this store" only: makes its folder where it is missing, logs in,
// completes `settings`.
void prepare_new_store(std::string_view url, StoreSettings& settings, const StoreContext& context, Dialogue& dialogue,
                       const CallOptions& call);

}  // namespace modelfloat::store
