// What must be so after each step, and what jobs report. Looked at on the stores themselves, not
// through the code that is tested.
#include <algorithm>
#include <variant>

#include "engine/storm.h"
#include <fmt/format.h>

#include "modelfloat/domain/superseded.h"
#include "modelfloat/engine/manifest/manifest_reader.h"
#include "modelfloat/engine/manifest/manifest_writer.h"
#include "modelfloat/engine/upkeep/repair.h"
#include "modelfloat/mf1/log_codec.h"

namespace modelfloat::test {
namespace {

std::size_t index_of(const registry::StoreRow& row) { return std::stoul(row.url.substr(row.url.find(':') + 1)); }

}  // namespace

// The packs that a machine knows of: of all its models, or of one manifest. nullopt when it cannot
// read a manifest now.
std::optional<std::vector<Pack>> Storm::packs_of(Machine& machine, const std::optional<ManifestId>& only) {
  std::map<PackId, Pack> packs;
  const PoolState state = machine.pool().log().state();
  const auto superseded = superseded_manifests(state);
  try {
    engine::ManifestReader reader(machine.pool(), {}, {});
    const auto add = [&](const ManifestRoot& root) {
      for (std::size_t i = 0; i < root.segments.size(); ++i) {
        for (const Pack& pack : reader.segment(root, i).structure.packs) packs.emplace(pack.id, pack);
      }
    };
    if (only) {
      add(reader.root(*only));
    } else {
      for (const auto& [content, live] : state.manifests) {
        if (live.committed && !superseded.contains(content)) add(reader.root(live));
      }
    }
  } catch (const Error&) {
    return std::nullopt;
  }
  std::vector<Pack> all;
  for (auto& [id, pack] : packs) all.push_back(std::move(pack));
  return all;
}

// Whether the pack can be read when any `survive` stores are gone, by trying them all.
bool Storm::survives(const Pack& pack, const Has& has) {
  std::vector<std::vector<std::size_t>> places(pack.shard_count());
  for (std::size_t shard = 0; shard < places.size(); ++shard) {
    const auto name = ObjectName::of(ObjectType::shard, pack.shard_name(shard));
    for (std::size_t store = 0; store < stores_; ++store) {
      if (has(store, name)) places[shard].push_back(store);
    }
  }
  const auto is_readable_without = [&](std::size_t a, std::size_t b) {
    const auto is_left = [&](std::size_t store) { return store != a && store != b; };
    const auto left = std::count_if(places.begin(), places.end(), [&](const auto& stores) {
      return std::any_of(stores.begin(), stores.end(), is_left);
    });
    return static_cast<std::size_t>(left) >= (pack.k == 1 ? 1U : pack.k);
  };
  for (std::size_t a = 0; a < stores_; ++a) {
    for (std::size_t b = 0; b < stores_; ++b) {
      if ((pack.survive > 1 || a == b) && !is_readable_without(a, b)) return false;
    }
  }
  return true;
}

void Storm::check_packs(Machine& machine, const std::optional<ManifestId>& only, const Has& has,
                        const std::string& claim) {
  const auto packs = packs_of(machine, only);
  if (!packs) return;
  for (const Pack& pack : *packs) {
    if (pack.survive > 2) continue;
    require(survives(pack, has), fmt::format("{}, and a pack of {} does not survive {}", claim,
                                             to_string(Redundancy{pack.k, pack.m}), pack.survive));
  }
}

// That fewer failure domains may be gone then, where the others are too few, is no more than drain
// says.
void Storm::check_drained(Machine& machine, std::size_t leaving) {
  const auto packs = packs_of(machine, {});
  if (!packs) return;
  for (const Pack& pack : *packs) {
    std::size_t there = 0;
    for (std::size_t shard = 0; shard < (pack.k == 1 ? 1 : pack.shard_count()); ++shard) {
      const auto name = ObjectName::of(ObjectType::shard, pack.shard_name(shard));
      std::size_t copies = 0;
      for (std::size_t store = 0; store < stores_; ++store) {
        if (store != leaving && !was_gone(store) && simulation_.has(store, name) &&
            !simulation_.was_spoiled(store, name))
          ++copies;
      }
      there += pack.k == 1 ? copies : std::min<std::size_t>(copies, 1);
    }
    require(there >= pack.shard_count(),
            fmt::format("nothing is left to drain of s{}, and of a pack of {} the others have {}", leaving,
                        to_string(Redundancy{pack.k, pack.m}), there));
  }
}

// What the registry of a machine has of its own chain, in order.
std::vector<ObjectName> Storm::own_records(Machine& machine) {
  const WriterId writer = writer_of(machine);
  auto& registry = machine.pool().registry();
  std::map<std::uint64_t, ObjectName> records;
  for (const auto& names : {registry.log_names(), registry.names_without_records()}) {
    for (const auto& name : names) {
      if (name.writer == writer)
        records.emplace(name.seq, ObjectName::of_chain(ObjectType::log, writer, name.seq, name.hash));
    }
  }
  std::vector<ObjectName> ordered;
  for (auto& [seq, name] : records) ordered.push_back(std::move(name));
  return ordered;
}

// Of the calls with these numbers.
std::size_t Storm::stores_that_gave_their_log(std::size_t first_call, std::size_t last_call) {
  const auto& calls = simulation_.history();
  std::set<std::string> stores;
  for (std::size_t i = first_call; i < last_call; ++i) {
    const std::size_t store = calls[i].find(' ') + 1;
    if (calls[i].find(" list mf1/log/ done") != std::string::npos && calls[i].ends_with(" done"))
      stores.insert(calls[i].substr(store, calls[i].find(' ', store) - store));
  }
  return stores.size();
}

// Between its last two records, prepared and committed, a push reads the log, and once more after
// that.
void Storm::check_order_of_records(Machine& machine, bool is_in_doubt) {
  std::vector<std::string> records;
  for (const ObjectName& name : own_records(machine)) records.push_back(" put " + name.path() + " ");
  if (records.size() < 2) return;
  const auto& calls = simulation_.history();
  const auto first_put = [&](const std::string& record) {
    for (std::size_t i = calls_before_; i < calls.size(); ++i) {
      if (calls[i].find(record) != std::string::npos) return i;
    }
    return calls.size();
  };
  const std::size_t prepared = first_put(records[records.size() - 2]);
  const std::size_t committed = first_put(records.back());
  if (committed == calls.size()) return;
  require(prepared < committed && stores_that_gave_their_log(prepared, committed) + survive_ >= least_stores(),
          "a push commits without another look at the log");
  require(is_in_doubt || stores_that_gave_their_log(committed, calls.size()) + survive_ >= least_stores(),
          "a push is done while too few stores can give their log");
}

// The newest record that the machine wrote, in this step, is where the loss of `survive` stores
// leaves it.
void Storm::check_newest_record(Machine& machine, const std::string& claim) {
  const auto records = own_records(machine);
  require(!records.empty(), claim + ", and there is no record of it");
  if (records.empty()) return;
  const ObjectName& newest = records.back();
  std::size_t having = 0;
  for (std::size_t store = 0; store < stores_; ++store) having += simulation_.has(store, newest) ? 1 : 0;
  require(having > survive_, fmt::format("{}, and {} is on {} stores", claim, newest.path(), having));
}

// All that the model needs is on enough stores. Of documents that were there before, a store that
// has lost data may have lost some.
void Storm::check_push(Machine& machine, const engine::PushResult& result) {
  check_packs(
      machine, result.manifest,
      [this](std::size_t store, const ObjectName& name) { return simulation_.has(store, name); }, "a push is done");
  if (is_alone_) {
    check_order_of_records(machine, !result.doubt.empty());
    check_newest_record(machine, "a push is done");
  }
  std::vector<ObjectName> documents;
  try {
    documents = engine::documents_of(machine.pool(), result.manifest, {});
  } catch (const Error&) {
    return;
  }
  for (const ObjectName& name : documents) {
    std::size_t having = 0;
    for (std::size_t store = 0; store < stores_; ++store)
      having += simulation_.has(store, name) || simulation_.was_lost(store, name) ? 1 : 0;
    require(having > survive_, fmt::format("a push is done, and {} is on {} stores", name.path(), having));
  }
}

// Of what cannot be repaired, the stores that are well have too little.
void Storm::check_unrepairable(Machine& machine, const std::vector<engine::Unrepairable>& unrepairable) {
  if (unrepairable.empty()) return;
  const auto packs = packs_of(machine, {});
  if (!packs) return;
  for (const Pack& pack : *packs) {
    const auto is_it = [&](const engine::Unrepairable& one) { return one.pack == pack.id; };
    if (std::none_of(unrepairable.begin(), unrepairable.end(), is_it)) continue;
    std::size_t there = 0;
    for (std::size_t shard = 0; shard < pack.shard_count(); ++shard) {
      const auto name = ObjectName::of(ObjectType::shard, pack.shard_name(shard));
      bool is_there = false;
      for (std::size_t store = 0; store < stores_; ++store)
        is_there = is_there ||
                   (!unwell_in_step_.contains(store) && !out_.contains(store) && simulation_.has_good(store, name));
      there += is_there ? 1 : 0;
    }
    require(there < pack.k, fmt::format("a pack of {} cannot be repaired, it is said, and {} good shards are there",
                                        to_string(Redundancy{pack.k, pack.m}), there));
  }
}

// Who has read all knows which shards are damaged.
void Storm::check_found_damage(Machine& machine, const std::vector<transfer::Finding>& damaged) {
  const auto packs = packs_of(machine, {});
  if (!packs) return;
  std::map<std::size_t, std::string> names;
  for (const auto& row : machine.pool().registry().stores()) names[index_of(row)] = row.name;
  std::set<std::pair<std::string, std::string>> found;
  for (const auto& one : damaged) found.emplace(one.store, one.object);
  for (const Pack& pack : *packs) {
    for (std::size_t shard = 0; shard < pack.shard_count(); ++shard) {
      const auto name = ObjectName::of(ObjectType::shard, pack.shard_name(shard));
      for (std::size_t store = 0; store < stores_; ++store) {
        const bool is_read = !unwell_in_step_.contains(store) && !out_.contains(store);
        if (!is_read || !simulation_.has(store, name) || simulation_.has_good(store, name)) continue;
        require(found.contains({names[store], name.path()}),
                fmt::format("verify has read all, and does not say that {} on s{} is damaged", name.path(), store));
      }
    }
  }
}

std::set<std::size_t> Storm::draining_stores(Machine& machine) {
  std::set<std::size_t> draining;
  for (const auto& row : machine.pool().registry().stores()) {
    if (row.use == StoreUse::draining) draining.insert(index_of(row));
  }
  return draining;
}

// `draining`: by what the first process knew before.
void Storm::check_step(std::vector<Running>& running, const std::set<std::size_t>& draining) {
  for (const std::string& offence : simulation_.offences()) require(false, offence);
  const bool is_used_again = running[0].job->what.starts_with("uses again");
  if (running.size() == 1 && !is_used_again && !running[0].process->process().is_dead()) {
    const auto still = draining_stores(*running[0].process);
    for (const std::size_t store : draining) {
      if (still.contains(store))
        require(simulation_.shards_put(store) == 0, fmt::format("s{} is draining, and gets shards", store));
    }
  }
  for (const Running& one : running) {
    if (!one.process->process().is_dead()) check_journal(*one.process, one.home);
  }
  if (simulation_.removed().empty()) return;
  for (const Running& one : running) {
    if (!one.process->process().is_dead()) check_removed(*one.process);
  }
}

void Storm::check_removed(Machine& machine) {
  const std::set<ObjectName> removed(simulation_.removed().begin(), simulation_.removed().end());
  for (const ObjectName& needed : machine.pool().log().expected_objects())
    require(!removed.contains(needed), needed.path() + " is needed, and was removed");
}

// No two records of a chain have the same number.
void Storm::check_log() {
  std::map<std::pair<WriterId, std::uint64_t>, std::set<Hash256>> records;
  for (std::size_t store = 0; store < stores_; ++store) {
    for (const auto& [path, bytes] : simulation_.snapshot(store)) {
      const auto name = ObjectName::parse(path).value();
      if (name.type() == ObjectType::log) records[{*name.writer(), *name.seq()}].insert(*name.hash());
    }
  }
  for (const auto& [number, hashes] : records)
    require(hashes.size() == 1, fmt::format("a chain has {} records {}", hashes.size(), number.second));
}

// What is committed was prepared before, in the same chain.
void Storm::check_chains(Machine& machine) {
  auto& registry = machine.pool().registry();
  if (!registry.checkpoints().empty()) return;  // they leave out what is of no use
  std::set<std::pair<WriterId, Hash256>> prepared;
  for (const auto& name : registry.log_names()) {  // ordered by writer and number
    const auto cbor = registry.log_record(name);
    if (!cbor) continue;
    const LogRecord record = mf1::record_from_either(*cbor, name.writer);
    for (const Change& change : record.changes) {
      if (const auto* before = std::get_if<Prepared>(&change)) prepared.emplace(name.writer, before->manifest.content);
      if (const auto* after = std::get_if<Committed>(&change))
        require(prepared.contains({name.writer, after->manifest.content}),
                after->model + " is committed, and was not prepared");
    }
  }
}

// What a machine has seen on a store, and the store does not list now.
Storm::Vanished Storm::vanished_records(Machine& machine) {
  Vanished vanished;
  auto& registry = machine.pool().registry();
  for (const auto& row : registry.stores()) {
    auto shown = simulation_.shown(index_of(row), "mf1/log/");
    shown.merge(simulation_.shown(index_of(row), "mf1/checkpoint/"));
    for (const std::string& path : registry.listed(row.id)) {
      if (!shown.contains(path)) vanished[row.name].push_back(path);
    }
  }
  return vanished;
}

// A machine that saw a record on a store notices when the store has it no more.
void Storm::check_vanished(Machine& machine, const Vanished& vanished, const engine::Freshness& read) {
  auto& registry = machine.pool().registry();
  if (!registry.checkpoints().empty()) return;  // records may be gone for good reason
  const Vanished now = vanished_records(machine);
  for (const auto& row : registry.stores()) {
    const auto before = vanished.find(row.name);
    const bool is_unread = std::any_of(read.unread.begin(), read.unread.end(),
                                       [&](const engine::UnreadStore& store) { return store.name == row.name; });
    if (before == vanished.end() || is_unread) continue;
    // What the machine itself puts again was not gone when it looked.
    auto shown = simulation_.shown(index_of(row), "mf1/log/");
    shown.merge(simulation_.shown(index_of(row), "mf1/checkpoint/"));
    const bool is_gone = std::any_of(before->second.begin(), before->second.end(),
                                     [&](const std::string& path) { return !shown.contains(path); });
    const auto& noticed = read.rolled_back;
    require(!is_gone || std::find(noticed.begin(), noticed.end(), row.name) != noticed.end(),
            fmt::format("that {} was rolled back is not noticed", row.name));
  }
}

void Storm::check_rollbacks_are_noticed(std::size_t home) {
  Machine& one = ready(home);
  const Vanished vanished = vanished_records(one);
  const auto read = engine::catch_up(
      one.pool(), {.recheck = engine::MarkerWait::full, .log = engine::LogReading::all, .catalogue = true}, {});
  check_vanished(one, vanished, read);
}

// What the stores took of the chain of a home is in its registry, whenever the process was killed;
// so the home is never taken for a copy of another one.
void Storm::check_journal(Machine& one, std::size_t home) {
  const WriterId writer = writer_of(one);
  require(writers_.try_emplace(home, writer).first->second == writer,
          fmt::format("machine {} goes on as a new writer", home));
  const auto records = own_records(one);
  const std::set<ObjectName> known(records.begin(), records.end());
  for (const ObjectName& name : simulation_.records_put()) {
    require(name.writer() != writer || known.contains(name),
            fmt::format("{} is on a store, and not in the registry of machine {}", name.path(), home));
  }
}

}  // namespace modelfloat::test
