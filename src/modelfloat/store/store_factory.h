#pragma once
// Makes a store from its URL. The list of all schemes is in store_factory.cpp, and nowhere else.

#include <memory>
#include <string>
#include <string_view>

#include "modelfloat/store/scheme.h"
#include "modelfloat/store/store.h"

namespace modelfloat::store {

// Makes the store of this URL. Does not check whether the store can be reached: its calls report
// that. Throws Error{unsupported}, naming the known schemes, for an unknown scheme; Error{invalid}
// for text that is no URL or has an invalid address; Error{denied} when credentials are missing.
// What `context` refers to must outlive the store.
std::unique_ptr<Store> make_store(std::string_view url, const StoreSettings& settings, const StoreContext& context);

// The kind of store that a URL names. Throws like make_store.
const Scheme& scheme_of(std::string_view url);

// One URL of each kind, for help.
std::string example_urls();

// The canonical URL of the store: equal stores have equal URLs. For local: the path is absolute,
// without "." and "..", without "//" and without a slash at the end; symbolic links are kept.
// Throws like make_store.
std::string canonical_url(std::string_view url);

// The failure domain if the user names none: for a cloud store its company or host, for a local:
// store the store alone.
std::string default_domain(std::string_view url, const StoreSettings& settings);

// Whether both are local: stores whose folders exist and are on the same device, so that both fail
// when one disk fails.
bool share_a_device(std::string_view url_a, std::string_view url_b);

// For the command that adds a new store, and no other: makes its folder if it is missing, logs in,
// and completes `settings`.
void prepare_new_store(std::string_view url, StoreSettings& settings, const StoreContext& context, Dialogue& dialogue,
                       const CallOptions& call);

}  // namespace modelfloat::store
