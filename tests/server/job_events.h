#pragma once
// Waits for what a job becomes, by its events.

#include <functional>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "modelfloat/server/event_log.h"

namespace modelfloat::test {

// The first event about this job for which `wanted` is true, also one of the past. Fails after a
// minute, and returns null.
inline nlohmann::json wait_for_job(server::EventLog& events, const std::string& id,
                                   const std::function<bool(const nlohmann::json&)>& wanted) {
  for (std::uint64_t after = 0;;) {
    const auto batch = events.wait(after, Milliseconds{60'000}, {});
    if (batch.events.empty()) break;
    for (const auto& event : batch.events) {
      after = event->number;
      if (event->type != "job") continue;
      auto job = nlohmann::json::parse(event->data);
      if (job["id"] == id && wanted(job)) return job;
    }
  }
  ADD_FAILURE() << "the job " << id << " does not get there";
  return {};
}

}  // namespace modelfloat::test
