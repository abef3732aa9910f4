#pragma once
// Tells clients when a store comes online or goes offline: as events `store`.

#include <map>
#include <string>
#include <thread>

#include "modelfloat/server/event_log.h"
#include "modelfloat/transfer/stores/store_set.h"

namespace modelfloat::server {

// Watches by a thread of its own while it lives.
class StoreWatch {
 public:
  // `stores` and `events` outlive it.
  StoreWatch(const transfer::StoreSet& stores, EventLog& events);

 private:
  using States = std::map<std::string, bool>;  // by name: whether it is online; without those that are pending
  States look() const;
  void watch(const std::stop_token& stop);

  const transfer::StoreSet& stores_;
  EventLog& events_;
  std::jthread watcher_;
};

}  // namespace modelfloat::server
