// What the machines of a storm do: a function for each job, and a place in kinds().
#include <algorithm>

#include "engine/storm.h"
#include <fmt/format.h>

#include "modelfloat/engine/catalogue/open_manifest.h"
#include "modelfloat/engine/upkeep/drain.h"
#include "modelfloat/engine/upkeep/rebalance.h"
#include "modelfloat/engine/upkeep/remove_model.h"
#include "modelfloat/engine/upkeep/remove_stores.h"
#include "modelfloat/engine/upkeep/repair.h"
#include "modelfloat/engine/upkeep/verify.h"
#include "modelfloat/mf1/log_codec.h"

namespace modelfloat::test {
namespace {

constexpr std::size_t k_names = 4;

}  // namespace

const std::vector<Storm::Kind>& Storm::kinds() {
  static const std::vector<Kind> all{
      {36, &Storm::push},      {12, &Storm::remove},  {18, &Storm::repair},   {12, &Storm::verify},
      {15, &Storm::drain},     {24, &Storm::look},    {12, &Storm::read_log}, {1, &Storm::write_many_records},
      {12, &Storm::rebalance}, {10, &Storm::take_out}};
  return all;
}

std::string Storm::any_name() { return fmt::format("ns/m{}:{}", number(k_names), number(3) == 0 ? "old" : "new"); }

// Small ones lie in the manifest; the others make a pack, and some share their beginning.
Files Storm::any_files() {
  const std::size_t size = perhaps(0.4) ? 1 + number(2'000) : 270'000 + number(200'000);
  Files files{{"m.bin", random_bytes(size, number(6))}};
  if (perhaps(0.3)) files["more.txt"] = random_bytes(1 + number(500), number(1'000));
  return files;
}

std::shared_ptr<Storm::Job> Storm::push() {
  auto job = std::make_shared<Job>();
  const std::string name = any_name();
  const Files files = any_files();
  pushed_[name].insert(files);
  expected_.try_emplace(name, Contents{std::nullopt});
  job->what = fmt::format("pushes {} of {} bytes", name, files.at("m.bin").size());
  job->change = NameChange{name, files, true};
  const auto result = std::make_shared<engine::PushResult>();
  job->work = [=](Machine& one) { *result = one.push(name, files); };
  job->check = [this, result](Machine& one) { check_push(one, *result); };
  return job;
}

std::shared_ptr<Storm::Job> Storm::remove() {
  if (expected_.empty()) return look();
  auto job = std::make_shared<Job>();
  const auto which = std::next(expected_.begin(), static_cast<std::ptrdiff_t>(number(expected_.size())));
  const std::string name = which->first;
  job->what = "removes " + name;
  job->change = NameChange{name, std::nullopt};
  job->work = [change = &*job->change, name](Machine& one) {
    change->is_certain = engine::remove_model(one.pool(), ModelRef::parse(name), {}).complete;
  };
  job->check = [this, change = &*job->change](Machine& one) {
    if (!change->is_certain) return;
    check_newest_record(one, "a removal is complete");
    require(stores_that_gave_their_log(calls_before_, simulation_.history().size()) + survive_ >= least_stores(),
            "a removal is complete, and too few stores gave their log");
  };
  job->may_fail = [this, change = &*job->change, name](const Error& error) {
    if (error.kind != ErrorKind::not_found) return false;
    change->has_effect = false;
    return expected_.at(name).contains(std::nullopt);
  };
  return job;
}

std::shared_ptr<Storm::Job> Storm::look() {
  if (expected_.empty()) return read_log();
  auto job = std::make_shared<Job>();
  const auto which = std::next(expected_.begin(), static_cast<std::ptrdiff_t>(number(expected_.size())));
  const std::string name = which->first;
  job->what = "pulls " + name;
  const auto found = std::make_shared<Files>();
  job->work = [=](Machine& one) { *found = one.pull(name); };
  job->check = [this, name, found](Machine&) {
    // A reader may be behind while stores are away; it never sees what nobody pushed.
    require(pushed_.at(name).contains(*found), name + " has what nobody pushed");
    if (readers_see_all()) require(expected_.at(name).contains(*found), name + " is not what it was pushed as last");
  };
  job->may_fail = [this, name](const Error& error) {
    return error.kind == ErrorKind::not_found && expected_.at(name).contains(std::nullopt);
  };
  job->must_be_done = [this] { return readers_see_all(); };
  return job;
}

std::shared_ptr<Storm::Job> Storm::read_log() {
  auto job = std::make_shared<Job>();
  job->what = "reads the log";
  const auto read = std::make_shared<engine::Freshness>();
  const auto vanished = std::make_shared<Vanished>();
  job->work = [this, read, vanished](Machine& one) {
    *vanished = vanished_records(one);
    *read = engine::catch_up(one.pool(), k_all_news, {});
  };
  job->check = [this, read, vanished](Machine& one) {
    if (is_alone_) check_vanished(one, *vanished, *read);
    require(!read->fresh || !is_alone_ ||
                stores_that_gave_their_log(calls_before_, simulation_.history().size()) + survive_ >= least_stores(),
            "the log is said to be fresh, and too few stores gave theirs");
    for (const std::string& name : read->rolled_back) {
      const std::size_t store = std::stoul(name.substr(1));
      require(harmed_.contains(store) || lies(store), name + " is said to be rolled back, and is not");
    }
  };
  return job;
}

std::shared_ptr<Storm::Job> Storm::repair() {
  auto job = std::make_shared<Job>();
  job->what = "repairs";
  const auto report = std::make_shared<engine::RepairReport>();
  // What a push, or another repair, put and a store spoilt is for verify to find. What repair puts,
  // it reads back.
  const auto spoiled_before = std::make_shared<std::set<std::pair<std::size_t, ObjectName>>>();
  job->work = [this, report, spoiled_before](Machine& one) {
    *spoiled_before = simulation_.spoiled();
    *report = engine::repair(one.pool(), {}, {});
    tell(fmt::format("  {} shards, {} documents, {} below the promise, {} unrepairable, {} doubts",
                     report->shards_written, report->documents_written, report->packs_below_promise,
                     report->unrepairable.size(), report->doubts.size()));
  };
  job->check = [this, report, spoiled_before](Machine& one) {
    check_unrepairable(one, report->unrepairable);
    if (report->packs_below_promise > 0 || !report->unrepairable.empty() || !report->doubts.empty()) return;
    check_packs(
        one, {},
        [&](std::size_t store, const ObjectName& name) {
          const bool is_good =
              !is_alone_ || !simulation_.was_spoiled(store, name) || spoiled_before->contains({store, name});
          return !was_gone(store) && simulation_.has(store, name) && is_good;
        },
        "repair says that all keep their promise");
  };
  return job;
}

std::shared_ptr<Storm::Job> Storm::verify() {
  auto job = std::make_shared<Job>();
  const bool reads = perhaps(0.6);
  job->what = reads ? "verifies, and reads all" : "verifies";
  const auto report = std::make_shared<engine::VerifyReport>();
  job->work = [reads, report](Machine& one) { *report = engine::verify(one.pool(), {.read = reads}, {}); };
  job->check = [this, reads, report](Machine& one) {
    if (reads && is_alone_) check_found_damage(one, report->damaged);
  };
  return job;
}

// In many cases one with which something is wrong.
std::size_t Storm::store_to_drain() {
  std::vector<std::size_t> bad(unwell_.begin(), unwell_.end());
  bad.insert(bad.end(), harmed_.begin(), harmed_.end());
  return bad.empty() || perhaps(0.4) ? number(stores_) : bad[number(bad.size())];
}

// A store that is draining is used again before the calm, since the rest may be too few for the
// promise.
std::shared_ptr<Storm::Job> Storm::drain() {
  auto job = std::make_shared<Job>();
  const std::size_t store = store_to_drain();
  const std::string name = "s" + std::to_string(store);
  if (draining_.contains(name) && perhaps(0.5)) {
    job->what = "uses again " + name;
    job->work = [name](Machine& one) { engine::cancel_drain(one.pool(), name, {}); };
    return job;
  }
  draining_.insert(name);
  job->what = "drains " + name;
  const auto report = std::make_shared<engine::DrainReport>();
  job->work = [this, name, report](Machine& one) {
    *report = engine::drain_store(one.pool(), name, {}, {});
    tell(fmt::format("  {} shards, {} left, {} doubts", report->shards_moved, report->left, report->doubts.size()));
  };
  job->check = [this, store, report](Machine& one) {
    // What is pushed meanwhile is for the next time.
    if (report->left == 0 && report->doubts.empty() && is_alone_) check_drained(one, store);
  };
  return job;
}

// Without its objects being removed. One at a time: the next of this kind is to add it again.
std::shared_ptr<Storm::Job> Storm::take_out() {
  if (!out_.empty()) return add_again();
  auto job = std::make_shared<Job>();
  const std::size_t store = store_to_drain();
  out_.insert(store);
  job->what = fmt::format("takes out s{}", store);
  job->work = [store](Machine& one) { engine::remove_stores(one.pool(), {fmt::format("s{}", store)}, {}, {}); };
  job->check = [this, store](Machine& one) {
    if (!is_alone_ || !is_calm()) return;
    const auto packs = packs_of(one, {});
    if (!packs) return;
    const Has has = [this](std::size_t other, const ObjectName& name) { return simulation_.has(other, name); };
    const Has has_elsewhere = [&](std::size_t other, const ObjectName& name) {
      return other != store && has(other, name);
    };
    for (const Pack& pack : *packs)
      require(pack.survive > 2 || !survives(pack, has) || survives(pack, has_elsewhere),
              fmt::format("s{} was taken out, and a pack of {} does not survive {} any more", store,
                          to_string(Redundancy{pack.k, pack.m}), pack.survive));
  };
  job->may_fail = [](const Error&) { return true; };  // it may be needed
  return job;
}

std::shared_ptr<Storm::Job> Storm::add_again() {
  auto job = std::make_shared<Job>();
  const std::size_t store = *out_.begin();
  job->what = fmt::format("adds s{} again", store);
  job->work = [this, store](Machine& one) {
    try {
      one.add_store(store);
    } catch (const Error& error) {
      if (error.kind != ErrorKind::invalid) throw;  // it is in the pool
    }
    if (!one.process().is_dead() && is_alone_) out_.erase(store);
  };
  job->may_fail = [](const Error&) { return true; };
  return job;
}

std::shared_ptr<Storm::Job> Storm::rebalance() {
  auto job = std::make_shared<Job>();
  job->what = "rebalances";
  const auto report = std::make_shared<engine::RebalanceReport>();
  job->work = [this, report](Machine& one) {
    *report = engine::rebalance(one.pool(), {}, {});
    tell(fmt::format("  {} shards, {} left, {} doubts", report->shards_moved, report->shards_left,
                     report->doubts.size()));
  };
  job->check = [this, report](Machine& one) {
    if (!report->doubts.empty()) return;
    check_packs(
        one, {},
        [this](std::size_t store, const ObjectName& name) { return !was_gone(store) && simulation_.has(store, name); },
        "rebalance says that all keep their promise");
  };
  return job;
}

// Enough for a checkpoint, and for the next one to stand for it.
std::shared_ptr<Storm::Job> Storm::write_many_records() {
  auto job = std::make_shared<Job>();
  const std::size_t count = mf1::k_checkpoint_every + number(2 * mf1::k_checkpoint_every);
  job->what = fmt::format("writes {} records", count);
  job->work = [count](Machine& one) {
    engine::catch_up(one.pool(), k_all_news, {});
    const auto state = one.pool().log().state();
    if (state.stores.empty()) return;
    for (std::size_t i = 0; i < count && !one.process().is_dead(); ++i)
      one.pool().log().append_if_possible({state.stores.begin()->second}, {});
  };
  return job;
}

}  // namespace modelfloat::test
