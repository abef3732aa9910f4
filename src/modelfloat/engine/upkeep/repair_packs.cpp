#include "modelfloat/engine/upkeep/repair_packs.h"

#include <algorithm>

#include <fmt/format.h>

#include "modelfloat/engine/upkeep/new_copies.h"
#include "modelfloat/engine/upkeep/pack_repair.h"
#include "modelfloat/engine/upkeep/shard_spread.h"
#include "modelfloat/engine/upkeep/spare_copies.h"
#include "modelfloat/placement/policy.h"
#include "modelfloat/transfer/packs/later_parity.h"

namespace modelfloat::engine {
namespace {

using transfer::Inventory;
using transfer::ShardPlace;

class PacksRepair {
 public:
  PacksRepair(const RepairContext& context, const Inventory& inventory, const RepairOptions& options,
              const UnrepairableSink& unrepairable, RepairReport& report, const CallOptions& call)
      : context_(context),
        inventory_(inventory),
        options_(options),
        unrepairable_(unrepairable),
        report_(report),
        call_(call),
        new_copies_(context, call) {}

  void run(const std::vector<Pack>& packs) {
    std::vector<PackToRepair> tasks = plan(packs);
    if (options_.dry_run) {
      transfer::Targets targets = targets_now();
      for (const PackToRepair& task : tasks) count(task, targets);
      tell_of_room();
      replace_wrong_spares(context_, inventory_, packs, options_, new_copies_, report_, call_);
      return;
    }
    for (const PackToRepair& task : tasks) bytes_to_write_ += task.bytes_to_write();
    // Those for which a store failed in between are tried once more, with the stores that are left.
    tasks = repair(std::move(tasks), false);
    tasks = repair(std::move(tasks), true);
    report_.packs_below_promise += tasks.size();
    for (const PackToRepair& task : tasks) report_.shards_left += task.missing.size();
    tell_of_room();
    replace_wrong_spares(context_, inventory_, packs, options_, new_copies_, report_, call_);
    new_copies_.read_back();
    report_.packs_below_promise += new_copies_.failures().size();
    report_.shards_left += new_copies_.failures().size();
    for (const std::string& failure : new_copies_.failures()) report_.doubts.push_back(failure);
  }

 private:
  std::vector<PackToRepair> plan(const std::vector<Pack>& packs) {
    struct Planned {
      std::optional<unsigned> domains_may_go;
      PackToRepair task;
    };
    std::vector<Planned> planned;
    for (const Pack& pack : packs) {
      ++report_.packs_checked;
      ShardSpread spread = spread_of(inventory_, pack, options_.leaving, options_.awaited);
      const bool can_be_copied = std::all_of(spread.missing.begin(), spread.missing.end(), [&](std::size_t index) {
        return !inventory_.holders(pack, index).empty();
      });
      for (const ShardPlace& place : spread.crowded) spread.missing.push_back(place.index);
      if (spread.missing.empty()) continue;
      if (spread.is_undecided) {
        ++report_.packs_below_promise;
        report_.shards_left += spread.missing.size();
        continue;
      }
      planned.push_back({spread.domains_may_go,
                         {pack, std::move(spread.missing), std::move(spread.lying), std::move(spread.prefer),
                          std::move(spread.crowded), can_be_copied}});
    }
    std::stable_sort(planned.begin(), planned.end(),
                     [](const Planned& a, const Planned& b) { return a.domains_may_go < b.domains_may_go; });
    std::vector<PackToRepair> tasks;
    for (Planned& one : planned) tasks.push_back(std::move(one.task));
    return tasks;
  }

  // Counts what would be done, and takes the room for it in `targets`.
  void count(const PackToRepair& task, transfer::Targets& targets) {
    if (seems_unreadable(task) && transfer::later_parity(context_.registry(), task.pack).empty()) {
      unrepairable_(task.pack);
      report_.shards_left += task.missing.size();
      return;
    }
    if (report_.bytes_read + 2 * report_.bytes_written + bytes_to_move(task) > options_.budget_bytes) {
      ++report_.packs_below_promise;
      ++report_.packs_beyond_budget;
      report_.shards_left += task.missing.size();
      return;
    }
    const Foreseen foreseen = foresee(task, targets);
    if (foreseen.outcome == PackRepair::Outcome::no_room) return has_no_room(task);
    if (foreseen.outcome != PackRepair::Outcome::as_promised) ++report_.packs_below_promise;
    if (foreseen.places.empty()) return;
    take_room(foreseen, task, targets);
    ++report_.packs_repaired;
    report_.shards_written += foreseen.places.size();
    report_.bytes_read += task.bytes_to_read();
    report_.bytes_written += foreseen.places.size() * task.object_bytes();
  }

  // Whether too few different shards are listed for it to be read, later parity left out.
  bool seems_unreadable(const PackToRepair& task) const {
    const Pack& pack = task.pack;
    std::size_t listed = 0;
    for (std::size_t index = 0; index < (pack.k == 1 ? 1 : pack.shard_count()); ++index)
      listed += inventory_.holders(pack, index).empty() ? 0 : 1;
    return listed < pack.k && !task.can_be_copied;
  }

  transfer::Targets targets_now() const {
    transfer::Targets targets = transfer::ask_targets(context_.stores, call_);
    for (auto& candidate : targets.candidates) {
      if (options_.leaving.contains(targets.stores[candidate.store]->id)) candidate.free_bytes = 0;
    }
    return targets;
  }

  struct Foreseen {
    PackRepair::Outcome outcome = PackRepair::Outcome::no_room;
    std::vector<std::size_t> places = {};  // indexes of `targets`
  };
  // What PackRepair would do with these targets, when all goes well.
  static Foreseen foresee(const PackToRepair& task, const transfer::Targets& targets) {
    if (auto places = places_for(task, targets, task.pack.survive, false))
      return {PackRepair::Outcome::as_promised, *std::move(places)};
    if (!task.crowded.empty()) {
      if (task.missing.size() == task.crowded.size()) return {PackRepair::Outcome::no_better_place};
      if (auto places = places_for(task, targets, task.pack.survive, true))
        return {PackRepair::Outcome::as_promised, *std::move(places)};
    }
    for (unsigned survive = task.pack.survive; survive > 0; --survive) {
      if (auto places = places_for(task, targets, survive - 1, !task.crowded.empty()))
        return {PackRepair::Outcome::less_spread, *std::move(places)};
    }
    return {};
  }

  // Returns places for all missing shards, or without those that may stay in their crowded domain;
  // nullopt when there are none by which the pack survives the loss of so many domains.
  static std::optional<std::vector<std::size_t>> places_for(const PackToRepair& task, const transfer::Targets& targets,
                                                            unsigned survive, bool crowded_stay) {
    std::vector<placement::Placed> lying;
    const auto add = [&](const std::vector<ShardPlace>& places) {
      for (const ShardPlace& place : places) lying.push_back(transfer::placed_on(targets, place.store, place.domain));
    };
    add(task.lying);
    if (crowded_stay) add(task.crowded);
    try {
      return placement::place(targets.candidates, {task.pack.k, task.pack.m}, survive, task.object_bytes(), 0, lying);
    } catch (const Error& error) {
      if (error.kind != ErrorKind::out_of_space) throw;
      return std::nullopt;
    }
  }

  // What is written is read back.
  static std::uint64_t bytes_to_move(const PackToRepair& task) {
    return task.bytes_to_read() + 2 * task.bytes_to_write();
  }

  // Leaves out the packs for which there is no room, and those of which all shards are there and no
  // placement is better, so that they are not read for nothing.
  void leave_out_hopeless(std::vector<PackToRepair>& tasks, transfer::Targets targets) {
    std::erase_if(tasks, [&](const PackToRepair& task) {
      if (seems_unreadable(task)) return false;  // which is to be found out
      const Foreseen foreseen = foresee(task, targets);
      if (foreseen.outcome == PackRepair::Outcome::no_better_place) {
        ++report_.packs_below_promise;
        return true;
      }
      if (foreseen.outcome == PackRepair::Outcome::no_room) {
        has_no_room(task);
        return true;
      }
      take_room(foreseen, task, targets);
      return false;
    });
  }

  void has_no_room(const PackToRepair& task) {
    ++without_room_;
    ++report_.packs_below_promise;
    report_.shards_left += task.missing.size();
  }

  void tell_of_room() {
    if (without_room_ == 0) return;
    report_.doubts.push_back(
        fmt::format("{} packs cannot get all their shards: the other stores are in too few failure domains, or have no "
                    "room. Add a store, or raise the capacity of one",
                    without_room_));
  }

  static void take_room(const Foreseen& foreseen, const PackToRepair& task, transfer::Targets& targets) {
    for (const std::size_t place : foreseen.places) {
      std::uint64_t& free = targets.candidates[place].free_bytes;
      if (free != UINT64_MAX) free -= task.object_bytes();
    }
  }

  // Returns the packs for which stores failed in between.
  std::vector<PackToRepair> repair(std::vector<PackToRepair> tasks, bool may_spread_less_after_failures) {
    std::vector<PackToRepair> again;
    if (tasks.empty()) return again;
    transfer::Targets targets = targets_now();
    leave_out_hopeless(tasks, targets);
    PackRepair packs(context_, std::move(targets), call_);
    const std::uint64_t read_before = report_.bytes_read;
    const std::uint64_t written_before = report_.bytes_written;
    std::uint64_t promised = read_before + written_before;  // of the packs that were begun
    const auto take = [&](std::size_t index) -> std::optional<PackToRepair> {
      if (index >= tasks.size()) return std::nullopt;
      promised += bytes_to_move(tasks[index]);
      if (promised > options_.budget_bytes) return std::nullopt;
      return tasks[index];
    };
    auto first = take(0);
    if (first) packs.begin(*std::move(first));
    std::size_t index = 0;
    for (; packs.has_begun(); ++index) {
      const PackToRepair& task = tasks[index];
      const auto outcome = packs.finish(may_spread_less_after_failures || !failed_, take(index + 1));
      report_.bytes_read = read_before + packs.bytes_read();
      report_.bytes_written = written_before + packs.bytes_written();
      if (outcome == PackRepair::Outcome::no_room && !may_spread_less_after_failures) {
        failed_ = true;
        again.push_back(task);
      } else {
        ended(task, outcome, packs.places());
      }
      if (options_.progress) options_.progress(report_.bytes_written, bytes_to_write_ + written_before);
    }
    report_.packs_below_promise += tasks.size() - index;
    report_.packs_beyond_budget += tasks.size() - index;
    for (std::size_t left = index; left < tasks.size(); ++left) report_.shards_left += tasks[left].missing.size();
    if (index < tasks.size())
      report_.doubts.push_back(fmt::format("the budget is used up: {} packs are left", tasks.size() - index));
    return again;
  }

  void ended(const PackToRepair& task, PackRepair::Outcome outcome, const std::vector<ShardPlace>& places) {
    switch (outcome) {
      case PackRepair::Outcome::as_promised: ++report_.packs_repaired; break;
      case PackRepair::Outcome::less_spread:
        ++report_.packs_repaired;
        ++report_.packs_below_promise;
        break;
      case PackRepair::Outcome::no_better_place:
      case PackRepair::Outcome::no_room: ++report_.packs_below_promise; break;
      case PackRepair::Outcome::too_few_left: unrepairable_(task.pack); break;
    }
    // Crowded shards are there.
    if (outcome != PackRepair::Outcome::no_better_place) report_.shards_left += task.missing.size() - places.size();
    for (const ShardPlace& place : places) {
      new_copies_.add(task.pack, place);
      ++report_.shards_written;
    }
  }

  const RepairContext context_;
  const Inventory& inventory_;
  const RepairOptions& options_;
  const UnrepairableSink& unrepairable_;
  RepairReport& report_;
  const CallOptions& call_;
  std::uint64_t bytes_to_write_ = 0;
  bool failed_ = false;           // a store, while shards were put
  std::size_t without_room_ = 0;  // packs
  NewCopies new_copies_;
};

}  // namespace

void repair_packs(const RepairContext& context, const Inventory& inventory, const std::vector<Pack>& packs,
                  const RepairOptions& options, const UnrepairableSink& unrepairable, RepairReport& report,
                  const CallOptions& call) {
  PacksRepair(context, inventory, options, unrepairable, report, call).run(packs);
}

}  // namespace modelfloat::engine
