#include "modelfloat/transfer/packs/upload.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "modelfloat/base/log.h"
#include "modelfloat/base/thread.h"

namespace modelfloat::transfer {

static std::uint64_t max_object_bytes(const Targets& targets) {
  std::uint64_t most = UINT64_MAX;
  for (const PoolStore* target : targets.stores) {
    if (target->use == StoreUse::in_use) most = std::min(most, target->store->traits().max_object_bytes);
  }
  return most;
}

Upload::Upload(const UploadContext& context, const UploadPlan& plan, Targets targets)
    : context_(context),
      plan_(plan),
      stream_({context.keys, context.random, context.cpu},
              {plan.redundancy, plan.survive, plan.suite, plan.model_bytes, max_object_bytes(targets)},
              [wakeup = wakeup_] { wakeup->notify(); }),
      delivery_({context.stores, context.random, context.call}, std::move(targets),
                [wakeup = wakeup_] { wakeup->notify(); }) {
  if (context.stores.io().is_concurrent())
    background_ = start_thread([this](const std::stop_token& stop) { run_in_background(stop); });
}

// A pack that failed is lost, so the upload cannot continue after that.
template <typename Work>
void Upload::go_inside(const Work& work) {
  const std::lock_guard lock(mutex_);
  if (failure_) std::rethrow_exception(failure_);
  try {
    work();
  } catch (...) {
    failure_ = std::current_exception();
    throw;
  }
}

void Upload::add(mf1::EncodedFragment fragment) {
  go_inside([&] {
    stream_.add(std::move(fragment));
    handle_arrived_answers();
    stream_.wait_for_memory();
    while (stream_.fill(MoreFragments::may_come)) seal(MoreFragments::may_come);
  });
}

void Upload::finish() {
  go_inside([&] {
    do {
      while (stream_.fill(MoreFragments::none)) seal(MoreFragments::may_come);
      seal(MoreFragments::none);
      wait_until_durable();
    } while (!stream_.is_empty());  // true if a pack was given up meanwhile
  });
}

std::uint64_t Upload::stored_bytes() const {
  const std::lock_guard lock(mutex_);
  return delivery_.put_bytes();
}

std::set<StoreId> Upload::stores() const {
  const std::lock_guard lock(mutex_);
  return stores_;
}

std::uint64_t Upload::packs() const {
  const std::lock_guard lock(mutex_);
  return packs_.size();
}

std::vector<PackId> Upload::durable_packs() const {
  const std::lock_guard lock(mutex_);
  return packs_;
}

// --- the background thread -----------------------------------------------------------------------

void Upload::Wakeup::notify() {
  const std::lock_guard lock(mutex);
  any = true;
  signalled.notify_all();
}

void Upload::run_in_background(const std::stop_token& stop) {
  SteadyTime next_event = SteadyTime::max();
  for (;;) {
    {
      std::unique_lock lock(wakeup_->mutex);
      const auto any = [this] { return wakeup_->any; };
      context_.stores.clock().wait_until(wakeup_->signalled, lock, stop, next_event, any);
      if (stop.stop_requested()) return;
      wakeup_->any = false;
    }
    try {
      go_inside([&] {
        handle_arrived_answers();
        next_event = delivery_.next_event();
      });
    } catch (...) {
      return;  // the next call throws it
    }
  }
}

// --- with the mutex held -------------------------------------------------------------------------

// Handles what has come, without waiting.
void Upload::handle_arrived_answers() {
  if (auto sealed = stream_.sealed_if_ready()) deliver(std::move(sealed));
  while (pack_ && delivery_.poll() != DeliveryState::under_way) delivery_ended();
}

void Upload::wait_until_durable() {
  if (stream_.is_sealing()) deliver(stream_.wait_until_sealed());
  while (pack_) {
    delivery_.wait();
    delivery_ended();
  }
}

// If the previous pack is given up meanwhile, so is the open one, and nothing is sealed here: the
// fragments of the previous pack come first.
void Upload::seal(MoreFragments more) {
  wait_until_durable();
  stream_.seal(more);
  handle_arrived_answers();
}

void Upload::deliver(PackStream::Sealed pack) {
  pack_ = std::move(pack);
  ShardsToDeliver shards{.pack = pack_->pack, .objects = {}};
  for (std::size_t index = 0; index < pack_->pack.shard_count(); ++index) {
    const Bytes& object = pack_->shards[pack_->shards.size() == 1 ? 0 : index];
    shards.objects.push_back({index, std::shared_ptr<const Bytes>(pack_, &object)});
  }
  delivery_.start(std::move(shards));
}

void Upload::delivery_ended() {
  switch (delivery_.state()) {
    case DeliveryState::delivered: return pack_is_durable();
    case DeliveryState::stuck: return plan_again();
    default: throw Error(ErrorKind::internal, "upload", "a pack is on its way that nobody delivers");
  }
}

void Upload::pack_is_durable() {
  std::vector<StoreId> places;
  std::vector<registry::CopyProof> proofs;
  for (const ShardPlace& place : delivery_.places()) {
    places.push_back(place.store);
    if (!place.checksum.empty()) proofs.push_back({pack_->pack.shard_name(place.index), place.store, place.checksum});
  }
  context_.registry.transaction([&] {
    context_.registry.add_pack(pack_->pack, pack_->fragments, places);
    context_.registry.record_proofs(proofs, unix_seconds(context_.stores.clock().utc_now()));
  });
  packs_.push_back(pack_->pack.id);
  stores_.insert(places.begin(), places.end());
  if (!delivery_.is_still_read()) stream_.reuse(std::move(pack_->shards));
  pack_.reset();
}

// Plans new packs for the stores that are left. If that is not possible, tries the failed store
// again.
void Upload::plan_again() {
  Redundancy redundancy;
  try {
    redundancy = redundancy_for_stores_left();
  } catch (const Error& refusal) {
    if (refusal.kind == ErrorKind::cancelled || !delivery_.retry()) throw;
    return;
  }
  log_warning(fmt::format("{}; the data is packed anew as {}", delivery_.why(), to_string(redundancy)));
  delivery_.give_up();
  stream_.set_redundancy(redundancy);
  stream_.take_back(*std::exchange(pack_, nullptr));
}

Redundancy Upload::redundancy_for_stores_left() {
  if (!plan_.plan_again) throw Error(ErrorKind::out_of_space, "", delivery_.why());
  try {
    return plan_.plan_again(delivery_.stores_left());
  } catch (const Error& error) {
    if (error.kind == ErrorKind::cancelled || !delivery_.readmit()) throw;
    return plan_.plan_again(delivery_.stores_left());
  }
}

}  // namespace modelfloat::transfer
