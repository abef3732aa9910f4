#include "modelfloat/transfer/upload.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "modelfloat/base/log.h"
#include "modelfloat/mf1/format.h"
#include "modelfloat/transfer/confirmed_put.h"

namespace modelfloat::transfer {

// How many fragments are held back to find one that fills a pack's end.
static constexpr std::size_t k_look_ahead = 6;
// While the fragments of a pack are not all sealed, the next one grows to no more than this part of its size.
static constexpr std::uint64_t k_part_beside_fragments = 4;

Upload::Upload(const UploadContext& context, const UploadPlan& plan, Targets targets)
    : context_(context),
      plan_(plan),
      targets_(std::move(targets.stores)),
      candidates_(std::move(targets.candidates)),
      race_(context.stores.clock(), Race<bool>::Kind::put, context.call, [news = news_] { news->ring(); }) {
  if (context.stores.io().is_concurrent())
    attendant_ = std::jthread([this](const std::stop_token& stop) { attend(stop); });
}

Upload::~Upload() {
  attendant_ = {};                        // stops and joins it
  if (sealing_.valid()) sealing_.wait();  // it works with keys and randomness that are not ours
}

void Upload::add(mf1::EncodedFragment fragment) {
  const std::lock_guard lock(mutex_);
  if (failure_) std::rethrow_exception(failure_);
  bytes_come_ += fragment.bytes.size();
  pending_.push_back(std::move(fragment));
  take_what_came();
  if (builder_ && builder_->used_bytes() > builder_->shape().pack_bytes() / k_part_beside_fragments)
    wait_until_fragments_are_sealed();
  pack_pending(k_look_ahead);
}

void Upload::finish() {
  const std::lock_guard lock(mutex_);
  if (failure_) std::rethrow_exception(failure_);
  pack_pending(0);
  last_ = true;
  if (builder_ && !builder_->empty()) close_pack();
  wait_until_durable();
}

std::uint64_t Upload::stored_bytes() const {
  const std::lock_guard lock(mutex_);
  return stored_bytes_;
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
  for (const PoolStore* target : targets_) max_object = std::min(max_object, target->store->traits().max_object_bytes);
  const std::uint64_t slice =
      placement::slice_bytes(plan_.model_bytes.value_or(bytes_come_), plan_.redundancy, max_object);
  return {static_cast<std::uint8_t>(plan_.redundancy.k), static_cast<std::uint8_t>(plan_.redundancy.m), slice,
          static_cast<std::uint8_t>(plan_.survive)};
}

void Upload::close_pack() {
  wait_until_durable();
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
  context_.cpu.submit([task, news = news_] {
    (*task)();
    news->ring();
  });
  take_what_came();
}

// Until then they are in memory beside the shards that they become, and the processors may be busy elsewhere.
void Upload::wait_until_fragments_are_sealed() {
  if (sealing_.valid()) fragments_sealed_.wait();
}

// --- on its way --------------------------------------------------------------------------------------------------------------

void Upload::News::ring() {
  const std::lock_guard lock(mutex);
  any = true;
  came.notify_all();
}

// What the thread of the upload does.
void Upload::attend(const std::stop_token& stop) {
  SteadyTime look = SteadyTime::max();
  for (;;) {
    {
      std::unique_lock lock(news_->mutex);
      const auto any = [this] { return news_->any; };
      context_.stores.clock().wait_until(news_->came, lock, stop, look, any);
      if (stop.stop_requested()) return;
      news_->any = false;
    }
    const std::lock_guard lock(mutex_);
    try {
      take_what_came();
      look = next_overdue();
    } catch (...) {
      failure_ = std::current_exception();
      return;
    }
  }
}

SteadyTime Upload::next_overdue() const {
  SteadyTime next = SteadyTime::max();
  for (const auto& [id, put] : puts_) next = std::min(next, put.give_up);
  return next;
}

// Does what can be done without waiting.
void Upload::take_what_came() {
  if (sealing_.valid() && sealing_.wait_for(std::chrono::seconds(0)) == std::future_status::ready) send(sealing_.get());
  if (!pack_) return;
  while (auto answer = race_.next(context_.stores.clock().steady_now())) settle(*answer);
  give_up_overdue();
}

void Upload::wait_until_durable() {
  if (sealing_.valid()) send(sealing_.get());
  while (pack_) {
    if (auto answer = race_.next(next_overdue())) settle(*answer);
    give_up_overdue();
  }
}

void Upload::send(Sealed pack) {
  pack_ = std::move(pack);
  pack_->targets = place_pack(pack_->sealed.pack, pack_->object(0).size());
  pack_->left = pack_->targets.size();
  for (std::size_t index = 0; index < pack_->targets.size(); ++index) put_shard(index);
}

std::vector<std::size_t> Upload::place_pack(const Pack& pack, std::uint64_t object_bytes) {
  auto chosen = placement::place(candidates_, {pack.k, pack.m}, pack.survive, object_bytes, context_.random.fraction());
  for (const std::size_t target : chosen) {
    auto& free = candidates_[target].free_bytes;
    if (free != UINT64_MAX) free -= std::min(free, object_bytes);
  }
  return chosen;
}

void Upload::put_shard(std::size_t index) {
  const std::size_t target = pack_->targets[index];
  const Milliseconds allowed = context_.stores.patience().allowed(pack_->object(index).size());
  const ObjectName name = ObjectName::of(ObjectType::shard, pack_->sealed.pack.shard_name(index));
  const std::size_t id = race_.ask(
      *targets_[target], allowed,
      [pack = pack_, index, name, where = targets_[target]->name](store::Store& store, const CallOptions& options) {
        put_confirmed(store, where, name, pack->object(index), options);
        return true;
      });
  // Beyond what the call is told itself: it may have had to wait for others of its lane, and a folder that hangs hears nothing.
  const SteadyTime give_up = context_.stores.clock().steady_now() + 2 * allowed + context_.stores.patience().straggler;
  puts_.insert({id, {index, target, give_up}});
  news_->ring();  // the thread waits for what is overdue, too
}

void Upload::settle(Race<bool>::Answer& answer) {
  const Put put = puts_.at(answer.id);
  puts_.erase(answer.id);
  try {
    answer.get();
  } catch (const Error& error) {
    if (error.kind == ErrorKind::cancelled) throw;
    put_failed(put, error);
    return;
  }
  stored_bytes_ += pack_->object(put.index).size();
  if (--pack_->left == 0) pack_is_durable();
}

void Upload::give_up_overdue() {
  const SteadyTime now = context_.stores.clock().steady_now();
  std::vector<Put> overdue;
  std::erase_if(puts_, [&](const auto& entry) {
    if (entry.second.give_up > now) return false;
    race_.cancel(entry.first);
    overdue.push_back(entry.second);
    return true;
  });
  for (const Put& put : overdue) {
    pack_->abandoned_a_put = true;
    put_failed(put, Error(ErrorKind::timed_out, targets_[put.target]->name, "does not answer"));
  }
}

// Another store takes the shard.
void Upload::put_failed(const Put& put, const Error& error) {
  candidates_[put.target].free_bytes = 0;  // not for the packs to come either
  const auto other = replacement(put.index);
  if (!other) {
    throw Error(ErrorKind::out_of_space, targets_[put.target]->name,
                fmt::format("cannot take a shard, and no other store may take it in its place ({})", error.what()));
  }
  log_warning(fmt::format("{} takes a shard instead of {}: {}", targets_[*other]->name, targets_[put.target]->name,
                          error.what()));
  pack_->targets[put.index] = *other;
  put_shard(put.index);
}

// A store with room that keeps the placement valid.
std::optional<std::size_t> Upload::replacement(std::size_t index) const {
  const std::uint64_t bytes = pack_->object(index).size();
  const Pack& pack = pack_->sealed.pack;
  for (const auto& candidate : candidates_) {
    const bool taken = std::find(pack_->targets.begin(), pack_->targets.end(), candidate.store) != pack_->targets.end();
    if (candidate.free_bytes < bytes || (taken && pack.k == 1)) continue;
    std::vector<std::string> domains;
    for (std::size_t i = 0; i < pack_->targets.size(); ++i) {
      domains.push_back(targets_[i == index ? candidate.store : pack_->targets[i]]->domain);
    }
    if (placement::survives(domains, pack.m, pack.survive)) return candidate.store;
  }
  return std::nullopt;
}

void Upload::pack_is_durable() {
  std::vector<StoreId> places;
  for (const std::size_t target : pack_->targets) places.push_back(targets_[target]->id);
  context_.registry.add_pack(pack_->sealed.pack, pack_->sealed.fragments, places);
  if (plan_.on_durable) plan_.on_durable(pack_->sealed.pack.id);
  ++packs_;
  if (!pack_->abandoned_a_put) spare_ = std::move(pack_->sealed.shards);
  pack_.reset();
}

}  // namespace modelfloat::transfer
