#include "modelfloat/server/event_log.h"

#include <algorithm>
#include <charconv>

#include "modelfloat/base/hex.h"

namespace modelfloat::server {
namespace {

// So that a reader that is far behind does not hold the whole log while its client is slow.
constexpr std::size_t k_batch_events = 32;

std::size_t bytes_of(const Event& event) noexcept { return event.type.size() + event.data.size(); }

}  // namespace

EventLog::EventLog(Clock& clock, Random& random, EventLogOptions options)
    : clock_(clock), run_(to_hex(random.array<4>())), options_(options) {}

void EventLog::publish(std::string_view type, std::string data) {
  const std::lock_guard lock(mutex_);
  auto event = std::make_shared<const Event>(Event{++newest_, std::string(type), std::move(data)});
  bytes_ += bytes_of(*event);
  events_.push_back(std::move(event));
  while (events_.size() > options_.most_events || (bytes_ > options_.most_bytes && !events_.empty())) {
    bytes_ -= bytes_of(*events_.front());
    events_.pop_front();
  }
  changed_.notify_all();
}

std::uint64_t EventLog::newest() const {
  const std::lock_guard lock(mutex_);
  return newest_;
}

std::string EventLog::id_of(std::uint64_t number) const { return run_ + "-" + std::to_string(number); }

std::optional<std::uint64_t> EventLog::number_of(std::string_view id) const {
  if (!id.starts_with(run_ + "-")) return std::nullopt;
  id.remove_prefix(run_.size() + 1);
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), number);
  if (error != std::errc{} || end != id.data() + id.size() || number > newest()) return std::nullopt;
  return number;
}

EventLog::Batch EventLog::wait(std::uint64_t after, Milliseconds longest, const std::stop_token& stop) {
  Batch batch;
  std::unique_lock lock(mutex_);
  clock_.wait_until(changed_, lock, stop, clock_.steady_now() + longest, [&] { return closed_ || newest_ > after; });
  batch.closed = closed_;
  if (newest_ <= after) return batch;
  batch.missed = events_.empty() || events_.front()->number > after + 1;
  if (batch.missed) return batch;
  const auto first = events_.begin() + static_cast<std::ptrdiff_t>(after + 1 - events_.front()->number);
  const auto count = std::min<std::ptrdiff_t>(events_.end() - first, k_batch_events);
  batch.events.assign(first, first + count);
  return batch;
}

void EventLog::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  changed_.notify_all();
}

}  // namespace modelfloat::server
