#include "modelfloat/transfer/packs/upload.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "modelfloat/base/log.h"
#include "modelfloat/base/thread.h"
#include "modelfloat/mf1/format.h"
#include "modelfloat/mf1/pack_reader.h"
#include "modelfloat/transfer/ask/confirmed_put.h"
#include "modelfloat/transfer/stores/needed_wait.h"

namespace modelfloat::transfer {

// How many fragments are held back to find one that fills a pack's end.
static constexpr std::size_t k_look_ahead = 6;
// While the fragments of a pack are not all sealed, the next one grows to no more than this part of its size.
static constexpr std::uint64_t k_part_beside_fragments = 4;

Upload::Upload(const UploadContext& context, const UploadPlan& plan, Targets targets)
    : context_(context),
      plan_(plan),
      redundancy_(plan.redundancy),
      targets_(std::move(targets)),
      race_(context.stores.clock(), CallKind::put, context.call, [wakeup = wakeup_] { wakeup->notify(); }) {
  if (context.stores.io().is_concurrent())
    background_ = start_thread([this](const std::stop_token& stop) { run_in_background(stop); });
}

Upload::~Upload() {
  background_ = {};                       // stops and joins it
  if (sealing_.valid()) sealing_.wait();  // it works with keys and randomness that are not ours
}

void Upload::add(mf1::EncodedFragment fragment) {
  const std::lock_guard lock(mutex_);
  if (failure_) std::rethrow_exception(failure_);
  bytes_come_ += fragment.bytes.size();
  pending_.push_back(std::move(fragment));
  handle_arrived_answers();
  if (builder_ && builder_->used_bytes() > builder_->shape().pack_bytes() / k_part_beside_fragments)
    wait_until_fragments_are_sealed();
  pack_pending(k_look_ahead);
}

void Upload::finish() {
  const std::lock_guard lock(mutex_);
  if (failure_) std::rethrow_exception(failure_);
  do {
    last_ = false;
    pack_pending(0);
    last_ = true;
    if (builder_) close_pack();
    wait_until_durable();
  } while (!pending_.empty() || builder_);  // a pack was given up meanwhile
}

std::uint64_t Upload::stored_bytes() const {
  const std::lock_guard lock(mutex_);
  return stored_bytes_;
}

std::set<StoreId> Upload::stores() const {
  const std::lock_guard lock(mutex_);
  return stores_;
}

std::uint64_t Upload::packs() const {
  const std::lock_guard lock(mutex_);
  return packs_;
}

// Moves fragments into packs until at most `keep` are pending. A pack takes the oldest while it fits; when it doesn't, the largest that does;
// when none does, the pack is full.
void Upload::pack_pending(std::size_t keep) {
  while (pending_.size() > keep) {
    if (!builder_) builder_.emplace(next_shape());
    auto chosen = pending_.begin();
    if (!builder_->fits(chosen->bytes.size())) {
      chosen = pending_.end();
      for (auto one = pending_.begin(); one != pending_.end(); ++one) {
        const bool larger = chosen == pending_.end() || one->bytes.size() > chosen->bytes.size();
        if (builder_->fits(one->bytes.size()) && larger) chosen = one;
      }
    }
    if (chosen == pending_.end()) {
      close_pack();
      continue;
    }
    builder_->add(std::move(*chosen));
    pending_.erase(chosen);
  }
}

mf1::PackShape Upload::next_shape() const {
  std::uint64_t max_object = UINT64_MAX;
  for (const PoolStore* target : targets_.stores)
    max_object = std::min(max_object, target->store->traits().max_object_bytes);
  const std::uint64_t slice = placement::slice_bytes(plan_.model_bytes.value_or(bytes_come_), redundancy_, max_object);
  return {redundancy_, slice, static_cast<std::uint8_t>(plan_.survive)};
}

void Upload::close_pack() {
  wait_until_durable();
  if (!builder_) return;  // the pack before was given up, and its fragments come first
  // std::function wants something that can be copied.
  auto builder = std::make_shared<mf1::PackBuilder>(std::move(*builder_));
  builder_.reset();
  auto spare = std::make_shared<std::vector<Bytes>>(std::exchange(spare_, {}));
  auto fragments_sealed = std::make_shared<std::promise<void>>();
  fragments_sealed_ = fragments_sealed->get_future();
  auto task = std::make_shared<std::packaged_task<Sealed()>>(
      [context = &context_, suite = plan_.suite, last = last_, builder, spare, fragments_sealed] {
        std::promise<void> sealed = std::move(*fragments_sealed);  // when this ends otherwise, who waits is told, too
        auto pack = std::make_shared<Outgoing>();
        pack->sealed = mf1::seal(std::move(*builder), context->keys, suite, context->random, last, std::move(*spare),
                                 [&] { sealed.set_value(); });
        return pack;
      });
  sealing_ = task->get_future();
  context_.cpu.submit([task, wakeup = wakeup_] {
    (*task)();
    wakeup->notify();
  });
  handle_arrived_answers();
}

// Until then they are in memory beside the shards that they become, and the processors may be busy elsewhere.
void Upload::wait_until_fragments_are_sealed() {
  if (sealing_.valid()) fragments_sealed_.wait();
}

// --- on its way --------------------------------------------------------------------------------------------------------------

void Upload::Wakeup::notify() {
  const std::lock_guard lock(mutex);
  any = true;
  signalled.notify_all();
}

// What the thread of the upload does.
void Upload::run_in_background(const std::stop_token& stop) {
  SteadyTime look = SteadyTime::max();
  for (;;) {
    {
      std::unique_lock lock(wakeup_->mutex);
      const auto any = [this] { return wakeup_->any; };
      context_.stores.clock().wait_until(wakeup_->signalled, lock, stop, look, any);
      if (stop.stop_requested()) return;
      wakeup_->any = false;
    }
    const std::lock_guard lock(mutex_);
    try {
      handle_arrived_answers();
      look = next_look();
    } catch (...) {
      failure_ = std::current_exception();
      return;
    }
  }
}

SteadyTime Upload::next_look() const {
  SteadyTime next = SteadyTime::max();
  for (const auto& call : race_.under_way()) next = std::min(next, call.tag.give_up);
  for (const Retry& retry : retries_) next = std::min(next, retry.at);
  return next;
}

// Does what can be done without waiting.
void Upload::handle_arrived_answers() {
  if (sealing_.valid() && sealing_.wait_for(std::chrono::seconds(0)) == std::future_status::ready) send(sealing_.get());
  if (!pack_) return;
  while (auto answer = race_.next(context_.stores.clock().steady_now())) handle_answer(*answer);
  give_up_overdue();
  make_due_retries();
}

void Upload::wait_until_durable() {
  if (sealing_.valid()) send(sealing_.get());
  while (pack_) {
    wait_for_answer();
    give_up_overdue();
    make_due_retries();
  }
}

void Upload::wait_for_answer() {
  if (!race_.under_way().empty()) {
    if (auto answer = race_.next(next_look())) handle_answer(*answer);
    return;
  }
  Clock& clock = context_.stores.clock();
  const auto rest = std::chrono::ceil<Milliseconds>(next_look() - clock.steady_now());
  clock.sleep_for(std::max(Milliseconds(0), rest), context_.call.stop);
  check_cancelled(context_.call, clock, "stores");
}

void Upload::send(Sealed pack) {
  pack_ = std::move(pack);
  const std::uint64_t object_bytes = pack_->object(0).size();
  try {
    place_pack();
  } catch (const Error& error) {
    if (error.kind != ErrorKind::out_of_space) throw;
    if (!drop_candidates_below(object_bytes) && !has_failed_since_planned_) throw;
    plan_again(error.what(), std::nullopt);
    return;
  }
  pack_->left = pack_->targets.size();
  for (std::size_t index = 0; index < pack_->targets.size(); ++index) put_shard(index);
}

void Upload::place_pack() {
  const Pack& pack = pack_->sealed.pack;
  const std::uint64_t object_bytes = pack_->object(0).size();
  pack_->targets =
      placement::place(targets_.candidates, {pack.k, pack.m}, pack.survive, object_bytes, context_.random.fraction());
  for (const std::size_t target : pack_->targets) {
    auto& free = targets_.candidates[target].free_bytes;
    if (free != UINT64_MAX) free -= std::min(free, object_bytes);
  }
}

// Else a new plan would count on them again. Whether there was any.
bool Upload::drop_candidates_below(std::uint64_t object_bytes) {
  bool any = false;
  for (auto& candidate : targets_.candidates) {
    if (candidate.free_bytes == 0 || candidate.free_bytes >= object_bytes) continue;
    candidate.free_bytes = 0;
    any = true;
  }
  return any;
}

void Upload::put_shard(std::size_t index) {
  const std::size_t target = pack_->targets[index];
  const Milliseconds allowed = context_.stores.timeouts().allowed(pack_->object(index).size());
  const ObjectName name = ObjectName::of(ObjectType::shard, pack_->sealed.pack.shard_name(index));
  // Beyond what the call is told itself: it may have had to wait for others of its queue, and a folder that hangs hears nothing.
  const SteadyTime give_up = context_.stores.clock().steady_now() + 2 * allowed + context_.stores.timeouts().straggler;
  race_.ask(*targets_.stores[target], allowed, {index, target, give_up},
            [pack = pack_, index, name, where = targets_.stores[target]->name](store::Store& store,
                                                                               const CallOptions& options) {
              put_confirmed(store, where, name, pack->object(index), options);
              return true;
            });
  wakeup_->notify();  // the thread waits for what is overdue, too
}

void Upload::handle_answer(const Race<bool, Put>::Answer& answer) {
  const Put& put = answer.tag;
  if (answer.error) {
    put_failed(put, *answer.error);
    return;
  }
  targets_.stores[put.target]->state->put_succeeded();
  needed_since_.erase(put.target);
  readmitted_.erase(put.target);
  stored_bytes_ += pack_->object(put.index).size();
  if (--pack_->left == 0) pack_is_durable();
}

void Upload::give_up_overdue() {
  const SteadyTime now = context_.stores.clock().steady_now();
  const auto overdue = race_.cancel_if([now](const auto& call) { return call.tag.give_up <= now; });
  if (overdue.empty()) return;
  pack_->abandoned_a_put = true;
  for (const auto& [store, put] : overdue) {
    if (!pack_) return;  // given up with the one before
    const Error error(ErrorKind::timed_out, targets_.stores[put.target]->name, "does not answer");
    targets_.stores[put.target]->state->put_failed(error);
    put_failed(put, error);
  }
}

// Another store takes the shard; else the stores that are left get other packs; else this one is asked again.
void Upload::put_failed(const Put& put, const Error& error) {
  std::uint64_t& free_bytes = targets_.candidates[put.target].free_bytes;
  if (free_bytes > 0) room_when_failed_[put.target] = free_bytes;
  free_bytes = 0;  // not for the packs to come either
  failed_.insert_or_assign(put.target, error);
  has_failed_since_planned_ = true;
  const std::string& name = targets_.stores[put.target]->name;
  if (const auto other = replacement(put.index)) {
    log_warning(fmt::format("{} takes a shard instead of {}: {}", targets_.stores[*other]->name, name, error.what()));
    pack_->targets[put.index] = *other;
    put_shard(put.index);
    return;
  }
  const std::string why =
      fmt::format("{} cannot take a shard, and no other store may take it in its place ({})", name, error.what());
  try {
    plan_again(why, put.target);
  } catch (const Error& refusal) {
    if (refusal.kind == ErrorKind::cancelled || !retry_later(put)) throw;
  }
}

// Where the store asked for a moment: it is in the plan again.
bool Upload::retry_later(const Put& put) {
  const PoolStore& store = *targets_.stores[put.target];
  const auto moment = store.state->moment(CallKind::put);
  if (!moment) return false;
  const Clock& clock = context_.stores.clock();
  const auto [since, is_first] = needed_since_.emplace(put.target, clock.steady_now());
  const Timeouts& timeouts = context_.stores.timeouts();
  if (!is_worth_waiting_for(*moment, since->second, clock.steady_now(), timeouts, context_.call)) return false;
  if (is_first) warn_of_wait(store.name, *moment, since->second, clock, timeouts);
  targets_.candidates[put.target].free_bytes = room_when_failed_[put.target];
  retries_.push_back({put.index, put.target, moment->again});
  wakeup_->notify();
  return true;
}

void Upload::make_due_retries() {
  const SteadyTime now = context_.stores.clock().steady_now();
  std::vector<Retry> due;
  std::erase_if(retries_, [&](const Retry& retry) {
    if (retry.at > now) return false;
    due.push_back(retry);
    return true;
  });
  for (const Retry& retry : due) {
    targets_.stores[retry.target]->state->end_pause(CallKind::put);
    put_shard(retry.index);
  }
}

// Throws when there is no other plan.
void Upload::plan_again(const std::string& why, std::optional<std::size_t> failed) {
  if (!plan_.plan_again) throw Error(ErrorKind::out_of_space, "", why);
  try {
    redundancy_ = plan_.plan_again({targets_, failed_});
  } catch (const Error& error) {
    if (error.kind == ErrorKind::cancelled || !readmit_who_asked_for_a_moment(failed)) throw;
    redundancy_ = plan_.plan_again({targets_, failed_});
  }
  has_failed_since_planned_ = false;
  log_warning(fmt::format("{}; the data is packed anew as {}", why, to_string(redundancy_)));
  take_fragments_back();
}

// Stores that were left out because others could stand in, which is over. Each once, until it has taken something.
bool Upload::readmit_who_asked_for_a_moment(std::optional<std::size_t> but) {
  bool any = false;
  for (const auto& [target, room] : room_when_failed_) {
    std::uint64_t& free_bytes = targets_.candidates[target].free_bytes;
    if (target == but || free_bytes > 0 || !targets_.stores[target]->state->moment(CallKind::put)) continue;
    if (!readmitted_.insert(target).second) continue;
    free_bytes = room;
    any = true;
  }
  return any;
}

// Those of the pack under way, then those of the one that was being filled, wait before all others to be packed anew.
void Upload::take_fragments_back() {
  race_.cancel_all();
  retries_.clear();
  const Sealed given_up = std::exchange(pack_, nullptr);
  auto back = mf1::encoded_fragments_of(given_up->sealed, context_.keys);
  if (builder_) {
    auto next = builder_->release();
    back.insert(back.end(), std::make_move_iterator(next.begin()), std::make_move_iterator(next.end()));
    builder_.reset();
  }
  pending_.insert(pending_.begin(), std::make_move_iterator(back.begin()), std::make_move_iterator(back.end()));
}

// A store with room that keeps the placement valid.
std::optional<std::size_t> Upload::replacement(std::size_t index) const {
  const std::uint64_t bytes = pack_->object(index).size();
  const Pack& pack = pack_->sealed.pack;
  for (const auto& candidate : targets_.candidates) {
    const bool taken = std::find(pack_->targets.begin(), pack_->targets.end(), candidate.store) != pack_->targets.end();
    if (candidate.free_bytes < bytes || (taken && pack.k == 1)) continue;
    std::vector<std::string> domains;
    for (std::size_t i = 0; i < pack_->targets.size(); ++i) {
      domains.push_back(targets_.stores[i == index ? candidate.store : pack_->targets[i]]->domain);
    }
    if (placement::survives(domains, pack.m, pack.survive)) return candidate.store;
  }
  return std::nullopt;
}

void Upload::pack_is_durable() {
  std::vector<StoreId> places;
  for (const std::size_t target : pack_->targets) places.push_back(targets_.stores[target]->id);
  context_.registry.add_pack(pack_->sealed.pack, pack_->sealed.fragments, places);
  if (plan_.on_durable) plan_.on_durable(pack_->sealed.pack.id);
  stores_.insert(places.begin(), places.end());
  ++packs_;
  if (!pack_->abandoned_a_put) spare_ = std::move(pack_->sealed.shards);
  pack_.reset();
}

}  // namespace modelfloat::transfer
