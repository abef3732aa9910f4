#pragma once
// Finds the provider behind a remote of rclone's configuration.

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "modelfloat/store/store.h"

namespace modelfloat::store::rclone {

// The options of a remote by name, including "type"; empty when there is no such remote.
using Config = std::map<std::string, std::string, std::less<>>;
using Lookup = std::function<Config(const std::string& name)>;

struct RemoteType {
  std::string type;    // the type behind all wrappers: "drive", "s3", ...
  std::string domain;  // its failure domain
};

// Follows crypt, chunker, alias, compress, hasher, cache, union and combine to the remotes that
// they wrap. `path` is the path in the remote. If several remotes are behind it and have the same
// domain, that is the domain; otherwise the domain is the name of this remote.
RemoteType remote_type(const std::string& name, std::string_view path, const Lookup& lookup);

// The known limits of a provider.
StoreTraits traits_of(std::string_view type);

}  // namespace modelfloat::store::rclone
