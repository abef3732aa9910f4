#pragma once
// Our folder as the server has it, kept up to date by the account's events.

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

// Shared by all threads. Nothing is locked while anything is sent.
class Mirror {
 public:
  // `folder` is ours, as Tree takes it; `where` names the store in messages. The references outlive
  // this.
  Mirror(Api& api, Clock& clock, Random& random, std::string where, std::string_view folder);

  // Returns when a look at the server that began after this call did has been taken over. Threads
  // that want one at the same time share it.
  void refresh(const CallOptions& options);
  // The same; Error{offline} when our folder is not there.
  void require_home(const CallOptions& options);
  // Makes our folder and those on the way to it where they are missing.
  void make_home(const CallOptions& options);
  // A folder below ours, such as "mf1/shard/7f"; made where it is missing.
  Handle folder_for(const std::string& path, const CallOptions& options);

  // work(Tree&), with nobody else at it.
  template <typename Work>
  auto with_tree(Work work) {
    const std::lock_guard lock(mutex_);
    return work(tree_);
  }
  // The next look reads all nodes anew.
  void forget();

  // Events tell of our own nodes too, mostly at once. A node that they don't tell of in some
  // seconds is none, whatever the answer to our call said. Waits for those that pending(const
  // Tree&) gives, and erases what is left of them.
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
  std::uint64_t refreshes_done_ = 0;  // the number of the last one that ended well
  bool refreshing_ = false;
};

}  // namespace modelfloat::store::mega
