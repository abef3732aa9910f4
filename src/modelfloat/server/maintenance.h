#pragma once
// What a server does for its pool when nobody asks: which job, when, and how much it may move. Pure:
// the clock, the stores and what was done before come in, a decision goes out.

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "modelfloat/base/clock.h"

namespace modelfloat::server {

// A part of each day, by UTC. It may go over midnight.
struct DayWindow {
  std::chrono::minutes begin{0};
  std::chrono::minutes end{0};
  bool contains(UtcTime time) const noexcept;
  bool operator==(const DayWindow&) const = default;
};
// Parses "01:00-06:00". Throws Error{invalid} for anything else, and for a window that is empty.
DayWindow parse_day_window(std::string_view text);

// [maintenance] of config.toml.
struct MaintenancePolicy {
  bool enabled = true;
  // All objects are read within so many days, a part of them each day; 0: never by itself.
  std::uint32_t scrub_days = 30;
  // How long a store may be offline before what it has is made again on others.
  std::uint32_t repair_after_hours = 24;
  std::optional<DayWindow> window;  // nullopt: always. Jobs begin in it; they may end after it
  // What maintenance may move in one day of UTC, in bytes; nullopt: not limited.
  std::optional<std::uint64_t> download_per_day;
  std::optional<std::uint64_t> upload_per_day;
};

// What maintenance wants to be done: a kind of job_kinds(), and its options.
struct MaintenanceJob {
  enum class Kind { repair, verify } kind = Kind::repair;
  std::optional<std::uint64_t> budget_bytes = std::nullopt;
  // Of a repair: stores that are offline and not given up yet.
  std::set<std::string> wait_for = {};
  // Of a verify: which share of all bytes it reads, those first that were proven right longest ago.
  double sample_percent = 0;
  bool operator==(const MaintenanceJob&) const = default;
};

// How a job that maintenance began has ended.
struct MaintenanceOutcome {
  enum class End { done, failed, cancelled } end = End::done;
  // By its report; nullopt when there is none.
  std::optional<std::uint64_t> bytes_read = {};
  std::optional<std::uint64_t> bytes_written = {};
  bool wrote_something = false;
  bool left_something = false;  // that should have been written
};

// What is kept between two runs of the program. Times of 0 (1970) mean never.
struct MaintenanceRecord {
  UtcTime scrubbed_at{};          // when the last part of the reading began, or maintenance itself
  UtcTime repaired_at{};          // when the last repair ended
  bool is_settled = true;         // that repair found nothing to write
  std::uint64_t damage_left = 0;  // damaged copies that it could not help
  // The stores that it did without, and that were not online since.
  std::set<std::string> repaired_without;
  std::map<std::string, Milliseconds> offline{};  // by store: for how long it was seen offline
  std::int64_t day = 0;                           // of UTC since 1970, to which these two belong:
  std::uint64_t downloaded = 0;
  std::uint64_t uploaded = 0;
  std::map<std::string, UtcTime> not_before{};  // by kind: after one that failed

  // The job that was begun and whose end is not known yet.
  std::string job;  // its id; empty: none
  std::string job_kind;
  UtcTime job_began{};
  std::uint64_t charged_download = 0;  // already counted in `downloaded`, if `job_day` is `day`
  std::uint64_t charged_upload = 0;
  std::int64_t job_day = 0;
  std::set<std::string> job_without;  // stores

  bool operator==(const MaintenanceRecord&) const = default;
};
// JSON. The second returns a new record for a text that it does not understand.
std::string to_text(const MaintenanceRecord&);
MaintenanceRecord maintenance_record_of(std::string_view text);

// What maintenance sees when it looks.
struct MaintenanceView {
  enum class Presence { online, offline, unknown };
  struct Store {
    std::string id;
    Presence presence = Presence::unknown;
  };
  UtcTime now;
  std::vector<Store> stores;
  std::uint64_t damaged_copies = 0;  // on stores that are online, by the registry
  bool is_busy = false;              // a job runs or waits
};

// Used by one thread.
class Maintenance {
 public:
  Maintenance(MaintenancePolicy policy, MaintenanceRecord record);

  // To be called about once a minute. Returns the job to begin now, if there is one; begin() says
  // that it is. Looks that are further apart count as two minutes for how long a store was
  // offline.
  std::optional<MaintenanceJob> look(const MaintenanceView& view);
  // The job of the last look() is about to be begun. Its budget is charged: once the record is
  // written, a crash does not give it back. `id` may be any text until it is known.
  void begin(const MaintenanceJob& job, const std::string& id);
  // The job that was begun has this id.
  void has_id(const std::string& id) { record_.job = id; }
  // The job has ended; what was not moved is given back. Without a report all of its budget counts
  // as moved.
  void ended(const MaintenanceOutcome& outcome, UtcTime now);

  const MaintenanceRecord& record() const noexcept { return record_; }

 private:
  void mend_times(UtcTime now);
  void count_offline(const MaintenanceView& view);
  std::set<std::string> away() const;
  std::set<std::string> awaited(const MaintenanceView& view) const;
  bool may_begin(MaintenanceJob::Kind kind, UtcTime now) const;
  bool wants_repair(const MaintenanceView& view) const;
  double scrub_percent(UtcTime now) const;
  std::optional<std::uint64_t> download_left() const;
  std::optional<std::uint64_t> upload_left() const;

  const MaintenancePolicy policy_;
  MaintenanceRecord record_;
  std::optional<UtcTime> looked_at_;
  UtcTime now_{};  // of the last look
};

}  // namespace modelfloat::server
