#pragma once
// One remote of rclone's, by the calls of its remote control.

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
  std::string path;  // in the remote
  std::uint64_t size_bytes = 0;
  bool is_folder = false;
  std::optional<std::string> checksum;  // "sha256:..", as ObjectInfo has it
};

// What a remote can do.
struct Features {
  bool shows_partial_uploads = false;  // a file that is being uploaded is there under its name
  bool can_move = false;
  bool keeps_folders = false;  // a folder without files is there all the same
  // Several files of one name in a folder, of which a call by name means any one.
  bool allows_twins = false;
  // That it tells without reading the file: "sha256", "sha1" or "md5"; empty: none.
  std::string checksum;
};

// Paths are relative to the remote's root, or absolute where the remote has such (local, sftp).
// Shared by all threads. Errors: of the kind that rclone's words mean (words.h), with `where`
// naming remote and path; and the daemon's own. One that is rate_limited always says how long to
// wait.
class Rc {
 public:
  Rc(std::shared_ptr<Daemon> daemon, std::string remote, Random& random)
      : daemon_(std::move(daemon)), remote_(std::move(remote)), random_(random) {}

  std::string where(std::string_view path) const { return remote_ + ":" + std::string(path); }

  // Error{offline} when the configuration has no such remote.
  Features features(const CallOptions&);
  Config config(const std::string& name, const CallOptions&);

  // The `checksum` of Features::checksum, or none.
  std::optional<Item> stat(const std::string& path, bool files_only, const std::string& checksum, const CallOptions&);
  // All files of this name.
  std::vector<Item> twins(const std::string& path, const std::string& checksum, const CallOptions&);
  // The files and folders in a folder, or, when `deep`, all files below it. They are handed on as
  // the answer comes. False when there is no such folder.
  bool list(const std::string& path, bool deep, const std::string& checksum,
            const std::function<void(const Item&)>& on_item, const CallOptions&);
  struct Placing {
    // Nothing is there, so rclone need not look; else it replaces what is there.
    bool is_new = false;
    // Under that name from the start, else under another of rclone's own where it can.
    bool in_place = false;
  };
  void upload(const std::string& path, ByteSpan bytes, Placing, const CallOptions&);
  // Bytes from offset on, `range.length` at most, and the size of the whole; nothing when there is
  // no such file.
  struct Part {
    Bytes bytes;
    std::uint64_t whole_bytes = 0;
  };
  // Two requests to the provider at most when it refuses: the second to learn why, unless it has
  // lately asked to wait.
  std::optional<Part> read(const std::string& path, ByteRange range, const CallOptions&);
  // `is_new` as above.
  void move(const std::string& from, const std::string& to, bool is_new, const CallOptions&);
  // Absent is fine.
  void remove(const std::string& path, const CallOptions&);
  void make_folder(const std::string& path, const CallOptions&);
  Space space(const std::string& path, const CallOptions&);

 private:
  nlohmann::json call(std::string_view name, const nlohmann::json& parameters, const std::string& where,
                      const CallOptions&);
  [[noreturn]] void fail(const http::Response& response, const std::string& where);
  std::optional<Part> read_once(const std::string& path, ByteRange range, bool& again,
                                const CallOptions&);          // `again`: what went wrong is gone
  void explain(const std::string& path, const CallOptions&);  // throws why it cannot be read
  void wait_until(SteadyTime time);
  std::optional<Milliseconds> time_to_wait() const;

  const std::shared_ptr<Daemon> daemon_;
  const std::string remote_;
  Random& random_;
  mutable std::mutex mutex_;
  SteadyTime not_before_{};  // what the provider asked for; over with a read that succeeds
};

}  // namespace modelfloat::store::rclone
