#include "modelfloat/server/store_watch.h"

#include <nlohmann/json.hpp>

#include "modelfloat/base/thread.h"
#include "modelfloat/server/json.h"

namespace modelfloat::server {

StoreWatch::StoreWatch(const transfer::StoreSet& stores, EventLog& events) : stores_(stores), events_(events) {
  watcher_ = start_thread([this](const std::stop_token& stop) { watch(stop); });
}

StoreWatch::States StoreWatch::look() const {
  States states;
  for (const auto* store : stores_.all()) {
    const auto presence = store->state->presence();
    if (presence != transfer::Presence::pending) states[store->name] = presence == transfer::Presence::online;
  }
  return states;
}

void StoreWatch::watch(const std::stop_token& stop) {
  States told;
  States now;
  while (stores_.wait_for_change([&] { return (now = look()) != told; }, stop) && !stop.stop_requested()) {
    for (const auto& [name, online] : now) {
      const auto before = told.find(name);
      if (before != told.end() && before->second == online) continue;
      events_.publish("store", to_text({{"name", name}, {"state", online ? "online" : "offline"}}));
    }
    told = now;
  }
}

}  // namespace modelfloat::server
