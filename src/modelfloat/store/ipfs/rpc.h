#pragma once
// The RPC of an IPFS node (Kubo's /api/v0): the calls that a store needs.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "modelfloat/base/random.h"
#include "modelfloat/crypto/secret.h"
#include "modelfloat/store/credentials.h"
#include "modelfloat/store/http/http_client.h"
#include "modelfloat/store/http/url.h"
#include "modelfloat/store/ipfs/cid.h"
#include "modelfloat/store/scheme.h"
#include "modelfloat/store/store.h"

namespace modelfloat::store::ipfs {

// A name in the node's own file system, MFS.
struct Node {
  bool is_folder = false;
  std::uint64_t size_bytes = 0;
  std::string cid;  // in the node's text form
};

struct Entry {
  std::string name;
  bool is_folder = false;
  std::uint64_t size_bytes = 0;
};

// An entry of a folder, as the folder's own block describes it.
struct Link {
  std::string name;
  std::string cid;
};

inline constexpr Milliseconds k_quick{10'000};  // for calls about MFS, which is on the node itself

// Any thread may call any method. Every call has a time limit of its own, which the node is told
// too, because a node searches for a missing block without end. Error kinds: offline (no
// connection), denied, timed_out, not_found, out_of_space, corrupt, transient, invalid (the server
// has no such RPC).
class Rpc {
 public:
  // `root` is http://host:port, possibly with a path before /api/v0. The credentials in the
  // settings are "bearer", or "user" and "password".
  Rpc(std::string root, const StoreSettings& settings, Random& random, const Clock& clock);

  // Adds the bytes as a file and pins it.
  Cid add(ByteSpan bytes, const std::string& where, const CallOptions&);
  void unpin(const Cid&, const std::string& where, const CallOptions&);
  // Returns the bytes of the range, which must be within the file.
  Bytes cat(std::string_view cid, ByteRange range, Milliseconds limit, const std::string& where, const CallOptions&);

  // The file or folder at `path`; nullopt when there is none. The node needs the file's first block
  // for this: without it Error{timed_out} is thrown.
  std::optional<Node> stat(const std::string& path, const CallOptions&, Milliseconds limit = k_quick);
  // Gives a file that the node has this path, and makes the folders above it. Returns false when
  // the path exists already.
  bool link(const Cid&, const std::string& path, const CallOptions&);
  void remove(const std::string& path, const CallOptions&);  // does nothing when it is absent
  void make_folder(const std::string& path, const CallOptions&);
  // The entries of a folder; nullopt when there is no such folder. Throws Error{timed_out} when the
  // first block of any entry is missing.
  std::optional<std::vector<Entry>> list(const std::string& path, const CallOptions&);
  // The same, but without reading the entries' blocks.
  std::optional<std::vector<Link>> links(const std::string& path, const CallOptions&);
  Space space(const std::string& where, const CallOptions&);
  // Throws Error{invalid} when the server is no IPFS node.
  void check(const std::string& where, const CallOptions&);

 private:
  struct Call {
    std::string_view name;
    http::Fields fields;
    std::string where;
    std::vector<ByteSpan> body = {};
    std::string content_type = {};
    Milliseconds limit = Milliseconds(30'000);
    std::uint64_t max_answer_bytes = std::uint64_t{1} << 20;
    std::uint64_t expected_bytes = 0;
    std::function<void(ByteSpan)> sink = {};
  };
  http::Response send(const Call& call, const CallOptions&);
  [[noreturn]] void fail(const http::Response& response, const Call& call) const;

  const std::string root_;
  std::optional<crypto::SecretBytes> authorization_;
  Random& random_;
  const Clock& clock_;
  http::HttpClient client_;
};

}  // namespace modelfloat::store::ipfs
