// What the stores list of the log, and what they listed before.
#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "modelfloat/base/hex.h"
#include "modelfloat/base/log.h"
#include "modelfloat/engine/pool/pool_log.h"
#include "modelfloat/engine/pool/settings.h"

namespace modelfloat::engine {
namespace {

std::string setting_of(const StoreId& store) { return "listed_sum/" + to_hex(store); }

}  // namespace

void PoolLog::ListedNames::add(const ObjectName& name) {
  const Hash256 hash = name.hash().value_or(Hash256{});
  ++count;
  sums[0] += load_le<std::uint64_t>(hash) ^ static_cast<std::uint64_t>(name.type() == ObjectType::log);
  sums[1] += load_le<std::uint64_t>(ByteSpan(hash).subspan(8));
}

PoolLog::ListedBefore PoolLog::ListedBefore::read(registry::Registry& registry, const StoreId& store) {
  ListedBefore before;
  const auto bytes = registry.setting(setting_of(store));
  constexpr std::size_t k_bytes = 4 * sizeof(std::uint64_t);
  if (!bytes || bytes->size() != k_bytes) return before;
  const auto number = [&](std::size_t i) { return load_le<std::uint64_t>(ByteSpan(*bytes).subspan(8 * i)); };
  before.generation = number(0);
  before.names = {number(1), {number(2), number(3)}};
  return before;
}

void PoolLog::ListedBefore::write(registry::Registry& registry, const StoreId& store) const {
  std::array<std::byte, 32> bytes;
  const MutableByteSpan to(bytes);
  store_le<std::uint64_t>(to, generation);
  store_le<std::uint64_t>(to.subspan(8), names.count);
  store_le<std::uint64_t>(to.subspan(16), names.sums[0]);
  store_le<std::uint64_t>(to.subspan(24), names.sums[1]);
  registry.set_setting(setting_of(store), bytes);
}

PoolLog::Hashes PoolLog::known_hashes() {
  Hashes known;
  for (const auto& name : environment_.registry.log_names()) known.insert(name.hash);
  for (const auto& name : environment_.registry.names_without_records()) known.insert(name.hash);
  for (const auto& row : environment_.registry.checkpoints()) known.insert(row.hash);
  return known;
}

PoolLog::Listing PoolLog::list_log(Freshness& result, transfer::WaitFor wait_for, const CallOptions& call,
                                   bool with_warnings) {
  using transfer::WaitFor;
  std::set<std::string> all_domains;
  for (const auto* store : stores_.all()) all_domains.insert(store->domain);
  const std::size_t survive = Settings(environment_.registry).policy().survive;
  const auto domains_of = [](const std::vector<transfer::StoreListing>& answers) {
    std::set<std::string> domains;
    for (const auto& answer : answers) {
      if (answer.complete) domains.insert(answer.store->domain);
    }
    return domains;
  };
  const auto suffice = [&](const std::vector<transfer::StoreListing>& answers) {
    const std::size_t answering = domains_of(answers).size();
    return answering > 0 && all_domains.size() <= answering + survive;
  };
  // Read this before listing: another process of this home may write and list more meanwhile.
  Listing listing;
  for (const auto* store : stores_.all())
    listing.before[store->id] = ListedBefore::read(environment_.registry, store->id);
  listing.answers = transfer::list_stores(stores_, {"mf1/log/", "mf1/checkpoint/"}, wait_for, suffice, call);
  const auto& answers = listing.answers;
  result.fresh = all_domains.empty() || suffice(answers);

  listing.domains = all_domains.size();
  listing.incomplete_domains = all_domains;
  for (const std::string& domain : domains_of(answers)) listing.incomplete_domains.erase(domain);
  // After the listing: of our own chain, what this home has written is in the registry before it is
  // on any store.
  const Hashes known = known_hashes();
  const auto own = Settings(environment_.registry).writer();
  for (const transfer::StoreListing& answer : answers) {
    if (!answer.complete) {
      // No trouble: it is only slower than the others.
      if (answer.is_straggler && wait_for == WaitFor::quorum && result.fresh) continue;
      if (with_warnings) {
        log_warning(fmt::format("the log on {} cannot be read{}: {}", answer.store->name,
                                answer.objects.empty() ? "" : " completely", answer.trouble));
      }
    }
    for (const store::ObjectInfo& info : answer.objects) {
      const bool is_known = known.contains(info.name.hash().value());
      if (!is_known) listing.objects[info.name].push_back(answer.store);
      if (!is_known && info.name.type() == ObjectType::checkpoint) {
        std::uint64_t& newest = listing.newest_checkpoints[*info.name.writer()];
        newest = std::max(newest, *info.name.seq());
      }
      if (answer.complete && wait_for == WaitFor::all && own && info.name.writer() == own)
        listing.own[answer.store].push_back(info.name);
    }
    if (!answer.complete) continue;  // objects that it does not list may exist
    ++result.stores_read;
  }
  for (const auto* store : stores_.all()) {
    const auto answer =
        std::find_if(answers.begin(), answers.end(), [&](const auto& one) { return one.store == store; });
    if (answer != answers.end() && answer->complete) continue;
    std::string why = answer != answers.end() ? answer->trouble : store->state->why_not_online();
    if (why.empty()) why = "it asks to be left alone for a while";
    result.unread.push_back({store->name, std::move(why)});
  }
  result.domains_unread = listing.incomplete_domains.size();
  return listing;
}

// Whether the writer may have deleted this object, which the store has listed before: the store
// lists a checkpoint that says so.
bool PoolLog::may_be_gone(const ObjectName& object, const transfer::StoreListing& answer) {
  const auto writer = object.writer();
  if (!writer) return true;
  const bool is_checkpoint = object.type() == ObjectType::checkpoint;
  for (const auto& row : environment_.registry.checkpoints()) {
    if (row.writer != *writer) continue;
    const auto before = mf1::checkpoint_from_cbor(row.cbor).before;
    if (!before || (is_checkpoint ? *object.seq() >= before->seq : *object.seq() > before->seq)) continue;
    const auto name = ObjectName::of_chain(ObjectType::checkpoint, row.writer, row.seq, row.hash);
    if (std::any_of(answer.objects.begin(), answer.objects.end(), [&](const auto& info) { return info.name == name; }))
      return true;
  }
  return false;
}

// Notices when a record that was seen on the store is missing now: the store was set back to an
// older state.
void PoolLog::record_listed(const transfer::PoolStore& store, const ListedBefore& before,
                            const transfer::StoreListing& answer, Freshness& result) {
  ListedNames names;
  for (const store::ObjectInfo& info : answer.objects) names.add(info.name);
  if (before.names == names) return;
  std::vector<std::string> paths;
  for (const store::ObjectInfo& info : answer.objects) paths.push_back(info.name.path());
  std::sort(paths.begin(), paths.end());
  registry::Registry& registry = environment_.registry;
  bool rolled_back = false;
  registry.transaction([&] {
    rolled_back = false;
    const ListedBefore now = ListedBefore::read(registry, store.id);
    const auto seen = registry.listed(store.id);
    std::vector<std::string> gone;
    // Where another process has listed it meanwhile, what that saw may be newer than this list.
    if (now.generation == before.generation) {
      std::set_difference(seen.begin(), seen.end(), paths.begin(), paths.end(), std::back_inserter(gone));
      std::erase_if(gone, [&](const std::string& path) {
        const auto name = ObjectName::parse(path);
        const bool is_normal = !name || may_be_gone(*name, answer);
        rolled_back = rolled_back || !is_normal;
        return !is_normal;
      });
    }
    std::vector<std::string> added;
    std::set_difference(paths.begin(), paths.end(), seen.begin(), seen.end(), std::back_inserter(added));
    registry.forget_listed(store.id, gone);
    registry.record_listed(store.id, added);
    const bool is_this_list = seen.size() + added.size() - gone.size() == paths.size();
    ListedBefore{now.generation + 1, is_this_list ? names : ListedNames{UINT64_MAX, {}}}.write(registry, store.id);
  });
  if (!rolled_back) return;
  result.rolled_back.push_back(store.name);
  log_warning(fmt::format(
      "{} no longer lists a log record that it had: it has been rolled back or damaged; `modelfloat repair` writes it "
      "again",
      store.name));
}

}  // namespace modelfloat::engine
