#pragma once
// What lies behind a remote of rclone's configuration.

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "modelfloat/store/store.h"

namespace modelfloat::store::rclone {

// The options of a remote by its name, "type" among them; empty when there is no such remote.
using Config = std::map<std::string, std::string, std::less<>>;
using Lookup = std::function<Config(const std::string& name)>;

struct RemoteType {
  std::string type;    // of what does the storing, behind all that wraps it: "drive", "s3", ...
  std::string domain;  // what it fails together with
};

// Follows crypt, chunker, alias, compress, hasher, cache, union and combine to what they wrap.
// `path` is the place in the remote. Where several remotes are behind it, the domain is theirs when
// it is one and the same, else the name of this one.
RemoteType remote_type(const std::string& name, std::string_view path, const Lookup& lookup);

// What is known of the providers' limits.
StoreTraits traits_of(std::string_view type);

}  // namespace modelfloat::store::rclone
