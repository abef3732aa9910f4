#include "modelfloat/transfer/packs/shard_fetch.h"

#include <algorithm>

#include "modelfloat/mf1/format.h"
#include "modelfloat/transfer/packs/later_parity.h"

namespace modelfloat::transfer {

// Using parity costs the time to rebuild data from it, so it must come that much sooner to be
// better.
static constexpr double k_parity_factor = 1.25;
static constexpr double k_parity_seconds = 0.010;
// An answer is late when it takes this many times as long as the other answers for the same part.
static constexpr double k_late_beside_peers = 2;

bool ShardPart::is_held(std::size_t index) const {
  return std::any_of(held.begin(), held.end(), [&](const Held& one) { return one.copy.index == index; });
}

bool ShardPart::is_complete(std::size_t k) const {
  return held.size() >= k ||
         std::all_of(wanted.begin(), wanted.end(), [&](std::size_t index) { return is_held(index); });
}

ShardFetch::ShardFetch(const Context& context, const Pack& pack, Check check)
    : context_(context),
      pack_(pack),
      check_(std::move(check)),
      needed_(context.stores, CallKind::read),
      race_(context.stores.clock(), CallKind::read, context.call) {
  const std::size_t objects = pack_.k == 1 ? 1 : pack_.shard_count();
  for (std::size_t index = 0; index < objects; ++index) add_shard(index, pack_.shard_name(index), true);
  add_later_parity();
}

void ShardFetch::add_shard(std::size_t index, const Hash256& object, bool named) {
  shards_.push_back(
      {.index = index, .object = object, .places = context_.registry.shard_places(object), .named = named});
}

// Adds later parity that the registry knows and that is not in shards_ yet. Returns whether there
// was any.
bool ShardFetch::add_later_parity() {
  bool any = false;
  for (const registry::StrayShard& stray : later_parity(context_.registry, pack_)) {
    if (std::any_of(shards_.begin(), shards_.end(), [&](const Shard& shard) { return shard.object == stray.object; }))
      continue;
    add_shard(stray.index, stray.object, false);
    for (const PoolStore* store : context_.stores.all()) {
      if (listed_.contains(store)) list_copies(shards_.back(), *store);
    }
    any = true;
  }
  return any;
}

// --- asking for shards ---------------------------------------------------------------------------

// A program that has just started may know of too few online stores. Where no locations are known,
// any k stores may have k shards.
void ShardFetch::wait_for_stores() {
  std::size_t with_places = 0;
  for (const Shard& shard : shards_) with_places += shard.places.empty() ? 0 : 1;
  context_.stores.wait_until(
      [&] {
        list_stores_that_joined();
        if (with_places < pack_.k) return listed_.size() >= pack_.k;
        std::set<std::size_t> indices;
        for (const ShardCopy& copy : copies_) {
          if (copy.known) indices.insert(copy.index);
        }
        return indices.size() >= pack_.k;
      },
      context_.call);
}

void ShardFetch::add(ShardPart& part) {
  parts_.push_back({.part = &part});
  top_up(parts_.back());
}

bool ShardFetch::finish() {
  for (;;) {
    // Read this flag before listing stores: a store that comes online in between is then found by
    // the next iteration.
    const bool more_may_join = context_.stores.checks_are_pending();
    list_stores_that_joined();
    bool open = false;
    for (Progress& progress : parts_) {
      if (progress.part->is_complete(pack_.k)) {
        cancel_calls_of(progress);
        continue;
      }
      top_up(progress);
      const auto calls = race_.under_way();
      const bool waits =
          std::any_of(calls.begin(), calls.end(), [&](const auto& call) { return call.tag.progress == &progress; });
      if (!waits) {
        if (!wait_for_stores_to_join() && !look_for_later_parity() && !wait_for_those_needed()) return false;
        list_stores_that_joined();
      }
      open = true;
    }
    if (!open) return true;
    if (race_.under_way().empty()) continue;
    if (auto answer = race_.next(next_look(more_may_join))) {
      handle_answer(*answer);
    } else {
      mark_late_stores();
    }
  }
}

void ShardFetch::poll() {
  while (auto answer = race_.next(context_.stores.clock().steady_now())) handle_answer(*answer);
  mark_late_stores();
  list_stores_that_joined();
  for (Progress& progress : parts_) {
    if (!progress.part->is_complete(pack_.k)) top_up(progress);
  }
}

void ShardFetch::clear() {
  race_.cancel_all();
  parts_.clear();
}

// Adds the copies on stores that have come online since.
void ShardFetch::list_stores_that_joined() {
  for (const PoolStore* store : context_.stores.online()) {
    if (!listed_.insert(store).second) continue;
    for (const Shard& shard : shards_) list_copies(shard, *store);
  }
}

void ShardFetch::list_copies(const Shard& shard, const PoolStore& store) {
  const bool known = std::find(shard.places.begin(), shard.places.end(), store.id) != shard.places.end();
  if (!known && !shard.named) return;
  copies_.push_back(
      {.index = shard.index, .object = shard.object, .store = &store, .known = known, .named = shard.named});
}

// When no copy is left to ask for: waits for stores that are still pending, and rechecks offline
// stores once.
bool ShardFetch::wait_for_stores_to_join() {
  const auto somebody_new = [this] {
    const auto online = context_.stores.online();
    return std::any_of(online.begin(), online.end(), [&](const PoolStore* store) { return !listed_.contains(store); });
  };
  if (context_.stores.wait_until(somebody_new, context_.call)) return true;
  if (std::exchange(looked_again_, true)) return false;
  context_.stores.recheck(true);
  context_.stores.wait_for_checks(context_.call, context_.stores.timeouts().straggler);
  return somebody_new();
}

// When no store has more of the shards that the manifest names.
bool ShardFetch::look_for_later_parity() {
  if (pack_.k == 1 || std::exchange(looked_for_parity_, true)) return false;
  find_stray_shards(context_.stores, context_.registry, context_.call);
  return add_later_parity();
}

// Waits for stores that asked for a pause; copies without an answer may then be asked for again.
bool ShardFetch::wait_for_those_needed() {
  if (!needed_.wait(context_.call)) return false;
  for (Progress& progress : parts_) {
    for (const auto& copy : progress.unanswered) progress.tried.erase(copy);
    progress.unanswered.clear();
  }
  return true;
}

bool ShardFetch::knows_copy_of(std::size_t index) {
  list_stores_that_joined();
  return std::any_of(copies_.begin(), copies_.end(), [&](const ShardCopy& copy) {
    return copy.known && copy.index == index && may_be_asked(*copy.store, false, Lateness::none);
  });
}

bool ShardFetch::knows_enough() {
  std::size_t known = 0;
  for (std::size_t index = 0; index < pack_.k + Redundancy::k_max_parity; ++index)
    known += knows_copy_of(index) ? 1 : 0;
  return known >= pack_.k;
}

std::uint64_t ShardFetch::bytes_of(const ShardPart& part) const {
  return std::min<std::uint64_t>(part.range.length, mf1::k_header_bytes + pack_.slice_bytes);
}

// Whether the shard is held, or was requested from a store that is not late.
bool ShardFetch::is_covered(const Progress& progress, std::size_t index) const {
  const auto calls = race_.under_way();
  return progress.part->is_held(index) || std::any_of(calls.begin(), calls.end(), [&](const auto& call) {
           const Asked& asked = call.tag;
           return asked.progress == &progress && asked.copy.index == index && asked.timer.lateness() == Lateness::none;
         });
}

std::size_t ShardFetch::asked_or_held(const Progress& progress) const {
  std::size_t covered = 0;
  for (std::size_t index = 0; index < pack_.k + Redundancy::k_max_parity; ++index)
    covered += is_covered(progress, index) ? 1 : 0;
  return covered;
}

// The lateness of the part's call that is most late.
Lateness ShardFetch::lateness_of(const Progress& progress) const {
  Lateness worst = Lateness::none;
  for (const auto& call : race_.under_way()) {
    if (call.tag.progress == &progress) worst = std::max(worst, call.tag.timer.lateness());
  }
  return worst;
}

void ShardFetch::top_up(Progress& progress) {
  const auto& wanted = progress.part->wanted;
  if (wanted.size() == pack_.k) progress.rebuild = true;  // any k shards are enough from the start
  if (!progress.rebuild) {
    for (const std::size_t index : wanted) {
      if (is_covered(progress, index)) continue;
      const bool is_known = knows_copy_of(index);
      if (!is_known || !ask_best(progress, [index](std::size_t one) { return one == index; })) progress.rebuild = true;
    }
  }
  if (!progress.rebuild) return;
  const auto is_open = [&](std::size_t index) { return !is_covered(progress, index); };
  while (asked_or_held(progress) < pack_.k && ask_best(progress, is_open)) {
  }
}

bool ShardFetch::is_better(const ShardCopy& a, const ShardCopy& b, std::uint64_t bytes) const {
  if (a.known != b.known) return a.known;
  if (a.named != b.named) return a.named;
  const auto key = [&](const ShardCopy& copy) {
    Rank rank = rank_of(*copy.store, bytes);
    if (copy.index >= pack_.k) rank.seconds = rank.seconds * k_parity_factor + k_parity_seconds;
    return std::pair(rank, copy.index);
  };
  return key(a) < key(b);
}

// Asks for the best copy. While other calls are late, only copies with a known location are asked
// for, until one of the calls is hopeless.
bool ShardFetch::ask_best(Progress& progress, const std::function<bool(std::size_t index)>& eligible) {
  const Lateness lateness = lateness_of(progress);
  const bool is_hedge = lateness != Lateness::none;
  const ShardCopy* best = nullptr;
  for (const ShardCopy& copy : copies_) {
    if (!eligible(copy.index) || progress.tried.contains({copy.object, copy.store})) continue;
    if (!copy.known && lateness == Lateness::late) continue;
    if (!may_be_asked(*copy.store, is_hedge, lateness)) continue;
    if (best == nullptr || is_better(copy, *best, bytes_of(*progress.part))) best = &copy;
  }
  if (best == nullptr) return false;
  ask(progress, *best);
  return true;
}

void ShardFetch::ask(Progress& progress, const ShardCopy& copy) {
  const Timeouts& timeouts = context_.stores.timeouts();
  const std::uint64_t bytes = bytes_of(*progress.part);
  progress.tried.emplace(copy.object, copy.store);
  const HedgeTimer timer(context_.stores.clock().steady_now(), copy.store->state->latency.late_after(bytes, timeouts));
  race_.ask(
      *copy.store, timeouts.allowed(bytes), {.progress = &progress, .copy = copy, .timer = timer},
      [name = ObjectName::of(ObjectType::shard, copy.object), range = progress.part->range, state = copy.store->state](
          store::Store& from, const CallOptions& options) { return state->get(from, name, range, options); });
  bound_by_peers(progress);
}

// --- handling answers ----------------------------------------------------------------------------

void ShardFetch::handle_answer(Answers::Answer& answer) {
  if (answer.error) {
    handle_error(answer.tag, *answer.error);
  } else {
    handle_bytes(answer.tag, *std::move(answer.value), answer.seconds);
  }
}

void ShardFetch::handle_bytes(const Asked& asked, std::optional<Bytes> bytes, double seconds) {
  const ShardCopy& copy = asked.copy;
  ShardPart& part = *asked.progress->part;
  if (!bytes) {
    if (copy.known) report(copy, Damage::missing, "missing");
    return;
  }
  bytes_fetched_ += bytes->size();
  if (!check_(copy, part, *bytes)) {
    report_corrupt(copy);
    return;
  }
  if (!copy.known) context_.registry.add_shard_place(copy.object, copy.store->id);
  if (part.is_held(copy.index)) return;
  part.held.push_back({.copy = copy, .bytes = *std::move(bytes)});
  asked.progress->answered_after.push_back(seconds);
  bound_by_peers(*asked.progress);
}

void ShardFetch::handle_error(const Asked& asked, const Error& error) {
  const ShardCopy& copy = asked.copy;
  if (error.kind == ErrorKind::offline || worth_retrying(error.kind))
    asked.progress->unanswered.emplace(copy.object, copy.store);
  if (error.kind == ErrorKind::rate_limited) {  // a pause is no damage
    troubles_[copy.index][copy.store->name] = error.what();
    longest_asked_ = std::max(longest_asked_.value_or(Milliseconds(0)), error.retry_after.value_or(Milliseconds(0)));
    return;
  }
  report(copy, error.kind == ErrorKind::corrupt ? Damage::corrupt : Damage::offline, error.what());
}

// For a store that was not measured yet, the other answers show what is usual: they were requested
// at the same time and have the same size.
void ShardFetch::bound_by_peers(Progress& progress) {
  auto& seconds = progress.answered_after;
  if (seconds.empty() || seconds.size() * 2 < pack_.k) return;
  std::nth_element(seconds.begin(), seconds.begin() + static_cast<std::ptrdiff_t>(seconds.size() / 2), seconds.end());
  const double floor = std::chrono::duration<double>(context_.stores.timeouts().peer_floor).count();
  const double late = floor + k_late_beside_peers * seconds[seconds.size() / 2];
  for (auto& call : race_.under_way()) {
    if (call.tag.progress == &progress) call.tag.timer.bound(late);
  }
}

SteadyTime ShardFetch::next_look(bool more_may_join) const {
  SteadyTime next = SteadyTime::max();
  for (const auto& call : race_.under_way()) next = std::min(next, call.tag.timer.next());
  if (more_may_join) {
    next = std::min(next, context_.stores.clock().steady_now() + context_.stores.timeouts().hedge_floor);
  }
  return next;
}

void ShardFetch::mark_late_stores() {
  const SteadyTime now = context_.stores.clock().steady_now();
  for (auto& call : race_.under_way()) {
    if (call.tag.timer.advance(now)) call.store->state->latency.mark_slow();
  }
}

// A copy that was only too slow may be asked for again if something that is held turns out to be
// wrong.
void ShardFetch::cancel_calls_of(Progress& progress) {
  for (const auto& call : race_.cancel_if([&](const auto& one) { return one.tag.progress == &progress; }))
    progress.tried.erase({call.tag.copy.object, call.store});
}

void ShardFetch::report_unproven(const ShardCopy& copy) {
  troubles_[copy.index][copy.store->name] = "added later, and wrong";
  tell_finding(copy, Damage::corrupt);
}

void ShardFetch::report_corrupt(const ShardCopy& copy) {
  copy.store->state->latency.mark_slow();
  report(copy, Damage::corrupt, "corrupt");
}

void ShardFetch::report(const ShardCopy& copy, Damage what, const std::string& why) {
  troubles_[copy.index][copy.store->name] = why;
  if (what == Damage::offline) {
    unanswered_.insert(copy.index);
    unresponsive_.insert(copy.store->name);
  } else {
    const auto state = what == Damage::corrupt ? registry::CopyState::corrupt : registry::CopyState::missing;
    context_.registry.record_shard_copy(copy.object, copy.store->id, state);
  }
  tell_finding(copy, what);
}

void ShardFetch::tell_finding(const ShardCopy& copy, Damage what) const {
  if (!context_.finding) return;
  const std::string object = ObjectName::of(ObjectType::shard, copy.object).path();
  context_.finding({copy.store->name, object, ObjectType::shard, what});
}

}  // namespace modelfloat::transfer
