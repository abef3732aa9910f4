#pragma once
// What a piece of work ends with.

#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "modelfloat/base/cancel.h"
#include "modelfloat/base/error.h"

namespace modelfloat::test {

// The Error that the work throws; nothing when it succeeds. Other exceptions pass.
template <typename Work>
std::optional<Error> thrown_by(Work&& work) {
  try {
    std::forward<Work>(work)();
    return std::nullopt;
  } catch (const Error& error) {
    return error;
  }
}

template <typename Work>
std::optional<ErrorKind> kind_thrown(Work&& work) {
  const auto error = thrown_by(std::forward<Work>(work));
  return error ? std::optional(error->kind) : std::nullopt;
}

// The same of a call that is given its options, when a stop is asked for after this time.
template <typename Call>
std::optional<Error> thrown_when_stopped(std::chrono::steady_clock::duration after, Call&& call) {
  std::stop_source stop;
  CallOptions options;
  options.stop = stop.get_token();
  const std::jthread stopper([&, when = std::chrono::steady_clock::now() + after](const std::stop_token& has_ended) {
    std::mutex mutex;
    std::unique_lock lock(mutex);
    std::condition_variable_any().wait_until(lock, has_ended, when, [] { return false; });
    stop.request_stop();
  });
  return thrown_by([&] { std::forward<Call>(call)(options); });
}

// The same when its deadline comes after this time.
template <typename Call>
std::optional<Error> thrown_by_deadline(std::chrono::steady_clock::duration after, Call&& call) {
  const CallOptions options{{}, std::chrono::steady_clock::now() + after};
  return thrown_by([&] { std::forward<Call>(call)(options); });
}

}  // namespace modelfloat::test
