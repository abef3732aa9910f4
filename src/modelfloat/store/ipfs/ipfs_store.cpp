#include "modelfloat/store/ipfs/ipfs_store.h"

#include <algorithm>
#include <memory>
#include <optional>

#include "modelfloat/base/error.h"
#include "modelfloat/store/bad_folders.h"
#include "modelfloat/store/host_domain.h"
#include "modelfloat/store/http/http_client.h"
#include "modelfloat/store/http/status.h"
#include "modelfloat/store/http/url.h"
#include "modelfloat/store/ipfs/cid.h"
#include "modelfloat/store/ipfs/pinning.h"
#include "modelfloat/store/ipfs/rpc.h"
#include "modelfloat/store/may_match.h"
#include "modelfloat/store/range.h"
#include "modelfloat/store/replacement.h"

namespace modelfloat::store {
namespace {

using ipfs::Cid;

constexpr Milliseconds k_read_timeout{600'000};
// How long the node may search for a block when there is another way to get it.
constexpr Milliseconds k_node_timeout{3'000};
constexpr Milliseconds k_cleaning{10'000};
constexpr std::uint64_t k_most_by_gateway = std::uint64_t{1} << 30;

// Where a node is and which of its folders is meant.
struct Address {
  std::string root;    // of the RPC
  std::string folder;  // in MFS, from the slash on
};

[[noreturn]] void refuse(const std::string& why) {
  throw Error(ErrorKind::invalid,
              "ipfs:", why + "; a node is named by the address of its RPC, such as ipfs:http://127.0.0.1:5001/folder");
}

Address parse_address(std::string_view rest) {
  const http::Url url = http::parse_url(rest);
  if (!url.query.empty()) refuse("there is a question mark in it");
  const std::string path = http::percent_decode(url.path);
  Address address{url.root(), ""};
  for (std::size_t begin = 0; begin < path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string part = path.substr(begin, end - begin);
    if (part == "." || part == "..") refuse("the folder has \"" + part + "\" in it");
    if (part.find('\0') != std::string::npos) refuse("the folder has a zero byte in it");
    if (!part.empty()) address.folder += "/" + part;
    begin = end + 1;
  }
  if (address.folder.empty()) address.folder = "/modelfloat";
  return address;
}

std::string without_slash(std::string text) {
  while (text.ends_with('/')) text.pop_back();
  return text;
}

// The root URL of another service that the user named.
std::string other_root(std::string_view text, std::string_view what) {
  const http::Url url = http::parse_url(text);
  if (!url.query.empty()) refuse("the " + std::string(what) + " has a question mark in it");
  return without_slash(url.root() + url.path);
}

std::string root_of(const Address& address, const StoreSettings& settings) {
  return settings.api_url.empty() ? address.root : other_root(settings.api_url, "API address");
}

std::string text_of(const Credentials& credentials, std::string_view name) {
  return std::string(credentials.find(name).value_or(""));
}

class IpfsStore final : public Store {
 public:
  IpfsStore(const Address& address, const StoreSettings& settings, const StoreContext& context);

  StoreTraits traits() const override { return {}; }
  void put(const ObjectName& name, ByteSpan bytes, const CallOptions& options) override;
  std::optional<Bytes> get(const ObjectName& name, ByteRange range, const CallOptions& options) override;
  std::optional<ObjectInfo> stat(const ObjectName& name, const CallOptions& options) override;
  void remove(const ObjectName& name, const CallOptions& options) override;
  void list(std::string_view prefix, const ObjectSink& sink, const CallOptions& options) override;
  Space space(const CallOptions& options) override;

  void prepare(const CallOptions& options);

 private:
  // Protects added bytes from the node's garbage collector until they have a name or are given up.
  class PinnedForNow;

  struct Walk {
    std::string_view prefix;
    const ObjectSink& sink;
    const CallOptions& options;
    BadFolders& bad;
  };

  std::string place(std::string_view path) const { return folder_ + "/" + std::string(path); }
  void require_folder(const CallOptions& options);
  std::optional<ipfs::Node> find(const std::string& path, const CallOptions& options,
                                 Milliseconds limit = ipfs::k_quick);
  void check_added(const Cid& added, ByteSpan bytes, const std::string& path, const CallOptions& options);
  void name_it(const Cid& cid, const std::string& path, const CallOptions& options);
  std::optional<Bytes> read(const std::string& path, ByteRange range, Milliseconds limit, const CallOptions& options);
  std::optional<Cid> linked(const std::string& path, const CallOptions& options);
  Bytes read_by_gateway(const Cid& cid, ByteRange range, const std::string& path, const CallOptions& options);
  void walk(const std::string& path, unsigned depth, const Walk& walk);
  std::optional<std::vector<ipfs::Entry>> sound_entries(const std::string& path, const CallOptions& options);

  const std::string folder_;
  const Clock& clock_;
  ipfs::Rpc rpc_;
  std::optional<ipfs::PinningService> pinning_;
  std::string gateway_;
  http::HttpClient gateway_client_;
  KeyedMutex writing_;  // MFS is one tree: parallel writers only block each other
  Replacement replacement_;
};

class IpfsStore::PinnedForNow {
 public:
  PinnedForNow(ipfs::Rpc& rpc, const Cid& cid, const std::string& where) : rpc_(rpc), cid_(cid), where_(where) {}
  ~PinnedForNow() {
    if (done_) return;
    try {
      release(std::chrono::steady_clock::now() + k_cleaning);
    } catch (const Error&) {  // NOLINT(bugprone-empty-catch): what failed before says more; a pin too many does no harm
    }
  }
  PinnedForNow(const PinnedForNow&) = delete;
  PinnedForNow& operator=(const PinnedForNow&) = delete;

  void release(std::optional<SteadyTime> deadline) {
    done_ = true;
    rpc_.unpin(cid_, where_, {{}, deadline});  // also after a stop
  }

 private:
  ipfs::Rpc& rpc_;
  const Cid& cid_;
  const std::string& where_;
  bool done_ = false;
};

IpfsStore::IpfsStore(const Address& address, const StoreSettings& settings, const StoreContext& context)
    : folder_(address.folder),
      clock_(context.clock),
      rpc_(root_of(address, settings), settings, context.random, context.clock) {
  const Credentials& credentials = settings.credentials;
  credentials.check_names({"bearer", "user", "password", "pinning_url", "pinning_bearer", "gateway"},
                          "ipfs:" + address.root);
  if (credentials.has("pinning_url")) {
    pinning_.emplace(other_root(text_of(credentials, "pinning_url"), "pinning service's address"),
                     crypto::SecretBytes(credentials.require("pinning_bearer", "ipfs:" + address.root)), context.clock);
  }
  if (credentials.has("gateway")) gateway_ = other_root(text_of(credentials, "gateway"), "gateway's address");
}

void IpfsStore::prepare(const CallOptions& options) {
  rpc_.check(folder_, options);
  rpc_.make_folder(folder_, options);
  require_folder(options);
}

void IpfsStore::require_folder(const CallOptions& options) {
  const auto node = rpc_.stat(folder_, options);
  if (!node) throw Error(ErrorKind::offline, folder_, "the folder is not there on the node");
  if (!node->is_folder) throw Error(ErrorKind::offline, folder_, "is no folder on the node");
}

std::optional<ipfs::Node> IpfsStore::find(const std::string& path, const CallOptions& options, Milliseconds limit) {
  const auto node = replacement_.look(options, path, [&] { return rpc_.stat(path, options, limit); });
  if (!node) require_folder(options);
  if (node && node->is_folder) throw Error(ErrorKind::corrupt, path, "a folder stands in the object's place");
  return node;
}

// The CID is the hash of what the node has, so comparing CIDs proves more than reading the bytes
// back.
void IpfsStore::check_added(const Cid& added, ByteSpan bytes, const std::string& path, const CallOptions& options) {
  const auto expected = ipfs::cid_of_file(bytes);
  if (expected && *expected == added) return;
  // The node may have arranged the links in another way.
  const bool read_back = !expected || bytes.size() > ipfs::k_chunk_bytes;
  if (read_back && equal(rpc_.cat(to_string(added), {0, bytes.size()}, k_read_timeout, path, options), bytes)) return;
  throw Error(ErrorKind::corrupt, path, "the node added something else than it was given");
}

void IpfsStore::name_it(const Cid& cid, const std::string& path, const CallOptions& options) {
  const auto stands_for_it = [&] {
    const auto node = rpc_.stat(path, options);
    if (node && node->is_folder) throw Error(ErrorKind::corrupt, path, "a folder stands in the object's place");
    return node && ipfs::parse_cid(node->cid) == cid;
  };
  const auto held = writing_.lock({}, options, path);
  if (!rpc_.link(cid, path, options)) {
    if (stands_for_it()) return;
    replacement_.run(options, path, [&] {
      rpc_.remove(path, options);
      rpc_.link(cid, path, options);
    });
  }
  if (!stands_for_it())
    throw Error(ErrorKind::transient, path, "the node did not keep the name, or somebody else took it");
}

void IpfsStore::put(const ObjectName& name, ByteSpan bytes, const CallOptions& options) {
  const std::string path = place(name.path());
  require_folder(options);
  // Bytes are added again even if the name exists: the node may have lost its blocks.
  const Cid cid = rpc_.add(bytes, path, options);
  PinnedForNow pinned(rpc_, cid, path);
  check_added(cid, bytes, path, options);
  name_it(cid, path, options);
  pinned.release(options.deadline);
  if (pinning_) pinning_->pin(cid, path, options);
}

std::optional<Bytes> IpfsStore::read(const std::string& path, ByteRange range, Milliseconds limit,
                                     const CallOptions& options) {
  const auto node = find(path, options, std::min(limit, ipfs::k_quick));
  if (!node) return std::nullopt;
  const ByteRange definite = clip(range, node->size_bytes, path);
  const Milliseconds at_one_mib_per_second(static_cast<Milliseconds::rep>(definite.length >> 10));
  return rpc_.cat(node->cid, definite, limit + at_one_mib_per_second, path, options);
}

std::optional<Cid> IpfsStore::linked(const std::string& path, const CallOptions& options) {
  const std::size_t slash = path.rfind('/');
  const auto links = rpc_.links(path.substr(0, slash), options);
  if (!links) return std::nullopt;
  const auto link = std::find_if(links->begin(), links->end(),
                                 [&](const ipfs::Link& one) { return one.name == path.substr(slash + 1); });
  return link == links->end() ? std::nullopt : ipfs::parse_cid(link->cid);
}

// The size of the object is known only from the answer.
Bytes IpfsStore::read_by_gateway(const Cid& cid, ByteRange range, const std::string& path, const CallOptions& options) {
  http::Request request;
  request.url = gateway_ + "/ipfs/" + to_string(cid);
  request.where = path + " by the gateway";
  const bool to_the_end = range.length == ByteRange::k_to_the_end;
  const bool whole = range.offset == 0 && to_the_end;
  if (!whole) {
    const auto last = checked_add(range.offset, std::max<std::uint64_t>(range.length, 1) - 1);
    request.headers.emplace_back(
        "Range", "bytes=" + std::to_string(range.offset) + "-" + (to_the_end || !last ? "" : std::to_string(*last)));
  }
  request.max_answer_bytes = k_most_by_gateway;
  http::Response response = gateway_client_.send(request, options);
  if (response.status == 416) throw Error(ErrorKind::corrupt, request.where, "has fewer bytes than were asked for");
  if (!response.ok()) throw http::status_error(response, request.where, "cannot be read", clock_.utc_now());
  if (response.status != 206) {  // all of it
    range = clip(range, response.body.size(), request.where);
    const auto expected = ipfs::cid_of_file(response.body);
    if (expected && cid.codec == ipfs::k_codec_raw && *expected != cid) {
      throw Error(ErrorKind::corrupt, request.where, "are not the bytes that were asked for");
    }
    if (range.length == response.body.size()) return std::move(response.body);
    return to_bytes(ByteSpan(response.body).subspan(range.offset, range.length));
  }
  if (range.length == 0) return {};
  if (!to_the_end && response.body.size() != range.length)
    throw Error(ErrorKind::corrupt, request.where, "has fewer bytes than were asked for");
  return std::move(response.body);
}

std::optional<Bytes> IpfsStore::get(const ObjectName& name, ByteRange range, const CallOptions& options) {
  const std::string path = place(name.path());
  if (gateway_.empty()) return read(path, range, k_read_timeout, options);
  try {
    return read(path, range, k_node_timeout, options);
  } catch (const Error& error) {
    check_cancelled(options, path);
    if (error.kind != ErrorKind::timed_out && error.kind != ErrorKind::transient && error.kind != ErrorKind::corrupt)
      throw;
    const auto cid = linked(path, options);
    if (!cid) throw;
    return read_by_gateway(*cid, range, path, options);
  }
}

std::optional<ObjectInfo> IpfsStore::stat(const ObjectName& name, const CallOptions& options) {
  const auto node = find(place(name.path()), options);
  if (!node) return std::nullopt;
  return ObjectInfo{name, node->size_bytes, std::nullopt};
}

void IpfsStore::remove(const ObjectName& name, const CallOptions& options) {
  const std::string path = place(name.path());
  if (find(path, options)) {
    const auto held = writing_.lock({}, options, path);
    rpc_.remove(path, options);
  }
  if (pinning_) pinning_->unpin(path, options);
}

// The listing of a folder fails as a whole when the first block of one file is missing. That file
// counts as lost, but the others do not.
std::optional<std::vector<ipfs::Entry>> IpfsStore::sound_entries(const std::string& path, const CallOptions& options) {
  const auto is_of_one_file = [](const Error& error) {
    return error.kind == ErrorKind::timed_out || error.kind == ErrorKind::corrupt;
  };
  try {
    return rpc_.list(path, options);
  } catch (const Error& error) {
    if (!is_of_one_file(error)) throw;
    check_cancelled(options, path);
  }
  const auto links = rpc_.links(path, options);
  if (!links) return std::nullopt;
  std::vector<ipfs::Entry> sound;
  for (const ipfs::Link& link : *links) {
    try {
      const auto node = rpc_.stat(path + "/" + link.name, options, k_node_timeout);
      if (node) sound.push_back({link.name, node->is_folder, node->size_bytes});
    } catch (const Error& error) {
      if (!is_of_one_file(error)) throw;
      check_cancelled(options, path);
    }
  }
  return sound;
}

// `path` ends with a slash. The sink is called between requests, not during one.
void IpfsStore::walk(const std::string& path, unsigned depth, const Walk& walk_of) {
  std::optional<std::vector<ipfs::Entry>> entries;
  try {
    entries = sound_entries(without_slash(place(path)), walk_of.options);
  } catch (const Error& error) {
    return walk_of.bad.record(error);
  }
  if (!entries) return;
  for (const ipfs::Entry& entry : *entries) {
    check_cancelled(walk_of.options, folder_);
    const std::string full = path + entry.name;
    if (entry.is_folder) {
      if (depth < 2 && may_match(full + "/", walk_of.prefix)) walk(full + "/", depth + 1, walk_of);
      continue;
    }
    if (!full.starts_with(walk_of.prefix)) continue;
    if (const auto name = ObjectName::parse(full)) walk_of.sink({*name, entry.size_bytes, std::nullopt});
  }
}

void IpfsStore::list(std::string_view prefix, const ObjectSink& sink, const CallOptions& options) {
  require_folder(options);
  BadFolders bad;
  if (may_match("mf1/", prefix)) walk("mf1/", 0, {prefix, sink, options, bad});
  bad.report();
}

Space IpfsStore::space(const CallOptions& options) {
  require_folder(options);
  return rpc_.space(folder_, options);
}

std::unique_ptr<IpfsStore> make_ipfs_store(std::string_view rest, const StoreSettings& settings,
                                           const StoreContext& context) {
  return std::make_unique<IpfsStore>(parse_address(rest), settings, context);
}

}  // namespace

Scheme ipfs_scheme() {
  return {.name = "ipfs",
          .example = "ipfs:http://127.0.0.1:5001",
          .credential_fields = {},
          .make = [](std::string_view rest, const StoreSettings& settings, const StoreContext& context)
              -> std::unique_ptr<Store> { return make_ipfs_store(rest, settings, context); },
          .canonical_rest =
              [](std::string_view rest) {
                const Address address = parse_address(rest);
                return address.root + http::percent_encode(address.folder, true);
              },
          .domain = [](std::string_view rest, const StoreSettings&) { return host_domain(http::parse_url(rest).host); },
          .prepare = [](std::string_view rest, StoreSettings& settings, const StoreContext& context, Dialogue&,
                        const CallOptions& call) { make_ipfs_store(rest, settings, context)->prepare(call); }};
}

}  // namespace modelfloat::store
