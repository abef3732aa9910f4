#include "modelfloat/transfer/packs/delivery.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "modelfloat/base/log.h"
#include "modelfloat/placement/policy.h"
#include "modelfloat/transfer/ask/confirmed_put.h"
#include "modelfloat/transfer/stores/needed_wait.h"

namespace modelfloat::transfer {

static void check_shards(const ShardsToDeliver& shards) {
  const auto refuse = [](const std::string& why) { return Error(ErrorKind::invalid, "delivery", why); };
  if (shards.objects.empty()) throw refuse("has no shard");
  std::set<std::size_t> seen;
  const auto add = [&](std::size_t index) {
    if (index >= shards.pack.shard_count()) throw refuse(fmt::format("the pack has no shard {}", index));
    if (!seen.insert(index).second) throw refuse(fmt::format("shard {} is named twice", index));
  };
  for (const ShardObject& object : shards.objects) add(object.index);
  for (const ShardPlace& place : shards.lying) add(place.index);
  if (seen.size() < std::size_t{shards.pack.k} + shards.pack.survive)
    throw refuse(fmt::format("{} shards are too few", seen.size()));
}

Delivery::Delivery(const DeliveryContext& context, Targets targets, std::function<void()> on_change)
    : context_(context),
      on_change_(std::move(on_change)),
      targets_(std::move(targets)),
      puts_(context.stores.clock(), CallKind::put, context.call, on_change_) {}

void Delivery::notify() const {
  if (on_change_) on_change_();
}

void Delivery::start(ShardsToDeliver shards) {
  check_shards(shards);
  shards_ = std::move(shards);
  at_.assign(shards_.objects.size(), std::nullopt);
  checksums_.assign(at_.size(), {});
  left_ = at_.size();
  is_still_read_ = false;
  state_ = DeliveryState::idle;
  try {
    if (!place_preferred()) place_missing();
  } catch (const Error& error) {
    if (error.kind != ErrorKind::out_of_space) throw;
    if (!drop_candidates_below(object_bytes()) && !has_failed_since_planned_) throw;
    state_ = DeliveryState::stuck;
    why_ = error.what();
    stuck_.reset();
    return;
  }
  state_ = DeliveryState::under_way;
  for (std::size_t position = 0; position < at_.size(); ++position) put_shard(position);
}

// Places the objects that prefer a store there, and the others beside them. Returns false, and places
// nothing, when none prefers one or no such placement is valid.
bool Delivery::place_preferred() {
  bool any = false;
  for (std::size_t position = 0; position < at_.size(); ++position) {
    const auto& prefer = shards_.objects[position].prefer;
    if (!prefer) continue;
    for (std::size_t target = 0; target < targets_.stores.size(); ++target) {
      if (store(target).id != *prefer || free_bytes(target) < object_bytes()) continue;
      at_[position] = target;
      any = true;
    }
  }
  if (!any) return false;
  const auto preferred = at_;
  try {
    place_missing();
  } catch (const Error& error) {
    if (error.kind != ErrorKind::out_of_space) throw;
    at_.assign(at_.size(), std::nullopt);
    return false;
  }
  for (const auto& target : preferred) {
    if (target) take_room(*target);
  }
  return true;
}

void Delivery::take_room(std::size_t target) {
  std::uint64_t& free = free_bytes(target);
  if (free != UINT64_MAX) free -= std::min(free, object_bytes());
}

// Chooses stores for the objects that have none.
void Delivery::place_missing() {
  const Pack& pack = shards_.pack;
  const auto shards = static_cast<unsigned>(shards_.objects.size() + shards_.lying.size());
  const auto chosen = placement::place(targets_.candidates, {pack.k, shards - pack.k}, pack.survive, object_bytes(),
                                       context_.random.fraction(), placed());
  auto next = chosen.begin();
  for (auto& target : at_) {
    if (target) continue;
    target = *next++;
    take_room(*target);
  }
}

std::vector<placement::Placed> Delivery::placed() const {
  std::vector<placement::Placed> all;
  for (const ShardPlace& place : shards_.lying) all.push_back(placed_on(targets_, place.store, place.domain));
  for (const auto& target : at_) {
    if (target) all.push_back({*target, store(*target).domain});
  }
  return all;
}

// Sets the free space of stores with less than `bytes` to 0, because a new plan would use them
// again. Returns whether there was any.
bool Delivery::drop_candidates_below(std::uint64_t bytes) {
  bool any = false;
  for (auto& candidate : targets_.candidates) {
    if (candidate.free_bytes == 0 || candidate.free_bytes >= bytes) continue;
    candidate.free_bytes = 0;
    any = true;
  }
  return any;
}

void Delivery::put_shard(std::size_t position) {
  const ShardObject& object = shards_.objects[position];
  const std::size_t target = at_[position].value();
  const PoolStore& to = store(target);
  const Timeouts& timeouts = context_.stores.timeouts();
  const Milliseconds allowed = timeouts.allowed(object.bytes->size());
  // Later than the call's own deadline: the call may have waited in its queue, and a folder that
  // hangs ignores deadlines.
  const SteadyTime give_up = context_.stores.clock().steady_now() + 2 * allowed + timeouts.straggler;
  const ObjectName name = ObjectName::of(ObjectType::shard, shards_.pack.shard_name(object.index));
  puts_.ask(to, allowed, {position, target, give_up},
            [bytes = object.bytes, name, where = to.name](store::Store& there, const CallOptions& options) {
              return put_confirmed(there, where, name, *bytes, options);
            });
  notify();
}

// --- handling answers ----------------------------------------------------------------------------

DeliveryState Delivery::poll() {
  while (state_ == DeliveryState::under_way) {
    const auto answer = puts_.next(context_.stores.clock().steady_now());
    if (!answer) break;
    handle_answer(*answer);
  }
  give_up_overdue();
  make_due_retries();
  return state_;
}

DeliveryState Delivery::wait() {
  while (state_ == DeliveryState::under_way) {
    wait_for_answer();
    give_up_overdue();
    make_due_retries();
  }
  return state_;
}

std::vector<ShardPlace> Delivery::finish() {
  while (wait() == DeliveryState::stuck) {
    if (retry()) continue;
    give_up();
    throw Error(ErrorKind::out_of_space, "", why_);
  }
  return places_;
}

SteadyTime Delivery::next_event() const {
  SteadyTime next = SteadyTime::max();
  for (const auto& call : puts_.under_way()) next = std::min(next, call.tag.give_up);
  for (const Retry& retry : retries_) next = std::min(next, retry.at);
  return next;
}

void Delivery::wait_for_answer() {
  if (!puts_.under_way().empty()) {
    if (const auto answer = puts_.next(next_event())) handle_answer(*answer);
    return;
  }
  Clock& clock = context_.stores.clock();
  const auto rest = std::chrono::ceil<Milliseconds>(next_event() - clock.steady_now());
  clock.sleep_for(std::max(Milliseconds(0), rest), context_.call.stop);
  check_cancelled(context_.call, clock, "stores");
}

void Delivery::handle_answer(const Puts::Answer& answer) {
  const Put& put = answer.tag;
  if (answer.error) {
    put_failed(put, *answer.error);
    return;
  }
  store(put.target).state->put_succeeded();
  needed_since_.erase(put.target);
  readmitted_.erase(put.target);
  put_bytes_ += object_bytes();
  checksums_[put.position] = *answer.value;
  if (--left_ == 0) become_delivered();
}

void Delivery::become_delivered() {
  places_.clear();
  for (std::size_t position = 0; position < at_.size(); ++position) {
    const PoolStore& there = store(at_[position].value());
    places_.push_back({shards_.objects[position].index, there.id, there.domain, std::move(checksums_[position])});
  }
  shards_ = {};
  state_ = DeliveryState::delivered;
}

void Delivery::give_up_overdue() {
  const SteadyTime now = context_.stores.clock().steady_now();
  while (state_ == DeliveryState::under_way) {
    const auto calls = puts_.under_way();
    const auto overdue =
        std::find_if(calls.begin(), calls.end(), [now](const auto& call) { return call.tag.give_up <= now; });
    if (overdue == calls.end()) return;
    const Put put = overdue->tag;
    puts_.cancel_if([&put](const auto& call) { return call.tag.position == put.position; });
    is_still_read_ = true;
    const Error error(ErrorKind::timed_out, store(put.target).name, "does not answer");
    store(put.target).state->put_failed(error);
    put_failed(put, error);
  }
}

// Places the shard on another store, or becomes stuck.
void Delivery::put_failed(const Put& put, const Error& error) {
  std::uint64_t& free = free_bytes(put.target);
  if (free > 0) room_when_failed_[put.target] = free;
  free = 0;  // not for later packs either
  failed_.insert_or_assign(put.target, error);
  has_failed_since_planned_ = true;
  at_[put.position].reset();
  const std::string& name = store(put.target).name;
  try {
    place_missing();
  } catch (const Error& no_place) {
    if (no_place.kind != ErrorKind::out_of_space) throw;
    state_ = DeliveryState::stuck;
    why_ = fmt::format("{} cannot take a shard, and no other store may take it in its place ({})", name, error.what());
    stuck_ = put;
    return;
  }
  log_warning(
      fmt::format("{} takes a shard instead of {}: {}", store(at_[put.position].value()).name, name, error.what()));
  put_shard(put.position);
}

// --- when it is stuck ----------------------------------------------------------------------------

bool Delivery::readmit() {
  bool any = false;
  for (const auto& [target, room] : room_when_failed_) {
    std::uint64_t& free = free_bytes(target);
    if ((stuck_ && target == stuck_->target) || free > 0) continue;
    if (!store(target).state->availability(CallKind::put).not_before) continue;
    if (!readmitted_.insert(target).second) continue;
    free = room;
    any = true;
  }
  return any;
}

bool Delivery::retry() {
  if (!stuck_) return false;
  const std::size_t target = stuck_->target;
  const auto availability = store(target).state->availability(CallKind::put);
  if (!availability.not_before) return false;
  const Clock& clock = context_.stores.clock();
  const auto [since, is_first] = needed_since_.emplace(target, clock.steady_now());
  const Timeouts& timeouts = context_.stores.timeouts();
  if (!is_worth_waiting_for(availability, since->second, clock.steady_now(), timeouts, context_.call)) return false;
  if (is_first) warn_of_wait(store(target).name, availability, since->second, clock, timeouts);
  free_bytes(target) = room_when_failed_[target];
  at_[stuck_->position] = target;
  retries_.push_back({stuck_->position, target, *availability.not_before});
  state_ = DeliveryState::under_way;
  notify();
  return true;
}

void Delivery::make_due_retries() {
  if (state_ != DeliveryState::under_way) return;
  const SteadyTime now = context_.stores.clock().steady_now();
  std::vector<Retry> due;
  std::erase_if(retries_, [&](const Retry& retry) {
    if (retry.at > now) return false;
    due.push_back(retry);
    return true;
  });
  for (const Retry& retry : due) {
    store(retry.target).state->end_pause(CallKind::put);
    put_shard(retry.position);
  }
}

void Delivery::give_up() {
  puts_.cancel_all();
  retries_.clear();
  shards_ = {};
  has_failed_since_planned_ = false;
  state_ = DeliveryState::idle;
}

}  // namespace modelfloat::transfer
