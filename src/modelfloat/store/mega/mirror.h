#pragma once
// A local copy of our folder's tree on the server, kept up to date by the account's events.

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "modelfloat/base/clock.h"
#include "modelfloat/base/random.h"
#include "modelfloat/store/keyed_mutex.h"
#include "modelfloat/store/mega/api.h"
#include "modelfloat/store/mega/tree.h"

namespace modelfloat::store::mega {

// Any thread may call any method. No mutex is held during a request.
class Mirror {
 public:
  // `folder` is the path of our folder, as Tree takes it; `where` names the store in messages. The
  // references outlive this.
  Mirror(Api& api, Clock& clock, Random& random, std::string where, std::string_view folder);

  // Updates the tree from the server. Returns when an update that began after this call has been
  // applied. Threads that call it at the same time share one update.
  void refresh(const CallOptions& options);
  // The same, but throws Error{offline} when our folder is missing.
  void require_home(const CallOptions& options);
  // Makes our folder and its parents where they are missing.
  void make_home(const CallOptions& options);
  // The handle of a folder below ours, such as "mf1/shard/7f"; makes it when it is missing.
  Handle folder_for(const std::string& path, const CallOptions& options);

  // Calls work(Tree&) with the mutex held and returns its result.
  template <typename Work>
  auto with_tree(Work work) {
    const std::lock_guard lock(mutex_);
    return work(tree_);
  }
  // Makes the next update read all nodes again.
  void forget();

  // Waits until pending(const Tree&) returns no nodes any more. Events confirm our own nodes too,
  // usually at once. A node that no event has confirmed after some seconds does not exist, whatever
  // the answer to our call said: it is erased from the tree.
  template <typename Pending>
  void wait_until_applied(const Pending& pending, const CallOptions& options) {
    require_home(options);
    for (Milliseconds pause(250); !with_tree(pending).empty(); pause *= 2) {
      if (pause > k_longest_event_pause) {
        return with_tree([&](Tree& tree) {
          for (const Handle handle : pending(tree)) tree.erase(handle);
        });
      }
      clock_.sleep_for(pause, options.stop);
      require_home(options);
    }
  }

 private:
  static constexpr Milliseconds k_longest_event_pause{2000};

  void bring_up_to_date(const CallOptions& options);
  void make_folders(Handle parent, const std::vector<std::string>& names, const CallOptions& options);
  template <typename Done>
  void wait_until(std::unique_lock<std::mutex>& lock, const Done& done, const CallOptions& options);

  Api& api_;
  Clock& clock_;
  Random& random_;
  const std::string where_;
  KeyedMutex making_folders_;

  std::mutex mutex_;  // guards what follows
  std::condition_variable_any changed_;
  Tree tree_;
  std::uint64_t refreshes_begun_ = 0;
  std::uint64_t refreshes_done_ = 0;  // the number of the last one that succeeded
  bool refreshing_ = false;
};

}  // namespace modelfloat::store::mega
