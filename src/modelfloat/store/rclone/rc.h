#pragma once
// Calls to one remote of rclone, through its remote control API.

#include <array>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "modelfloat/base/clock.h"
#include "modelfloat/base/random.h"
#include "modelfloat/store/rclone/daemon.h"
#include "modelfloat/store/rclone/remote_type.h"
#include "modelfloat/store/store.h"

namespace modelfloat::store::rclone {

struct Item {
  std::string path;  // path in the remote
  std::uint64_t size_bytes = 0;
  bool is_folder = false;
  std::optional<std::string> checksum;  // "sha256:..", as ObjectInfo has it
};

// What a remote can do.
struct Features {
  bool shows_partial_uploads = false;  // a file is visible while it is being uploaded
  bool can_move = false;
  bool keeps_folders = false;  // a folder can be empty
  // A folder may have several files of one name; a call by that name uses any one of them.
  bool allows_twins = false;
  // The checksum that the remote reports without reading the file: "sha256", "sha1" or "md5";
  // empty: none.
  std::string checksum;
};

// Paths are relative to the remote's root, or absolute if the remote has such paths (local, sftp).
// Any thread may call any method. Throws the error kind that rclone's message means (words.h), with
// `where` naming remote and path, and what Daemon::send() throws. Error{rate_limited} always has a
// time to wait.
class Rc {
 public:
  Rc(std::shared_ptr<Daemon> daemon, std::string remote, Random& random)
      : daemon_(std::move(daemon)), remote_(std::move(remote)), random_(random) {}

  std::string where(std::string_view path) const { return remote_ + ":" + std::string(path); }

  // Throws Error{offline} when the configuration has no such remote.
  Features features(const CallOptions&);
  Config config(const std::string& name, const CallOptions&);

  // The item at `path`, with the checksum of Features::checksum; nullopt when there is none.
  std::optional<Item> stat(const std::string& path, bool files_only, const std::string& checksum, const CallOptions&);
  // All files of this name.
  std::vector<Item> twins(const std::string& path, const std::string& checksum, const CallOptions&);
  // Calls `on_item` for each file and folder in a folder or, when `deep`, for each file below it,
  // as the answer arrives. Returns false when there is no such folder.
  bool list(const std::string& path, bool deep, const std::string& checksum,
            const std::function<void(const Item&)>& on_item, const CallOptions&);
  struct Placing {
    // True: no file has the path, so rclone need not check. False: rclone replaces a file that is
    // there.
    bool is_new = false;
    // True: the upload uses the final name from the start. False: rclone uses a temporary name if
    // it can.
    bool in_place = false;
  };
  void upload(const std::string& path, ByteSpan bytes, Placing, const CallOptions&);
  // At most `range.length` bytes from the offset on, and the size of the whole file.
  struct Part {
    Bytes bytes;
    std::uint64_t whole_bytes = 0;
  };
  // Returns a part of the file; nullopt when there is no such file. Sends at most two requests to
  // the provider: the second one only to find out why the first failed, and not if the provider has
  // recently asked for a pause.
  std::optional<Part> read(const std::string& path, ByteRange range, const CallOptions&);
  // Moves a file. `is_new` as in Placing.
  void move(const std::string& from, const std::string& to, bool is_new, const CallOptions&);
  // Does nothing when there is no such file.
  void remove(const std::string& path, const CallOptions&);
  void make_folder(const std::string& path, const CallOptions&);
  Space space(const std::string& path, const CallOptions&);

 private:
  nlohmann::json call(std::string_view name, const nlohmann::json& parameters, const std::string& where,
                      const CallOptions&);
  [[noreturn]] void fail(const http::Response& response, const std::string& where);
  // Sets `again` when a new try may succeed.
  std::optional<Part> read_once(const std::string& path, ByteRange range, bool& again, const CallOptions&);
  // Throws the Error that says why the file cannot be read.
  void explain(const std::string& path, const CallOptions&);
  void wait_until(SteadyTime time);
  std::optional<Milliseconds> time_to_wait() const;

  const std::shared_ptr<Daemon> daemon_;
  const std::string remote_;
  Random& random_;
  mutable std::mutex mutex_;
  SteadyTime not_before_{};  // pause of the provider; a read that succeeds ends it
};

}  // namespace modelfloat::store::rclone
